import torch
from torch import nn

torch.manual_seed(0)
branches = nn.ModuleList([nn.Linear(4, 2) for _ in range(3)])
opt = torch.optim.SGD(branches.parameters(), lr=0.1)


def losses(x, y):
    for branch in branches:
        yield nn.functional.cross_entropy(branch(x), y)


for _ in range(5):
    x, y = torch.randn(6, 4), torch.randint(0, 2, (6,))
    opt.zero_grad()
    total = 0
    for loss in losses(x, y):
        total = total + loss
    total.backward()
    opt.step()
