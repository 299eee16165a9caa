import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
actor = nn.Sequential(nn.Linear(3, 24), nn.ReLU(), nn.Linear(24, 2))
critic = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 1))
target = copy.deepcopy(critic).requires_grad_(False)
log_alpha = torch.zeros(1, requires_grad=True)
opt_a = torch.optim.Adam(actor.parameters(), lr=3e-4)
opt_c = torch.optim.Adam(critic.parameters(), lr=3e-4)
opt_alpha = torch.optim.Adam([log_alpha], lr=3e-4)


def sample(s):
    mu, log_std = actor(s).chunk(2, -1)
    d = torch.distributions.Normal(mu, log_std.clamp(-5, 2).exp())
    a = d.rsample()
    return torch.tanh(a), d.log_prob(a) - torch.log(1 - torch.tanh(a) ** 2 + 1e-6)


for step in range(5):
    s, a, r, s2 = torch.randn(32, 3), torch.rand(32, 1) * 2 - 1, torch.randn(32, 1), torch.randn(32, 3)
    alpha = log_alpha.exp().item()
    with torch.no_grad():
        a2, lp2 = sample(s2)
        y = r + 0.99 * (target(torch.cat([s2, a2], 1)) - alpha * lp2)
    c_loss = F.mse_loss(critic(torch.cat([s, a], 1)), y)
    opt_c.zero_grad()
    c_loss.backward()
    opt_c.step()
    new_a, lp = sample(s)
    a_loss = (alpha * lp - critic(torch.cat([s, new_a], 1))).mean()
    opt_a.zero_grad()
    a_loss.backward()
    opt_a.step()
    alpha_loss = -(log_alpha * (lp.detach() - 1.0)).mean()
    opt_alpha.zero_grad()
    alpha_loss.backward()
    opt_alpha.step()
    with torch.no_grad():
        for p, tp in zip(critic.parameters(), target.parameters()):
            tp.lerp_(p, 0.005)
