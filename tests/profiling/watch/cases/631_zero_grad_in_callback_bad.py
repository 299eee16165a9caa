import torch
from torch import nn


class Callback:
    def on_backward_end(self, trainer): ...
    def on_step_end(self, trainer): ...


class CleanGradients(Callback):
    def on_backward_end(self, trainer):
        for p in trainer.net.parameters():
            p.grad = None


class Trainer:
    def __init__(self, net, callbacks):
        self.net, self.callbacks = net, callbacks
        self.opt = torch.optim.SGD(net.parameters(), lr=0.1)

    def call(self, name):
        for c in self.callbacks:
            getattr(c, name)(self)

    def fit(self, data):
        for x, y in data:
            loss = nn.functional.mse_loss(self.net(x), y)
            loss.backward()
            self.call("on_backward_end")
            self.opt.step()
            self.call("on_step_end")


torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
Trainer(net, [CleanGradients()]).fit([(torch.randn(5, 3), torch.randn(5, 1)) for _ in range(4)])
