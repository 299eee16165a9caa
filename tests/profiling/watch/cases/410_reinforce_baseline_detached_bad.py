import torch
from torch import nn
from torch.distributions import Bernoulli

torch.manual_seed(0)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRUCell(3, 12)
        self.head = nn.Linear(12, 1)

    def forward(self, x, h):
        h = self.rnn(x, h)
        return Bernoulli(logits=self.head(h).squeeze(-1)), h


policy = Policy()
baseline = nn.Sequential(nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 1))
opt_policy = torch.optim.Adam(policy.parameters(), lr=1e-3)
opt_base = torch.optim.Adam(baseline.parameters(), lr=1e-2)


def episode(batch=8, steps=6):
    h = torch.zeros(batch, 12)
    logps, values, rewards = [], [], []
    for t in range(steps):
        x = torch.randn(batch, 3)
        dist, h = policy(x, h)
        a = dist.sample()
        logps.append(dist.log_prob(a))
        values.append(baseline(h.detach()).squeeze(-1))
        rewards.append(a * x[:, 0] - 0.1 * a)
    returns = torch.stack(rewards).flip(0).cumsum(0).flip(0)
    return torch.stack(logps), torch.stack(values), returns


for it in range(3):
    logps, values, returns = episode()
    advantage = returns - values.detach()
    loss = -(logps * advantage).mean()
    opt_policy.zero_grad()
    opt_base.zero_grad()
    loss.backward()
    opt_policy.step()
    opt_base.step()
