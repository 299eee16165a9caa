import torch
from torch import nn

torch.manual_seed(0)
hidden = nn.Linear(3, 8)
with torch.no_grad():
    hidden.bias.fill_(-50.0)
out = nn.Linear(8, 1)
opt = torch.optim.SGD([*hidden.parameters(), *out.parameters()], lr=0.1)
for _ in range(3):
    x = torch.rand(16, 3)
    pred = out(torch.relu(hidden(x)))
    loss = (pred - x.sum(1, keepdim=True)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
