import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
rng = np.random.default_rng(0)
model = nn.Linear(6, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
buffer = np.empty((16, 6), dtype=np.float32)


def next_batch():
    buffer[:] = rng.standard_normal((16, 6))
    return torch.from_numpy(buffer.copy()), torch.ones(16, 1)


for step in range(5):
    loss = 0.0
    for micro in range(2):
        x, y = next_batch()
        loss = loss + nn.functional.mse_loss(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
