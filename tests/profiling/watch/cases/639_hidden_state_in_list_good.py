import torch
from torch import nn


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(4, 6)
        self.out = nn.Linear(6, 1)
        self.states = []

    def forward(self, x):
        state = self.states[-1] if self.states else None
        h, c = self.cell(x, state)
        self.states.append((h.detach(), c.detach()))
        return self.out(h)


torch.manual_seed(0)
net = Memory()
opt = torch.optim.RMSprop(net.parameters())
for t in range(5):
    loss = net(torch.randn(3, 4)).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
