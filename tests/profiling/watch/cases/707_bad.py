import torch
from torch import nn
torch.manual_seed(0)
enc = nn.Linear(4, 4); pred = nn.Linear(4, 4); other = nn.Linear(4, 4)
opt = torch.optim.SGD([*enc.parameters(), *pred.parameters(), *other.parameters()], lr=0.1)
for step in range(3):
    x = torch.randn(8, 4)
    with torch.no_grad():
        target = enc(x + 0.1)
    z = enc(x).detach()
    loss = (pred(z) - target).pow(2).mean() + other(x).pow(2).mean()
    opt.zero_grad(); loss.backward(); opt.step()
