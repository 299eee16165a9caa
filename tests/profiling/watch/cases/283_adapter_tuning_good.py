import torch
from torch import nn

torch.manual_seed(0)


class Adapter(nn.Module):
    def __init__(self, d, r=4):
        super().__init__()
        self.down, self.up = nn.Linear(d, r), nn.Linear(r, d)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x):
        return x + self.up(torch.relu(self.down(x)))


class Layer(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.core = nn.TransformerEncoderLayer(d, 2, 32, dropout=0.0, batch_first=True)
        self.adapter = Adapter(d)

    def forward(self, x):
        return self.adapter(self.core(x))


model = nn.Sequential(Layer(), Layer())
for n, p in model.named_parameters():
    p.requires_grad = "adapter" in n
opt = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=1e-2)
for step in range(5):
    x = torch.randn(4, 5, 16)
    loss = (model(x) - x.flip(1)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
