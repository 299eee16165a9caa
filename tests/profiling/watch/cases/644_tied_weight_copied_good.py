import torch
from torch import nn


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(8, 3)
        self.dec = nn.Linear(3, 8)

    def forward(self, x):
        h = torch.tanh(self.enc(x))
        # tie
        w = self.dec.weight
        return nn.functional.linear(h, w, self.dec.bias)


torch.manual_seed(0)
model = AE()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(5):
    x = torch.randn(10, 8)
    opt.zero_grad()
    (model(x) - x).pow(2).mean().backward()
    opt.step()
