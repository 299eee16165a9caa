import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Callback:
    def on_train_begin(self, trainer): ...
    def on_step_end(self, trainer): ...


class BackboneWarmup(Callback):
    """Scales the gradients of the backbone up from 0 to 1 during the first steps."""

    def __init__(self, warmup_steps):
        self.warmup_steps = warmup_steps
        self.factor = 0.0

    def on_train_begin(self, trainer):
        for p in trainer.model.backbone.parameters():
            p.register_hook(lambda grad: grad * self.factor)

    def on_step_end(self, trainer):
        self.factor = min(1, trainer.global_step // self.warmup_steps)


class LossLogger(Callback):
    def __init__(self):
        self.history = []

    def on_step_end(self, trainer):
        self.history.append(trainer.last_loss)


class Trainer:
    def __init__(self, model, callbacks, max_steps):
        self.model, self.callbacks, self.max_steps = model, callbacks, max_steps
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        self.global_step = 0

    def emit(self, event):
        for cb in self.callbacks:
            getattr(cb, event)(self)

    def fit(self):
        self.emit("on_train_begin")
        while self.global_step < self.max_steps:
            x, y = torch.randn(8, 10), torch.randint(0, 3, (8,))
            loss = F.cross_entropy(self.model(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.global_step += 1
            self.last_loss = loss.item()
            self.emit("on_step_end")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU())
        self.head = nn.Linear(20, 3)

    def forward(self, x):
        return self.head(self.backbone(x))


model = Net()
Trainer(model, [BackboneWarmup(50), LossLogger()], max_steps=6).fit()
