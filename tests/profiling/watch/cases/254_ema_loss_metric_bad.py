import torch
from torch import nn

torch.manual_seed(0)


class AverageMeter:
    def __init__(self, decay=0.9):
        self.decay, self.value = decay, None

    def update(self, v):
        if self.value is None:
            self.value = v
        else:
            self.value = self.decay * self.value + (1 - self.decay) * v


net = nn.GRU(3, 8, batch_first=True)
opt = torch.optim.SGD(net.parameters(), lr=0.05)
meter = AverageMeter()
for step in range(14):
    x = torch.randn(4, 5, 3)
    out, _ = net(x)
    loss = out.pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    meter.update(loss)
