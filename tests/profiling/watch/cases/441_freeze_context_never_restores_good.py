from contextlib import contextmanager

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


@contextmanager
def frozen(module):
    """Keeps gradients out of a module for the duration of a block."""
    for p in module.parameters():
        p.requires_grad_(False)
    yield
    for p in module.parameters():
        p.requires_grad_(True)


class Generator(nn.Module):
    def __init__(self, z=8, c=4):
        super().__init__()
        self.emb = nn.Embedding(c, z)
        self.net = nn.Sequential(nn.Linear(2 * z, 32), nn.ReLU(), nn.Linear(32, 12))

    def forward(self, z, label):
        return self.net(torch.cat([z, self.emb(label)], dim=1))


G = Generator()
D = nn.Sequential(nn.Linear(12, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
for it in range(3):
    real, label = torch.randn(10, 12), torch.randint(0, 4, (10,))
    fake = G(torch.randn(10, 8), label)
    with frozen(D):
        loss_g = F.softplus(-D(fake)).mean()
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
    loss_d = F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()
