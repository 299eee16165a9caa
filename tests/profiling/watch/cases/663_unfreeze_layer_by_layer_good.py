import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
for p in net[:4].parameters():
    p.requires_grad_(False)
opt = torch.optim.Adam(net[4].parameters(), lr=1e-2)
plan = {2: net[2], 4: net[0]}
for epoch in range(7):
    if epoch in plan:
        for p in plan[epoch].parameters():
            p.requires_grad_(True)
        opt.add_param_group({"params": list(plan[epoch].parameters()), "lr": 1e-3})
    for _ in range(2):
        x = torch.randn(8, 6)
        loss = nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long())
        opt.zero_grad()
        loss.backward()
        opt.step()
