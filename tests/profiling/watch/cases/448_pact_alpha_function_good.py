import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class PACTFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, alpha, bits):
        ctx.save_for_backward(x, alpha)
        y = torch.minimum(x.clamp(min=0), alpha)
        scale = (2 ** bits - 1) / alpha
        return torch.round(y * scale) / scale

    @staticmethod
    def backward(ctx, grad_output):
        x, alpha = ctx.saved_tensors
        inside = (x >= 0) & (x <= alpha)
        grad_x = grad_output * inside
        grad_alpha = (grad_output * (x > alpha)).sum().view_as(alpha)
        return grad_x, grad_alpha, None


class PACT(nn.Module):
    def __init__(self, alpha=1.0, bits=4):
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(alpha))
        self.bits = bits

    def forward(self, x):
        return PACTFunction.apply(x, self.alpha, self.bits)


class QuantNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(1, 8, 3), PACT()
        self.conv2, self.act2 = nn.Conv2d(8, 8, 3), PACT(alpha=0.5)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        h = self.act1(self.conv1(x))
        h = self.act2(self.conv2(h))
        return self.fc(h.mean((2, 3)))


net = QuantNet()
opt = torch.optim.SGD(net.parameters(), lr=0.05, weight_decay=1e-4)
for step in range(3):
    x, y = torch.randn(8, 1, 9, 9) * 3, torch.randint(0, 3, (8,))
    loss = F.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
