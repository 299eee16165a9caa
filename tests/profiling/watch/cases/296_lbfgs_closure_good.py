import torch
from torch import nn

torch.manual_seed(0)
pinn = nn.Sequential(nn.Linear(1, 12), nn.Tanh(), nn.Linear(12, 1))
opt = torch.optim.LBFGS(pinn.parameters(), lr=0.5, max_iter=5, line_search_fn="strong_wolfe")
x = torch.linspace(0, 1, 20).unsqueeze(1).requires_grad_(True)
history = []


def closure():
    opt.zero_grad()
    u = pinn(x)
    (du,) = torch.autograd.grad(u, x, torch.ones_like(u), create_graph=True)
    loss = (du + u).pow(2).mean() + (pinn(torch.zeros(1, 1)) - 1).pow(2).mean()
    loss.backward()
    return loss


for step in range(4):
    history.append(float(opt.step(closure)))
