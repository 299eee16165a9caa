import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 16), nn.ReLU())
        self.pi, self.v = nn.Linear(16, 2), nn.Linear(16, 1)
        self.saved = []

    def act(self, s):
        h = self.body(s)
        d = Categorical(logits=self.pi(h))
        a = d.sample()
        self.saved.append((d.log_prob(a), d.entropy(), self.v(h).squeeze(-1)))
        return a.item()


agent = Agent()
opt = torch.optim.Adam(agent.parameters(), 1e-2)
for update in range(3):
    all_returns = []
    for ep in range(3):
        s, rewards = torch.randn(3), []
        for t in range(5):
            a = agent.act(s)
            rewards.append(float(s[0]) * (1 if a else -1))
            s = 0.8 * s + 0.3 * torch.randn(3)
        all_returns += torch.tensor(rewards).flip(0).cumsum(0).flip(0).tolist()
    logp, ent, val = (torch.stack(t) for t in zip(*agent.saved))
    ret = torch.tensor(all_returns)
    adv = ret - val.detach()
    loss = -(logp * adv).mean() + 0.5 * (ret - val).square().mean() - 0.01 * ent.mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    agent.saved.clear()
