import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
query_encoder = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 16))
key_encoder = copy.deepcopy(query_encoder)
for p in key_encoder.parameters():
    p.requires_grad = False
logit_scale = nn.Parameter(torch.tensor(2.0))
optimizer = torch.optim.SGD(list(query_encoder.parameters()) + [logit_scale], lr=0.03)

for it in range(4):
    x = torch.randn(24, 20)
    x1, x2 = x + 0.1 * torch.randn_like(x), x + 0.1 * torch.randn_like(x)
    with torch.no_grad():
        for pq, pk in zip(query_encoder.parameters(), key_encoder.parameters()):
            pk.mul_(0.99).add_(pq, alpha=0.01)
        q = F.normalize(query_encoder(x1), dim=1)
        k = F.normalize(key_encoder(x2), dim=1)
    logits = logit_scale.exp() * q @ k.t()
    loss = F.cross_entropy(logits, torch.arange(24))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
