import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class ArcFace(nn.Module):
    def __init__(self, dim, classes, s=16.0, m=0.3):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, dim))
        self.s, self.m = s, m

    def forward(self, emb, y):
        cos = F.linear(F.normalize(emb), F.normalize(self.weight)).clamp(-1 + 1e-6, 1 - 1e-6)
        target = torch.cos(torch.acos(cos) + self.m)
        onehot = F.one_hot(y, cos.size(1)).float()
        return F.cross_entropy(self.s * (onehot * target + (1 - onehot) * cos), y)


backbone = nn.Sequential(nn.Linear(12, 24), nn.PReLU(), nn.Linear(24, 8))
arcface = ArcFace(8, 5)
optimizer = torch.optim.SGD(backbone.parameters(), lr=0.05, momentum=0.9)
for epoch in range(4):
    x, y = torch.randn(30, 12), torch.randint(0, 5, (30,))
    loss = arcface(backbone(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
