import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class UncertaintyWeighting(nn.Module):
    """Kendall et al.: every task has a learned log variance."""

    def __init__(self, tasks):
        super().__init__()
        self.log_vars = nn.ParameterDict({t: nn.Parameter(torch.zeros(())) for t in tasks})

    def forward(self, losses):
        names = list(losses)
        stacked = torch.stack([losses[n] for n in names])
        s = torch.tensor([self.log_vars[n] for n in names])
        return (torch.exp(-s) * stacked + 0.5 * s).sum()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.seg = nn.Conv2d(8, 4, 1)
        self.depth = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        h = self.trunk(x)
        return {"seg": self.seg(h), "depth": self.depth(h)}


net = Net()
weighting = UncertaintyWeighting(["seg", "depth"])
opt = torch.optim.Adam([{"params": net.parameters()}, {"params": weighting.parameters(), "lr": 1e-2}], lr=1e-3)
for step in range(3):
    x = torch.randn(2, 3, 10, 10)
    seg, depth = torch.randint(0, 4, (2, 10, 10)), torch.rand(2, 1, 10, 10)
    out = net(x)
    losses = {"seg": F.cross_entropy(out["seg"], seg), "depth": F.l1_loss(out["depth"], depth)}
    total = weighting(losses)
    opt.zero_grad()
    total.backward()
    opt.step()
