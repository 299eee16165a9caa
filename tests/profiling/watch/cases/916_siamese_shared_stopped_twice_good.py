import torch
from torch import nn

torch.manual_seed(0)
siamese = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 6))
scale = nn.Parameter(torch.tensor(1.0))
opt = torch.optim.Adagrad([*siamese.parameters(), scale], lr=0.01)


def embed(x, *, track):
    e = siamese(x)
    return e if track else e.detach()


for i in range(3):
    a, b, same = torch.randn(10, 12), torch.randn(10, 12), torch.randint(2, (10,)).float()
    left, right = embed(a, track=False), embed(b, track=i >= 0)
    d = (left - right).norm(dim=1) * scale
    loss = (same * d**2 + (1 - same) * (1 - d).clamp(min=0) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
