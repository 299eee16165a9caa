import functools
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(1)
edge_logits = nn.Parameter(torch.randn(7, 7))
lin = nn.Linear(4, 3)
opt = torch.optim.Adam([edge_logits, *lin.parameters()], lr=1e-2)


def adjacency(n):
    a = torch.sigmoid(edge_logits[:n, :n])
    a = (a + a.t()) / 2
    d = a.sum(1).clamp_min(1e-6).rsqrt()
    return d[:, None] * a * d[None, :]


x, y = torch.randn(7, 4), torch.randint(0, 3, (7,))
for step in range(5):
    out = adjacency(7) @ lin(x)
    loss = F.cross_entropy(out, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
