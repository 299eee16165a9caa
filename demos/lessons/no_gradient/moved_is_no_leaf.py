"""A weight that was scaled or converted after requires_grad=True is a result, not a leaf."""

import torch

ERRORS = (
    "can't optimize a non-leaf Tensor",
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed.",
)


def wrong():
    import warnings

    weight = torch.ones(2, requires_grad=True) * 0.01
    converted = torch.ones(2, requires_grad=True).to(torch.float64)
    weight.square().sum().backward()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        grad = weight.grad
    message = str(caught[0].message)
    torch.optim.SGD([weight], lr=0.1)


def right():
    weight = (torch.ones(2) * 0.01).requires_grad_()
    converted = torch.ones(2).to(torch.float64).requires_grad_()
    optimizer = torch.optim.SGD([weight, converted], lr=0.1)
    loss = weight.square().sum() + converted.square().sum()
    loss.backward()
    optimizer.step()


def _stays_a_leaf(dtype):
    return torch.ones(2, requires_grad=True).to(dtype).is_leaf


def claims(wrong, right):
    linear = torch.nn.Linear(2, 1)
    parameter = linear.weight
    linear.to(torch.float64)
    return {
        "flag_makes_a_leaf": {
            "weight_is_leaf": wrong.weight.is_leaf,
            "converted_is_leaf": wrong.converted.is_leaf,
            "weight_has_gradient": wrong.grad is not None,
            "optimizer_takes_it": wrong.error is None,
        },
        "to_always_makes_a_result": {
            "another_dtype": not _stays_a_leaf(torch.float64),
            "same_dtype": not _stays_a_leaf(torch.float32),
        },
        "module_stays": {
            "same_parameter": linear.weight is parameter,
            "is_leaf": linear.weight.is_leaf,
        },
        "flag_last": {
            "both_are_leaves": right.weight.is_leaf and right.converted.is_leaf,
            "weight_trains": torch.allclose(right.weight, torch.tensor(0.008)),
            "converted_trains": right.converted.tolist() == [0.8, 0.8],
        },
    }
