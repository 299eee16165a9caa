import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(8, 1)
        nn.init.constant_(self.first.bias, -20.0)

    def forward(self, x):
        hidden = F.relu(self.first(x))
        return self.second(hidden)


model = Regressor()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for _ in range(3):
    x = torch.randn(32, 4)
    loss = F.mse_loss(model(x), x.sum(dim=1, keepdim=True))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
