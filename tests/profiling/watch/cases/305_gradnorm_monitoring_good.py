import torch
from torch import nn

torch.manual_seed(0)
shared = nn.Sequential(nn.Linear(6, 12), nn.SiLU())
h1, h2 = nn.Linear(12, 1), nn.Linear(12, 3)
opt = torch.optim.Adam([*shared.parameters(), *h1.parameters(), *h2.parameters()], lr=1e-3)
norms = []
shared[0].weight.register_hook(lambda g: norms.append(g.norm().item()))
h1.weight.register_hook(lambda g: g.clamp(-1, 1))
for step in range(6):
    x, y1, y2 = torch.randn(16, 6), torch.randn(16, 1), torch.randint(0, 3, (16,))
    z = shared(x)
    l1, l2 = nn.functional.mse_loss(h1(z), y1), nn.functional.cross_entropy(h2(z), y2)
    g1 = torch.autograd.grad(l1, z, retain_graph=True)[0].norm()
    g2 = torch.autograd.grad(l2, z, retain_graph=True)[0].norm()
    w = (g2 / (g1 + 1e-8)).item()
    loss = w * l1 + l2
    opt.zero_grad()
    loss.backward()
    opt.step()
