import torch
from torch import nn


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 16))
        self.inp = nn.Linear(2, 16)
        self.out = nn.Sequential(nn.SiLU(), nn.Linear(16, 2))

    def embed(self, t):
        freqs = torch.exp(torch.linspace(0, -4, 4))
        angles = t[:, None] * freqs
        return self.time(torch.cat([angles.sin(), angles.cos()], -1))

    def forward(self, x, t):
        return self.out(self.inp(x) + self.embed(t))


betas = torch.linspace(1e-4, 0.02, 50)
alphas = torch.cumprod(1 - betas, 0)
torch.manual_seed(1)
unet = Denoiser()
optimizer = torch.optim.AdamW(unet.parameters(), lr=2e-3)
for _ in range(4):
    x0 = torch.randn(16, 2)
    t = torch.randint(0, 50, (16,))
    noise = torch.randn_like(x0)
    a = alphas[t][:, None]
    xt = a.sqrt() * x0 + (1 - a).sqrt() * noise
    loss = (unet(xt, t.float()) - noise).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
