import queue
import threading

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Prefetcher:
    def __init__(self, n, normaliser):
        self.q = queue.Queue(maxsize=2)
        self.n, self.normaliser = n, normaliser
        self.thread = threading.Thread(target=self._work, daemon=True)

    @torch.no_grad()
    def _work(self):
        gen = torch.Generator().manual_seed(1)
        for _ in range(self.n):
            x = torch.randn(16, 9, generator=gen) * 3 + 1
            self.q.put((self.normaliser(x), torch.randint(0, 4, (16,), generator=gen)))
        self.q.put(None)

    def __iter__(self):
        self.thread.start()
        while (item := self.q.get()) is not None:
            yield item
        self.thread.join()


whiten = nn.BatchNorm1d(9, affine=False)
model = nn.Sequential(nn.Linear(9, 20), nn.ReLU(), nn.Linear(20, 4))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for x, y in Prefetcher(4, whiten):
    loss = F.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
