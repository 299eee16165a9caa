import torch
from torch import nn

torch.manual_seed(0)
teacher, student = nn.Linear(5, 3), nn.Linear(5, 3)
opt = torch.optim.SGD(student.parameters(), lr=0.1)


def batches(n):
    with torch.no_grad():
        for _ in range(n):
            x = torch.randn(7, 5)
            yield x, teacher(x).softmax(-1)


for x, t in batches(5):
    loss = nn.functional.kl_div(student(x).log_softmax(-1), t, reduction="batchmean")
    opt.zero_grad()
    loss.backward()
    opt.step()
