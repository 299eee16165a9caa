import torch
from torch import nn

torch.manual_seed(0)
trunk, heads = nn.Linear(5, 8), nn.ModuleList([nn.Linear(8, 1), nn.Linear(8, 1)])
opt = torch.optim.SGD([*trunk.parameters(), *heads.parameters()], lr=0.05)
for _ in range(5):
    x = torch.randn(8, 5)
    h = trunk(x).tanh()
    ls = [(hd(h).squeeze(1) - x[:, i]).pow(2).mean() for i, hd in enumerate(heads)]
    opt.zero_grad()
    norms = []
    for l in ls:
        g = torch.autograd.grad(l, trunk.weight, retain_graph=True)[0]
        norms.append(g.norm().item())
    w = [sum(norms) / (2 * n + 1e-6) for n in norms]
    (w[0] * ls[0]).backward(retain_graph=True)
    (w[1] * ls[1]).backward()
    opt.step()
