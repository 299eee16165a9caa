import torch
from torch import nn, autograd

torch.manual_seed(0)
G = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
C = nn.Sequential(nn.Linear(2, 16), nn.Softplus(), nn.Linear(16, 1, bias=False))
opt_g, opt_c = (torch.optim.Adam(m.parameters(), lr=1e-4, betas=(0.0, 0.9)) for m in (G, C))


def gradient_penalty(real, fake):
    eps = torch.rand(len(real), 1)
    x = (eps * real + (1 - eps) * fake).requires_grad_(True)
    (g,) = autograd.grad(C(x).sum(), x, create_graph=True)
    return ((g.norm(2, dim=1) - 1) ** 2).mean()


for it in range(4):
    for _ in range(2):
        real, fake = torch.randn(16, 2) + 1, G(torch.randn(16, 4)).detach()
        c_loss = C(fake).mean() - C(real).mean() + 10 * gradient_penalty(real, fake)
        opt_c.zero_grad()
        c_loss.backward()
        opt_c.step()
    for p in C.parameters():
        p.requires_grad_(False)
    g_loss = -C(G(torch.randn(16, 4))).mean()
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()
    for p in C.parameters():
        p.requires_grad_(True)
