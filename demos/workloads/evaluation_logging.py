"""An evaluation loop that sums the loss and never runs backward."""

import torch
from torch import nn

SIZE = "steps"
SIZES = (4, 16, 64)
PARAMETERS = {"depth": (4, 1, 64), "batch": (256, 1, 1_000_000), "width": (128, 1, 8192)}


def build(size, depth, batch, width):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(width, 1))
    return {"model": model, "batches": torch.randn(size, batch, width)}


def groups(model, batches):
    return {"model": list(model.parameters())}


def reference(model, batches):
    return {"model": None}


def attached(model, batches):
    total = 0
    for x in batches:
        loss = model(x).square().mean()
        total = total + loss
    return None, total


def detach(model, batches):
    total = 0
    for x in batches:
        loss = model(x).square().mean()
        total = total + loss.detach()
    return None, total


def item(model, batches):
    total = 0
    for x in batches:
        loss = model(x).square().mean()
        total = total + loss.item()
    return None, total


def no_grad(model, batches):
    total = 0
    with torch.no_grad():
        for x in batches:
            loss = model(x).square().mean()
            total = total + loss
    return None, total


def inference_mode(model, batches):
    total = 0
    with torch.inference_mode():
        for x in batches:
            loss = model(x).square().mean()
            total = total + loss
    return None, total
