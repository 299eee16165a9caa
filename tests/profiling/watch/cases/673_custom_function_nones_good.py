import torch
from torch import nn


class ScaledSoftThreshold(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, lam, mode, flag=True):
        ctx.save_for_backward(x, lam)
        ctx.set_materialize_grads(False)
        return torch.sign(x) * (x.abs() - lam).clamp(min=0), x.abs().gt(lam)

    @staticmethod
    def backward(ctx, g, _):
        if g is None:
            return None, None, None, None
        x, lam = ctx.saved_tensors
        on = (x.abs() > lam).to(g)
        gl = (-(torch.sign(x) * on) * g).sum().reshape(lam.shape) if ctx.needs_input_grad[1] else None
        return g * on, gl, None, None


class Lista(nn.Module):
    def __init__(self):
        super().__init__()
        self.W, self.S = nn.Linear(8, 12, bias=False), nn.Linear(12, 12, bias=False)
        self.lam = nn.Parameter(torch.tensor(0.1))
        self.D = nn.Linear(12, 8, bias=False)

    def forward(self, y):
        b = self.W(y)
        z, _ = ScaledSoftThreshold.apply(b, self.lam, "soft")
        for _ in range(3):
            z, mask = ScaledSoftThreshold.apply(b + self.S(z), self.lam, "soft", True)
        return self.D(z), mask.float().mean()


torch.manual_seed(0)
net = Lista()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for _ in range(5):
    y = torch.randn(10, 8)
    rec, density = net(y)
    opt.zero_grad()
    (rec - y).square().mean().backward()
    opt.step()
    print(f"{density:.2f}")
