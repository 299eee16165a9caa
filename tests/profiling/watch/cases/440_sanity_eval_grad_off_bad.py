import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
train_set = TensorDataset(torch.randn(48, 10), torch.randint(0, 3, (48,)))
val_set = TensorDataset(torch.randn(24, 10), torch.randint(0, 3, (24,)))
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=12)

model = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def evaluate():
    model.eval()
    torch.set_grad_enabled(False)
    correct = total = 0
    for x, y in val_loader:
        correct += (model(x).argmax(1) == y).sum().item()
        total += len(y)
    return correct / total


def train_one_epoch():
    model.train()
    seen, running = 0, 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(x)
        seen += len(x)
    return running / seen


print("sanity check", evaluate())
for epoch in range(2):
    train_loss = train_one_epoch()
    print(epoch, train_loss, evaluate())
