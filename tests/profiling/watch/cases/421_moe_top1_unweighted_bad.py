import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Top1MoE(nn.Module):
    def __init__(self, d=16, n_experts=3):
        super().__init__()
        self.router = nn.Linear(d, n_experts, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(d, 32), nn.GELU(), nn.Linear(32, d)) for _ in range(n_experts)
        )

    def forward(self, x):
        tokens = x.reshape(-1, x.size(-1))
        probs = F.softmax(self.router(tokens), dim=-1)
        top_p, top_i = probs.max(dim=-1)
        out = torch.zeros_like(tokens)
        for e, expert in enumerate(self.experts):
            rows = (top_i == e).nonzero(as_tuple=True)[0]
            if rows.numel():
                y = expert(tokens[rows])
                out = out.index_add(0, rows, y)
        return out.view_as(x)


class Classifier(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.emb = nn.Embedding(40, d)
        self.norm = nn.LayerNorm(d)
        self.moe = Top1MoE(d)
        self.head = nn.Linear(d, 5)

    def forward(self, ids):
        h = self.emb(ids)
        h = h + self.moe(self.norm(h))
        return self.head(h.mean(1))


model = Classifier()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(3):
    ids, y = torch.randint(0, 40, (8, 12)), torch.randint(0, 5, (8,))
    loss = F.cross_entropy(model(ids), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
