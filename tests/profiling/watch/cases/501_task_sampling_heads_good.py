import itertools
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
TASKS = {"sentiment": 2, "topic": 5, "length": 1}


class MultiHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.EmbeddingBag(40, 16)
        self.heads = nn.ModuleDict({k: nn.Linear(16, n) for k, n in TASKS.items()})

    def forward(self, ids, task):
        return self.heads[task](torch.tanh(self.encoder(ids)))


def batch(task):
    ids = torch.randint(0, 40, (8, 6))
    n = TASKS[task]
    return ids, (torch.randn(8, 1) if n == 1 else torch.randint(0, n, (8,)))


model = MultiHead()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
running = {k: [] for k in TASKS}
for task in itertools.islice(itertools.cycle(TASKS), 7):
    ids, y = batch(task)
    out = model(ids, task)
    loss = F.mse_loss(out, y) if TASKS[task] == 1 else F.cross_entropy(out, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    running[task].append(loss.item())
