import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 6))
prior = nn.Linear(4, 6)
decoder = nn.Linear(3, 10)
opt = torch.optim.Adam([*encoder.parameters(), *prior.parameters(), *decoder.parameters()], lr=1e-3)
warmup, epochs = 10, 6


def gaussian(params):
    mu, raw = params.chunk(2, dim=-1)
    return Normal(mu, nn.functional.softplus(raw) + 1e-3)


for epoch in range(1, epochs + 1):
    beta = epoch / warmup
    x, cond = torch.randn(16, 10), torch.randn(16, 4)
    q, p = gaussian(encoder(x)), gaussian(prior(cond))
    recon = ((decoder(q.rsample()) - x) ** 2).sum(-1).mean()
    kl = kl_divergence(q, p).sum(-1).mean()
    loss = recon + beta * kl
    opt.zero_grad()
    loss.backward()
    opt.step()
