import torch
from torch import nn


def meter():
    total, count = 0.0, 0

    def update(loss):
        nonlocal total, count
        total = total + loss
        count += 1
        return total / count

    return update


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 6), nn.Sigmoid(), nn.Linear(6, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.01)
update = meter()
for i in range(12):
    x = torch.randn(4, 6)
    loss = (model(x).squeeze(1) - x.sum(1)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    avg = update(loss)
