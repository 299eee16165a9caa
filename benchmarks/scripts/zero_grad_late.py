import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 20), nn.ReLU(), nn.Linear(20, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x = torch.linspace(-2, 2, 64).unsqueeze(1) ** torch.arange(5)
y = torch.sin(3 * x[:, 1:2])


def train_step():
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimizer.zero_grad()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


for step in range(4):
    print(f"step {step}: {train_step():.4f}")
