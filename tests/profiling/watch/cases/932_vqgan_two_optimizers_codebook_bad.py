import torch
from torch import nn

torch.manual_seed(0)
enc, dec, disc = nn.Linear(8, 4), nn.Linear(4, 8), nn.Linear(8, 1)
codebook = nn.Embedding(16, 4)
opt_ae = torch.optim.Adam([*enc.parameters(), *dec.parameters(), *codebook.parameters()], 1e-3)
opt_d = torch.optim.Adam(disc.parameters(), 1e-3)
for step in range(4):
    x = torch.randn(10, 8)
    z = enc(x)
    index = torch.cdist(z, codebook.weight).argmin(1)
    q = codebook(index)
    commit = (z - q.detach()).pow(2).mean() + 0.25 * (z.detach() - q.detach()).pow(2).mean()
    recon = dec(z + (q - z).detach())
    loss = (recon - x).pow(2).mean() + commit - 0.1 * disc(recon).mean()
    opt_ae.zero_grad()
    loss.backward()
    opt_ae.step()
    d_loss = disc(recon.detach()).mean() - disc(x).mean()
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()
