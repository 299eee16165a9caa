import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 1))
inner_lr = nn.ParameterDict({k.replace(".", "_"): nn.Parameter(torch.tensor(0.05)) for k, _ in model.named_parameters()})
meta = torch.optim.Adam([*model.parameters(), *inner_lr.parameters()], lr=1e-3)
for it in range(4):
    meta.zero_grad()
    for task in range(2):
        a = torch.rand(1) * 4
        x = torch.randn(8, 1)
        y = torch.sin(x + a)
        fast = dict(model.named_parameters())
        for _ in range(2):
            l = (functional_call(model, fast, (x[:4],)) - y[:4]).pow(2).mean()
            grads = torch.autograd.grad(l, list(fast.values()), create_graph=True)
            fast = {k: w - inner_lr[k.replace(".", "_")] * g for (k, w), g in zip(fast.items(), grads)}
        q = (functional_call(model, fast, (x[4:],)) - y[4:]).pow(2).mean()
        (q / 2).backward()
    meta.step()
