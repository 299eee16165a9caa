"""A frozen transformer encoder and a trained head on its last position."""

import math

import torch
from torch import nn

SIZE = "batch"
SIZES = (4, 16, 64)
PARAMETERS = {"depth": (4, 1, 64), "length": (32, 1, 65536), "width": (64, 1, 8192)}


def build(size, depth, length, width):
    blocks = [
        nn.TransformerEncoderLayer(
            width,
            math.gcd(width, 4),
            4 * width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        for _ in range(depth)
    ]
    head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))
    return {"encoder": nn.Sequential(*blocks), "head": head, "x": torch.randn(size, length, width)}


def groups(encoder, head, x):
    return {"encoder": list(encoder.parameters()), "head": list(head.parameters())}


def reference(encoder, head, x):
    loss = head(encoder(x)[:, -1]).mean()
    return {"encoder": None, "head": torch.autograd.grad(loss, list(head.parameters()))}


def attached(encoder, head, x):
    h = encoder(x)
    return head(h[:, -1]).mean()


def detach(encoder, head, x):
    h = encoder(x)
    return head(h[:, -1].detach()).mean()


def detach_inline(encoder, head, x):
    return head(encoder(x)[:, -1].detach()).mean()


def detach_kept(encoder, head, x):
    h = encoder(x)
    return head(h[:, -1].detach()).mean(), h


def clone_detach(encoder, head, x):
    h = encoder(x)
    return head(h[:, -1].clone().detach()).mean()


def detach_clone(encoder, head, x):
    h = encoder(x)
    return head(h[:, -1].detach().clone()).mean()


def detach_inplace(encoder, head, x):
    h = encoder(x)
    h.detach_()
    return head(h[:, -1]).mean()


def no_grad(encoder, head, x):
    with torch.no_grad():
        h = encoder(x)
    return head(h[:, -1]).mean()


def inference_mode(encoder, head, x):
    with torch.inference_mode():
        h = encoder(x)
    # The head's gradient needs its input saved, which an inference tensor refuses.
    return head(h[:, -1].clone()).mean()


def prepare_frozen(encoder, head, x):
    encoder.requires_grad_(False)


def frozen(encoder, head, x):
    h = encoder(x)
    return head(h[:, -1]).mean()
