import torch
from torch import nn

torch.manual_seed(0)
u = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
nu = nn.Parameter(torch.tensor(0.1))
opt = torch.optim.Adam([*u.parameters(), nu], lr=1e-3)


def d(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


for _ in range(5):
    tx = torch.rand(16, 2, requires_grad=True)
    y = u(tx)
    g = d(y, tx)
    uxx = d(g[:, 1:], tx)[:, 1:]
    res = g[:, :1] + y * g[:, 1:] - nu * uxx
    b = torch.rand(8, 2)
    b[:, 0] = 0
    loss = res.square().mean() + (u(b) + torch.sin(torch.pi * b[:, 1:])).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
