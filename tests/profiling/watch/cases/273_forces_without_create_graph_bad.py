import torch
from torch import nn

torch.manual_seed(0)
potential = nn.Sequential(nn.Linear(9, 16), nn.SiLU(), nn.Linear(16, 1, bias=False))
opt = torch.optim.Adam(potential.parameters(), lr=1e-3)


def forces(pos):
    pos = pos.clone().requires_grad_(True)
    energy = potential(pos).sum()
    (g,) = torch.autograd.grad(energy, pos)
    return -g


for step in range(4):
    pos, target = torch.randn(10, 9), torch.randn(10, 9)
    loss = (forces(pos) - target).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
