import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class SignSTE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        return torch.sign(w)

    @staticmethod
    def backward(ctx, g):
        return g.clamp(-1, 1)


class BinaryNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(10, 20)
        self.out = nn.Linear(20, 2)

    def forward(self, x):
        wb = torch.sign(self.fc.weight)
        return self.out(F.hardtanh(F.linear(x, wb, self.fc.bias), -5, 5))


bnn = BinaryNet()
opt = torch.optim.Adam(bnn.parameters(), lr=1e-3)
x, y = torch.randn(40, 10), torch.randint(0, 2, (40,))
for _ in range(4):
    opt.zero_grad()
    loss = F.cross_entropy(bnn(x), y)
    loss.backward()
    opt.step()
