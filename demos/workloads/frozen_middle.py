"""A frozen middle between a trained stem and head: the gradient must pass through it."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (256, 1024, 4096)
PARAMETERS = {"depth": (8, 1, 64), "width": (128, 1, 8192)}


def build(size, depth, width):
    # GELU saves its own input; a frozen Linear no longer does. With ReLU they share one tensor.
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.GELU())]
    stem = nn.Sequential(nn.Linear(width, width), nn.GELU())
    head = nn.Linear(width, 1)
    x = torch.randn(size, width)
    return {"stem": stem, "middle": nn.Sequential(*layers), "head": head, "x": x}


def groups(stem, middle, head, x):
    modules = {"stem": stem, "middle": middle, "head": head}
    return {name: list(module.parameters()) for name, module in modules.items()}


def reference(stem, middle, head, x):
    loss = head(middle(stem(x))).mean()
    trained = [*stem.parameters(), *head.parameters()]
    grads = torch.autograd.grad(loss, trained)
    count = len(list(stem.parameters()))
    return {"stem": grads[:count], "middle": None, "head": grads[count:]}


def attached(stem, middle, head, x):
    h = middle(stem(x))
    return head(h).mean()


def detach(stem, middle, head, x):
    h = middle(stem(x))
    return head(h.detach()).mean()


def no_grad(stem, middle, head, x):
    features = stem(x)
    with torch.no_grad():
        h = middle(features)
    return head(h).mean()


def inference_mode(stem, middle, head, x):
    features = stem(x)
    with torch.inference_mode():
        h = middle(features)
    # The head's weight gradient needs its input saved, which an inference tensor refuses.
    return head(h.clone()).mean()


def prepare_frozen(stem, middle, head, x):
    middle.requires_grad_(False)


def frozen(stem, middle, head, x):
    h = middle(stem(x))
    return head(h).mean()
