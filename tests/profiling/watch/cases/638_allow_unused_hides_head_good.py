import torch
from torch import nn

torch.manual_seed(0)
body, head = nn.Linear(4, 6), nn.Linear(6, 1)
params = [*body.parameters(), *head.parameters()]
opt = torch.optim.SGD(params, lr=0.1)
for _ in range(5):
    x = torch.randn(5, 4)
    h = body(x).tanh()
    loss = (head(h).squeeze(1) - x.mean(1)).square().mean()
    grads = torch.autograd.grad(loss, params, allow_unused=True)
    for p, g in zip(params, grads):
        p.grad = g
    opt.step()
