import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_fn = nn.MSELoss()
history = {"train_loss": [], "epoch": []}

for epoch in range(3):
    for _ in range(5):
        x, y = torch.randn(16, 10), torch.randn(16, 1)
        pred = model(x)
        loss = loss_fn(pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history["train_loss"].append(loss.item())
    history["epoch"].append(epoch)
print(sum(float(v) for v in history["train_loss"]) / len(history["train_loss"]))
