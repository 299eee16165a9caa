"""One elementwise op before the cut and one after it: mostly the cost of the cut itself."""

import torch

SIZE = "elements"
SIZES = (1_000, 100_000, 1_000_000)


def build(size):
    return {"x": torch.randn(size, requires_grad=True), "w": torch.randn(size, requires_grad=True)}


def groups(x, w):
    return {"x": [x], "w": [w]}


def reference(x, w):
    loss = (x.sigmoid() * w).sum()
    return {"x": None, "w": torch.autograd.grad(loss, [w])}


def attached(x, w):
    h = x.sigmoid()
    return (h * w).sum()


def detach(x, w):
    h = x.sigmoid()
    return (h.detach() * w).sum()


def detach_inline(x, w):
    return (x.sigmoid().detach() * w).sum()


def detach_kept(x, w):
    h = x.sigmoid()
    return (h.detach() * w).sum(), h


def clone_detach(x, w):
    h = x.sigmoid()
    return (h.clone().detach() * w).sum()


def detach_clone(x, w):
    h = x.sigmoid()
    return (h.detach().clone() * w).sum()


def detach_inplace(x, w):
    h = x.sigmoid()
    h.detach_()
    return (h * w).sum()


def no_grad(x, w):
    with torch.no_grad():
        h = x.sigmoid()
    return (h * w).sum()


def inference_mode(x, w):
    with torch.inference_mode():
        h = x.sigmoid()
    # The product's gradient needs h saved, which an inference tensor refuses.
    return (h.clone() * w).sum()


def prepare_frozen(x, w):
    x.requires_grad_(False)


def frozen(x, w):
    h = x.sigmoid()
    return (h * w).sum()
