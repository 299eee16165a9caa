"""Recycling: a block runs many times and learns from its last pass only, as in AlphaFold."""

import torch
from torch import nn

SIZE = "passes"
SIZES = (4, 16, 64)
PARAMETERS = {"batch": (1024, 1, 65536), "width": (128, 1, 8192)}
ABSENT = ("frozen",)


def build(size, batch, width):
    block = nn.Sequential(nn.Linear(2 * width, width), nn.Tanh())
    modules = {"block": block, "head": nn.Linear(width, 1)}
    return {**modules, "x": torch.randn(batch, width), "passes": size}


def groups(block, head, x, passes):
    return {"block": list(block.parameters()), "head": list(head.parameters())}


def reference(block, head, x, passes):
    z = torch.zeros_like(x)
    for _ in range(passes - 1):
        z = block(torch.cat((x, z), 1)).detach()
    loss = head(block(torch.cat((x, z), 1))).mean()
    grads = torch.autograd.grad(loss, [*block.parameters(), *head.parameters()])
    return {"block": grads[:2], "head": grads[2:]}


def attached(block, head, x, passes):
    z = torch.zeros_like(x)
    for _ in range(passes):
        z = block(torch.cat((x, z), 1))
    return head(z).mean()


def detach(block, head, x, passes):
    z = torch.zeros_like(x)
    for _ in range(passes - 1):
        z = block(torch.cat((x, z), 1)).detach()
    return head(block(torch.cat((x, z), 1))).mean()


def detach_last(block, head, x, passes):
    z = torch.zeros_like(x)
    for _ in range(passes - 1):
        z = block(torch.cat((x, z), 1))
    return head(block(torch.cat((x, z.detach()), 1))).mean()


def no_grad(block, head, x, passes):
    z = torch.zeros_like(x)
    with torch.no_grad():
        for _ in range(passes - 1):
            z = block(torch.cat((x, z), 1))
    return head(block(torch.cat((x, z), 1))).mean()


def inference_mode(block, head, x, passes):
    z = torch.zeros_like(x)
    with torch.inference_mode():
        for _ in range(passes - 1):
            z = block(torch.cat((x, z), 1))
    # Concatenating copies z, so no inference tensor is saved.
    return head(block(torch.cat((x, z), 1))).mean()
