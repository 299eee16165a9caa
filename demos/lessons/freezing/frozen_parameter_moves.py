"""An optimizer uses `.grad` and its own state, and ignores requires_grad."""

import torch


def wrong():
    encoder = torch.nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1, momentum=0.9)
    encoder(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    encoder.requires_grad_(False)
    frozen = encoder.weight.clone()
    optimizer.step()
    after_old_grad = encoder.weight.clone()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()
    after_zero_grad = encoder.weight.clone()


def right():
    encoder = torch.nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1, momentum=0.9)
    encoder(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    encoder.requires_grad_(False)
    optimizer.zero_grad()
    frozen = encoder.weight.clone()
    optimizer.step()
    after_step = encoder.weight.clone()


def _moved_by(old, new):
    return round((new - old).item(), 4)


def _moved_by_decay():
    """Return how far AdamW moves a frozen weight of 1 whose gradient is zero."""
    weight = torch.ones(1)
    weight.grad = torch.zeros(1)
    torch.optim.AdamW([weight], lr=0.1, weight_decay=0.5).step()
    return _moved_by(torch.ones(1), weight)


def _moved_by_new_optimizer():
    """Return how far a frozen weight moves if the optimizer only gets trained parameters."""
    frozen, trained = torch.ones(1), torch.ones(1, requires_grad=True)
    frozen.grad, trained.grad = torch.ones(1), torch.ones(1)
    parameters = [each for each in (frozen, trained) if each.requires_grad]
    torch.optim.SGD(parameters, lr=0.1, momentum=0.9).step()
    return _moved_by(torch.ones(1), frozen), _moved_by(torch.ones(1), trained.detach())


def claims(wrong, right):
    by_old_grad = _moved_by(wrong.frozen, wrong.after_old_grad)
    by_zero_grad = _moved_by(wrong.after_old_grad, wrong.after_zero_grad)
    frozen, trained = _moved_by_new_optimizer()
    return {
        "frozen_weight_stays": {
            "stays_with_old_grad": by_old_grad == 0,
        },
        "zero_grad_is_enough": {
            "momentum_leaves_it": by_zero_grad == 0,
            "decay_leaves_it": _moved_by_decay() == 0,
        },
        "momentum_goes_on": {
            "by_old_grad": by_old_grad == -0.19,
            "by_momentum": by_zero_grad == -0.171,
        },
        "none_is_skipped": {
            "grad_is_none": right.encoder.weight.grad is None,
            "weight_unchanged": torch.equal(right.after_step, right.frozen),
            "momentum_still_there": right.encoder.weight in right.optimizer.state,
        },
        "new_optimizer_leaves_it": {
            "frozen_unchanged": frozen == 0,
            "trained_moved": trained == -0.1,
        },
    }
