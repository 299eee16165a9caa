"""Split backward: a loss over a large vocabulary, chunk by chunk, behind a detached boundary."""

import torch
from torch import nn

SIZE = "tokens"
SIZES = (512, 2048)
PARAMETERS = {"vocab": (4096, 2, 262144), "width": (128, 1, 8192), "chunks": (8, 1, 1024)}
ABSENT = ("no_grad", "inference_mode", "frozen")


def build(size, vocab, width, chunks):
    trunk = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
    data = {"x": torch.randn(size, width), "target": torch.randint(vocab, (size,))}
    return {"trunk": trunk, "head": nn.Linear(width, vocab), **data, "chunks": chunks}


def groups(trunk, head, x, target, chunks):
    return {"trunk": list(trunk.parameters()), "head": list(head.parameters())}


def reference(trunk, head, x, target, chunks):
    loss = torch.nn.functional.cross_entropy(head(trunk(x)), target)
    grads = torch.autograd.grad(loss, [*trunk.parameters(), *head.parameters()])
    count = len(list(trunk.parameters()))
    return {"trunk": grads[:count], "head": grads[count:]}


def attached(trunk, head, x, target, chunks):
    return torch.nn.functional.cross_entropy(head(trunk(x)), target)


def chunked(trunk, head, x, target, chunks):
    total = x.new_zeros(())
    for h, goal in zip(trunk(x).chunk(chunks), target.chunk(chunks), strict=True):
        total = total + torch.nn.functional.cross_entropy(head(h), goal, reduction="sum")
    return total / len(x)


def detach(trunk, head, x, target, chunks):
    features = trunk(x).detach()
    total = x.new_zeros(())
    for h, goal in zip(features.chunk(chunks), target.chunk(chunks), strict=True):
        loss = torch.nn.functional.cross_entropy(head(h), goal, reduction="sum") / len(x)
        loss.backward()
        total = total + loss.detach()
    return None, total


def detach_boundary(trunk, head, x, target, chunks):
    features = trunk(x)
    boundary = features.detach().requires_grad_()
    total = x.new_zeros(())
    for h, goal in zip(boundary.chunk(chunks), target.chunk(chunks), strict=True):
        loss = torch.nn.functional.cross_entropy(head(h), goal, reduction="sum") / len(x)
        loss.backward()
        total = total + loss.detach()
    features.backward(boundary.grad)
    return None, total


def checkpoint(trunk, head, x, target, chunks):
    from torch.utils.checkpoint import checkpoint

    def loss_of(h, goal):
        return torch.nn.functional.cross_entropy(head(h), goal, reduction="sum")

    total = x.new_zeros(())
    for h, goal in zip(trunk(x).chunk(chunks), target.chunk(chunks), strict=True):
        total = total + checkpoint(loss_of, h, goal, use_reentrant=False)
    return total / len(x)
