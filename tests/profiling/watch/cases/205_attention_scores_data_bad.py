import math
import torch
from torch import nn

torch.manual_seed(0)


class SelfAttention(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.q = nn.Linear(d, d, bias=False)
        self.k = nn.Linear(d, d, bias=False)
        self.v = nn.Linear(d, d, bias=False)

    def forward(self, x, pad):
        scores = self.q(x) @ self.k(x).transpose(1, 2) / math.sqrt(x.size(-1))
        scores.data.masked_fill_(pad[:, None, :], float("-inf"))
        att = torch.softmax(scores.data, dim=-1)
        return att @ self.v(x)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(30, 16, padding_idx=0)
        self.attn = SelfAttention(16)
        self.out = nn.Linear(16, 2)

    def forward(self, ids):
        h = self.emb(ids)
        h = h + self.attn(h, ids == 0)
        return self.out(h.mean(1))


model = Encoder()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
ids = torch.randint(1, 30, (8, 10))
ids[:, 7:] = 0
labels = torch.randint(0, 2, (8,))
for step in range(4):
    opt.zero_grad()
    loss = nn.functional.cross_entropy(model(ids), labels)
    loss.backward()
    opt.step()
