import torch
from torch import nn

torch.manual_seed(0)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.g, self.out = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(6, 1)
        self.sparsity = 0.0

    def forward(self, x):
        gate = torch.sigmoid(self.g(x))
        out = self.out(gate * self.a(x))
        view = gate.detach().numpy()
        view[view < 0.5] = 0.0
        self.sparsity = float((view == 0).mean())
        return out


model = Gated()
opt = torch.optim.RMSprop(model.parameters())
for _ in range(5):
    x = torch.randn(16, 4)
    loss = (model(x) - x.mean(1, keepdim=True)).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(f"{loss.item():.3f} {model.sparsity:.2f}")
