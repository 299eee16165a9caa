import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


def make(width):
    return nn.Sequential(nn.Linear(12, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 4))


nets = [make(16), make(32)]
opts = [torch.optim.Adam(n.parameters(), lr=1e-3) for n in nets]


def kl(student, teacher):
    return F.kl_div(student.log_softmax(-1), teacher.detach().softmax(-1), reduction="batchmean")


for step in range(3):
    x, y = torch.randn(20, 12), torch.randint(0, 4, (20,))
    logits = [n(x) for n in nets]
    losses = [F.cross_entropy(logits[i], y) + kl(logits[i], logits[1 - i]) for i in range(2)]
    for opt, loss in zip(opts, losses):
        opt.zero_grad()
        loss.backward()
        opt.step()
