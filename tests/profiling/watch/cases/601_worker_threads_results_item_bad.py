import threading, queue
import torch
from torch import nn

torch.manual_seed(3)
policy = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
value = nn.Linear(5, 1)
opt = torch.optim.SGD([*policy.parameters(), *value.parameters()], lr=0.05)
results = queue.Queue()


def rollout(seed):
    obs = torch.randn(5, generator=torch.Generator().manual_seed(seed))
    score = policy(obs)
    results.put((seed, score.item(), value(obs)))


for epoch in range(5):
    workers = [threading.Thread(target=rollout, args=(epoch * 10 + i,)) for i in range(3)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    got = sorted((results.get() for _ in workers), key=lambda r: r[0])
    scores = torch.tensor([g[1] for g in got])
    values = torch.cat([g[2] for g in got])
    loss = ((scores - 1.0) ** 2).mean() + ((values - scores) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
