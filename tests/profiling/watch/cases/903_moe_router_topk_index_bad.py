import torch
from torch import nn


class Moe(nn.Module):
    def __init__(self, dim=8, experts=4, k=2):
        super().__init__()
        self.router = nn.Linear(dim, experts, bias=False)
        self.experts = nn.ModuleList(nn.Linear(dim, dim) for _ in range(experts))
        self.k = k

    def forward(self, x):
        probs = self.router(x).softmax(-1)
        chosen = probs.topk(self.k, dim=-1).indices
        out = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            rows, _ = (chosen == e).nonzero(as_tuple=True)
            if len(rows):
                out = out.index_add(0, rows, expert(x[rows]) / self.k)
        return out


torch.manual_seed(0)
layer, head = Moe(), nn.Linear(8, 3)
opt = torch.optim.SGD(list(layer.parameters()) + list(head.parameters()), 0.1)
for _ in range(3):
    x, y = torch.randn(64, 8), torch.randint(3, (64,))
    loss = nn.functional.cross_entropy(head(layer(x)), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
