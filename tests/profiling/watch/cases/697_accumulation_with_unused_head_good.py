import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.cls, self.legacy = nn.Linear(6, 8), nn.Linear(8, 2), nn.Linear(8, 5)

    def forward(self, x):
        h = self.body(x).relu_()
        self.last = h.detach()
        return self.cls(h)


torch.manual_seed(0)
net = Net()
opt = torch.optim.SGD([{"params": net.body.parameters()}, {"params": net.cls.parameters(), "lr": 0.5}], lr=0.1)
k = 4
for i in range(14):
    x = torch.randn(4, 6)
    loss = nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long()) / k
    loss.backward()
    if (i + 1) % k == 0 or i == 13:
        total = sum(p.grad.norm() ** 2 for p in net.parameters() if p.grad is not None) ** 0.5
        if not torch.isfinite(total):
            opt.zero_grad()
            continue
        opt.step()
        for g in opt.param_groups:
            g["lr"] *= 0.9
        opt.zero_grad()
