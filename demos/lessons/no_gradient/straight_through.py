"""round() has a gradient of zero; a straight-through estimator passes the gradient on."""

import torch

MEASURED = "straight_through"


def wrong():
    x = torch.tensor([0.2, 1.4, -0.7], requires_grad=True)
    quantized = x.round()
    loss = (quantized - 2).square().sum()
    loss.backward()


def right():
    x = torch.tensor([0.2, 1.4, -0.7], requires_grad=True)
    correction = (x.round() - x).detach()
    quantized = x + correction
    loss = (quantized - 2).square().sum()
    loss.backward()


def _difference_quotient(x, step=1e-2):
    """Return the change of the loss per change of each number, without autograd."""
    nearby = x.detach() + step
    return ((nearby.round() - 2).square() - (x.detach().round() - 2).square()) / step


def claims(wrong, right):
    at_quantized = 2 * (right.quantized.detach() - 2)
    return {
        "round_cuts": {
            "quantized_is_cut": wrong.quantized.grad_fn is None,
            "x_has_no_grad": wrong.x.grad is None,
        },
        "gradient_is_zero": {
            "zero_at_x": not wrong.x.grad.any(),
            "some_at_quantized": bool((2 * (wrong.quantized.detach() - 2)).any()),
        },
        "same_numbers": {
            "quantized": torch.equal(right.quantized, wrong.quantized),
            "loss": torch.equal(right.loss, wrong.loss),
        },
        "passes_unchanged": {
            "x_grad": torch.equal(right.x.grad, at_quantized),
        },
        "true_derivative": {
            "matches_slope": torch.allclose(right.x.grad, _difference_quotient(right.x)),
        },
    }
