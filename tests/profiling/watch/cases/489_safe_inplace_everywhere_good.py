import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class InplaceAttention(nn.Module):
    def __init__(self, d=16, heads=2):
        super().__init__()
        self.qkv, self.proj = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d)
        self.heads = heads

    def forward(self, x):
        B, T, D = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-1, -2)
        scores.mul_(q.size(-1) ** -0.5)
        scores.masked_fill_(torch.ones(T, T, dtype=torch.bool).triu_(1), float("-inf"))
        out = self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, D))
        out.add_(x)
        return out


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp, self.att, self.out = nn.Linear(5, 16), InplaceAttention(), nn.Linear(16, 2)
        self.scale = nn.Parameter(torch.ones(16))

    def forward(self, x):
        h = self.inp(x).relu_()
        h = self.att(h)
        buf = torch.zeros(x.size(0), 2, 16)
        buf[:, 0] = h.mean(1)
        buf[:, 1] += h.amax(1)
        return self.out((buf * self.scale).sum(1))


net = Net()
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(3):
    x, y = torch.randn(4, 7, 5), torch.randint(0, 2, (4,))
    loss = F.cross_entropy(net(x), y)
    loss /= 2
    opt.zero_grad()
    loss.backward()
    opt.step()
