import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Normal

torch.manual_seed(0)


class Agent(nn.Module):
    def __init__(self, obs_dim=6, act_dim=2):
        super().__init__()
        self.policy = nn.Sequential(nn.Linear(obs_dim, 16), nn.Tanh(), nn.Linear(16, act_dim))
        self.value = nn.Sequential(nn.Linear(obs_dim, 16), nn.Tanh(), nn.Linear(16, 1))
        self.log_std = nn.Parameter(torch.zeros(act_dim))

    def dist(self, obs):
        return Normal(self.policy(obs), self.log_std.exp())

    @torch.inference_mode()
    def act(self, obs):
        d = self.dist(obs)
        action = d.sample()
        return action, d.log_prob(action).sum(-1), self.value(obs).squeeze(-1)


agent = Agent()
opt = torch.optim.Adam(agent.parameters(), lr=3e-4, eps=1e-5)


def collect(n=32):
    obs = torch.randn(n, 6)
    action, logp, value = agent.act(obs)
    reward = -(action - obs[:, :2]).square().sum(-1)
    adv = reward - value
    return {"obs": obs, "action": action.clone(), "logp": logp.clone(), "value": value.clone(), "ret": reward.clone(), "adv": adv.clone()}


for update in range(2):
    buf = collect()
    for epoch in range(2):
        d = agent.dist(buf["obs"])
        logp = d.log_prob(buf["action"]).sum(-1)
        ratio = (logp - buf["logp"]).exp()
        adv = (buf["adv"] - buf["adv"].mean()) / (buf["adv"].std() + 1e-8)
        pg_loss = -torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()
        v_loss = F.mse_loss(buf["value"], buf["ret"])
        loss = pg_loss + 0.5 * v_loss - 0.01 * d.entropy().sum(-1).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
        opt.step()
