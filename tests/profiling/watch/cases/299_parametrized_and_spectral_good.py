import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

torch.manual_seed(0)


class Symmetric(nn.Module):
    def forward(self, w):
        return w.triu() + w.triu(1).transpose(-1, -2)


sym = nn.Linear(6, 6)
parametrize.register_parametrization(sym, "weight", Symmetric())
net = nn.Sequential(
    parametrizations.spectral_norm(nn.Linear(4, 6)), nn.LeakyReLU(0.1),
    sym, nn.Tanh(),
    parametrizations.weight_norm(nn.Linear(6, 1)),
)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for i in range(4):
    x = torch.randn(16, 4)
    loss = (net(x) - x.sum(1, keepdim=True)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
