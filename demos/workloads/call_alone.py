"""Only the call that stops the gradient: what does the call itself cost?"""

import torch

SIZE = "elements"
SIZES = (1_000, 100_000, 1_000_000)
LOOPED = True
ABSENT = ("detach_inplace",)


def build(size):
    return {"h": torch.randn(size, requires_grad=True)}


def groups(h):
    return {"h": [h]}


def reference(h):
    return {"h": None}


def attached(h):
    h.view_as(h)


def detach(h):
    h.detach()


def clone_detach(h):
    h.clone().detach()


def detach_clone(h):
    h.detach().clone()


def no_grad(h):
    with torch.no_grad():
        h.view_as(h)


def inference_mode(h):
    with torch.inference_mode():
        h.view_as(h)
