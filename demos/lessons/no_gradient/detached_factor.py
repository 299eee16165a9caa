"""A slope computed in the forward of a custom function is a constant in its backward."""

import torch


def wrong():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.slope = 3 * x.square()
            return x**3

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.slope

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    cube = Cube.apply(x)
    first = torch.autograd.grad(cube.square().sum(), x, create_graph=True)[0]
    second = torch.autograd.grad(first.sum(), x, create_graph=True)[0]


def right():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            return grad * 3 * ctx.saved_tensors[0].square()

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    cube = Cube.apply(x)
    first = torch.autograd.grad(cube.square().sum(), x, create_graph=True)[0]
    second = torch.autograd.grad(first.sum(), x, create_graph=True)[0]


def claims(wrong, right):
    x = right.x.detach()
    once, twice = 6 * x**5, 30 * x**4  # of x ** 6
    slope = 3 * x.square()
    return {
        "first_is_right": {
            "wrong": torch.allclose(wrong.first, once),
            "right": torch.allclose(right.first, once),
        },
        "create_graph_suffices": {
            "no_error": wrong.error is None,
            "second": torch.allclose(wrong.second, twice),
        },
        "slope_is_constant": {
            "slope_is_cut": not wrong.cube.grad_fn.slope.requires_grad,
            "its_part_is_missing": torch.allclose(wrong.second, 2 * slope * slope),
        },
        "saved_input_counts": {
            "second": torch.allclose(right.second, twice),
        },
    }
