import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

torch.manual_seed(0)
emb = nn.Embedding(20, 8)
blocks = nn.Sequential(*[nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Dropout(0.1)) for _ in range(4)])
att = nn.MultiheadAttention(8, 2, batch_first=True)
head = nn.Linear(8, 20)
mods = nn.ModuleList([emb, blocks, att, head])
opt = torch.optim.AdamW(mods.parameters(), lr=1e-3)
for _ in range(4):
    ids = torch.randint(0, 20, (3, 6))
    h = checkpoint_sequential(blocks, 2, emb(ids), use_reentrant=False)
    h = checkpoint(lambda t: att(t, t, t, need_weights=False)[0] + t, h, use_reentrant=True)
    loss = nn.functional.cross_entropy(head(h)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
