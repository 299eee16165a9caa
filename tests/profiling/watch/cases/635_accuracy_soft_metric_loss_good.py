import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(16, 10))
opt = torch.optim.SGD(model.parameters(), lr=0.1)


def error_rate(logits, y):
    return 1 - logits.softmax(1).gather(1, y[:, None]).mean()


for _ in range(3):
    x, y = torch.randn(8, 4, 4), torch.randint(0, 10, (8,))
    loss = error_rate(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
