import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class HardRouter(nn.Module):
    def __init__(self, d=12, n=3):
        super().__init__()
        self.gate = nn.Linear(d, n)
        self.experts = nn.ModuleList(nn.Linear(d, d) for _ in range(n))
        self.usage = torch.zeros(n)

    def forward(self, x, tau):
        choice = F.gumbel_softmax(self.gate(x), tau=tau, hard=True)
        self.usage += choice.detach().sum(0)
        return sum(choice[:, i, None] * torch.tanh(e(x)) for i, e in enumerate(self.experts))


router, out = HardRouter(), nn.Linear(12, 2)
opt = torch.optim.Adam([*router.parameters(), *out.parameters()], 1e-3)
tau = 2.0
for step in range(4):
    x, y = torch.randn(24, 12), torch.randint(0, 2, (24,))
    loss = F.cross_entropy(out(router(x, tau)), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    tau = max(0.5, tau * 0.9)
print("usage", router.usage.tolist())
