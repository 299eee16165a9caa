import torch
from torch import nn
from torch.func import functional_call, grad, vmap

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.1)


def sample_loss(params, x, y):
    pred = functional_call(model, params, (x.unsqueeze(0),))
    return (pred.squeeze() - y).pow(2)


per_sample = vmap(grad(sample_loss), in_dims=(None, 0, 0))
for step in range(4):
    x, y = torch.randn(12, 5), torch.randn(12)
    params = {k: v.detach() for k, v in model.named_parameters()}
    grads = per_sample(params, x, y)
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in grads.values()]).norm(dim=0)
    scale = (1.0 / (norms + 1e-6)).clamp(max=1.0)
    for name, p in model.named_parameters():
        g = grads[name]
        p.grad = (g * scale.view(-1, *[1] * (g.dim() - 1))).mean(0) + 1e-4 * torch.randn_like(p)
    opt.step()
    opt.zero_grad()
