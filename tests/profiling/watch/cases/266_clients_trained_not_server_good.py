import copy
import torch
from torch import nn

torch.manual_seed(0)
server = nn.Linear(5, 3)
opt = torch.optim.SGD(server.parameters(), lr=0.1)
shards = [(torch.randn(12, 5), torch.randint(0, 3, (12,))) for _ in range(3)]

for rnd in range(4):
    opt.zero_grad()
    for x, y in shards:
        client = copy.deepcopy(server)
        loss = nn.functional.cross_entropy(client(x), y)
        loss.backward()
        for ps, pc in zip(server.parameters(), client.parameters()):
            ps.grad = pc.grad.clone() if ps.grad is None else ps.grad + pc.grad
    opt.step()
