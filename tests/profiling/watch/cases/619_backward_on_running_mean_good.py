import torch
from torch import nn

torch.manual_seed(0)
shared = nn.Linear(5, 8)
tasks = {"seg": nn.Linear(8, 2), "depth": nn.Linear(8, 1)}
opt = torch.optim.Adam([*shared.parameters(), *(p for t in tasks.values() for p in t.parameters())])
for _ in range(5):
    x = torch.randn(8, 5)
    h = shared(x).relu()
    losses = {k: t(h).pow(2).mean() for k, t in tasks.items()}
    opt.zero_grad()
    sum(losses.values()).backward()
    opt.step()
