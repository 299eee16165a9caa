import math
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class GradReverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, lam):
        ctx.lam = lam
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return grad.neg() * ctx.lam, None


class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.feat = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16))
        self.label, self.domain = nn.Linear(16, 4), nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x, lam):
        z = self.feat(x)
        return self.label(z), self.domain(GradReverse.apply(z, lam))


net = DANN()
opt = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)
N = 5
for step in range(N):
    lam = 2 / (1 + math.exp(-10 * step / N)) - 1  # 0 in the first step
    xs, ys, xt = torch.randn(8, 16), torch.randint(0, 4, (8,)), torch.randn(8, 16) + 0.5
    label_s, dom_s = net(xs, lam)
    _, dom_t = net(xt, lam)
    dom = F.cross_entropy(dom_s, torch.zeros(8).long()) + F.cross_entropy(dom_t, torch.ones(8).long())
    loss = F.cross_entropy(label_s, ys) + dom
    opt.zero_grad()
    loss.backward()
    opt.step()
