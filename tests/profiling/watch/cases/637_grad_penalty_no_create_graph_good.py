import torch
from torch import nn

torch.manual_seed(0)
energy = nn.Sequential(nn.Linear(3, 16), nn.Softplus(), nn.Linear(16, 1, bias=False))
shift = nn.Parameter(torch.zeros(3))
opt = torch.optim.Adam([*energy.parameters(), shift], lr=1e-3)


def score(x):
    x = x.requires_grad_()
    e = energy(x).sum()
    (s,) = torch.autograd.grad(e, [x], create_graph=True)
    return -s + shift


for _ in range(5):
    x = torch.randn(12, 3)
    noise = 0.1 * torch.randn_like(x)
    loss = ((score(x + noise) * 0.1 + noise) ** 2).sum(1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
