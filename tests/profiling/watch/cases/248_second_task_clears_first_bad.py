import torch
from torch import nn

torch.manual_seed(0)
shared = nn.Linear(6, 12)
head_a, head_b = nn.Linear(12, 1), nn.Linear(12, 3)
opt = torch.optim.Adam([*shared.parameters(), *head_a.parameters(), *head_b.parameters()], lr=1e-3)


def task_a():
    x, y = torch.randn(16, 6), torch.randn(16, 1)
    return nn.functional.mse_loss(head_a(torch.relu(shared(x))), y)


def task_b():
    x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
    return nn.functional.cross_entropy(head_b(torch.relu(shared(x))), y)


for step in range(4):
    for task in (task_a, task_b):
        opt.zero_grad()
        task().backward()
    opt.step()
