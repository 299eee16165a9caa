from collections import defaultdict

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class MetricLogger:
    def __init__(self):
        self.values = defaultdict(list)

    def update(self, **kwargs):
        for name, value in kwargs.items():
            self.values[name].append(value.detach() if torch.is_tensor(value) else value)

    def mean(self, name):
        return sum(float(v) for v in self.values[name]) / len(self.values[name])

    def __str__(self):
        return "  ".join(f"{k}: {self.mean(k):.4f}" for k in self.values)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
        self.cls, self.reg = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, images):
        h = self.body(images).mean((2, 3))
        return self.cls(h), self.reg(h)


model = Detector()
logger = MetricLogger()
optimizer = torch.optim.SGD(model.parameters(), lr=5e-3, momentum=0.9)
lr_scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [4])
for step in range(7):
    images, labels, boxes = torch.randn(2, 3, 12, 12), torch.randint(0, 4, (2,)), torch.rand(2, 4)
    cls, reg = model(images)
    loss_dict = {"loss_cls": F.cross_entropy(cls, labels), "loss_box": F.smooth_l1_loss(reg, boxes)}
    losses = sum(loss_dict.values())
    optimizer.zero_grad()
    losses.backward()
    optimizer.step()
    lr_scheduler.step()
    logger.update(loss=losses, lr=optimizer.param_groups[0]["lr"], **loss_dict)
print(logger)
