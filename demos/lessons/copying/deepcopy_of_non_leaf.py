"""A module that stores one of its results cannot be copied by deepcopy."""

import copy

import torch

ERRORS = (
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
    "the moment.",
)


def wrong():
    import copy

    model = torch.nn.Linear(2, 2)
    output = model(torch.tensor([[1.0, 2.0]]))
    model.last_output = output
    teacher = copy.deepcopy(model)


def right():
    import copy

    model = torch.nn.Linear(2, 2)
    output = model(torch.tensor([[1.0, 2.0]]))
    model.last_output = output.detach()
    teacher = copy.deepcopy(model)
    output.sum().backward()


def _copied(thing):
    """Return whether deepcopy can copy it."""
    try:
        copy.deepcopy(thing)
    except RuntimeError:
        return False
    return True


def _address(tensor):
    return tensor.untyped_storage().data_ptr()


def claims(wrong, right):
    teacher, model = right.teacher, right.model
    return {
        "copies_any_tensor": {
            "leaf": _copied(wrong.model.weight),
            "detached": _copied(wrong.output.detach()),
            "result": _copied(wrong.output),
        },
        "parameters_to_blame": {
            "still_raises": not _copied(torch.nn.Linear(2, 2)),
        },
        "detached_cache_copies": {
            "equal": torch.equal(teacher.last_output, right.output),
            "own_cache": _address(teacher.last_output) != _address(right.output),
            "own_weight": _address(teacher.weight) != _address(model.weight),
        },
        "model_trains_on": {
            "model_has_gradient": model.weight.grad.tolist() == [[1.0, 2.0], [1.0, 2.0]],
            "teacher_has_none": teacher.weight.grad is None,
        },
    }
