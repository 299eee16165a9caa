"""In forward mode, detach() drops the tangent and no_grad passes it on."""

import torch


def wrong():
    forward_ad = torch.autograd.forward_ad
    x, direction = torch.tensor([1.0, 2.0]), torch.tensor([1.0, -1.0])
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, direction)
        with torch.no_grad():
            gate = dual.sigmoid()
        tangent = forward_ad.unpack_dual(gate).tangent


def right():
    forward_ad = torch.autograd.forward_ad
    x, direction = torch.tensor([1.0, 2.0]), torch.tensor([1.0, -1.0])
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, direction)
        gate = dual.sigmoid().detach()
        tangent = forward_ad.unpack_dual(gate).tangent


def _tangent_in_inference_mode(x, direction):
    forward_ad = torch.autograd.forward_ad
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, direction)
        with torch.inference_mode():
            gate = dual.sigmoid()
        return forward_ad.unpack_dual(gate).tangent


def _gradient_under_no_grad(numbers):
    x = numbers.clone().requires_grad_()
    with torch.no_grad():
        gate = x.sigmoid()
    return torch.autograd.grad((x * gate).sum(), x)[0]


def claims(wrong, right):
    gate = right.x.sigmoid()
    return {
        "no_grad_cuts": {
            "no_tangent": wrong.tangent is None,
        },
        "tangent_is_whole": {
            "from_formula": torch.allclose(wrong.tangent, gate * (1 - gate) * wrong.direction),
        },
        "cuts_backward": {
            "gate_is_constant": torch.allclose(_gradient_under_no_grad(right.x), gate),
        },
        "modes_are_alike": {
            "inference_mode_drops": _tangent_in_inference_mode(right.x, right.direction) is None,
            "no_grad_drops": wrong.tangent is None,
        },
        "detach_cuts": {
            "no_tangent": right.tangent is None,
            "same_value": torch.equal(right.gate, wrong.gate),
        },
    }
