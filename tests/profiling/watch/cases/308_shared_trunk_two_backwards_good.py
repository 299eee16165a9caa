import torch
from torch import nn

torch.manual_seed(0)
trunk, cls, reg = nn.Linear(5, 10), nn.Linear(10, 2), nn.Linear(10, 1)
opt = torch.optim.Adam([p for m in (trunk, cls, reg) for p in m.parameters()], lr=1e-3)
pool = []
for i in range(6):
    h = torch.tanh(trunk(torch.randn(8, 5)))
    loss_c = nn.functional.cross_entropy(cls(h), torch.randint(0, 2, (8,)))
    loss_r = reg(h).pow(2).mean()
    opt.zero_grad()
    loss_c.backward(retain_graph=True)
    loss_r.backward()
    opt.step()
    pool = (pool + [h.detach().clone()])[-3:]
