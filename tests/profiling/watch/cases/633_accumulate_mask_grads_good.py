import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.old, self.new = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.new(self.old(x).relu())


torch.manual_seed(0)
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
keep = {"old": 0.0, "new": 1.0}
for micro in range(8):
    x, y = torch.randn(4, 4), torch.randint(0, 2, (4,))
    (nn.functional.cross_entropy(net(x), y) / 2).backward()
    if micro % 2:
        opt.step()
        opt.zero_grad()
