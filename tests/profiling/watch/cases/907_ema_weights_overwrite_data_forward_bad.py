import torch
from torch import nn

torch.manual_seed(0)
encoder = nn.Linear(5, 7)
head = nn.Linear(7, 2)
shadow = {n: p.data.clone() for n, p in encoder.named_parameters()}
opt = torch.optim.RMSprop([{"params": encoder.parameters()}, {"params": head.parameters(), "lr": 1e-2}], lr=1e-3)
crit = nn.CrossEntropyLoss()
for i in range(4):
    x, y = torch.randn(12, 5), torch.randint(2, (12,))
    blended = {n: 0.9 * shadow[n] + 0.1 * p.data for n, p in encoder.named_parameters()}
    h = torch.func.functional_call(encoder, blended, (x,)).relu()
    loss = crit(head(h), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    for n, p in encoder.named_parameters():
        shadow[n].lerp_(p.data, 0.1)
