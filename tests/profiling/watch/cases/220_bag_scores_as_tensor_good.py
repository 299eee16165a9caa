import torch
from torch import nn

torch.manual_seed(0)


class MIL(nn.Module):
    """Multiple instance learning: one bag holds a varying number of instances."""

    def __init__(self):
        super().__init__()
        self.scorer = nn.Sequential(nn.Linear(7, 10), nn.Tanh(), nn.Linear(10, 1))
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, bags):
        bag_scores = [self.scorer(bag).max() for bag in bags]
        return self.scale * torch.stack(bag_scores)


mil = MIL()
opt = torch.optim.Adam(mil.parameters(), lr=1e-2)
bags = [torch.randn(n, 7) for n in (3, 5, 2, 8)]
labels = torch.tensor([0.0, 1.0, 0.0, 1.0])
for epoch in range(5):
    opt.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(mil(bags), labels)
    loss.backward()
    opt.step()
