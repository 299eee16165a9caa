import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
towers = {"user": nn.Linear(8, 4), "item": nn.Linear(6, 4)}
temperature = nn.Parameter(torch.tensor(1.0))
opt = torch.optim.Adam([temperature] + [p for t in towers.values() for p in t.parameters()], lr=1e-2)
for _ in range(5):
    u, i = torch.randn(5, 8), torch.randn(5, 6)
    a, b = towers["user"](u), towers["item"](i)
    sims = a @ b.t()
    loss = nn.functional.cross_entropy(sims / temperature, torch.arange(5))
    opt.zero_grad()
    loss.backward()
    opt.step()
