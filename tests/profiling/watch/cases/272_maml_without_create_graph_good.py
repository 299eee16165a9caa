import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)
base = nn.Linear(4, 1)
meta_loss = nn.Sequential(nn.Linear(2, 16), nn.Softplus(), nn.Linear(16, 1), nn.Softplus())
meta_opt = torch.optim.Adam([*base.parameters(), *meta_loss.parameters()], lr=1e-3)

for episode in range(4):
    xs, ys, xq, yq = torch.randn(8, 4), torch.randn(8, 1), torch.randn(8, 4), torch.randn(8, 1)
    params = dict(base.named_parameters())
    inner = meta_loss(torch.cat([functional_call(base, params, (xs,)), ys], dim=1)).mean()
    grads = torch.autograd.grad(inner, list(params.values()), create_graph=True)
    adapted = {k: p - 0.1 * g for (k, p), g in zip(params.items(), grads)}
    outer = (functional_call(base, adapted, (xq,)) - yq).pow(2).mean()
    meta_opt.zero_grad()
    outer.backward()
    meta_opt.step()
