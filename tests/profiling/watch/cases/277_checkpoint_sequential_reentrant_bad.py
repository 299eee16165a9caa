import torch
from torch import nn
from torch.utils.checkpoint import checkpoint_sequential

torch.manual_seed(0)
features = nn.Sequential(nn.Linear(9, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Dropout(0.1), nn.Identity())
classifier = nn.Linear(20, 4)
optimizer = torch.optim.Adam([*features.parameters(), *classifier.parameters()], lr=1e-3)


def forward(x):
    h = checkpoint_sequential(features, 2, x, use_reentrant=True)
    return classifier(h)


for step in range(3):
    x, y = torch.randn(10, 9), torch.randint(0, 4, (10,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(forward(x), y)
    loss.backward()
    optimizer.step()
