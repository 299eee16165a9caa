"""out[t] = … in a loop that reads earlier rows: all rows share one version counter."""

import contextlib
import gc
import weakref

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


def _fill(cell, read):
    """Return a tensor whose rows are written in a loop."""
    out = torch.zeros(3, 2)
    out[0] = torch.tensor([1.0, 2.0])
    for t in range(1, 3):
        out[t] = cell(read(out, t)).tanh()
    return out


def _gradient(cell, read):
    """Return the gradient of the weight by such a loop, or None if that raises."""
    try:
        return torch.autograd.grad(_fill(cell, read).sum(), cell.weight)[0]
    except RuntimeError:
        return None


def _free(out):
    """End the cycles of a tensor and the rows of it that its graph saved."""
    nodes, waiting = set(), [out.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in nodes:
            nodes.add(node)
            waiting += [each for each, _ in node.next_functions]
    out.detach_().zero_()
    for node in nodes:
        for name in (each for each in dir(node) if each.startswith("_saved")):
            # Unpacking takes the new history of `out` over into the row, even if it raises.
            with contextlib.suppress(RuntimeError):
                getattr(node, name)


def _survives(cell, read):
    """Return whether such a tensor is alive after its last name is gone."""
    life = weakref.ref(_fill(cell, read))
    gc.collect(1)  # all objects are in the young generations
    out = life()
    if out is not None:
        _free(out)
    return out is not None


def _row(out, t):
    return out[t - 1]


def _copied_row(out, t):
    return out[t - 1].clone()


def claims(wrong, right):
    cell, start = right.cell, torch.tensor([1.0, 2.0])
    cloned = _gradient(cell, _copied_row)
    first = cell(start).tanh()
    by_hand = torch.autograd.grad((first + cell(first).tanh()).sum(), cell.weight)[0]
    found = {
        "other_rows_are_safe": {
            "first_row_intact": torch.equal(wrong.out[0], start),
            "no_error": wrong.error is None,
        },
        "one_counter": {
            "row_has_it": wrong.out[0]._version == wrong.out._version == 3,
        },
        "writing_raises": {
            "with_reading": wrong.error is not None,
            "without_reading": _gradient(cell, lambda out, t: start) is None,
        },
        "freed_with_its_name": {
            "row_read": not _survives(cell, _row),
            "copy_read": not _survives(cell, _copied_row),
        },
        "clone_what_is_read": {
            "same_gradient": cloned is not None and torch.allclose(cloned, by_hand),
        },
        "stack": {
            "same_numbers": torch.equal(right.out, wrong.out),
            "same_gradient": torch.allclose(cell.weight.grad, by_hand),
        },
    }
    _free(wrong.out)
    return found
