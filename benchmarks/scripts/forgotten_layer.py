import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.attention = nn.Linear(width, width)
        self.mlp = nn.Linear(width, width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + F.gelu(self.mlp(self.norm1(x)))


model = nn.Sequential(Block(8), Block(8), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for _ in range(3):
    x = torch.randn(16, 8)
    loss = F.mse_loss(model(x), x[:, :1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
