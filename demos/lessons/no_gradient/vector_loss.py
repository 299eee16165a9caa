"""backward() starts from one number: what sum, mean and gradient= make of a loss per sample."""

import torch

ERRORS = (
    "grad can be implicitly created only for scalar outputs",
    "Mismatch in shape: grad_output[0] has a shape of {} and output[0] has a shape of {}.",
)


def wrong():
    model = torch.nn.Linear(2, 1)
    batch = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    losses = model(batch).square().flatten()
    losses[:1].backward(retain_graph=True)
    try:
        losses.backward(torch.tensor(1.0))
    except RuntimeError as error:
        mismatch = str(error)
    losses.backward()


def right():
    model = torch.nn.Linear(2, 1)
    batch = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    losses = model(batch).square().flatten()
    losses.backward(torch.ones(2), retain_graph=True)
    by_ones = model.weight.grad
    model.weight.grad = None
    losses.sum().backward(retain_graph=True)
    by_sum = model.weight.grad
    model.weight.grad = None
    losses.mean().backward(retain_graph=True)
    by_mean = model.weight.grad
    model.weight.grad = None
    losses.backward(torch.tensor([0.0, 1.0]))


def claims(wrong, right):
    rows = 2 * right.model(right.batch).detach() * right.batch
    return {
        "always_raises": {
            "two_numbers": ERRORS[0] in (wrong.error or ""),
            "one_number": wrong.model.weight.grad is None,
        },
        "one_for_all": {
            "no_error": not hasattr(wrong, "mismatch"),
        },
        "ones_are_sum": {
            "same_gradient": torch.allclose(right.by_ones, right.by_sum),
            "sum_of_samples": torch.allclose(right.by_sum, rows.sum(0)),
        },
        "sum_is_mean": {
            "same_direction": torch.allclose(right.by_sum / 2, right.by_mean),
            "same_size": torch.allclose(right.by_sum, right.by_mean),
        },
        "weights_samples": {
            "second_alone": torch.allclose(right.model.weight.grad, rows[1]),
        },
    }
