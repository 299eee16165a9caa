import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
rng = np.random.default_rng(0)


class Filterbank(nn.Module):
    """Learned band-pass weights in front of the network."""

    def __init__(self, bins=33, bands=12):
        super().__init__()
        self.centres = nn.Parameter(torch.linspace(0, 1, bands))
        self.log_width = nn.Parameter(torch.full((bands,), -2.0))
        self.register_buffer("grid", torch.linspace(0, 1, bins))

    def forward(self, power):
        w = torch.exp(-((self.grid - self.centres[:, None]) / self.log_width.exp()[:, None]) ** 2)
        return torch.log1p(power @ w.t())


def spec_augment(feats, max_t=3):
    """Masks a few frames."""
    feats = feats.detach().cpu().numpy().copy()
    for i in range(len(feats)):
        t = rng.integers(1, max_t + 1)
        start = rng.integers(0, feats.shape[1] - t)
        feats[i, start:start + t] = 0.0
    return torch.from_numpy(feats)


filterbank = Filterbank()
classifier = nn.Sequential(nn.Flatten(), nn.Linear(12 * 10, 32), nn.ReLU(), nn.Linear(32, 5))
opt = torch.optim.Adam([*filterbank.parameters(), *classifier.parameters()], lr=1e-3)


def batches(n):
    for _ in range(n):
        yield torch.rand(6, 10, 33) ** 2, torch.randint(0, 5, (6,))


for power, label in batches(3):
    feats = spec_augment(filterbank(power))
    loss = F.cross_entropy(classifier(feats), label)
    opt.zero_grad()
    loss.backward()
    opt.step()
