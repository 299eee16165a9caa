import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Highway(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.transform, self.gate = nn.Linear(d, d), nn.Linear(d, d)
        nn.init.constant_(self.gate.bias, -1.0)

    def forward(self, x):
        t = torch.sigmoid(self.gate(x))
        return t * F.relu(self.transform(x)) + (1 - t) * x


model = nn.Sequential(nn.Linear(10, 24), Highway(24), Highway(24), nn.Linear(24, 4))
lr, momentum, weight_decay = 0.05, 0.9, 1e-3
buffers = {p: torch.zeros_like(p) for p in model.parameters()}


def apply_weight_decay():
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(1 - lr * weight_decay)


def sgd_step():
    with torch.no_grad():
        for p in model.parameters():
            buffers[p].mul_(momentum).add_(p.grad)
            p.add_(buffers[p], alpha=-lr)
            p.grad = None


for step in range(3):
    x, y = torch.randn(16, 10), torch.randint(0, 4, (16,))
    logits = model(x)
    loss = F.cross_entropy(logits, y)
    loss.backward()
    apply_weight_decay()
    sgd_step()
    print(step, round(loss.item(), 4))
