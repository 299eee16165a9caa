import torch
from torch import nn

torch.manual_seed(0)


class MyReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inp):
        ctx.save_for_backward(inp)
        return inp.clamp(min=0)

    @staticmethod
    def backward(ctx, grad_output):
        (inp,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[inp < 0] = 0
        return grad_input


conv = nn.Conv1d(2, 6, 3, padding=1)
fc = nn.Linear(6 * 10, 2)
optimizer = torch.optim.Adam([*conv.parameters(), *fc.parameters()], lr=1e-3)
for t in range(4):
    x, y = torch.randn(8, 2, 10), torch.randint(0, 2, (8,))
    h = MyReLU.apply(conv(x))
    loss = nn.functional.cross_entropy(fc(h.flatten(1)), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
