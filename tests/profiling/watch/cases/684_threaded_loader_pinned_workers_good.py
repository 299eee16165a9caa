import queue, threading
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Points(Dataset):
    def __init__(self):
        self.x = np.random.default_rng(0).normal(size=(48, 6)).astype(np.float32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i]), int(self.x[i, 0] > 0)


def prefetch(loader, size=2):
    q, end = queue.Queue(size), object()

    def work():
        for x, y in loader:
            q.put((torch.nn.functional.normalize(x, dim=1) + 0.01 * torch.randn_like(x), y))
        q.put(end)

    threading.Thread(target=work, daemon=True).start()
    while (b := q.get()) is not end:
        yield b


if __name__ == "__main__":
    torch.manual_seed(0)
    loader = DataLoader(Points(), batch_size=12, shuffle=True, num_workers=1, persistent_workers=False)
    net = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2))
    opt = torch.optim.Adam(net.parameters())
    for epoch in range(2):
        for x, y in prefetch(loader):
            loss = nn.functional.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
