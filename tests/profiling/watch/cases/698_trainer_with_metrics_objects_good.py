from contextlib import contextmanager
from dataclasses import dataclass, field
import torch
from torch import nn


@dataclass
class Average:
    values: list = field(default_factory=list)

    def update(self, t):
        self.values.append(t.detach().cpu().numpy().item())

    @property
    def value(self):
        return sum(self.values[-5:]) / len(self.values[-5:])


@contextmanager
def evaluating(model):
    was = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        model.train(was)


class Trainer:
    def __init__(self, model, crit):
        self.model, self.crit = model, crit
        self.opt = torch.optim.NAdam(model.parameters())
        self.loss, self.acc, self.last = Average(), Average(), {}

    def step(self, x, y):
        self.out = self.model(x)
        self.last = {"x": x, "y": y, "loss": self.crit(self.out, y)}
        self.opt.zero_grad()
        self.last["loss"].backward()
        self.opt.step()
        self.loss.update(self.last["loss"])
        self.acc.update((self.out.argmax(1) == y).float().mean())


torch.manual_seed(0)
t = Trainer(nn.Sequential(nn.Linear(4, 8), nn.Mish(inplace=True), nn.Linear(8, 3)), nn.CrossEntropyLoss(label_smoothing=0.1))
for i in range(9):
    x = torch.randn(8, 4)
    t.step(x, x[:, :3].argmax(1))
    if i % 3 == 2:
        with evaluating(t.model) as m:
            conf = m(x).softmax(1).numpy().round(2)
