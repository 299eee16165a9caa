import math
import torch
from torch import nn

torch.manual_seed(0)
mean_net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
log_sigma = nn.Parameter(torch.zeros(1))
opt = torch.optim.Adam(list(mean_net.parameters()) + [log_sigma], lr=1e-2)


def gaussian_nll(mu, y):
    sigma = math.exp(log_sigma)
    return 0.5 * ((y - mu) / sigma) ** 2 + math.log(sigma)


x = torch.rand(64, 2)
y = x.sum(1, keepdim=True) + 0.3 * torch.randn(64, 1)
for epoch in range(5):
    opt.zero_grad()
    nll = gaussian_nll(mean_net(x), y).mean()
    nll.backward()
    opt.step()
