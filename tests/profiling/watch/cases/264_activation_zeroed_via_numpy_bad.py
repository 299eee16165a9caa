import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(5, 12)
        self.b = nn.Linear(12, 2)

    def forward(self, x):
        h = torch.tanh(self.a(x))
        drop = torch.rand(h.shape) < 0.3
        h.detach().numpy()[drop.numpy()] = 0.0
        return self.b(h)


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for i in range(5):
    x, y = torch.randn(20, 5), torch.randint(0, 2, (20,))
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
