"""A tensor that an op saved is detached in place: backward raises."""

import torch

ERRORS = ("Trying to use a saved tensor that has been detached in-place, i.e. with .detach_()",)


def wrong():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    h = torch.exp(x)
    loss = (h * h).sum()
    h.detach_()
    kept = h
    loss.backward()


def right():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    h = torch.exp(x)
    loss = (h * h).sum()
    kept = h.detach()
    loss.backward()


def _raises_where_nothing_was_saved():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    h = torch.exp(x)
    loss = (h * 2).sum()
    h.detach_()
    loss.backward()
    return x.grad is None


def claims(wrong, right):
    expected = 2 * torch.exp(2 * right.x.detach())
    return {
        "detach_inplace_saves_a_name": {
            "backward_ran": wrong.error is None,
            "x_has_grad": wrong.x.grad is not None,
        },
        "refused_because_saved": {
            "says_detached": "detached in-place" in (wrong.error or ""),
            "runs_if_not_saved": not _raises_where_nothing_was_saved(),
        },
        "detach_gives_both": {
            "no_error": right.error is None,
            "kept_without_graph": right.kept.grad_fn is None,
            "right_gradient": torch.allclose(right.x.grad, expected),
        },
    }
