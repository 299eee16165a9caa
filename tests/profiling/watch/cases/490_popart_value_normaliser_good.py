import torch
from torch import nn

torch.manual_seed(0)


class PopArt(nn.Module):
    def __init__(self, d, beta=0.1):
        super().__init__()
        self.linear = nn.Linear(d, 1)
        self.beta = beta
        self.register_buffer("mu", torch.zeros(1))
        self.register_buffer("sq", torch.ones(1))

    @property
    def sigma(self):
        return (self.sq - self.mu ** 2).clamp(min=1e-4).sqrt()

    @torch.no_grad()
    def update(self, targets):
        old_mu, old_sigma = self.mu.clone(), self.sigma.clone()
        self.mu.lerp_(targets.mean(), self.beta)
        self.sq.lerp_(targets.square().mean(), self.beta)
        self.linear.weight.mul_(old_sigma / self.sigma)
        self.linear.bias.mul_(old_sigma).add_(old_mu - self.mu).div_(self.sigma)

    def forward(self, h):
        return self.linear(h).squeeze(-1)


trunk, value = nn.Sequential(nn.Linear(6, 24), nn.Tanh()), PopArt(24)
opt = torch.optim.Adam([*trunk.parameters(), *value.parameters()], 1e-3)
for step in range(4):
    obs = torch.randn(32, 6)
    returns = 100 + 20 * obs[:, 0] + torch.randn(32)
    value.update(returns)
    target = (returns - value.mu) / value.sigma
    loss = (value(trunk(obs)) - target).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
