import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(7, 14), nn.ReLU(), nn.Linear(14, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x_tr, y_tr, x_va, y_va = torch.randn(32, 7), torch.randn(32, 1), torch.randn(16, 7), torch.randn(16, 1)
val_losses = []
for epoch in range(12):
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x_tr), y_tr)
    loss.backward()
    optimizer.step()

    model.eval()
    val_loss = nn.functional.mse_loss(model(x_va), y_va)
    val_losses.append(val_loss.item())
    if val_loss <= min(val_losses):
        best = epoch
