from collections import namedtuple
import torch
from torch import nn
from torch.distributions import Normal, Independent

Nets = namedtuple("Nets", "actor critic")


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 16), nn.ReLU())
        self.mu = nn.Linear(16, 2)
        self.log_std = nn.Linear(16, 2)

    def forward(self, s):
        h = self.body(s)
        dist = Independent(Normal(self.mu(h), self.log_std(h).clamp(-3, 1).exp()), 1)
        return dist.sample()


def main():
    torch.manual_seed(4)
    actor = Actor()
    nets = Nets(actor, nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1)))
    opt_a = torch.optim.Adam(nets.actor.parameters(), lr=1e-3)
    opt_c = torch.optim.Adam(nets.critic.parameters(), lr=1e-3)
    for _ in range(5):
        s = torch.randn(8, 4)
        q = nets.critic(torch.cat([s, torch.randn(8, 2)], 1))
        opt_c.zero_grad()
        (q - s.sum(1, keepdim=True)).pow(2).mean().backward()
        opt_c.step()
        loss = -nets.critic(torch.cat([s, nets.actor(s)], 1)).mean()
        opt_a.zero_grad()
        loss.backward()
        opt_a.step()


main()
