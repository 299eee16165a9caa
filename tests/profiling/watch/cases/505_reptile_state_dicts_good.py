import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
META_LR, INNER = 0.1, 4


def sine_task():
    amp, phase = float(torch.rand(())) * 4 + 0.5, float(torch.rand(())) * 3

    def batch(n=10):
        x = torch.rand(n, 1) * 8 - 4
        return x, amp * torch.sin(x + phase)

    return batch


for it in range(4):
    before = {k: v.clone() for k, v in model.state_dict().items()}
    batch = sine_task()
    inner = torch.optim.SGD(model.parameters(), lr=0.02)
    for _ in range(INNER):
        x, y = batch()
        inner.zero_grad()
        F.mse_loss(model(x), y).backward()
        inner.step()
    for name, p in model.named_parameters():
        p.data = before[name] + META_LR * (p.data - before[name])
