import torch
from torch import nn
from concurrent.futures import ThreadPoolExecutor
torch.manual_seed(0)
towers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
head = nn.Linear(4, 1)
opt = torch.optim.SGD([*towers.parameters(), *head.parameters()], lr=0.1)
pool = ThreadPoolExecutor(3)
def run(pair):
    tower, x = pair
    h = torch.tanh(tower(x))
    return h if tower is not towers[1] else h.detach()
for step in range(3):
    x = torch.randn(8, 4)
    hs = list(pool.map(run, [(t, x) for t in towers]))
    loss = head(torch.stack(hs).sum(0)).pow(2).mean()
    opt.zero_grad(); loss.backward(); opt.step()
pool.shutdown()
