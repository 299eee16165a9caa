"""Changing a view outside of the no_grad() that it was created in raises."""

import torch

ERRORS = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled.",
)


def wrong():
    embedding = torch.nn.Embedding(3, 2)
    with torch.no_grad():
        padding = embedding.weight[0]
    padding.zero_()


def right():
    embedding = torch.nn.Embedding(3, 2)
    with torch.no_grad():
        embedding.weight[0].zero_()
    hidden = embedding(torch.tensor([0, 1, 2]))
    last = hidden[-1]
    last.mul_(10.0)
    hidden.sum().backward()


def _changed_inside_only():
    """Create a view with grad mode on, change it under no_grad(); return whether it worked."""
    hidden = torch.ones(2, 2, requires_grad=True) * 1
    first = hidden[0]
    with torch.no_grad():
        first.zero_()
    return hidden.tolist() == [[0.0, 0.0], [1.0, 1.0]]


def _usable_afterwards():
    """Create and change a view under no_grad(); return whether it can be used outside."""
    weight = torch.ones(2, 2, requires_grad=True)
    with torch.no_grad():
        row = weight[0]
        row.zero_()
    try:
        (row * 2).sum()
    except RuntimeError:
        return False
    return True


def claims(wrong, right):
    refused = "A view was created in no_grad mode" in (wrong.error or "")
    return {
        "is_cut_off": {
            "requires_grad_false": not wrong.padding.requires_grad,
            "can_be_changed": not refused,
        },
        "modes_must_match": {
            "view_inside_refused": refused,
            "change_inside_refused": not _changed_inside_only(),
        },
        "both_inside": {
            "row_is_zero": not right.embedding.weight[0].any(),
            "still_a_leaf": right.embedding.weight.is_leaf,
        },
        "both_outside": {
            "change_recorded": right.embedding.weight.grad.tolist() == [[1, 1], [1, 1], [10, 10]],
        },
        "view_stays_usable": {
            "used_outside": _usable_afterwards(),
        },
    }
