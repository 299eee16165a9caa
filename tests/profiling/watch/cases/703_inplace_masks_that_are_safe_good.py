import torch
from torch import nn

torch.manual_seed(0)
q, k, v, o = (nn.Linear(6, 6) for _ in range(4))
mods = nn.ModuleList([q, k, v, o])
opt = torch.optim.AdamW(mods.parameters(), lr=1e-2)
causal = torch.ones(5, 5).triu(1).bool()
cache = torch.zeros(3, 5, 6)
for _ in range(5):
    x = torch.randn(3, 5, 6)
    s = q(x) @ k(x).transpose(1, 2)
    s /= 6 ** 0.5
    s.masked_fill_(causal, float("-inf"))
    a = s.softmax(-1)
    y = a @ v(x)
    y[:, 0] = 0
    y[y.isnan()] = 0.0
    out = torch.empty(3, 5, 6)
    for t in range(5):
        out[:, t] = o(y[:, t])
    cache.copy_(out.detach())
    loss = (out - x).pow_(2).mean()
    opt.zero_grad()
    loss.backward()
    for p in mods.parameters():
        p.grad.nan_to_num_().clamp_(-1, 1)
    opt.step()
