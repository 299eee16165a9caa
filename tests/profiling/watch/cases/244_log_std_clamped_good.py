import torch
from torch import nn
from torch.distributions import Normal

torch.manual_seed(0)


class Agent(nn.Module):
    LOG_STD_MIN, LOG_STD_MAX = -5, 2

    def __init__(self):
        super().__init__()
        self.mu = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 2))
        self.log_std = nn.Parameter(torch.full((2,), -0.5))

    def dist(self, obs):
        log_std = torch.clamp(self.log_std, self.LOG_STD_MIN, self.LOG_STD_MAX)
        return Normal(self.mu(obs), log_std.exp())


agent = Agent()
opt = torch.optim.Adam(agent.parameters(), lr=1e-3)
for update in range(4):
    obs = torch.randn(32, 3)
    with torch.no_grad():
        act = agent.dist(obs).sample()
    adv = torch.randn(32)
    logp = agent.dist(obs).log_prob(act).sum(-1)
    loss = -(logp * adv).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
