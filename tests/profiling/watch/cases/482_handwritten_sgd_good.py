import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
W1 = (torch.randn(12, 24) * 0.2).requires_grad_()
b1 = torch.zeros(24, requires_grad=True)
W2 = (torch.randn(24, 3) * 0.2).requires_grad_()
b2 = torch.zeros(3, requires_grad=True)
params = [W1, b1, W2, b2]
velocity = [torch.zeros_like(p) for p in params]


def forward(x):
    return torch.addmm(b2, F.silu(torch.addmm(b1, x, W1)), W2)


lr, mu, wd = 0.1, 0.9, 1e-4
history = []
for step in range(5):
    x, y = torch.randn(16, 12), torch.randint(0, 3, (16,))
    loss = F.cross_entropy(forward(x), y)
    loss.backward()
    for p, v in zip(params, velocity):
        v.mul_(mu).add_(p.grad + wd * p.data)
        p.data.sub_(lr * v)
        p.grad.zero_()
    history.append(loss.item())
    lr *= 0.95
