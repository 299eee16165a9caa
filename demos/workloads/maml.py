"""First-order MAML: the inner step's gradient is a constant of the outer one."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (256, 1024)
PARAMETERS = {"steps": (3, 1, 64), "depth": (4, 1, 64), "width": (128, 1, 8192)}
ABSENT = ("no_grad", "inference_mode", "frozen")


def build(size, steps, depth, width):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.Tanh())]
    model = nn.Sequential(*layers, nn.Linear(width, 1))
    return {
        "model": model,
        "x": torch.randn(size, width),
        "y": torch.randn(size, 1),
        "steps": steps,
    }


def groups(model, x, y, steps):
    return {"model": list(model.parameters())}


def reference(model, x, y, steps):
    from torch.func import functional_call

    fast = dict(model.named_parameters())
    for _ in range(steps):
        loss = (functional_call(model, fast, x) - y).square().mean()
        grads = torch.autograd.grad(loss, list(fast.values()))
        pairs = zip(fast.items(), grads, strict=True)
        fast = {name: weight - 0.1 * grad for (name, weight), grad in pairs}
    loss = (functional_call(model, fast, x) - y).square().mean()
    return {"model": torch.autograd.grad(loss, list(model.parameters()))}


def attached(model, x, y, steps):
    from torch.func import functional_call

    fast = dict(model.named_parameters())
    for _ in range(steps):
        loss = (functional_call(model, fast, x) - y).square().mean()
        grads = torch.autograd.grad(loss, list(fast.values()), create_graph=True)
        pairs = zip(fast.items(), grads, strict=True)
        fast = {name: weight - 0.1 * grad for (name, weight), grad in pairs}
    return (functional_call(model, fast, x) - y).square().mean()


def detach(model, x, y, steps):
    from torch.func import functional_call

    fast = dict(model.named_parameters())
    for _ in range(steps):
        loss = (functional_call(model, fast, x) - y).square().mean()
        grads = torch.autograd.grad(loss, list(fast.values()), create_graph=True)
        pairs = zip(fast.items(), grads, strict=True)
        fast = {name: weight - 0.1 * grad.detach() for (name, weight), grad in pairs}
    return (functional_call(model, fast, x) - y).square().mean()


def first_order(model, x, y, steps):
    from torch.func import functional_call

    fast = dict(model.named_parameters())
    for _ in range(steps):
        loss = (functional_call(model, fast, x) - y).square().mean()
        grads = torch.autograd.grad(loss, list(fast.values()))
        pairs = zip(fast.items(), grads, strict=True)
        fast = {name: weight - 0.1 * grad for (name, weight), grad in pairs}
    return (functional_call(model, fast, x) - y).square().mean()
