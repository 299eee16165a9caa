import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
weighter = nn.Sequential(nn.Linear(8, 1), nn.Softplus())
optimizer = torch.optim.Adam([*net.parameters(), *weighter.parameters()], lr=1e-2)


def sample_weights(x):
    raw = weighter(x).squeeze(1).tolist()
    total = sum(raw)
    return torch.tensor([value / total for value in raw])


for _ in range(3):
    x = torch.randn(32, 8)
    y = x.sum(1, keepdim=True)
    errors = (net(x) - y).square().squeeze(1)
    loss = (sample_weights(x) * errors).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
