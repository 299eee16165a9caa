import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
np.random.seed(0)


class Tower(nn.Module):
    def __init__(self, vocab=50, d=16):
        super().__init__()
        self.emb = nn.EmbeddingBag(vocab, d, mode="mean")
        self.mlp = nn.Sequential(nn.Linear(d, d), nn.Tanh(), nn.Linear(d, d))

    def forward(self, tokens):
        return F.normalize(self.mlp(self.emb(tokens)), dim=-1)


class DistanceHead(nn.Module):
    """Maps a distance to a match probability."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(-2.0))
        self.shift = nn.Parameter(torch.tensor(1.0))

    def forward(self, a, b):
        dist = torch.linalg.vector_norm(a - b, dim=1)
        return self.scale * dist + self.shift


tower, head = Tower(), DistanceHead()
opt = torch.optim.Adam([{"params": tower.parameters()}, {"params": head.parameters(), "lr": 1e-2}], lr=1e-3)


def make_pairs(n=12):
    left = np.random.randint(0, 50, (n, 7))
    same = np.random.rand(n) < 0.5
    right = np.where(same[:, None], np.roll(left, 1, axis=1), np.random.randint(0, 50, (n, 7)))
    return torch.from_numpy(left), torch.from_numpy(right), torch.from_numpy(same).float()


for step in range(3):
    left, right, same = make_pairs()
    logit = head(tower(left), tower(right))
    loss = F.binary_cross_entropy_with_logits(logit, same)
    opt.zero_grad()
    loss.backward()
    opt.step()
