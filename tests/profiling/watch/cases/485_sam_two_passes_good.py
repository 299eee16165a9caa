import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class SAM:
    def __init__(self, params, base, rho=0.05):
        self.params, self.base, self.rho, self.eps = list(params), base, rho, {}

    @torch.no_grad()
    def ascend(self):
        norm = torch.stack([p.grad.norm() for p in self.params]).norm()
        for p in self.params:
            self.eps[p] = p.grad * (self.rho / (norm + 1e-12))
            p.add_(self.eps[p])
        self.base.zero_grad()

    @torch.no_grad()
    def descend(self):
        for p in self.params:
            p.sub_(self.eps[p])
        self.base.step()
        self.base.zero_grad()


model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8 * 36, 3))
base = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
sam = SAM(model.parameters(), base)
for step in range(3):
    x, y = torch.randn(6, 1, 8, 8), torch.randint(0, 3, (6,))
    F.cross_entropy(model(x), y).backward()
    sam.ascend()
    F.cross_entropy(model(x), y).backward()
    sam.descend()
