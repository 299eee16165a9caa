import torch
from torch import nn


class RNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Linear(5, 5)

    def forward(self, x):
        h = torch.zeros(x.shape[0], x.shape[1] + 1, 5)
        G = []
        for t in range(x.shape[1]):
            h[:, t + 1] = torch.tanh(self.w(h[:, t]) + x[:, t])
            h[:, t + 1] += h[:, t] * h[:, t]
        return h[:, 1:].sum((1, 2))


torch.manual_seed(0)
model = RNN()
opt = torch.optim.SGD(model.parameters(), lr=1e-3)
for _ in range(4):
    loss = model(torch.randn(3, 4, 5)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
