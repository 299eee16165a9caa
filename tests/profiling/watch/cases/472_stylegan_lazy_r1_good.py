import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
mapping = nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2))
synthesis = nn.Sequential(nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 12))
D = nn.Sequential(nn.Linear(12, 32), nn.Softplus(), nn.Linear(32, 1))
g_opt = torch.optim.Adam([{"params": mapping.parameters(), "lr": 1e-5}, {"params": synthesis.parameters()}], lr=1e-3, betas=(0.0, 0.99))
d_opt = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.99))
w_avg = torch.zeros(16)


def G(z):
    global w_avg
    w = mapping(z)
    w_avg = w_avg.lerp(w.detach().mean(0), 0.01)
    return synthesis(w)


def requires_grad(module, flag):
    for p in module.parameters():
        p.requires_grad_(flag)


for it in range(6):
    real = torch.randn(8, 12)
    requires_grad(D, True)
    with torch.no_grad():
        fake = G(torch.randn(8, 8))
    d_loss = F.softplus(D(fake)).mean() + F.softplus(-D(real)).mean()
    d_opt.zero_grad()
    d_loss.backward()
    d_opt.step()
    if it % 4 == 0:  # lazy regularisation
        real = real.detach().requires_grad_(True)
        grad, = torch.autograd.grad(D(real).sum(), real, create_graph=True)
        r1 = grad.square().sum(1).mean()
        d_opt.zero_grad()
        (5.0 * r1 * 4).backward()
        d_opt.step()
    requires_grad(D, False)
    g_loss = F.softplus(-D(G(torch.randn(8, 8)))).mean()
    g_opt.zero_grad()
    g_loss.backward()
    g_opt.step()
