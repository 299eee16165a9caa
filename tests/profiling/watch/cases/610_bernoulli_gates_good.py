import torch
from torch import nn

torch.manual_seed(0)
gates = nn.Parameter(torch.zeros(8))
net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
opt = torch.optim.Adam([{"params": net.parameters()}, {"params": [gates], "lr": 0.1}], lr=1e-2)
for epoch in range(6):
    x, y = torch.randn(12, 8), torch.randint(0, 3, (12,))
    p = torch.sigmoid(gates)
    z = torch.bernoulli(p.expand(12, -1)) + p - p.detach()
    loss = nn.functional.cross_entropy(net(x * z), y) + 0.0 * z.sum()
    opt.zero_grad(); loss.backward(); opt.step()
