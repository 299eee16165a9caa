import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)
actor = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))
critic = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
opt = torch.optim.Adam([{"params": actor.parameters(), "lr": 3e-3}, {"params": critic.parameters(), "lr": 1e-2}])
gamma = 0.98


class ToyEnv:
    def reset(self):
        self.t, self.s = 0, torch.randn(4)
        return self.s

    def step(self, action):
        self.t += 1
        self.s = 0.9 * self.s + (0.2 if action == 1 else -0.2)
        return self.s, float(-self.s.abs().sum()), self.t >= 10


def rollout(env):
    obs, log_probs, rewards = [], [], []
    s, done = env.reset(), False
    while not done:
        dist = Categorical(logits=actor(s))
        a = dist.sample()
        obs.append(s)
        log_probs.append(dist.log_prob(a))
        s, r, done = env.step(a.item())
        rewards.append(r)
    returns, R = [], 0.0
    for r in reversed(rewards):
        R = r + gamma * R
        returns.insert(0, R)
    return torch.stack(obs), torch.stack(log_probs), torch.tensor(returns)


env = ToyEnv()
for episode in range(3):
    obs, log_probs, returns = rollout(env)
    values = critic(obs).squeeze(-1)
    advantage = returns - values.detach()
    policy_loss = -(log_probs * advantage).mean()
    value_loss = (returns - values).pow(2).mean()
    opt.zero_grad()
    (policy_loss + 0.5 * value_loss).backward()
    opt.step()
