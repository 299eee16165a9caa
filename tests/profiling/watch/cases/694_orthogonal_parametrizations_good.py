import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize


class Symmetric(nn.Module):
    def forward(self, w):
        return w.triu() + w.triu(1).transpose(-1, -2)


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
parametrizations.orthogonal(net[0])
parametrize.register_parametrization(net[2], "weight", Symmetric())
parametrizations.weight_norm(net[4])
opt = torch.optim.RAdam(net.parameters(), lr=1e-2)
for _ in range(5):
    x = torch.randn(8, 4)
    with parametrize.cached():
        loss = nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long())
    opt.zero_grad()
    loss.backward()
    opt.step()
    assert (net[0].weight @ net[0].weight.T - torch.eye(4)).abs().max() < 1e-3
