import torch
from torch import nn
from torch.func import vmap


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(3, 5, 4) * 0.3)
        self.w2 = nn.Parameter(torch.randn(3, 4) * 0.3)


torch.manual_seed(0)
stack = Stack()


def member(w1, w2, x):
    h = torch.tanh(x @ w1)
    return h @ w2


opt = torch.optim.SGD(stack.parameters(), lr=0.1)
for _ in range(5):
    x = torch.randn(7, 5)
    pred = vmap(member, in_dims=(0, 0, None))(stack.w1, stack.w2, x)
    loss = (pred - x.sum(1)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
