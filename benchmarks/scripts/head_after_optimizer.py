import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 24), nn.GELU())
        self.head = nn.Linear(24, 100)

    def forward(self, x):
        return self.head(self.body(x))


model = Network()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model.head = nn.Linear(24, 3)  # our task has three classes

for _ in range(3):
    x, y = torch.randn(16, 12), torch.randint(0, 3, (16,))
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
