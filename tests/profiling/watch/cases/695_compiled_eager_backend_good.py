import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))


torch.manual_seed(0)
net = Net()
compiled = torch.compile(net, backend="eager")
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(4):
    x = torch.randn(8, 4)
    loss = nn.functional.cross_entropy(compiled(x), (x[:, 0] > 0).long())
    opt.zero_grad()
    loss.backward()
    opt.step()
