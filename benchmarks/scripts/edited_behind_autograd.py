import torch
from torch import nn

torch.manual_seed(0)


class Gate(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.value = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)

    def forward(self, x):
        gate = torch.sigmoid(self.gate(x))
        out = self.value(x) * gate
        gate.data.clamp_(0.1, 0.9)  # for the log below
        self.mean_gate = gate.mean().item()
        return out


model = Gate(6)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(3):
    x = torch.randn(16, 6) * 4
    loss = (model(x) - x.roll(1, dims=1)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
