import torch
from torch import nn
from torch.nn.utils import spectral_norm

torch.manual_seed(0)
G = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(True), nn.Linear(16, 6), nn.Tanh())
D = nn.Sequential(spectral_norm(nn.Linear(6, 16)), nn.LeakyReLU(0.2, True), spectral_norm(nn.Linear(16, 1)))
og = torch.optim.Adam(G.parameters(), 1e-3, betas=(0.0, 0.9))
od = torch.optim.Adam(D.parameters(), 1e-3, betas=(0.0, 0.9))
fixed = torch.randn(4, 4)
samples = []
for it in range(6):
    for _ in range(2):
        with torch.no_grad():
            fake = G(torch.randn(8, 4))
        loss = torch.relu(1 - D(torch.rand(8, 6))).mean() + torch.relu(1 + D(fake)).mean()
        od.zero_grad()
        loss.backward()
        od.step()
    D.requires_grad_(False)
    g = -D(G(torch.randn(8, 4))).mean()
    og.zero_grad()
    g.backward()
    og.step()
    D.requires_grad_(True)
    G.eval()
    samples.append(G(fixed).detach().numpy())
    G.train()
