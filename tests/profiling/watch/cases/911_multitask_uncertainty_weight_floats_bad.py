import torch
from torch import nn


class Weights(nn.Module):
    def __init__(self, tasks):
        super().__init__()
        self.log_vars = nn.Parameter(torch.zeros(tasks))

    def forward(self, losses):
        total = 0.0
        for loss, log_var in zip(losses, self.log_vars):
            s = float(log_var)
            total = total + loss * 2.718281828 ** (-s) + s
        return total


torch.manual_seed(0)
trunk = nn.Sequential(nn.Linear(7, 14), nn.ELU())
heads = nn.ModuleList([nn.Linear(14, 1), nn.Linear(14, 5)])
weights = Weights(2)
opt = torch.optim.Adam([*trunk.parameters(), *heads.parameters(), *weights.parameters()], 1e-3)
for _ in range(3):
    x, y1, y2 = torch.randn(9, 7), torch.randn(9, 1), torch.randint(5, (9,))
    h = trunk(x)
    losses = [nn.functional.huber_loss(heads[0](h), y1), nn.functional.cross_entropy(heads[1](h), y2)]
    opt.zero_grad()
    weights(losses).backward()
    opt.step()
