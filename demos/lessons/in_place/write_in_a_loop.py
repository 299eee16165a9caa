"""out[t] = … in a loop that reads earlier rows: all rows share one version counter."""

import torch

ERRORS = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [{}], which is output {} of {}, is at version {}; expected version {} instead.",
)


def wrong():
    cell = torch.nn.Linear(2, 2)
    out = torch.zeros(3, 2)
    out[0] = torch.tensor([1.0, 2.0])
    for t in range(1, 3):
        out[t] = cell(out[t - 1]).tanh()
    out.sum().backward()


def right():
    cell = torch.nn.Linear(2, 2)
    rows = [torch.tensor([1.0, 2.0])]
    for t in range(1, 3):
        rows.append(cell(rows[t - 1]).tanh())
    out = torch.stack(rows)
    out.sum().backward()


def _written(cell, read):
    """Return the gradient of the weight by a loop that writes rows, or None if that raises."""
    out = torch.zeros(3, 2)
    out[0] = torch.tensor([1.0, 2.0])
    for t in range(1, 3):
        out[t] = cell(read(out, t)).tanh()
    try:
        return torch.autograd.grad(out.sum(), cell.weight)[0]
    except RuntimeError:
        return None


def claims(wrong, right):
    start, cloned = (
        torch.tensor([1.0, 2.0]),
        _written(right.cell, lambda out, t: out[t - 1].clone()),
    )
    first = right.cell(start).tanh()
    by_hand = torch.autograd.grad((first + right.cell(first).tanh()).sum(), right.cell.weight)[0]
    return {
        "other_rows_are_safe": {
            "first_row_intact": torch.equal(wrong.out[0], start),
            "no_error": wrong.error is None,
        },
        "one_counter": {
            "row_has_it": wrong.out[0]._version == wrong.out._version == 3,
        },
        "writing_raises": {
            "with_reading": wrong.error is not None,
            "without_reading": _written(right.cell, lambda out, t: start) is None,
        },
        "clone_what_is_read": {
            "same_gradient": cloned is not None and torch.allclose(cloned, by_hand),
        },
        "stack": {
            "same_numbers": torch.equal(right.out, wrong.out),
            "same_gradient": torch.allclose(right.cell.weight.grad, by_hand),
        },
    }
