import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
policy = nn.Sequential(nn.Embedding(20, 12), nn.Linear(12, 20))
reference = copy.deepcopy(policy).requires_grad_(False)
opt = torch.optim.AdamW(policy.parameters(), lr=1e-3, weight_decay=0.0)


def logps(net, ids):
    logp = net(ids[:, :-1]).log_softmax(-1)
    return logp.gather(-1, ids[:, 1:, None]).squeeze(-1).sum(-1)


for step in range(4):
    batch = torch.randint(0, 20, (8, 7))
    n = len(batch) // 2
    chosen, rejected = batch[:n], batch[n:]
    pi = logps(policy, chosen) - logps(policy, rejected)
    with torch.no_grad():
        ref = logps(reference, chosen) - logps(reference, rejected)
    loss = -F.logsigmoid(0.1 * (pi - ref)).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
