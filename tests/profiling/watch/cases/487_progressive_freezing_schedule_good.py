import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
net = nn.ModuleDict({
    "low": nn.Sequential(nn.Conv1d(2, 8, 3, padding=1), nn.ReLU()),
    "mid": nn.Sequential(nn.Conv1d(8, 8, 3, padding=1), nn.ReLU()),
    "top": nn.Linear(8, 4),
})
opt = torch.optim.SGD([{"params": net[k].parameters(), "name": k} for k in net], lr=0.05, momentum=0.9)
FREEZE_AT = {2: "low", 3: "mid"}


def freeze(name):
    for p in net[name].parameters():
        p.requires_grad_(False)
        p.grad = None
    opt.param_groups[:] = [g for g in opt.param_groups if g["name"] != name]


for epoch in range(5):
    if epoch in FREEZE_AT:
        freeze(FREEZE_AT[epoch])
    for _ in range(2):
        x, y = torch.randn(8, 2, 12), torch.randint(0, 4, (8,))
        h = net["mid"](net["low"](x)).mean(-1)
        loss = F.cross_entropy(net["top"](h), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
