import torch
from torch import nn

torch.manual_seed(0)
gen = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 5))
disc = nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 1))
opt_g, opt_d = torch.optim.Adam(gen.parameters()), torch.optim.Adam(disc.parameters())
bce = nn.BCEWithLogitsLoss()
for _ in range(3):
    real, fake = torch.randn(6, 5), gen(torch.randn(6, 3))
    loss_d = bce(disc(real), torch.ones(6, 1)) + bce(disc(fake.detach()), torch.zeros(6, 1))
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()
    loss_g = bce(disc(fake), torch.ones(6, 1))
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
