import torch

torch.manual_seed(0)


def init(sizes):
    return [{"w": (torch.randn(i, o) / i ** 0.5).requires_grad_(), "b": torch.zeros(o, requires_grad=True)}
            for i, o in zip(sizes, sizes[1:])]


def forward(params, x):
    for layer in params[:-1]:
        x = torch.tanh(x @ layer["w"] + layer["b"])
    return x @ params[-1]["w"] + params[-1]["b"]


params = init([3, 8, 8, 1])
momentum = [{k: torch.zeros_like(v) for k, v in l.items()} for l in params]
for step in range(8):
    x = torch.randn(16, 3)
    loss = (forward(params, x).squeeze(1) - x.prod(1)).square().mean()
    loss.backward()
    with torch.no_grad():
        for l, m in zip(params, momentum):
            for k in l:
                m[k].mul_(0.9).add_(l[k].grad)
                l[k] -= 0.05 * m[k]
                l[k].grad = None
