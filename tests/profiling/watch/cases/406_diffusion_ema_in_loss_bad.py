import copy

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
T = 50
betas = torch.linspace(1e-4, 0.05, T)
alpha_bar = torch.cumprod(1 - betas, dim=0)


class Denoiser(nn.Module):
    def __init__(self, d=8, h=32):
        super().__init__()
        self.time = nn.Embedding(T, h)
        self.inp = nn.Linear(d, h)
        self.mid = nn.Linear(h, h)
        self.out = nn.Linear(h, d)

    def forward(self, x, t):
        h = F.silu(self.inp(x) + self.time(t))
        return self.out(F.silu(self.mid(h)) + h)


class EMA:
    def __init__(self, model, decay=0.999):
        self.decay = decay
        self.module = copy.deepcopy(model).eval()

    @torch.no_grad()
    def update(self, model):
        for e, p in zip(self.module.parameters(), model.parameters()):
            e.lerp_(p, 1 - self.decay)


model = Denoiser()
ema = EMA(model)
opt = torch.optim.AdamW(model.parameters(), lr=2e-4)


def p_losses(net, x0):
    t = torch.randint(0, T, (x0.size(0),))
    noise = torch.randn_like(x0)
    a = alpha_bar[t, None]
    xt = a.sqrt() * x0 + (1 - a).sqrt() * noise
    return F.mse_loss(net(xt, t), noise)


for step in range(3):
    x0 = torch.randn(16, 8)
    loss = p_losses(ema.module, x0)
    opt.zero_grad()
    loss.backward()
    opt.step()
    ema.update(model)
