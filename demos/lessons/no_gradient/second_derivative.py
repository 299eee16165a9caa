"""A gradient has a graph of its own only with create_graph=True."""

import torch

ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def wrong():
    x = torch.tensor(2.0, requires_grad=True)
    y = x**3
    slope = torch.autograd.grad(y, x, retain_graph=True)[0]
    curvature = torch.autograd.grad(slope, x)[0]


def right():
    x = torch.tensor(2.0, requires_grad=True)
    y = x**3
    slope = torch.autograd.grad(y, x, create_graph=True)[0]
    curvature = torch.autograd.grad(slope, x)[0]


def _cube(x):
    return x**3


def claims(wrong, right):
    x = torch.tensor(2.0)
    nested = torch.func.grad(torch.func.grad(_cube))(x)
    hessian = torch.autograd.functional.hessian(_cube, x)
    return {
        "retain_graph_is_enough": {
            "slope_in_graph": wrong.slope.requires_grad,
            "no_error": wrong.error is None,
        },
        "x_is_at_fault": {
            "x_lost_its_flag": not wrong.x.requires_grad,
            "y_has_no_graph": wrong.y.grad_fn is None,
        },
        "create_graph_records": {
            "slope_in_graph": right.slope.requires_grad,
            "first": right.slope.item() == 12,
            "second": right.curvature.item() == 12,
        },
        "other_ways": {
            "by_func_grad": nested.item() == 12,
            "by_hessian": hessian.item() == 12,
        },
    }
