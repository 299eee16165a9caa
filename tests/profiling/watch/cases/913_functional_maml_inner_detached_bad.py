import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 1))
meta = torch.optim.Adam(net.parameters(), lr=1e-3)


def adapt(params, x, y, lr=0.05):
    inner = {name: p.detach().requires_grad_() for name, p in params.items()}
    loss = (functional_call(net, inner, (x,)) - y).pow(2).mean()
    grads = torch.autograd.grad(loss, tuple(inner.values()), create_graph=True)
    return {name: p - lr * g for (name, p), g in zip(inner.items(), grads)}


for outer in range(3):
    meta.zero_grad()
    total = 0
    for task in range(2):
        phase = torch.rand(()) * 3
        xs, xq = torch.rand(10, 1), torch.rand(10, 1)
        fast = adapt(dict(net.named_parameters()), xs, torch.sin(xs + phase))
        total = total + (functional_call(net, fast, (xq,)) - torch.sin(xq + phase)).pow(2).mean()
    total.backward()
    meta.step()
