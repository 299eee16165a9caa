import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
batch = torch.empty(16, 6)
pinned = batch.numpy()
val_scores = []
for step in range(8):
    pinned[:] = 0.0
    batch.normal_()
    loss = model(batch).sub(batch[:, :1]).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    del loss
    with torch.no_grad():
        tmp = model(torch.randn(64, 6))
        val_scores.append(tmp.mean().item())
        del tmp
