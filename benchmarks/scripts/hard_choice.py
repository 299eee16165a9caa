import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Mixture(nn.Module):
    def __init__(self, experts=3):
        super().__init__()
        self.gate = nn.Linear(10, experts)
        self.experts = nn.ModuleList(nn.Linear(10, 1) for _ in range(experts))

    def forward(self, x):
        chosen = self.gate(x).argmax(dim=1)
        outputs = torch.cat([expert(x) for expert in self.experts], dim=1)
        return (outputs * F.one_hot(chosen, len(self.experts))).sum(dim=1)


model = Mixture()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

for _ in range(3):
    x = torch.randn(16, 10)
    target = x[:, 0] * x[:, 1]
    loss = F.mse_loss(model(x), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
