import math

import torch
from torch import nn

torch.manual_seed(0)


class ODEFunc(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d + 1, 24), nn.Tanh(), nn.Linear(24, d))

    def forward(self, t, y):
        return self.net(torch.cat([y, t.expand(y.size(0), 1)], dim=1))


class LatentODE(nn.Module):
    def __init__(self, d=4, steps=6):
        super().__init__()
        self.lift, self.readout = nn.Linear(2, d), nn.Linear(d, 2)
        self.func = ODEFunc(d)
        self.log_h = nn.Parameter(torch.tensor(math.log(0.1)))  # learned step size
        self.steps = steps

    def forward(self, y0):
        y, out = self.lift(y0), []
        t = torch.zeros(1)
        h = math.exp(self.log_h)
        for _ in range(self.steps):
            k1 = self.func(t, y)
            k2 = self.func(t + h / 2, y + h / 2 * k1)
            y = y + h * k2
            t = t + h
            out.append(self.readout(y))
        return torch.stack(out)


def spiral(y0, steps=6, dt=0.2):
    A = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
    return torch.stack([y0 @ torch.matrix_exp(A * dt * (i + 1)).t() for i in range(steps)])


model = LatentODE()
opt = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for itr in range(3):
    y0 = torch.randn(12, 2)
    loss = (model(y0) - spiral(y0)).abs().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
