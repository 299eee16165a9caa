import torch
from torch import nn

torch.manual_seed(0)
G, D = nn.Linear(4, 6), nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
opt_g, opt_d = torch.optim.Adam(G.parameters(), 2e-4), torch.optim.Adam(D.parameters(), 2e-4)


def toggle(net, on):
    for p in net.parameters():
        p.requires_grad = on


for it in range(5):
    real, fake = torch.randn(8, 6), G(torch.randn(8, 4))
    toggle(D, True)
    loss_d = D(fake.detach()).mean() - D(real).mean()
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()
    toggle(D, False)
    loss_g = -D(fake).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
