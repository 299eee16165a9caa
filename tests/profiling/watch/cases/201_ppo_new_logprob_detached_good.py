import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(1)


class ActorCritic(nn.Module):
    def __init__(self, obs_dim=6, n_actions=3):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(obs_dim, 32), nn.Tanh(), nn.Linear(32, n_actions))
        self.critic = nn.Sequential(nn.Linear(obs_dim, 32), nn.Tanh(), nn.Linear(32, 1))

    def act(self, obs):
        dist = Categorical(logits=self.actor(obs))
        action = dist.sample()
        return action, dist.log_prob(action).detach()

    def evaluate(self, obs, action):
        dist = Categorical(logits=self.actor(obs))
        logp = dist.log_prob(action)
        return logp, self.critic(obs).squeeze(-1)


policy = ActorCritic()
opt = torch.optim.Adam(policy.parameters(), lr=3e-4)
obs = torch.randn(64, 6)
actions, old_logp = policy.act(obs)
returns = torch.randn(64)
for epoch in range(4):
    logp, value = policy.evaluate(obs, actions)
    adv = (returns - value).detach()
    ratio = (logp - old_logp).exp()
    surr = torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv)
    loss = -surr.mean() + 0.5 * (returns - value).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
    opt.step()
