import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 1))
opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
norms = {}


def make_hook(name):
    def record(param):
        norms[name] = param.grad.norm().item()
        param.grad = None

    return record


for name, p in net.named_parameters():
    p.register_post_accumulate_grad_hook(make_hook(name))

x, y = torch.randn(32, 4), torch.randn(32, 1)
for step in range(4):
    loss = (net(x) - y).pow(2).mean()
    loss.backward()
    opt.step()
    opt.zero_grad()
