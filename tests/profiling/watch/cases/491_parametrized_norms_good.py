import torch
from torch import nn
import torch.nn.functional as F
from torch.nn.utils import parametrizations, parametrize

torch.manual_seed(0)


class Symmetric(nn.Module):
    def forward(self, w):
        return w.triu() + w.triu(1).t()


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = parametrizations.spectral_norm(nn.Linear(10, 16))
        self.b = parametrizations.weight_norm(nn.Linear(16, 16))
        self.c = nn.Linear(16, 16)
        parametrize.register_parametrization(self.c, "weight", Symmetric())
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        x = F.leaky_relu(self.a(x), 0.2)
        return self.out(torch.tanh(self.c(F.leaky_relu(self.b(x), 0.2))))


model = Discriminator()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(3):
    x, y = torch.randn(12, 10), torch.randint(0, 2, (12,))
    with parametrize.cached():
        loss = F.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
