import torch
from torch import nn


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(20, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.emb.weight

    def forward(self, e):
        return self.head(self.layer(e))


torch.manual_seed(0)
lm = LM().eval()
lm.requires_grad_(False)
prompt = nn.Parameter(lm.emb.weight[:4].clone().detach())
opt = torch.optim.Adam([prompt], lr=0.1)
for _ in range(5):
    ids = torch.randint(0, 20, (3, 6))
    e = torch.cat([prompt.expand(3, -1, -1), lm.emb(ids)], 1)
    logits = lm(e)[:, 4:-1]
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
