import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(3)


class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower_a = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
        self.tower_b = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, user, item):
        u = F.normalize(self.tower_a(user), dim=-1)
        v = F.normalize(self.tower_b(item), dim=-1)
        return u @ v.t() / 0.1


model = TwoTower()
opt = torch.optim.Adagrad(model.parameters(), lr=0.05)
for step in range(4):
    scores = model(torch.randn(10, 8), torch.randn(10, 12))
    loss = F.cross_entropy(scores, torch.arange(10))
    opt.zero_grad()
    loss.backward()
    opt.step()
