import copy

import torch
from torch import nn

torch.manual_seed(0)
actor = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2), nn.Tanh())
critic = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
target_actor, target_critic = copy.deepcopy(actor), copy.deepcopy(critic)
opt_a = torch.optim.Adam(actor.parameters(), lr=1e-4)
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)


def soft_update(target, source, tau=0.01):
    with torch.no_grad():
        for t, s in zip(target.parameters(), source.parameters()):
            t.lerp_(s, tau)


for _ in range(3):
    s, a, r, s2 = torch.randn(8, 4), torch.rand(8, 2) * 2 - 1, torch.randn(8, 1), torch.randn(8, 4)
    with torch.no_grad():
        y = r + 0.99 * target_critic(torch.cat([s2, target_actor(s2)], 1))
    q_loss = (critic(torch.cat([s, a], 1)) - y).pow(2).mean()
    opt_c.zero_grad()
    q_loss.backward()
    opt_c.step()
    action = actor(s)
    p_loss = -critic(torch.cat([s, action], 1)).mean()
    opt_a.zero_grad()
    p_loss.backward()
    opt_a.step()
    soft_update(target_actor, actor)
    soft_update(target_critic, critic)
