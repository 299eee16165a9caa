import queue
import threading

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
encoder = nn.Sequential(nn.Conv1d(4, 16, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(4), nn.Flatten())
head = nn.Linear(64, 3)
optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.05, momentum=0.9)
EPOCH_LEN = 4


class FeatureWorker(threading.Thread):
    """Overlaps the encoder with the host-side work of the main loop."""

    def __init__(self, batches):
        super().__init__(daemon=True)
        self.inbox, self.outbox = queue.Queue(), queue.Queue(maxsize=1)
        for b in batches:
            self.inbox.put(b)
        self.inbox.put(None)

    def run(self):
        while (item := self.inbox.get()) is not None:
            x, y = item
            done = threading.Event()
            self.outbox.put((encoder(x), y, done))
            done.wait()  # the next forward pass must see the updated weights
        self.outbox.put(None)


batches = [(torch.randn(8, 4, 24), torch.randint(0, 3, (8,))) for _ in range(EPOCH_LEN)]
worker = FeatureWorker(batches)
worker.start()
while (item := worker.outbox.get()) is not None:
    feats, y, done = item
    loss = F.cross_entropy(head(feats), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    done.set()
worker.join()
