import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 10), nn.Tanh(), nn.Linear(10, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
trainable = list(net.parameters())

for i in range(5):
    x = torch.randn(24, 3)
    loss = (net(x) - x.sum(1, keepdim=True)).abs().mean()
    grads = torch.autograd.grad(loss, trainable)
    total = torch.sqrt(sum(g.pow(2).sum() for g in grads))
    scale = (1.0 / (total + 1e-6)).clamp(max=1.0)
    opt.zero_grad()
    for p, g in zip(trainable, grads):
        p.grad = g * scale
    opt.step()
