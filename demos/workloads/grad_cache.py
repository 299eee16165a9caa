"""Gradient cache: a contrastive loss over a whole batch, with the memory of one chunk."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (256, 1024)
PARAMETERS = {"chunks": (8, 1, 256), "depth": (8, 1, 64), "width": (128, 1, 8192)}
ABSENT = ("frozen",)


def build(size, chunks, depth, width):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.GELU())]
    for layer in layers:
        if isinstance(layer, nn.Linear):
            # Else a deep encoder makes all samples alike, and gradients are nothing but rounding.
            nn.init.kaiming_normal_(layer.weight)
    pairs = {"a": torch.randn(size, width), "b": torch.randn(size, width)}
    return {"encoder": nn.Sequential(*layers), **pairs, "chunks": chunks}


def groups(encoder, a, b, chunks):
    return {"encoder": list(encoder.parameters())}


def reference(encoder, a, b, chunks):
    p = torch.nn.functional.normalize(encoder(a))
    q = torch.nn.functional.normalize(encoder(b))
    goal = torch.arange(len(a), device=a.device)
    loss = torch.nn.functional.cross_entropy(p @ q.T / 0.1, goal)
    return {"encoder": torch.autograd.grad(loss, list(encoder.parameters()))}


def attached(encoder, a, b, chunks):
    p = torch.nn.functional.normalize(encoder(a))
    q = torch.nn.functional.normalize(encoder(b))
    goal = torch.arange(len(a), device=a.device)
    return torch.nn.functional.cross_entropy(p @ q.T / 0.1, goal)


def small_batches(encoder, a, b, chunks):
    total = a.new_zeros(())
    for x, y in zip(a.chunk(chunks), b.chunk(chunks), strict=True):
        p = torch.nn.functional.normalize(encoder(x))
        q = torch.nn.functional.normalize(encoder(y))
        goal = torch.arange(len(x), device=x.device)
        loss = torch.nn.functional.cross_entropy(p @ q.T / 0.1, goal) * len(x) / len(a)
        loss.backward()
        total = total + loss.detach()
    return None, total


def detach(encoder, a, b, chunks):
    p = torch.cat([encoder(x).detach() for x in a.chunk(chunks)]).requires_grad_()
    q = torch.cat([encoder(x).detach() for x in b.chunk(chunks)]).requires_grad_()
    goal = torch.arange(len(a), device=a.device)
    loss = torch.nn.functional.cross_entropy(
        torch.nn.functional.normalize(p) @ torch.nn.functional.normalize(q).T / 0.1, goal
    )
    into_p, into_q = torch.autograd.grad(loss, [p, q])
    inputs = [*a.chunk(chunks), *b.chunk(chunks)]
    grads = [*into_p.chunk(chunks), *into_q.chunk(chunks)]
    for x, grad in zip(inputs, grads, strict=True):
        encoder(x).backward(grad)
    return None, loss.detach()


def no_grad(encoder, a, b, chunks):
    with torch.no_grad():
        p = torch.cat([encoder(x) for x in a.chunk(chunks)]).requires_grad_()
        q = torch.cat([encoder(x) for x in b.chunk(chunks)]).requires_grad_()
    goal = torch.arange(len(a), device=a.device)
    loss = torch.nn.functional.cross_entropy(
        torch.nn.functional.normalize(p) @ torch.nn.functional.normalize(q).T / 0.1, goal
    )
    into_p, into_q = torch.autograd.grad(loss, [p, q])
    inputs = [*a.chunk(chunks), *b.chunk(chunks)]
    grads = [*into_p.chunk(chunks), *into_q.chunk(chunks)]
    for x, grad in zip(inputs, grads, strict=True):
        encoder(x).backward(grad)
    return None, loss.detach()
