import math
import torch
from torch import nn


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.prior = nn.Parameter(torch.ones(6) / 6)
        self.emb = nn.Embedding(6, 6)

    def forward(self, ids):
        base = self.emb(ids)
        bias = torch.log(self.prior.abs() + 1e-4)
        return base + bias


torch.manual_seed(0)
lm = LM()
opt = torch.optim.Adam(lm.parameters(), lr=1e-2)
for _ in range(5):
    ids = torch.randint(0, 6, (12,))
    loss = nn.functional.cross_entropy(lm(ids[:-1]), ids[1:])
    opt.zero_grad()
    loss.backward()
    opt.step()
