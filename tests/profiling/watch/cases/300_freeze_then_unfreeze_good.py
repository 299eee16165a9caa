import torch
from torch import nn

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
head = nn.Linear(16, 4)
opt = torch.optim.Adam([{"params": head.parameters(), "lr": 1e-3}, {"params": encoder.parameters(), "lr": 1e-4}])
for epoch in range(5):
    encoder.requires_grad_(epoch >= 2)
    for _ in range(2):
        x, y = torch.randn(12, 8), torch.randint(0, 4, (12,))
        logits = head(encoder(x))
        loss = nn.functional.cross_entropy(logits, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
