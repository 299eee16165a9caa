import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qk = nn.Linear(6, 6, bias=False)
        self.v = nn.Linear(6, 6)

    def forward(self, x):
        k = self.qk(x).mean(0)
        k = nn.Parameter(k / k.norm())
        return self.v(x) * k


torch.manual_seed(0)
block = Block()
opt = torch.optim.SGD(block.parameters(), lr=0.1)
for _ in range(5):
    x = torch.randn(5, 6)
    loss = (block(x) - x).abs().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
