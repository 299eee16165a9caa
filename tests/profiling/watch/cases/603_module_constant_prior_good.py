import torch
from torch import nn

torch.manual_seed(1)
log_scale = nn.Parameter(torch.zeros(3))
net = nn.Linear(3, 3)


def kl(z):
    PRIOR = torch.distributions.Normal(torch.zeros(3), log_scale.exp())
    return -PRIOR.log_prob(z).sum(1).mean()


opt = torch.optim.SGD([log_scale, *net.parameters()], lr=0.01)
for i in range(4):
    z = net(torch.randn(5, 3))
    loss = kl(z)
    opt.zero_grad()
    loss.backward()
    opt.step()
