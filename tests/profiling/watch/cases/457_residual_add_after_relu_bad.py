import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class PreActBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = nn.GroupNorm(2, c)
        self.conv1 = nn.Conv2d(c, c, 3, padding=1)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        identity = x
        out = self.conv1(F.relu(self.norm(x)))
        out = F.relu(self.conv2(out))
        out += identity
        return out


class SuperRes(nn.Module):
    def __init__(self, c=8, blocks=2, scale=2):
        super().__init__()
        self.head = nn.Conv2d(3, c, 3, padding=1)
        self.body = nn.Sequential(*[PreActBlock(c) for _ in range(blocks)])
        self.tail = nn.Sequential(nn.Conv2d(c, 3 * scale ** 2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, x):
        h = self.head(x)
        return self.tail(h + self.body(h))


model = SuperRes()
opt = torch.optim.Adam(model.parameters(), lr=2e-4)
for step in range(2):
    hr = torch.rand(2, 3, 16, 16)
    lr_img = F.avg_pool2d(hr, 2)
    loss = F.l1_loss(model(lr_img), hr)
    opt.zero_grad()
    loss.backward()
    opt.step()
