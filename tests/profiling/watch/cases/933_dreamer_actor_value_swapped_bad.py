import torch
from torch import nn

torch.manual_seed(0)
world = nn.Linear(6, 4)
actor = nn.Linear(4, 2)
value = nn.Linear(4, 1)
opts = {name: torch.optim.Adam(m.parameters(), 1e-3) for name, m in (("world", world), ("actor", actor), ("value", value))}


def update(name, loss):
    opts[name].zero_grad()
    loss.backward()
    opts[name].step()


for _ in range(3):
    s = torch.randn(12, 4)
    a = torch.tanh(actor(s))
    nxt = world(torch.cat([s, a.detach()], 1))
    update("world", (nxt - s.roll(1, 0)).pow(2).mean())
    nxt = world(torch.cat([s, a.detach()], 1))
    update("actor", -value(nxt).mean())
    update("value", (value(nxt.detach()) - 1).pow(2).mean())
