import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class HyperLinear(nn.Module):
    def __init__(self, d_in=6, d_out=4, d_z=3):
        super().__init__()
        self.d_in, self.d_out = d_in, d_out
        self.hyper = nn.Linear(d_z, d_in * d_out)
        self.bias = nn.Parameter(torch.zeros(d_out))

    def forward(self, x, z):
        weight = nn.Parameter(self.hyper(z).view(self.d_out, self.d_in))
        return F.linear(x, weight, self.bias)


model = HyperLinear()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
x, y, z = torch.randn(20, 6), torch.randn(20, 4), torch.randn(3)
for i in range(5):
    opt.zero_grad()
    loss = F.mse_loss(model(x, z), y)
    loss.backward()
    opt.step()
