import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
actor = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 4))
q1, q2 = (nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1)) for _ in range(2))
q1_targ, q2_targ = copy.deepcopy(q1), copy.deepcopy(q2)
for p in [*q1_targ.parameters(), *q2_targ.parameters()]:
    p.requires_grad = False
log_alpha = torch.zeros(1, requires_grad=True)
q_params = [*q1.parameters(), *q2.parameters()]
pi_opt, q_opt = torch.optim.Adam(actor.parameters(), 1e-3), torch.optim.Adam(q_params, 1e-3)
alpha_opt = torch.optim.Adam([log_alpha], 1e-3)


def pi(o):
    mu, log_std = actor(o).chunk(2, -1)
    d = torch.distributions.Normal(mu, log_std.clamp(-5, 2).exp())
    u = d.rsample()
    logp = (d.log_prob(u) - 2 * (0.6931 - u - F.softplus(-2 * u))).sum(-1)
    return torch.tanh(u), logp


for step in range(3):
    o, a, r, o2 = torch.randn(16, 4), torch.rand(16, 2) * 2 - 1, torch.randn(16), torch.randn(16, 4)
    alpha = log_alpha.exp().detach()
    with torch.no_grad():
        a2, logp2 = pi(o2)
        x2 = torch.cat([o2, a2], -1)
        y = r + 0.99 * (torch.min(q1_targ(x2), q2_targ(x2)).squeeze(-1) - alpha * logp2)
    x = torch.cat([o, a], -1)
    q_opt.zero_grad()
    (F.mse_loss(q1(x).squeeze(-1), y) + F.mse_loss(q2(x).squeeze(-1), y)).backward()
    q_opt.step()
    for p in q_params:
        p.requires_grad = False
    a_new, logp = pi(o)
    xn = torch.cat([o, a_new], -1)
    pi_opt.zero_grad()
    (alpha * logp - torch.min(q1(xn), q2(xn)).squeeze(-1)).mean().backward()
    pi_opt.step()
    for p in q_params:
        p.requires_grad = True
    alpha_opt.zero_grad()
    (-log_alpha.exp() * (logp.detach() - 2.0)).mean().backward()
    alpha_opt.step()
