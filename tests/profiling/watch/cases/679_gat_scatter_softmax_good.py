import torch
from torch import nn


class GAT(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = nn.Linear(i, o, bias=False)
        self.a = nn.Parameter(torch.randn(2 * o) * 0.1)

    def forward(self, x, src, dst):
        h = self.lin(x)
        e = nn.functional.leaky_relu(torch.cat([h[src], h[dst]], 1) @ self.a, 0.2)
        m = torch.full((len(x),), -1e9).scatter_reduce(0, dst, e.detach(), "amax")
        w = (e - m[dst]).exp()
        z = torch.zeros(len(x)).index_add(0, dst, w)
        w = w / (z[dst] + 1e-9)
        out = torch.zeros_like(h)
        out.index_add_(0, dst, w[:, None] * h[src])
        return out


torch.manual_seed(0)
layers = nn.ModuleList([GAT(4, 8), GAT(8, 3)])
opt = torch.optim.Adam(layers.parameters(), lr=5e-3, weight_decay=5e-4)
x, y = torch.randn(10, 4), torch.randint(0, 3, (10,))
src, dst = torch.randint(0, 10, (2, 40))
train = torch.zeros(10, dtype=torch.bool)
train[:6] = True
for epoch in range(6):
    h = nn.functional.elu_(layers[0](x, src, dst))
    logits = layers[1](h, src, dst)
    loss = nn.functional.cross_entropy(logits[train], y[train])
    opt.zero_grad()
    loss.backward()
    opt.step()
    acc = (logits[~train].argmax(1) == y[~train]).float().mean().item()
