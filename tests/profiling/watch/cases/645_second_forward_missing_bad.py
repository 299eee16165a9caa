import torch
from torch import nn

torch.manual_seed(0)
enc, a, b = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 1)
net = nn.ModuleList([enc, a, b])
opts = [torch.optim.SGD(m.parameters(), lr=0.01) for m in net]


def losses(x):
    h = a(enc(x).relu())
    return h.pow(2).mean(), b(h.relu()).abs().mean()


for _ in range(4):
    x = torch.randn(6, 4)
    recon, task = losses(x)
    for o in opts:
        o.zero_grad()
    recon.backward(retain_graph=True)
    opts[1].step()
    task.backward()
    for o in (opts[0], opts[2]):
        o.step()
