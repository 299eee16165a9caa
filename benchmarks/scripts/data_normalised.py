import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(20, 8)
        self.temperature = nn.Parameter(torch.tensor(0.1))

    def forward(self, x):
        z = self.project(x)
        return z.data / z.norm(dim=1, keepdim=True).data


model = Embedder()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for _ in range(3):
    x = torch.randn(16, 20)
    a, b = model(x), model(x + 0.1 * torch.randn(16, 20))
    logits = a @ b.T / model.temperature
    loss = F.cross_entropy(logits, torch.arange(16))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
