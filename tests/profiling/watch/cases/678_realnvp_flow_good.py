import torch
from torch import nn
from torch.distributions import MultivariateNormal


class Coupling(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)
        self.s = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2), nn.Tanh())
        self.t = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))

    def forward(self, x):
        h = x * self.mask
        s, t = self.s(h) * (1 - self.mask), self.t(h) * (1 - self.mask)
        return h + (1 - self.mask) * ((x - t) * torch.exp(-s)), -s.sum(1)


torch.manual_seed(0)
flow = nn.ModuleList(Coupling(torch.tensor(m)) for m in ([1.0, 0.0], [0.0, 1.0], [1.0, 0.0]))
prior = MultivariateNormal(torch.zeros(2), torch.eye(2))
opt = torch.optim.Adam(flow.parameters(), lr=1e-3)
for _ in range(5):
    x = torch.randn(32, 2) * 0.5 + 1
    ld = x.new_zeros(len(x))
    for layer in flow:
        x, d = layer(x)
        ld += d
    loss = -(prior.log_prob(x) + ld).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
