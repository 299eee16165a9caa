"""GradScaler finds no gradient in any parameter of an optimizer."""

import torch

DEVICE = "cpu"
ERRORS = ("No inf checks were recorded for this optimizer.",)


def wrong():
    encoder, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    features = encoder(torch.ones(1, 2)).detach()
    loss = head(features).sum()
    scaler.scale(loss).backward()
    scaler.step(optimizer)


def right():
    encoder, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    features = encoder(torch.ones(1, 2))
    loss = head(features).sum()
    before = encoder.bias.clone()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()


def _raises(parameters, loss):
    """Return whether a scaled step on these parameters raises."""
    optimizer, scaler = torch.optim.SGD(parameters, lr=0.1), torch.amp.GradScaler("cpu")
    scaler.scale(loss).backward()
    try:
        scaler.step(optimizer)
    except AssertionError:
        return True
    return False


def _raises_with_one_gradient():
    reached, cut = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    loss = reached(torch.ones(1, 1)).sum() + cut(torch.ones(1, 1)).detach().sum()
    return _raises([*reached.parameters(), *cut.parameters()], loss)


def _raises_with_infinity():
    weight = torch.ones(1, requires_grad=True)
    return _raises([weight], (weight * torch.inf).sum())


def _raises_without_scaler(wrong):
    try:
        torch.optim.SGD(wrong.encoder.parameters(), lr=0.1).step()
    except AssertionError:
        return True
    return False


def claims(wrong, right):
    gradients = [each.grad for each in wrong.encoder.parameters()]
    by_hand = -0.1 * right.head.weight.detach().squeeze(0)
    return {
        "an_infinite_gradient": {
            "infinity_raises": _raises_with_infinity(),
        },
        "plain_step_raises_too": {
            "plain": _raises_without_scaler(wrong),
            "scaled": wrong.error is not None,
        },
        "no_gradient_at_all": {
            "all_none": gradients == [None, None],
            "one_is_enough": not _raises_with_one_gradient(),
        },
        "reached_works": {
            "no_error": right.error is None,
            "moved_by_gradient": torch.allclose(right.encoder.bias - right.before, by_hand),
        },
    }
