import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class LossBalancer:
    """Divides every loss by its running mean so that all have about the same size."""

    def __init__(self, beta=0.9):
        self.beta = beta
        self.running = {}

    def __call__(self, losses):
        total = 0.0
        for name, value in losses.items():
            prev = self.running.get(name, value.detach())
            self.running[name] = self.beta * prev + (1 - self.beta) * value.detach()
            total = total + value / self.running[name]
        return total


class AutoEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(16, 12), nn.ELU(), nn.Linear(12, 4))
        self.dec = nn.Sequential(nn.Linear(4, 12), nn.ELU(), nn.Linear(12, 16))

    def forward(self, x):
        z = self.enc(x)
        return z, self.dec(z)


ae = AutoEncoder()
balance = LossBalancer()
opt = torch.optim.Adam(ae.parameters(), lr=1e-3)
for step in range(8):
    x = torch.randn(32, 16)
    z, recon = ae(x)
    losses = {"recon": F.mse_loss(recon, x), "sparse": z.abs().mean()}
    opt.zero_grad()
    balance(losses).backward()
    opt.step()
    if step % 4 == 3:
        print({k: round(v.item(), 4) for k, v in balance.running.items()})
