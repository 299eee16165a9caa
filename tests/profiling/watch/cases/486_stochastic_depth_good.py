import random
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
random.seed(4)


class DropPathNet(nn.Module):
    def __init__(self, d=16, depth=5, drop=0.5):
        super().__init__()
        self.stem = nn.Linear(10, d)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.GELU(), nn.Linear(d, d)) for _ in range(depth))
        self.head, self.drop = nn.Linear(d, 3), drop

    def forward(self, x):
        h = self.stem(x)
        for i, block in enumerate(self.blocks):
            p = self.drop * i / (len(self.blocks) - 1)
            if self.training and random.random() < p:
                continue
            h = h + (block(h) / (1 - p) if self.training else block(h))
        return self.head(h)


model = DropPathNet()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(8):
    x, y = torch.randn(8, 10), torch.randint(0, 3, (8,))
    loss = F.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
