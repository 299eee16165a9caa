"""The state of an LSTM is two tensors, and both are connected to the previous chunk."""

import torch

ERRORS = (
    "'tuple' object has no attribute 'detach'",
    "Trying to backward through the graph a second time",
)


def wrong():
    lstm = torch.nn.LSTM(1, 1)
    chunk = torch.ones(1, 1)
    output, state = lstm(chunk)
    output.sum().backward()
    try:
        state = state.detach()
    except AttributeError as error:
        no_detach = str(error)
    hidden, cell = state
    output, state = lstm(chunk, (hidden.detach(), cell))
    output.sum().backward()


def right():
    lstm = torch.nn.LSTM(1, 1)
    state = None
    for chunk in torch.ones(2, 1, 1):
        output, state = lstm(chunk, state)
        output.sum().backward()
        state = tuple(each.detach() for each in state)


def _second_chunk(right):
    """Return the gradient of `weight_hh_l0` in the second chunk, with a constant state."""
    _, state = right.lstm(right.chunk)
    numbers = tuple(torch.tensor(each.tolist()) for each in state)
    output, _ = right.lstm(right.chunk, numbers)
    return torch.autograd.grad(output.sum(), right.lstm.weight_hh_l0)[0]


def claims(wrong, right):
    _, gru_state = torch.nn.GRU(1, 1)(wrong.chunk)
    return {
        "like_a_gru": {
            "gru_detaches": hasattr(gru_state, "detach"),
            "lstm_detaches": not hasattr(wrong, "no_detach"),
        },
        "hidden_is_enough": {
            "no_error": wrong.error is None,
        },
        "each_is_detached": {
            "no_error": right.error is None,
            "no_graph": not any(each.requires_grad for each in right.state),
            "gradient_of_second_chunk": torch.allclose(
                right.lstm.weight_hh_l0.grad, _second_chunk(right)
            ),
        },
    }
