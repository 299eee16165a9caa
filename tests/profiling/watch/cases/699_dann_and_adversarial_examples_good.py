import torch
from torch import nn


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, lam):
        ctx.lam = lam
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return g.neg() * ctx.lam, None


torch.manual_seed(0)
feat, cls, dom = nn.Sequential(nn.Linear(4, 8), nn.ReLU(True)), nn.Linear(8, 2), nn.Linear(8, 2)
opt = torch.optim.SGD([p for m in (feat, cls, dom) for p in m.parameters()], lr=0.05)
for step in range(6):
    lam = step / 6
    x, y, d = torch.randn(8, 4), torch.randint(0, 2, (8,)), torch.arange(8) % 2
    adv = x.clone().requires_grad_()
    g, = torch.autograd.grad(nn.functional.cross_entropy(cls(feat(adv)), y), adv)
    adv = (x + 0.1 * g.sign()).detach()
    h = feat(torch.cat([x, adv]))
    loss = nn.functional.cross_entropy(cls(h), y.repeat(2)) + nn.functional.cross_entropy(dom(Reverse.apply(h, lam)), d.repeat(2))
    opt.zero_grad()
    loss.backward()
    opt.step()
