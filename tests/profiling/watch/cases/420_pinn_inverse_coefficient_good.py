import torch
from torch import nn

torch.manual_seed(0)


class PINN(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, x, t):
        return self.net(torch.cat([x, t], dim=1))


pinn = PINN()
nu = nn.Parameter(torch.tensor(0.5))  # unknown diffusivity, to be identified from data
optimizer = torch.optim.Adam([*pinn.parameters(), nu], lr=1e-3)


def grad(u, v):
    return torch.autograd.grad(u, v, torch.ones_like(u), create_graph=True)[0]


def residual(x, t):
    x.requires_grad_(True)
    t.requires_grad_(True)
    u = pinn(x, t)
    u_t, u_x = grad(u, t), grad(u, x)
    u_xx = grad(u_x, x)
    return u_t - nu * u_xx


x_data, t_data = torch.rand(30, 1) * 2 - 1, torch.rand(30, 1)
u_data = torch.exp(-0.1 * t_data) * torch.sin(torch.pi * x_data)
for epoch in range(4):
    x_f, t_f = torch.rand(40, 1) * 2 - 1, torch.rand(40, 1)
    loss_pde = residual(x_f, t_f).square().mean()
    loss_data = (pinn(x_data, t_data) - u_data).square().mean()
    loss = loss_data + 0.1 * loss_pde
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 2 == 0:
        print(f"{epoch} data {loss_data.item():.4f} pde {loss_pde.item():.4f} nu {nu.item():.4f}")
