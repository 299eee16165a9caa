import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
actor = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2), nn.Tanh())
critic = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
critic_target = copy.deepcopy(critic).requires_grad_(False)
actor_target = copy.deepcopy(actor).requires_grad_(False)
actor_opt = torch.optim.Adam(actor.parameters(), lr=1e-3)
critic_opt = torch.optim.Adam(critic.parameters(), lr=1e-3)


def q(net, s, a):
    return net(torch.cat([s, a], dim=1))


for step in range(4):
    s, a, r, s2 = torch.randn(32, 4), torch.rand(32, 2) * 2 - 1, torch.randn(32, 1), torch.randn(32, 4)
    with torch.no_grad():
        target = r + 0.99 * q(critic_target, s2, actor_target(s2))
    critic_loss = F.mse_loss(q(critic, s, a), target)
    critic_opt.zero_grad()
    critic_loss.backward()
    critic_opt.step()

    actor_loss = -q(critic, s, actor(s)).mean()
    actor_opt.zero_grad()
    actor_loss.backward()
    actor_opt.step()
    for net, tgt in ((actor, actor_target), (critic, critic_target)):
        for p, tp in zip(net.parameters(), tgt.parameters()):
            tp.data.mul_(0.995).add_(0.005 * p.data)
