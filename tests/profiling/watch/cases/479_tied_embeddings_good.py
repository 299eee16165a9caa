import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class TiedLM(nn.Module):
    def __init__(self, vocab=30, d=16):
        super().__init__()
        self.wte = nn.Embedding(vocab, d)
        self.blocks = nn.ModuleList(nn.GRU(d, d, batch_first=True) for _ in range(2))
        self.norm = nn.RMSNorm(d)
        self.lm_head = nn.Linear(d, vocab, bias=False)
        self.lm_head.weight = self.wte.weight
        self.apply(self._init)

    @torch.no_grad()
    def _init(self, m):
        if isinstance(m, nn.Embedding):
            m.weight.normal_(std=0.02)

    def forward(self, ids):
        h = self.wte(ids)
        for gru in self.blocks:
            h = h + gru(h)[0]
        return self.lm_head(self.norm(h))


lm = TiedLM()
opt = torch.optim.AdamW(lm.parameters(), lr=1e-3)
best = float("inf")
for step in range(3):
    ids = torch.randint(0, 30, (4, 10))
    loss = F.cross_entropy(lm(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    if loss.item() < best:
        best, snapshot = loss.item(), {k: v.detach().clone() for k, v in lm.state_dict().items()}
