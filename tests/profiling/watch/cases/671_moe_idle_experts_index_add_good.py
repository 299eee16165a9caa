import torch
from torch import nn


class MoE(nn.Module):
    def __init__(self, d=6, n=4):
        super().__init__()
        self.router = nn.Linear(d, n)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d)) for _ in range(n))

    def forward(self, x):
        p = self.router(x).softmax(-1)
        top, idx = p.topk(1, dim=-1)
        out = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            rows = (idx[:, 0] == e).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            out.index_add_(0, rows, expert(x[rows]) * top[rows])
        return out


torch.manual_seed(1)
moe = MoE()
opt = torch.optim.Adam(moe.parameters(), lr=1e-2)
for step in range(10):
    x = torch.randn(3, 6) * 3
    loss = (moe(x) - x).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
