import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class SimSiam(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.ReLU(True), nn.Linear(16, 8))
        self.h = nn.Sequential(nn.Linear(8, 4), nn.ReLU(True), nn.Linear(4, 8))

    def forward(self, a, b):
        za, zb = self.f(a), self.f(b)
        pa, pb = self.h(za), self.h(zb)
        sim = lambda p, z: -F.cosine_similarity(p, z.detach(), dim=-1).mean()
        return 0.5 * (sim(pa, zb) + sim(pb, za))


model = SimSiam()
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for i in range(5):
    x = torch.randn(32, 10)
    loss = model(x + 0.1 * torch.randn_like(x), x + 0.1 * torch.randn_like(x))
    opt.zero_grad()
    loss.backward()
    opt.step()
