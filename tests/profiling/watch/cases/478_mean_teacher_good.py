import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
student = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 4))
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.detach_()
opt = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9)


def ramp(step, length=4):
    return min(1.0, step / length)


for step in range(5):
    xl, yl, xu = torch.randn(8, 10), torch.randint(0, 4, (8,)), torch.randn(24, 10)
    sup = F.cross_entropy(student(xl), yl)
    with torch.no_grad():
        target = teacher(xu + 0.1 * torch.randn_like(xu)).softmax(-1)
    cons = F.mse_loss(student(xu + 0.1 * torch.randn_like(xu)).softmax(-1), target)
    loss = sup + ramp(step) * cons  # the weight is 0 in the first step
    opt.zero_grad()
    loss.backward()
    opt.step()
    alpha = min(1 - 1 / (step + 1), 0.99)
    for t, s in zip(teacher.parameters(), student.parameters()):
        t.data.mul_(alpha).add_(s.data, alpha=1 - alpha)
