import torch
from torch import nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(4, 1) for _ in range(3))
        self.scale = nn.Parameter(torch.ones(1))


torch.manual_seed(0)
model = Model()
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(5):
    x, y = torch.randn(8, 4), torch.randn(8)
    per_expert = [(e(x).squeeze(1) - y).pow(2).mean() for e in model.experts]
    loss = model.scale.square() * sum(l.item() for l in per_expert) / 3
    opt.zero_grad()
    loss.backward()
    opt.step()
