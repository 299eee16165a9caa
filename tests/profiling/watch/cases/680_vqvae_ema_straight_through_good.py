import torch
from torch import nn
import torch.nn.functional as F


class VQ(nn.Module):
    def __init__(self, k=8, d=4):
        super().__init__()
        self.register_buffer("codes", torch.randn(k, d))
        self.register_buffer("n", torch.ones(k))
        self.register_buffer("m", self.codes.clone())

    def forward(self, z):
        idx = torch.cdist(z, self.codes).argmin(1)
        q = self.codes[idx]
        if self.training:
            with torch.no_grad():
                one = F.one_hot(idx, len(self.n)).float()
                self.n.mul_(0.9).add_(one.sum(0), alpha=0.1)
                self.m.mul_(0.9).add_(one.t() @ z, alpha=0.1)
                self.codes.copy_(self.m / self.n[:, None].clamp_min(1e-5))
        commit = F.mse_loss(z, q.detach())
        return z + (q - z).detach(), commit, idx


torch.manual_seed(0)
enc, vq, dec = nn.Linear(6, 4), VQ(), nn.Linear(4, 6)
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], lr=1e-3)
usage = torch.zeros(8)
for _ in range(6):
    x = torch.randn(16, 6)
    q, commit, idx = vq(enc(x))
    loss = F.mse_loss(dec(q), x) + 0.25 * commit
    opt.zero_grad()
    loss.backward()
    opt.step()
    usage += torch.bincount(idx, minlength=8)
