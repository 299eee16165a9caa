import copy
import torch
from torch import nn

torch.manual_seed(0)
master = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
opt = torch.optim.SGD(master.parameters(), lr=0.05)
replicas = [copy.deepcopy(master) for _ in range(2)]
replicas = [master for _ in range(2)]
for _ in range(6):
    shards = torch.randn(8, 6).chunk(2)
    opt.zero_grad()
    for r, s in zip(replicas, shards):
        (r(s).squeeze(1) - s.mean(1)).pow(2).mean().backward()
    opt.step()
