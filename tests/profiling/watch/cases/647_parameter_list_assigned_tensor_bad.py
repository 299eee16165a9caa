import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scales = nn.ParameterList([torch.ones(4) for _ in range(3)])
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        for s in self.scales:
            x = x * torch.as_tensor(s.detach()).exp()
        return self.fc(x)


torch.manual_seed(0)
net = Net()
opt = torch.optim.Adam(net.parameters())
for _ in range(5):
    x = torch.randn(6, 4)
    opt.zero_grad()
    nn.functional.cross_entropy(net(x), (x[:, 1] > 0).long()).backward()
    opt.step()
