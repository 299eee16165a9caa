"""A cache of features that should keep only the last position of each batch."""

import torch
from torch import nn

SIZE = "steps"
SIZES = (8, 32, 128)
PARAMETERS = {
    "depth": (2, 1, 64),
    "batch": (16, 1, 65536),
    "length": (64, 1, 65536),
    "width": (64, 1, 8192),
}


def build(size, depth, batch, length, width):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    return {"model": nn.Sequential(*layers), "batches": torch.randn(size, batch, length, width)}


def groups(model, batches):
    return {"model": list(model.parameters())}


def reference(model, batches):
    return {"model": None}


def attached(model, batches):
    cache = []
    for x in batches:
        h = model(x)
        cache.append(h[:, -1])
    return None, cache


def detach(model, batches):
    cache = []
    for x in batches:
        h = model(x)
        cache.append(h[:, -1].detach())
    return None, cache


def clone_detach(model, batches):
    cache = []
    for x in batches:
        h = model(x)
        cache.append(h[:, -1].clone().detach())
    return None, cache


def detach_clone(model, batches):
    cache = []
    for x in batches:
        h = model(x)
        cache.append(h[:, -1].detach().clone())
    return None, cache


def no_grad(model, batches):
    cache = []
    with torch.no_grad():
        for x in batches:
            h = model(x)
            cache.append(h[:, -1])
    return None, cache


def inference_mode(model, batches):
    cache = []
    with torch.inference_mode():
        for x in batches:
            h = model(x)
            cache.append(h[:, -1])
    return None, cache
