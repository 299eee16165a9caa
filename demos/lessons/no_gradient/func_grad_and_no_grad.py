"""torch.func.grad: no_grad around it changes nothing, a cut inside gives zeros without an error."""

import torch


def wrong():
    x = torch.tensor(2.0)

    def loss(x):
        with torch.no_grad():
            hidden = x**3
        return hidden * 2

    gradient = torch.func.grad(loss)(x)


def right():
    x = torch.tensor(2.0)

    def loss(x):
        hidden = x**3
        return hidden * 2

    with torch.no_grad():
        gradient = torch.func.grad(loss)(x)


def _outside(mode):
    with mode:
        return torch.func.grad(lambda x: 2 * x**3)(torch.tensor(2.0)).item()


def _raises_in_autograd():
    x = torch.tensor(2.0, requires_grad=True)
    try:
        torch.autograd.grad((x**3).detach() * 2, x)
    except RuntimeError:
        return True
    return False


def claims(wrong, right):
    by_detach = torch.func.grad(lambda x: (x**3).detach() * 2)(torch.tensor(2.0))
    return {
        "a_cut_raises": {
            "autograd_raises": _raises_in_autograd(),
            "func_grad_raises": wrong.error is not None,
        },
        "inside_is_ignored": {
            "gradient_with_no_grad": wrong.gradient.item() == 24,
            "gradient_with_detach": by_detach.item() == 24,
        },
        "outside_turns_it_off": {
            "zero_under_no_grad": right.gradient.item() == 0,
            "zero_under_inference_mode": _outside(torch.inference_mode()) == 0,
        },
        "x_needs_no_flag": {
            "x_requires_no_grad": not right.x.requires_grad,
            "gradient_right": right.gradient.item() == 24,
            "result_without_graph": right.gradient.grad_fn is None,
        },
    }
