import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class LSQ(torch.autograd.Function):
    """Learned step size quantisation."""

    @staticmethod
    def forward(ctx, w, step, qn, qp):
        ctx.save_for_backward(w, step)
        ctx.q = (qn, qp)
        return (w / step).clamp(qn, qp).round() * step

    @staticmethod
    def backward(ctx, g):
        w, step = ctx.saved_tensors
        qn, qp = ctx.q
        v = w / step
        inside = (v >= qn) & (v <= qp)
        d_step = torch.where(inside, v.round() - v, v.clamp(qn, qp)) * g
        return g * inside, d_step.sum().reshape(step.shape), None, None


class LSQLinear(nn.Linear):
    def __init__(self, i, o):
        super().__init__(i, o)
        self.step = nn.Parameter(self.weight.detach().abs().mean() / 2)

    def forward(self, x):
        return F.linear(x, LSQ.apply(self.weight, self.step, -4, 3), self.bias)


model = nn.Sequential(LSQLinear(10, 20), nn.ReLU(), LSQLinear(20, 3))
opt = torch.optim.SGD(model.parameters(), 0.05)
for step in range(3):
    x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
    loss = F.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
