from concurrent.futures import ThreadPoolExecutor
import torch
from torch import nn


class Trainer:
    def __init__(self):
        torch.manual_seed(0)
        self.encoders = nn.ModuleDict({k: nn.Linear(6, 4) for k in ("rgb", "depth", "audio")})
        self.head = nn.Linear(12, 2)
        self.opt = torch.optim.Adam([*self.encoders.parameters(), *self.head.parameters()])
        self.pool = ThreadPoolExecutor(max_workers=2)

    def encode(self, item):
        key, value = item
        with torch.no_grad():
            return torch.relu(self.encoders[key](value))

    def step(self, batch, y):
        parts = list(self.pool.map(self.encode, batch.items()))
        loss = nn.functional.cross_entropy(self.head(torch.cat(parts, dim=1)), y)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss.item()


trainer = Trainer()
for _ in range(6):
    batch = {k: torch.randn(8, 6) for k in ("rgb", "depth", "audio")}
    trainer.step(batch, torch.randint(0, 2, (8,)))
trainer.pool.shutdown()
