"""The article's second motive: a side branch whose gradient does not reach the main network."""

import torch

MEASURED = "side_branch"
VALUES = (1.0, 2.0, 3.0)


def lesson(values):
    x = torch.tensor([values])
    trunk = torch.nn.Linear(len(values), 2)
    head = torch.nn.Linear(2, 1)
    side = torch.nn.Linear(2, 1)
    h = torch.tanh(trunk(x))
    loss = head(h).square().mean()
    alone = torch.autograd.grad(loss, trunk.weight, retain_graph=True)[0]
    leak_loss = side(h).square().mean()
    leak = torch.autograd.grad(leak_loss, trunk.weight, retain_graph=True, allow_unused=True)[0]
    side_loss = side(h.detach()).square().mean()
    (loss + side_loss).backward()


def claims(seen):
    return {
        "needs_a_stop": {
            "leaks_without": seen.leak is not None,
        },
        "main_unaffected": {
            "same_gradient": torch.allclose(seen.trunk.weight.grad, seen.alone, equal_nan=True),
        },
        "side_learns": {
            "side_has_grad": seen.side.weight.grad is not None,
        },
    }
