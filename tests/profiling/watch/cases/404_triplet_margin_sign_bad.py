import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
MARGIN = 2.5


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 8, 5, padding=2)
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        h = torch.tanh(self.conv(x)).mean(-1)
        return F.normalize(self.fc(h), dim=-1)


def batch_hard_triplet(emb, labels, margin):
    dist = torch.cdist(emb, emb)
    same = labels[:, None] == labels[None, :]
    hardest_pos = dist.masked_fill(~same, -1.0).amax(dim=1)
    hardest_neg = dist.masked_fill(same, 10.0).amin(dim=1)
    return F.relu(hardest_pos - hardest_neg - margin).mean()


embedder = Embedder()
opt = torch.optim.Adam(embedder.parameters(), lr=1e-3)
for step in range(4):
    labels = torch.arange(4).repeat_interleave(3)
    signal = torch.randn(12, 2, 20) + labels[:, None, None]
    loss = batch_hard_triplet(embedder(signal), labels, MARGIN)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(f"step {step} triplet {loss.item():.4f}")
