from typing import NamedTuple
import torch
from torch import nn


class Scale(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.conv = nn.Conv1d(1, 2, k, padding=k // 2)

    def forward(self, x):
        return self.conv(x).amax(-1)


torch.manual_seed(0)
scales = (Scale(3), Scale(5))
head = nn.Linear(4, 2)
all_params = []
for m in (scales, head):
    if isinstance(m, nn.Module):
        all_params += list(m.parameters())
opt = torch.optim.Adam(all_params, lr=1e-2)
for _ in range(5):
    x = torch.randn(6, 1, 12)
    loss = nn.functional.cross_entropy(head(torch.cat([s(x) for s in scales], 1)), torch.randint(0, 2, (6,)))
    opt.zero_grad()
    loss.backward()
    opt.step()
