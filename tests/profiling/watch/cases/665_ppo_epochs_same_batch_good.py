import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)


class AC(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 16), nn.Tanh())
        self.pi, self.v = nn.Linear(16, 3), nn.Linear(16, 1)

    def forward(self, s):
        h = self.body(s)
        return Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


ac = AC()
opt = torch.optim.Adam(ac.parameters(), lr=3e-3)
for it in range(3):
    S = torch.randn(32, 4)
    dist, v = ac(S)
    A = dist.sample()
    old = dist.log_prob(A).detach()
    R = (A == S[:, :3].argmax(1)).float()
    adv = R - v.detach()
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    for epoch in range(3):
        for idx in torch.randperm(32).split(16):
            d, val = ac(S[idx])
            ratio = (d.log_prob(A[idx]) - old[idx]).exp()
            surr = torch.min(ratio * adv[idx], ratio.clamp(0.8, 1.2) * adv[idx])
            loss = -surr.mean() + 0.5 * (val - R[idx]).pow(2).mean() - 0.01 * d.entropy().mean()
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(ac.parameters(), 0.5)
            opt.step()
    print(R.mean().item())
