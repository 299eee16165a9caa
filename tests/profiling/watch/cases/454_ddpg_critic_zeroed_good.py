import copy
from types import SimpleNamespace

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Critic(nn.Module):
    def __init__(self, obs=5, act=2):
        super().__init__()
        self.q = nn.Sequential(nn.Linear(obs + act, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, o, a):
        return self.q(torch.cat([o, a], dim=-1)).squeeze(-1)


actor = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 2), nn.Tanh())
critic = Critic()
target_actor = copy.deepcopy(actor).requires_grad_(False)
target_critic = copy.deepcopy(critic).requires_grad_(False)
actor_opt = torch.optim.Adam(actor.parameters(), lr=1e-4)
critic_opt = torch.optim.Adam(critic.parameters(), lr=1e-3)
GAMMA, TAU = 0.99, 0.01


def sample(n=32):
    return SimpleNamespace(o=torch.randn(n, 5), a=torch.rand(n, 2) * 2 - 1, r=torch.randn(n), o2=torch.randn(n, 5))


def polyak(src, dst):
    with torch.no_grad():
        for s, d in zip(src.parameters(), dst.parameters()):
            d.lerp_(s, TAU)


def update(batch):
    y = batch.r + GAMMA * target_critic(batch.o2, target_actor(batch.o2))
    critic_loss = F.mse_loss(critic(batch.o, batch.a), y)
    critic_opt.zero_grad()
    critic_loss.backward()
    critic_opt.step()
    actor_loss = -critic(batch.o, actor(batch.o)).mean()
    actor_opt.zero_grad()
    actor_loss.backward()
    actor_opt.step()
    polyak(actor, target_actor)
    polyak(critic, target_critic)
    return critic_loss.item(), actor_loss.item()


for step in range(4):
    lc, la = update(sample())
    print(f"{step}: critic {lc:.3f} actor {la:.3f}")
