"""A side head reads the trunk's features; its loss must not train the trunk."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (256, 1024, 4096)
PARAMETERS = {"depth": (8, 1, 64), "width": (128, 1, 8192)}
ABSENT = ("detach_inline", "detach_kept", "frozen")
RAISES = {"detach_inplace": "saved tensor that has been detached in-place"}


def build(size, depth, width):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    main = nn.Linear(width, 1)
    side = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
    x = torch.randn(size, width)
    return {"trunk": nn.Sequential(*layers), "main": main, "side": side, "x": x}


def groups(trunk, main, side, x):
    modules = {"trunk": trunk, "main": main, "side": side}
    return {name: list(module.parameters()) for name, module in modules.items()}


def reference(trunk, main, side, x):
    main_loss = main(trunk(x)).mean()
    side_loss = side(trunk(x)).mean()
    grad = torch.autograd.grad
    return {
        "trunk": grad(main_loss, list(trunk.parameters()), retain_graph=True),
        "main": grad(main_loss, list(main.parameters())),
        "side": grad(side_loss, list(side.parameters())),
    }


def attached(trunk, main, side, x):
    h = trunk(x)
    return main(h).mean() + side(h).mean()


def detach(trunk, main, side, x):
    h = trunk(x)
    return main(h).mean() + side(h.detach()).mean()


def clone_detach(trunk, main, side, x):
    h = trunk(x)
    return main(h).mean() + side(h.clone().detach()).mean()


def detach_clone(trunk, main, side, x):
    h = trunk(x)
    return main(h).mean() + side(h.detach().clone()).mean()


def detach_inplace(trunk, main, side, x):
    h = trunk(x)
    main_loss = main(h).mean()
    h.detach_()
    return main_loss + side(h).mean()


def no_grad(trunk, main, side, x):
    h = trunk(x)
    with torch.no_grad():
        features = trunk(x)
    return main(h).mean() + side(features).mean()


def inference_mode(trunk, main, side, x):
    h = trunk(x)
    with torch.inference_mode():
        features = trunk(x)
    # The side head's weight gradient needs its input saved, which an inference tensor refuses.
    return main(h).mean() + side(features.clone()).mean()
