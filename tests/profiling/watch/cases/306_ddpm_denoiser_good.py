import copy
import torch
from torch import nn

torch.manual_seed(0)
T = 20
betas = torch.linspace(1e-3, 0.2, T)
abar = torch.cumprod(1 - betas, 0)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.t = nn.Embedding(T, 8)
        self.net = nn.Sequential(nn.Linear(10, 32), nn.SiLU(), nn.Linear(32, 2))

    def forward(self, x, t):
        return self.net(torch.cat([x, self.t(t)], 1))


@torch.no_grad()
def p_sample(m, n):
    x = torch.randn(n, 2)
    for t in reversed(range(T)):
        eps = m(x, torch.full((n,), t))
        x = (x - betas[t] / (1 - abar[t]).sqrt() * eps) / (1 - betas[t]).sqrt()
    return x


eps_model = Denoiser()
ema = copy.deepcopy(eps_model).eval().requires_grad_(False)
opt = torch.optim.AdamW(eps_model.parameters(), lr=1e-3)
for step in range(6):
    x0, t, noise = torch.randn(32, 2) * 0.3 + 1, torch.randint(0, T, (32,)), torch.randn(32, 2)
    a = abar[t].unsqueeze(1)
    loss = (eps_model(a.sqrt() * x0 + (1 - a).sqrt() * noise, t) - noise).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    for k, v in eps_model.state_dict().items():
        ema.state_dict()[k].copy_(0.9 * ema.state_dict()[k] + 0.1 * v)
samples = p_sample(ema, 4).numpy()
