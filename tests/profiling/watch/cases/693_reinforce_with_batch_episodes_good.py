import torch
from torch import nn
from torch.distributions import Categorical, Normal

torch.manual_seed(0)
policy, scale = nn.Linear(3, 2), nn.Parameter(torch.zeros(1))
opt = torch.optim.Adam([*policy.parameters(), scale], lr=1e-2)
running = None
for ep in range(5):
    logps, rewards, s = [], [], torch.randn(3)
    for t in range(6):
        d = Categorical(logits=policy(s))
        a = d.sample()
        n = Normal(0.0, scale.exp())
        u = n.sample()
        logps.append(d.log_prob(a) + n.log_prob(u).squeeze())
        rewards.append(float(s[a]) - abs(u.item()) * 0.1)
        s = torch.randn(3)
    G, R = [], 0.0
    for r in reversed(rewards):
        R = r + 0.95 * R
        G.insert(0, R)
    running = G[0] if running is None else 0.9 * running + 0.1 * G[0]
    G = torch.tensor(G)
    G = (G - G.mean()) / (G.std() + 1e-6)
    loss = -(torch.stack(logps) * G).sum()
    opt.zero_grad()
    loss.backward()
    opt.step()
    del logps[:], rewards[:]
