import torch
from torch import nn

torch.manual_seed(0)


class ScaledSTE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, bits, scale):
        ctx.save_for_backward(x, scale)
        q = torch.round(x / scale * (2**bits - 1)) / (2**bits - 1)
        return q * scale

    @staticmethod
    def backward(ctx, g):
        x, scale = ctx.saved_tensors
        inside = (x.abs() <= scale).float()
        return g * inside, None, (g * (1 - inside) * x.sign()).sum().reshape(scale.shape)


class QuantNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 12), nn.Linear(12, 2)
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return self.b(ScaledSTE.apply(torch.tanh(self.a(x)), 4, self.scale))


net = QuantNet()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for _ in range(5):
    x, y = torch.randn(30, 6), torch.randint(0, 2, (30,))
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
