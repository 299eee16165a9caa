import torch
from torch import nn

torch.manual_seed(0)
emb, att, cls = nn.Embedding(20, 8), nn.Linear(8, 1), nn.Linear(8, 2)
params = [p for m in (emb, att, cls) for p in m.parameters()]
opt = torch.optim.Adam(params)


def pool(tokens):
    h = emb(tokens)
    w = att(h).squeeze(-1).softmax(dim=1)
    pad = tokens == 0
    w.masked_fill_(pad, 0.0)
    return (w.unsqueeze(-1) * h).sum(1)


for _ in range(4):
    t = torch.randint(0, 20, (6, 7))
    loss = nn.functional.cross_entropy(cls(pool(t)), t[:, 0] % 2)
    opt.zero_grad()
    loss.backward()
    opt.step()
