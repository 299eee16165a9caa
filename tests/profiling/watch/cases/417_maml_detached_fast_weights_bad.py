import torch
from torch import nn
import torch.nn.functional as F
from torch.func import functional_call

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 1))
meta_opt = torch.optim.Adam(net.parameters(), lr=1e-3)
INNER_LR, INNER_STEPS = 0.05, 2


def sample_task():
    amp, phase = torch.rand(()) * 4 + 0.1, torch.rand(()) * 3.14

    def draw(n):
        x = torch.rand(n, 1) * 10 - 5
        return x, amp * torch.sin(x + phase)

    return draw


def adapt(draw):
    fast = dict(net.named_parameters())
    x, y = draw(10)
    for _ in range(INNER_STEPS):
        loss = F.mse_loss(functional_call(net, fast, (x,)), y)
        grads = torch.autograd.grad(loss, list(fast.values()), create_graph=True)
        fast = {k: (p - INNER_LR * g).detach().requires_grad_() for (k, p), g in zip(fast.items(), grads)}
    return fast


for iteration in range(3):
    meta_loss = 0.0
    for task in range(4):
        draw = sample_task()
        fast = adapt(draw)
        xq, yq = draw(10)
        meta_loss = meta_loss + F.mse_loss(functional_call(net, fast, (xq,)), yq)
    meta_opt.zero_grad()
    (meta_loss / 4).backward()
    meta_opt.step()
