import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class SparseMoE(nn.Module):
    def __init__(self, d=8, n=6, k=2):
        super().__init__()
        self.gate, self.k = nn.Linear(d, n, bias=False), k
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(d, 16), nn.SiLU(), nn.Linear(16, d)) for _ in range(n))

    def forward(self, x):
        logits = self.gate(x)
        top, idx = logits.topk(self.k, dim=-1)
        w = top.softmax(-1)
        out = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            row, slot = (idx == e).nonzero(as_tuple=True)
            if len(row) == 0:
                continue
            out = out.index_add(0, row, w[row, slot, None] * expert(x[row]))
        load = F.one_hot(idx, len(self.experts)).float().mean((0, 1))
        balance = len(self.experts) * (load * logits.softmax(-1).mean(0)).sum()
        return x + out, balance


moe, head = SparseMoE(), nn.Linear(8, 3)
opt = torch.optim.AdamW([*moe.parameters(), *head.parameters()], 1e-3)
for step in range(12):
    x, y = torch.randn(2, 8), torch.randint(0, 3, (2,))
    h, balance = moe(x)
    loss = F.cross_entropy(head(h), y) + 0.01 * balance
    opt.zero_grad()
    loss.backward()
    opt.step()
