import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)


class Adapter(nn.Module):
    def __init__(self, d, r=4):
        super().__init__()
        self.down, self.up = nn.Linear(d, r), nn.Linear(r, d)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return x + self.up(F.gelu(self.down(x)))


class Encoder(nn.Module):
    def __init__(self, d=16, depth=2):
        super().__init__()
        self.emb = nn.Embedding(25, d)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(d, 2, 32, 0.0, batch_first=True) for _ in range(depth))
        self.adapters = nn.ModuleList(Adapter(d) for _ in range(depth))
        self.head = nn.Linear(d, 3)

    def _layer(self, i, h):
        return self.adapters[i](self.layers[i](h))

    def forward(self, ids):
        h = self.emb(ids).requires_grad_()
        for i in range(len(self.layers)):
            h = checkpoint(self._layer, i, h, use_reentrant=True)
        return self.head(h.mean(1))


model = Encoder()
model.emb.requires_grad_(False)
model.layers.requires_grad_(False)
opt = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=1e-2)
for step in range(3):
    ids, y = torch.randint(0, 25, (4, 8)), torch.randint(0, 3, (4,))
    loss = F.cross_entropy(model(ids), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
