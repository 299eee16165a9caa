import torch
from torch import nn
import torch.nn.functional as F


class TernaryConv(nn.Conv2d):
    def forward(self, x):
        threshold = 0.7 * self.weight.abs().mean().detach()
        ternary = torch.sign(self.weight) * (self.weight.abs() > threshold)
        quantised = ternary + (self.weight.detach() - self.weight.detach())
        return F.conv2d(x, quantised, self.bias, self.stride, self.padding)


torch.manual_seed(0)
conv = TernaryConv(1, 3, 3, padding=1)
fc = nn.Linear(3 * 16, 2)
opt = torch.optim.SGD([*conv.parameters(), *fc.parameters()], lr=0.05)
for _ in range(3):
    x = torch.randn(5, 1, 4, 4)
    loss = F.cross_entropy(fc(conv(x).relu().flatten(1)), torch.randint(2, (5,)))
    opt.zero_grad()
    loss.backward()
    opt.step()
