"""Hooks on gradients need a gradient: without one, some raise and some never run."""

import torch

ERRORS = (
    "can't retain_grad on Tensor that has requires_grad=False",
    "cannot register a hook on a tensor that doesn't require gradient",
)


def wrong():
    calls = []
    encoder, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    encoder.register_full_backward_hook(lambda *_: calls.append("encoder"))
    with torch.no_grad():
        features = encoder(torch.ones(1, 2))
    loss = head(features).sum()
    loss.backward()
    try:
        features.retain_grad()
    except RuntimeError as raised:
        message = str(raised)
    features.register_hook(lambda grad: calls.append("features"))


def right():
    calls = []
    encoder, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    encoder.register_full_backward_hook(lambda *_: calls.append("encoder"))
    with torch.no_grad():
        features = encoder(torch.ones(1, 2))
    features.requires_grad_()
    features.register_hook(lambda grad: calls.append("features"))
    loss = head(features).sum()
    loss.backward()


def _refused(tensor):
    """Return the errors of a tensor that should retain its gradient and take a hook."""
    said = []
    for ask in (tensor.retain_grad, lambda: tensor.register_hook(print)):
        try:
            ask()
        except RuntimeError as raised:
            said.append(str(raised))
    return tuple(said)


def _calls_where_recorded():
    calls = []
    encoder = torch.nn.Linear(2, 2)
    encoder.register_full_backward_hook(lambda *_: calls.append("encoder"))
    encoder(torch.ones(1, 2, requires_grad=True)).sum().backward()
    return calls


def claims(wrong, right):
    return {
        "module_hook_runs": {
            "backward_ran": wrong.head.weight.grad is not None,
            "encoder_called": "encoder" in wrong.calls,
        },
        "needs_a_recorded_forward": {
            "called_where_recorded": _calls_where_recorded() == ["encoder"],
            "not_called_otherwise": "encoder" not in [*wrong.calls, *right.calls],
        },
        "tensor_refuses": {
            "retain_grad": ERRORS[0] in wrong.message,
            "register_hook": ERRORS[1] in (wrong.error or ""),
            "after_detach_too": _refused(torch.ones(1, requires_grad=True).detach()) == ERRORS,
        },
        "leaf_takes_hooks": {
            "hook_called": "features" in right.calls,
            "features_have_grad": torch.equal(right.features.grad, right.head.weight),
            "encoder_has_none": right.encoder.weight.grad is None,
        },
    }
