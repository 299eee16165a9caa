import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
meta = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
meta_opt = torch.optim.Adam(meta.parameters(), 1e-3)


def task():
    w = torch.randn(2, 1)
    return lambda n: (lambda x: (x, torch.sin(x @ w)))(torch.randn(n, 2))


def adapt(draw, steps=3):
    fast = copy.deepcopy(meta)
    inner = torch.optim.SGD(fast.parameters(), lr=0.05)
    for _ in range(steps):
        x, y = draw(8)
        inner.zero_grad()
        F.mse_loss(fast(x), y).backward()
        inner.step()
    return fast


for it in range(3):
    meta_opt.zero_grad()
    for p in meta.parameters():
        p.grad = torch.zeros_like(p)
    for _ in range(2):
        draw = task()
        fast = adapt(draw)
        x, y = draw(8)
        grads = torch.autograd.grad(F.mse_loss(fast(x), y), list(fast.parameters()))
        for p, g in zip(meta.parameters(), grads):
            p.grad += g / 2
    meta_opt.step()
