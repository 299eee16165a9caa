import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Normal

torch.manual_seed(0)


class InfoVAE(nn.Module):
    def __init__(self, d_in=20, d_z=4, d_h=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d_in, d_h), nn.SiLU())
        self.to_mu = nn.Linear(d_h, d_z)
        self.to_logstd = nn.Linear(d_h, d_z)
        self.decoder = nn.Sequential(nn.Linear(d_z, d_h), nn.SiLU(), nn.Linear(d_h, d_in))

    def encode(self, x):
        h = self.encoder(x)
        return Normal(self.to_mu(h), self.to_logstd(h).clamp(-5, 2).exp())

    def forward(self, x):
        posterior = self.encode(x)
        z = posterior.sample()
        return self.decoder(z), z


def rbf(a, b):
    return torch.exp(-torch.cdist(a, b).square() / a.size(1)).mean()


def mmd(z):
    prior = torch.randn_like(z)
    return rbf(z, z) + rbf(prior, prior) - 2 * rbf(z, prior)


vae = InfoVAE()
opt = torch.optim.Adam(vae.parameters(), lr=1e-3)
for epoch in range(3):
    x = torch.randn(32, 20)
    recon, z = vae(x)
    loss = F.mse_loss(recon, x) + 10.0 * mmd(z)
    opt.zero_grad()
    loss.backward()
    opt.step()
