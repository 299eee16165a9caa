import torch
from torch import nn

torch.manual_seed(0)
potential = nn.Sequential(nn.Linear(2, 16), nn.Softplus(), nn.Linear(16, 1))
opt = torch.optim.Adam(potential.parameters(), lr=1e-3)


def score(x):
    x = x.requires_grad_()
    energy = potential(x).sum()
    return torch.autograd.grad(energy, x, create_graph=True)[0]


for _ in range(3):
    x = torch.randn(16, 2)
    noise = torch.randn_like(x) * 0.1
    target = -noise / 0.01
    loss = (score(x + noise) - target).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
