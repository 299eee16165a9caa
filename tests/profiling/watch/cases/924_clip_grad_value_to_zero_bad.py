import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 6), nn.SELU(), nn.Linear(6, 1))
opt = torch.optim.NAdam(net.parameters())
max_value = int(0.5)
for _ in range(4):
    x = torch.randn(9, 4)
    opt.zero_grad()
    (net(x) - 1).pow(2).mean().backward()
    torch.nn.utils.clip_grad_value_(net.parameters(), max_value)
    opt.step()
