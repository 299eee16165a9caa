import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class Lora(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = nn.Linear(6, 6).requires_grad_(False)
        self.down, self.up = nn.Linear(6, 2, bias=False), nn.Linear(2, 6, bias=False)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


torch.manual_seed(0)
emb = nn.Embedding(10, 6).requires_grad_(False)
lora, head = Lora(), nn.Linear(6, 10)
opt = torch.optim.AdamW([p for m in (lora, head) for p in m.parameters() if p.requires_grad], lr=1e-2)
for _ in range(5):
    ids = torch.randint(0, 10, (4, 5))
    h = checkpoint(lora, emb(ids), use_reentrant=False)
    loss = nn.functional.cross_entropy(head(h).flatten(0, 1), ids.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
