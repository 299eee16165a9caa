import threading

import torch
from torch import nn

torch.manual_seed(0)
encoder, head = nn.Linear(4, 8), nn.Linear(8, 1)
optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
ready = threading.Event()


def train():
    ready.wait()
    for _ in range(3):
        x = torch.randn(16, 4)
        hidden = torch.relu(encoder(x))
        loss = (head(hidden) - x.sum(1, keepdim=True)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"loss {loss.item():.4f}")


threading.Thread(target=train).start()
ready.set()
