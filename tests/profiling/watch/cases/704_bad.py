import torch
from torch import nn
torch.manual_seed(0)
f = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
scale = nn.Parameter(torch.ones(1))
opt = torch.optim.Adam([*f.parameters(), scale], lr=1e-3)
for step in range(3):
    x = torch.randn(8, 2, requires_grad=True)
    e = scale * f(x)
    force, = torch.autograd.grad(e.sum(), x)
    loss = force.pow(2).mean() + 0 * x.sum()
    opt.zero_grad(); loss.backward(); opt.step()
