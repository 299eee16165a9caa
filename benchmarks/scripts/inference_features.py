import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
backbone = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Flatten())
scale = nn.Parameter(torch.ones(8 * 7 * 7))
head = nn.Linear(8 * 7 * 7, 5)
optimizer = torch.optim.SGD([scale, *head.parameters()], lr=0.1)

for _ in range(3):
    images, labels = torch.randn(4, 3, 16, 16), torch.randint(0, 5, (4,))
    with torch.inference_mode():
        features = backbone(images)
    loss = F.cross_entropy(head(features * scale), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
