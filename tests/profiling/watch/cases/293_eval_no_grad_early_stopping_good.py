import copy
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
X = torch.randn(80, 6)
ds = TensorDataset(X, X[:, :1] * 2 - X[:, 1:2])
train_ds, val_ds = random_split(ds, [64, 16])
train_dl, val_dl = DataLoader(train_ds, 16, shuffle=True), DataLoader(val_ds, 16)
model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, patience=1)
best, best_state, bad_epochs, patience = float("inf"), None, 0, 2


@torch.no_grad()
def evaluate():
    model.eval()
    return sum(nn.functional.mse_loss(model(x), y).item() for x, y in val_dl) / len(val_dl)


for epoch in range(5):
    model.train()
    for x, y in train_dl:
        opt.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        opt.step()
    val = evaluate()
    plateau.step(val)
    if val < best:
        best, bad_epochs, best_state = val, 0, copy.deepcopy(model.state_dict())
    else:
        bad_epochs += 1
        if bad_epochs >= patience:
            break
model.load_state_dict(best_state)
print(evaluate())
