import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 8))
bank = []
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for it in range(6):
    x = torch.randn(8, 10)
    q = F.normalize(net(x + 0.1 * torch.randn_like(x)), dim=1)
    k = F.normalize(net(x + 0.1 * torch.randn_like(x)), dim=1)
    negatives = torch.cat(bank[-4:]).detach() if bank else torch.randn(4, 8)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ negatives.T], 1) / 0.2
    loss = F.cross_entropy(logits, torch.zeros(8, dtype=torch.long))
    opt.zero_grad()
    loss.backward()
    opt.step()
    bank.append(k)
