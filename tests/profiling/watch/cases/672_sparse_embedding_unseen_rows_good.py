import torch
from torch import nn

torch.manual_seed(0)
users = nn.Embedding(500, 8, sparse=True)
words = nn.EmbeddingBag(300, 8, mode="sum", sparse=True, padding_idx=0)
pos = nn.Embedding(6, 8, padding_idx=0)
out = nn.Linear(8, 1)
sp = torch.optim.SparseAdam([*users.parameters(), *words.parameters()], lr=0.01)
de = torch.optim.Adam([*out.parameters(), *pos.parameters()], lr=0.01)
for _ in range(5):
    u, w = torch.randint(0, 50, (6,)), torch.randint(0, 20, (6, 4))
    h = users(u) * words(w) + pos(torch.randint(0, 6, (6, 3))).mean(1)
    loss = nn.functional.binary_cross_entropy_with_logits(out(h).squeeze(1), (u % 2).float())
    sp.zero_grad()
    de.zero_grad()
    loss.backward()
    sp.step()
    de.step()
