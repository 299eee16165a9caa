import torch
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, base, r=2, alpha=4):
        super().__init__()
        self.base = base
        for p in base.parameters():
            p.requires_grad = False
        self.A = nn.Parameter(torch.randn(r, base.in_features) * 0.05)
        self.B = nn.Parameter(torch.zeros(base.out_features, r))
        self.s = alpha / r

    def forward(self, x):
        return self.base(x) + self.s * (x @ self.A.T @ self.B.T)

    @torch.no_grad()
    def merged(self):
        return self.base.weight + self.s * self.B @ self.A


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 3))
for i in (0, 2):
    net[i] = LoRALinear(net[i])
opt = torch.optim.AdamW((p for p in net.parameters() if p.requires_grad), lr=1e-2)
for _ in range(5):
    x = torch.randn(8, 6)
    loss = nn.functional.cross_entropy(net(x), x[:, :3].argmax(1))
    opt.zero_grad()
    loss.backward()
    opt.step()
merged = [m.merged() for m in net if isinstance(m, LoRALinear)]
print(sum(float(m.norm()) for m in merged))
