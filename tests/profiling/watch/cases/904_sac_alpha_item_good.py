import torch
from torch import nn

torch.manual_seed(3)
actor = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 2))
q1 = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
log_alpha = torch.zeros((), requires_grad=True)
pi_opt = torch.optim.Adam(actor.parameters(), 1e-3)
q_opt = torch.optim.Adam(q1.parameters(), 1e-3)
alpha_opt = torch.optim.Adam([log_alpha], 1e-2)


def act(state):
    mean, log_std = actor(state).chunk(2, -1)
    dist = torch.distributions.Normal(mean, log_std.clamp(-5, 2).exp())
    raw = dist.rsample()
    action = torch.tanh(raw)
    logp = dist.log_prob(raw) - torch.log(1 - action.pow(2) + 1e-6)
    return action, logp.sum(-1)


for update in range(3):
    s, r, s2 = torch.randn(16, 3), torch.randn(16), torch.randn(16, 3)
    with torch.no_grad():
        a2, lp2 = act(s2)
        target = r + 0.99 * (q1(torch.cat([s2, a2], -1)).squeeze(-1) - log_alpha.exp() * lp2)
        a = act(s)[0]
    q_loss = (q1(torch.cat([s, a], -1)).squeeze(-1) - target).pow(2).mean()
    q_opt.zero_grad(); q_loss.backward(); q_opt.step()

    a, logp = act(s)
    pi_loss = (log_alpha.exp().detach() * logp - q1(torch.cat([s, a], -1)).squeeze(-1)).mean()
    pi_opt.zero_grad(); pi_loss.backward(); pi_opt.step()

    coefficient = log_alpha.exp()
    alpha_loss = -(coefficient * (logp.detach() - 1.0)).mean()
    alpha_loss = alpha_loss + 0 * q1(torch.cat([s, a.detach()], -1)).mean()
    alpha_opt.zero_grad(); alpha_loss.backward(); alpha_opt.step()
