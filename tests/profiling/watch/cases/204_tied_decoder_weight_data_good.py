import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class TinyLM(nn.Module):
    def __init__(self, vocab=40, dim=16):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)

    def forward(self, ids):
        table = self.emb.weight
        h, _ = self.rnn(F.embedding(ids, table))
        return F.linear(h, table)


lm = TinyLM()
opt = torch.optim.AdamW(lm.parameters(), lr=1e-3)
data = torch.randint(0, 40, (8, 13))
for _ in range(4):
    logits = lm(data[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, 40), data[:, 1:].reshape(-1))
    opt.zero_grad()
    loss.backward()
    opt.step()
