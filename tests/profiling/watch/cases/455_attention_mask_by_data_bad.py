import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class LocalAttention(nn.Module):
    def __init__(self, vocab=30, d=16, window=2):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.q, self.k, self.v = nn.Linear(d, d), nn.Linear(d, d, bias=False), nn.Linear(d, d)
        self.out = nn.Linear(d, vocab)
        self.window = window

    def band(self, n):
        i = torch.arange(n)
        return (i[:, None] - i[None, :]).abs() > self.window

    def forward(self, ids):
        h = self.emb(ids)
        q, k, v = self.q(h), self.k(h), self.v(h)
        att = (q @ k.transpose(1, 2) / q.size(-1) ** 0.5).softmax(-1)
        att.data.masked_fill_(self.band(ids.size(1)), 0.0)  # local window
        return self.out(att @ v)


model = LocalAttention()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)


def mask_tokens(ids, p=0.3):
    masked = torch.rand(ids.shape) < p
    masked[:, 0] = True
    return ids.masked_fill(masked, 0), masked


for step in range(3):
    ids = torch.randint(1, 30, (6, 12))
    inputs, masked = mask_tokens(ids)
    logits = model(inputs)
    loss = F.cross_entropy(logits[masked], ids[masked])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item())
