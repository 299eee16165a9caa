import torch
from torch import nn

torch.manual_seed(0)


class MLP(nn.Module):
    def __init__(self, sizes=(6, 16, 16, 2)):
        super().__init__()
        self.hidden = [nn.Linear(a, b) for a, b in zip(sizes[:-2], sizes[1:-1])]
        self.last = nn.Linear(sizes[-2], sizes[-1])

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.last(x)


mlp = MLP()
opt = torch.optim.Adam(mlp.parameters(), lr=1e-3)
x, y = torch.randn(32, 6), torch.randint(0, 2, (32,))
for epoch in range(4):
    opt.zero_grad()
    loss = nn.functional.cross_entropy(mlp(x), y)
    loss.backward()
    opt.step()
