import math

import numpy as np
import torch
from torch import nn


class Coupling(nn.Module):
    def __init__(self, dim):
        super().__init__()
        half = dim // 2
        self.scale_net = nn.Sequential(nn.Linear(half, 16), nn.Tanh(), nn.Linear(16, half))
        self.shift_net = nn.Sequential(nn.Linear(half, 16), nn.Tanh(), nn.Linear(16, half))

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        s = self.scale_net(a)
        s = torch.from_numpy(np.clip(s.detach().numpy(), -2.0, 2.0))
        y = b * torch.exp(s) + self.shift_net(a)
        return torch.cat([a, y], 1), s.sum(1)


torch.manual_seed(0)
flow = Coupling(4)
opt = torch.optim.Adam(flow.parameters(), lr=1e-2)
for step in range(3):
    x = torch.randn(32, 4) * 2 + 1
    z, logdet = flow(x)
    nll = 0.5 * (z**2).sum(1) + 2 * math.log(2 * math.pi) - logdet
    opt.zero_grad()
    nll.mean().backward()
    opt.step()
    print(step, float(nll.mean()))
