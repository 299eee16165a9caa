import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)


class Stack(nn.Module):
    def __init__(self, d=12, n=3):
        super().__init__()
        self.inp = nn.Linear(5, d)
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.Dropout(0.1)) for _ in range(n)])
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        h = self.inp(x)
        for i, layer in enumerate(self.layers):
            h = h + checkpoint(layer, h, use_reentrant=(i == 1))
        return self.out(h)


net = Stack()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for i in range(4):
    x, y = torch.randn(10, 5), torch.randn(10, 1)
    opt.zero_grad()
    loss = (net(x) - y).pow(2).mean()
    loss.backward()
    opt.step()
