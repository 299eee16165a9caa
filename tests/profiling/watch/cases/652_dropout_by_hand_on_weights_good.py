import torch
from torch import nn


class LearnedDropout(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.logit = nn.Parameter(torch.full((n,), 1.0))

    def forward(self, x):
        keep = self.logit.sigmoid()
        u = torch.rand_like(x).clamp(1e-4, 1 - 1e-4)
        mask = torch.sigmoid((u.logit() + self.logit) / 0.5)
        return x * mask


torch.manual_seed(0)
drop, fc = LearnedDropout(8), nn.Linear(8, 2)
opt = torch.optim.Adam([*drop.parameters(), *fc.parameters()], lr=1e-2)
for _ in range(5):
    x = torch.randn(9, 8)
    loss = nn.functional.cross_entropy(fc(drop(x)), (x.sum(1) > 0).long())
    opt.zero_grad()
    loss.backward()
    opt.step()
