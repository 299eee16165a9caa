"""Transfer learning: a frozen encoder and a trained head."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (256, 1024, 4096)
PARAMETERS = {"depth": (8, 1, 64), "width": (128, 1, 8192)}


def build(size, depth, width):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
    return {"encoder": nn.Sequential(*layers), "head": head, "x": torch.randn(size, width)}


def groups(encoder, head, x):
    return {"encoder": list(encoder.parameters()), "head": list(head.parameters())}


def reference(encoder, head, x):
    loss = head(encoder(x)).mean()
    return {"encoder": None, "head": torch.autograd.grad(loss, list(head.parameters()))}


def attached(encoder, head, x):
    h = encoder(x)
    return head(h).mean()


def detach(encoder, head, x):
    h = encoder(x)
    return head(h.detach()).mean()


def detach_inline(encoder, head, x):
    return head(encoder(x).detach()).mean()


def detach_kept(encoder, head, x):
    h = encoder(x)
    return head(h.detach()).mean(), h


def clone_detach(encoder, head, x):
    h = encoder(x)
    return head(h.clone().detach()).mean()


def detach_clone(encoder, head, x):
    h = encoder(x)
    return head(h.detach().clone()).mean()


def detach_inplace(encoder, head, x):
    h = encoder(x)
    h.detach_()
    return head(h).mean()


def no_grad(encoder, head, x):
    with torch.no_grad():
        h = encoder(x)
    return head(h).mean()


def inference_mode(encoder, head, x):
    with torch.inference_mode():
        h = encoder(x)
    # The head's weight gradient needs its input saved, which an inference tensor refuses.
    return head(h.clone()).mean()


def prepare_frozen(encoder, head, x):
    encoder.requires_grad_(False)


def frozen(encoder, head, x):
    h = encoder(x)
    return head(h).mean()
