import torch
from torch import nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.c2, self.b2 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.act, self.drop = nn.SiLU(inplace=True), nn.Dropout(0.2, inplace=True)
        self.leaky, self.hs = nn.LeakyReLU(0.1, inplace=True), nn.Hardswish(inplace=True)

    def forward(self, x):
        out = self.leaky(self.b1(self.c1(x)))
        out = self.b2(self.c2(out))
        out += x
        return self.drop(self.hs(out))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Dropout2d(0.1, inplace=True))
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.fc = nn.Sequential(nn.Linear(8, 8), nn.ReLU6(inplace=True), nn.Linear(8, 4))

    def forward(self, x):
        x = self.blocks(self.stem(x)).mean((2, 3))
        return self.fc(x).div_(2.0).sub_(0.1)


torch.manual_seed(0)
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
for _ in range(6):
    x = torch.rand(4, 3, 10, 10).sub_(0.5).mul_(4)
    loss = F.cross_entropy(net(x), torch.randint(0, 4, (4,)))
    opt.zero_grad()
    loss.backward()
    opt.step()
