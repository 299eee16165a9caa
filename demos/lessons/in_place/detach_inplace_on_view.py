"""detach_() raises for every view; detach() does not."""

import torch

ERRORS = ("Can't detach views in-place. Use detach() instead.",)


def wrong():
    encoder = torch.nn.Linear(2, 2)
    states = encoder(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    last = states[-1]
    last.detach_()


def right():
    encoder = torch.nn.Linear(2, 2)
    states = encoder(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    last = states[-1].detach()
    carried = torch.tanh(last)
    loss = states.square().sum()
    loss.backward()


def _refused(view):
    try:
        view.detach_()
    except RuntimeError as error:
        return "Can't detach views in-place" in str(error)
    return False


def _views():
    """Return views that were created in other ways."""
    states = torch.ones(2, 2, requires_grad=True) * 2
    with torch.no_grad():
        made_in_no_grad = states[0]
    return {
        "chunk_refused": states.chunk(2)[0],
        "whole_refused": states.view(2, 2),
        "no_grad_refused": made_in_no_grad,
        "constant_refused": torch.zeros(2, 2)[0],
    }


def claims(wrong, right):
    states = right.encoder(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    gradient = torch.autograd.grad(states.square().sum(), right.encoder.weight)[0]
    return {
        "same_in_place": {
            "no_error": wrong.error is None,
            "last_is_cut": not wrong.last.requires_grad,
        },
        "any_view": {name: _refused(view) for name, view in _views().items()},
        "detach_cuts": {
            "last_is_cut": not right.last.requires_grad,
            "carried_outside_graph": right.carried.grad_fn is None,
        },
        "states_train_on": {
            "same_memory": right.last.untyped_storage().data_ptr()
            == right.states.untyped_storage().data_ptr(),
            "same_gradient": torch.allclose(right.encoder.weight.grad, gradient),
        },
    }
