import torch
from torch import nn


class Ranker:
    def __init__(self):
        self.scorer = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
        self.bias = nn.Parameter(torch.zeros(4))

    def rank(self, docs):
        return torch.cat([self.scorer(d) for d in docs]) + self.bias


torch.manual_seed(0)
r = Ranker()
opt = torch.optim.Adam([*r.scorer.parameters(), r.bias], lr=1e-2)
for _ in range(6):
    docs = torch.randn(4, 6)
    loss = nn.functional.cross_entropy(r.rank(docs), docs.sum(1).argmax())
    opt.zero_grad()
    loss.backward()
    opt.step()
