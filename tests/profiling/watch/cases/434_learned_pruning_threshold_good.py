import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class PrunedLinear(nn.Linear):
    """Weights below a learned magnitude are switched off."""

    def __init__(self, d_in, d_out):
        super().__init__(d_in, d_out)
        self.threshold = nn.Parameter(torch.full((d_out, 1), 0.05))

    def sparsity(self):
        return (self.weight.abs() < self.threshold).float().mean().item()

    def forward(self, x):
        mask = torch.sigmoid((self.weight.abs() - self.threshold) / 0.02)
        return F.linear(x, self.weight * mask, self.bias)


model = nn.Sequential(PrunedLinear(16, 32), nn.ReLU(), PrunedLinear(32, 32), nn.ReLU(), PrunedLinear(32, 3))
decay, no_decay = [], []
for name, p in model.named_parameters():
    (no_decay if p.ndim == 1 or name.endswith("threshold") else decay).append(p)
optimizer = torch.optim.AdamW([
    {"params": decay, "weight_decay": 1e-2},
    {"params": no_decay, "weight_decay": 0.0},
], lr=2e-3)
for step in range(4):
    x, y = torch.randn(24, 16), torch.randint(0, 3, (24,))
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 2 == 0:
        print(step, ["%.3f" % m.sparsity() for m in model if isinstance(m, PrunedLinear)])
