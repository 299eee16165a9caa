import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Encoder(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.projector = nn.Sequential(nn.Linear(32, d, bias=False), nn.BatchNorm1d(d), nn.ReLU(), nn.Linear(d, d))

    def forward(self, x):
        return self.projector(self.backbone(x))


encoder = Encoder()
predictor = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 16))
optimizer = torch.optim.SGD([
    {"params": encoder.parameters()},
    {"params": predictor.parameters(), "weight_decay": 0.0},
], lr=0.05, momentum=0.9)


def negative_cosine(p, z):
    z = z.detach()  # stop gradient
    return -F.cosine_similarity(p, z, dim=-1).mean()


def augment(x):
    shift = int(torch.randint(-2, 3, ()))
    return x.roll(shift, dims=-1) * (0.8 + 0.4 * torch.rand(x.size(0), 1, 1, 1))


for step in range(3):
    images = torch.randn(10, 1, 12, 12)
    z1, z2 = encoder(augment(images)), encoder(augment(images))
    p1, p2 = predictor(z1), predictor(z2)
    loss = 0.5 * negative_cosine(p1, z2) + 0.5 * negative_cosine(p2, z1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
