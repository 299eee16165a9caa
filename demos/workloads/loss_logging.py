"""Gradient accumulation over micro-batches, with a running loss for the log."""

import torch
from torch import nn

SIZE = "steps"
SIZES = (4, 16, 64)
PARAMETERS = {"depth": (4, 1, 64), "batch": (64, 1, 1_000_000), "width": (128, 1, 8192)}


def build(size, depth, batch, width):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(width, 1))
    return {"model": model, "batches": torch.randn(size, batch, width)}


def groups(model, batches):
    return {"model": list(model.parameters())}


def reference(model, batches):
    totals = [torch.zeros_like(parameter) for parameter in model.parameters()]
    for x in batches:
        loss = model(x).square().mean()
        grads = torch.autograd.grad(loss, list(model.parameters()))
        totals = [total + grad for total, grad in zip(totals, grads, strict=True)]
    return {"model": totals}


def attached(model, batches):
    total = 0
    for x in batches:
        loss = model(x).square().mean()
        loss.backward()
        total = total + loss
    return None, total


def detach(model, batches):
    total = 0
    for x in batches:
        loss = model(x).square().mean()
        loss.backward()
        total = total + loss.detach()
    return None, total


def item(model, batches):
    total = 0
    for x in batches:
        loss = model(x).square().mean()
        loss.backward()
        total = total + loss.item()
    return None, total
