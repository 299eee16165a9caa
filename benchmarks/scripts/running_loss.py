import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 4, 3, padding=1),
    nn.ReLU(),
    nn.AvgPool2d(4),
    nn.Flatten(),
    nn.Linear(4 * 4 * 4, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
total_loss = 0.0

for step in range(7):
    images, labels = torch.randn(8, 1, 16, 16), torch.randint(0, 10, (8,))
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    total_loss += loss

print(f"mean loss {total_loss / 7:.3f}")
