"""A gradient of zero moves a weight that momentum or weight decay acts on; None does not."""

import torch


def wrong():
    encoder, head = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1)
    model = torch.nn.Sequential(encoder, head)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    batch = torch.ones(1, 1)
    model(batch).sum().backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    before = encoder.weight.clone()
    head(encoder(batch).detach()).sum().backward()
    optimizer.step()
    moved = encoder.weight - before


def right():
    encoder, head = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1)
    model = torch.nn.Sequential(encoder, head)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    batch = torch.ones(1, 1)
    model(batch).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    before = encoder.weight.clone()
    head(encoder(batch).detach()).sum().backward()
    optimizer.step()
    moved = encoder.weight - before


def _moved(kind, requires_grad=True, **settings):
    """Return how far a weight of 1 moves by zeros, after one step with a gradient of 1."""
    weight = torch.ones(1, requires_grad=True)
    optimizer = kind([weight], lr=0.1, **settings)
    weight.grad = torch.ones(1)
    optimizer.step()
    weight.requires_grad_(requires_grad)
    before = weight.detach().clone()
    weight.grad = torch.zeros(1)
    optimizer.step()
    return round((weight.detach() - before).item(), 4)


def claims(wrong, right):
    sgd, adam = torch.optim.SGD, torch.optim.Adam
    return {
        "cut_weight_stays": {
            "unchanged": not wrong.moved.any(),
            "no_gradient": wrong.encoder.weight.grad is None,
        },
        "zeros_do_nothing": {
            "plain_sgd": _moved(sgd) == 0,
            "momentum": _moved(sgd, momentum=0.9) == 0,
            "weight_decay": _moved(sgd, weight_decay=0.1) == 0,
            "adam": _moved(adam) == 0,
        },
        "flag_protects": {
            "adam": _moved(adam, requires_grad=False) == 0,
            "weight_decay": _moved(sgd, requires_grad=False, weight_decay=0.1) == 0,
        },
        "none_is_skipped": {
            "gradient_is_none": right.encoder.weight.grad is None,
            "unchanged": not right.moved.any(),
            "head_still_learns": right.head.weight.grad is not None,
        },
    }
