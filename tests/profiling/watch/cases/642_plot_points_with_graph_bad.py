import torch
from torch import nn


class LivePlot:
    def __init__(self):
        self.xs, self.ys = [], {}

    def add(self, step, **curves):
        self.xs.append(step)
        for k, v in curves.items():
            self.ys.setdefault(k, []).append(v)


torch.manual_seed(0)
plot = LivePlot()
net = nn.Linear(3, 1)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(12):
    x = torch.randn(16, 3)
    err = net(x).squeeze(1) - x.norm(dim=1)
    loss = err.abs().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    plot.add(step, loss=loss, bias=err.detach().mean())
