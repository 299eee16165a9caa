import torch
from torch import nn
from torch.distributions import Independent, Normal


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(20, 32)
        self.mu = nn.Linear(32, 4)
        self.logvar = nn.Linear(32, 4)
        self.dec = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 20))

    def forward(self, x):
        h = self.enc(x).relu()
        q = Independent(Normal(self.mu(h), torch.exp(0.5 * self.logvar(h))), 1)
        z = q.rsample()
        return self.dec(z)


torch.manual_seed(0)
vae = VAE()
opt = torch.optim.Adam(vae.parameters())
for _ in range(3):
    x = torch.rand(16, 20)
    loss = nn.functional.mse_loss(vae(x), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
