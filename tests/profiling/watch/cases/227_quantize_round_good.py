import torch
from torch import nn

torch.manual_seed(0)


class Compressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 6))
        self.dec = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 16))

    def quantize(self, z):
        q = torch.round(z * 4) / 4
        return z + (q - z).detach()

    def forward(self, x):
        return self.dec(self.quantize(self.enc(x)))


model = Compressor()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(5):
    x = torch.randn(32, 16) * 2
    optimizer.zero_grad()
    rec = model(x)
    loss = ((rec - x) ** 2).mean()
    loss.backward()
    optimizer.step()
