import torch
from torch import nn

torch.manual_seed(0)
mapping = nn.Linear(4, 8)
synthesis = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(8, 10))
disc = nn.Sequential(nn.Linear(10, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
g_opt = torch.optim.Adam([*mapping.parameters(), *synthesis.parameters()], lr=2e-4, betas=(0.0, 0.99))
d_opt = torch.optim.Adam(disc.parameters(), lr=2e-4, betas=(0.0, 0.99))
softplus = nn.functional.softplus
for _ in range(3):
    real, z = torch.randn(8, 10), torch.randn(8, 4)
    fake = synthesis(mapping(z))
    d_loss = softplus(disc(fake.detach())).mean() + softplus(-disc(real)).mean()
    d_opt.zero_grad()
    d_loss.backward()
    d_opt.step()
    g_loss = softplus(-disc(fake)).mean()
    g_opt.zero_grad()
    g_loss.backward()
    g_opt.step()
