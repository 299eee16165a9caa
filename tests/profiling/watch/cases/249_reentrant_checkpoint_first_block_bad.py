import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)


class DeepNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(width, width), nn.GELU()) for _ in range(2)])
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        x = checkpoint(self.blocks[0], x, use_reentrant=True)
        x = self.blocks[1](x)
        return self.head(x)


model = DeepNet()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(3):
    x, y = torch.randn(8, 16), torch.randint(0, 3, (8,))
    opt.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    opt.step()
