import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
G = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 2))
D = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
optG = torch.optim.Adam(G.parameters(), lr=2e-3)
optD = torch.optim.Adam(D.parameters(), lr=2e-3)
ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)

for _ in range(3):
    real, fake = torch.randn(32, 2) + 2, G(torch.randn(32, 4))
    d_real, d_fake = D(real), D(fake)
    loss_d = F.binary_cross_entropy_with_logits(d_real, ones)
    loss_d = loss_d + F.binary_cross_entropy_with_logits(d_fake, zeros)
    loss_g = F.binary_cross_entropy_with_logits(d_fake, ones)

    optD.zero_grad()
    loss_d.backward(retain_graph=True)
    optD.step()

    optG.zero_grad()
    loss_g.backward()
    optG.step()
