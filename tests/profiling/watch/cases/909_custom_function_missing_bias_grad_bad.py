import torch
from torch import nn


class FusedLinearReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        out = torch.relu(x @ weight.t() + bias)
        ctx.save_for_backward(x, weight, out)
        return out

    @staticmethod
    def backward(ctx, grad):
        x, weight, out = ctx.saved_tensors
        grad = grad * (out > 0)
        return grad @ weight, grad.t() @ x, None


class Fused(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(o, i) / i**0.5)
        self.bias = nn.Parameter(torch.zeros(o))

    def forward(self, x):
        return FusedLinearReLU.apply(x, self.weight, self.bias)


torch.manual_seed(0)
layer, out = Fused(4, 9), nn.Linear(9, 1)
opt = torch.optim.Adam([*layer.parameters(), *out.parameters()])
for _ in range(3):
    x = torch.randn(10, 4)
    opt.zero_grad()
    nn.functional.l1_loss(out(layer(x)), x[:, :1]).backward()
    opt.step()
