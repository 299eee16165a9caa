import torch
from torch import nn

torch.manual_seed(0)


class AdaptiveTripletLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.margin = nn.Parameter(torch.tensor(1.0))

    def forward(self, a, p, n):
        margin = float(self.margin)
        dap = (a - p).pow(2).sum(1)
        dan = (a - n).pow(2).sum(1)
        return torch.relu(dap - dan + margin).mean() + 0.1 * (margin - 1.5) ** 2


embed = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5))
criterion = AdaptiveTripletLoss()
optimizer = torch.optim.Adam([*embed.parameters(), *criterion.parameters()], lr=1e-3)
for step in range(5):
    a, p, n = (torch.randn(16, 10) for _ in range(3))
    loss = criterion(embed(a), embed(p), embed(n))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
