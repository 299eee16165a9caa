import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.Adam(model.parameters())
x_train, y_train = torch.randn(40, 5), torch.randn(40, 1)
x_val, y_val = torch.randn(10, 5), torch.randn(10, 1)
mse = nn.MSELoss()


def train_epoch():
    model.train()
    for i in range(0, 40, 10):
        opt.zero_grad()
        loss = mse(model(x_train[i : i + 10]), y_train[i : i + 10])
        loss.backward()
        opt.step()


def evaluate():
    model.eval()
    torch.set_grad_enabled(False)
    val = mse(model(x_val), y_val).item()
    torch.set_grad_enabled(True)
    return val


best = float("inf")
for epoch in range(3):
    train_epoch()
    best = min(best, evaluate())
