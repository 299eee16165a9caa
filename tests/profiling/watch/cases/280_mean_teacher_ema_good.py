import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
student = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.detach_()
opt = torch.optim.SGD(student.parameters(), lr=0.1)
for step in range(6):
    x, y, u = torch.randn(8, 6), torch.randint(0, 3, (8,)), torch.randn(24, 6)
    with torch.no_grad():
        pseudo = teacher(u).softmax(-1)
    loss = F.cross_entropy(student(x), y) + F.mse_loss(student(u).softmax(-1), pseudo)
    opt.zero_grad()
    loss.backward()
    opt.step()
    for ps, pt in zip(student.parameters(), teacher.parameters()):
        pt.data.mul_(0.99).add_(ps.data, alpha=0.01)
