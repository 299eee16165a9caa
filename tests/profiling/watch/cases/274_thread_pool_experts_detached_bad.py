from concurrent.futures import ThreadPoolExecutor
import torch
from torch import nn

torch.manual_seed(0)
e1, e2 = nn.Linear(6, 8), nn.Linear(6, 8)
combine = nn.Linear(8, 2)
params = [*e1.parameters(), *e2.parameters(), *combine.parameters()]
opt = torch.optim.Adam(params, lr=1e-3)


def run_expert(expert, x):
    out = torch.relu(expert(x))
    return out.detach()


with ThreadPoolExecutor(max_workers=2) as pool:
    for step in range(3):
        x, y = torch.randn(12, 6), torch.randint(0, 2, (12,))
        futures = [pool.submit(run_expert, e, x) for e in (e1, e2)]
        h = sum(f.result() for f in futures)
        loss = nn.functional.cross_entropy(combine(h), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
