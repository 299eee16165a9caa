"""A recurrent state that is carried from chunk to chunk of a long sequence."""

import copy

import torch

MEASURED = "truncated_bptt"
ERRORS = (
    "Trying to backward through the graph a second time",
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [{}], which is output {} of {}, is at version {}; expected version {} instead.",
)


def wrong():
    rnn = torch.nn.RNN(1, 1)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    chunk = torch.ones(2, 1)
    output, state = rnn(chunk)
    output.sum().backward()
    try:
        rnn(chunk, state)[0].sum().backward()
    except RuntimeError as error:
        second_time = str(error)
    output, state = rnn(chunk)
    output.sum().backward(retain_graph=True)
    optimizer.step()
    next_output = rnn(chunk, state)[0]
    next_output.sum().backward()


def right():
    rnn = torch.nn.RNN(1, 1)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    state = torch.zeros(1, 1)
    for chunk in torch.ones(2, 2, 1):
        carried = state.detach()
        output, state = rnn(chunk, carried)
        optimizer.zero_grad()
        output.sum().backward()
        optimizer.step()


def _reaches(node, other):
    """Return whether backward from a node reaches another."""
    return node is other or any(_reaches(each, other) for each, _ in node.next_functions if each)


def _runs_without_step(wrong):
    """Return whether the last `backward()` of `wrong` runs without `optimizer.step()` before it."""
    output, state = wrong.rnn(wrong.chunk)
    output.sum().backward(retain_graph=True)
    output, _ = wrong.rnn(wrong.chunk, state)
    try:
        output.sum().backward()
    except RuntimeError:
        return False
    return True


def _last_chunk(right):
    """Return the gradient of `weight_hh_l0` in the last chunk, with the step after it undone."""
    rnn = copy.deepcopy(right.rnn)
    with torch.no_grad():
        for before, after in zip(rnn.parameters(), right.rnn.parameters(), strict=True):
            before.add_(after.grad, alpha=0.1)
    output, _ = rnn(right.chunk, torch.tensor(right.carried.tolist()))
    return torch.autograd.grad(output.sum(), rnn.weight_hh_l0)[0]


def claims(wrong, right):
    version = wrong.rnn.weight_hh_l0._version
    return {
        "chunk_by_chunk": {
            "graph_ends_at_chunk": not _reaches(wrong.next_output.grad_fn, wrong.state.grad_fn),
            "no_error": not hasattr(wrong, "second_time"),
        },
        "retain_graph_helps": {
            "no_error": wrong.error is None,
        },
        "step_is_in_place": {
            "version_of_weight": f"is at version {version};" in (wrong.error or ""),
            "runs_without_step": _runs_without_step(wrong),
        },
        "detach_forgets": {
            "starts_from_zero": not right.carried.any(),
        },
        "detach_cuts": {
            "no_error": right.error is None,
            "gradient_of_last_chunk": torch.allclose(
                right.rnn.weight_hh_l0.grad, _last_chunk(right)
            ),
        },
    }
