import torch
from torch import nn


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 12), nn.Softplus(), nn.Linear(12, 2))

    def forward(self, t, y):
        return self.net(torch.cat([y, t.expand(len(y), 1)], 1))


class Adjoint(torch.autograd.Function):
    @staticmethod
    def forward(ctx, f, y0, ts, *params):
        with torch.no_grad():
            ys = [y0]
            for a, b in zip(ts, ts[1:]):
                ys.append(ys[-1] + (b - a) * f(a, ys[-1]))
        ctx.f, ctx.ts, ctx.params = f, ts, params
        ctx.save_for_backward(*ys)
        return torch.stack(ys)

    @staticmethod
    def backward(ctx, g):
        ys, ts = ctx.saved_tensors, ctx.ts
        a, gp = g[-1], [torch.zeros_like(p) for p in ctx.params]
        for i in range(len(ts) - 2, -1, -1):
            with torch.enable_grad():
                y = ys[i].detach().requires_grad_()
                out = y + (ts[i + 1] - ts[i]) * ctx.f(ts[i], y)
                gy, *gs = torch.autograd.grad(out, [y, *ctx.params], a)
            a = gy + g[i]
            gp = [u + v for u, v in zip(gp, gs)]
        return (None, a, None, *gp)


torch.manual_seed(0)
field, enc = Field(), nn.Linear(2, 2)
opt = torch.optim.Adam([*field.parameters(), *enc.parameters()], lr=1e-2)
ts = torch.linspace(0, 1, 6)
for _ in range(5):
    x = torch.randn(7, 2)
    traj = Adjoint.apply(field, enc(x), ts, *field.parameters())
    loss = (traj[-1] - x.flip(1)).pow(2).mean() + 0.1 * traj.pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
