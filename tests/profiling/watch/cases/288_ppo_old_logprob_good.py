import torch
from torch import nn
from torch.distributions import Normal

torch.manual_seed(0)


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 16), nn.Tanh())
        self.mu, self.v = nn.Linear(16, 1), nn.Linear(16, 1)
        self.log_std = nn.Parameter(torch.zeros(1))

    def forward(self, s):
        h = self.body(s)
        return Normal(self.mu(h), self.log_std.exp()), self.v(h).squeeze(-1)


agent = Agent()
opt = torch.optim.Adam(agent.parameters(), lr=1e-3)
for update in range(3):
    obs = torch.randn(40, 3)
    with torch.no_grad():
        dist, values = agent(obs)
        act = dist.sample()
        old_logp = dist.log_prob(act).sum(-1)
    ret = torch.randn(40)
    adv = ret - values
    for idx in torch.randperm(40).split(10):
        dist, v = agent(obs[idx])
        ratio = (dist.log_prob(act[idx]).sum(-1) - old_logp[idx]).exp()
        pg = -torch.min(ratio * adv[idx], ratio.clamp(0.8, 1.2) * adv[idx]).mean()
        loss = pg + 0.5 * (v - ret[idx]).pow(2).mean() - 0.01 * dist.entropy().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
