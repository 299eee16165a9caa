import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(7)


class WindowForecaster(nn.Module):
    def __init__(self, window=8, hidden=16):
        super().__init__()
        self.inp = nn.Linear(window, hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, w):
        h = torch.tanh(self.inp(w))
        h = F.gelu(self.mix(h))
        return self.out(h).squeeze(-1)


def load_prices(n=120):
    """Daily index level, in points."""
    drift = torch.randn(n).cumsum(0) * 30
    return 21000.0 + drift


prices = load_prices()
windows = prices.unfold(0, 9, 1)
inputs, targets = windows[:, :8], windows[:, 8] - windows[:, 7]
inputs = (inputs - inputs.mean()) / inputs.std()
targets = targets / targets.std()
model = WindowForecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(2):
    for idx in torch.randperm(len(inputs)).split(40):
        loss = F.huber_loss(model(inputs[idx]), targets[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
