import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
gen = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 10))
disc = nn.Sequential(nn.Embedding(10, 6), nn.Flatten(), nn.Linear(6, 1))
og, od = (torch.optim.Adam(m.parameters(), lr=1e-3) for m in (gen, disc))


def sample(n):
    logits = gen(torch.randn(n, 4))
    return F.gumbel_softmax(logits, hard=True)


def judge(onehot):
    return disc[2](onehot @ disc[0].weight)


for _ in range(5):
    real = F.one_hot(torch.randint(0, 5, (8,)), 10).float()
    d = F.softplus(-judge(real)).mean() + F.softplus(judge(sample(8).detach())).mean()
    od.zero_grad(); d.backward(); od.step()
    g = F.softplus(-judge(sample(8))).mean()
    og.zero_grad(); g.backward(); og.step()
