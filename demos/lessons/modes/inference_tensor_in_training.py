"""A tensor created in inference mode is still an inference tensor in training."""

import torch

ERRORS = (
    "Inference tensors cannot be saved for backward.",
    "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.",
)


def wrong():
    encoder = torch.nn.Linear(2, 2)
    head = torch.nn.Linear(2, 1)
    with torch.inference_mode():
        feature = encoder(torch.ones(1, 2))
    try:
        feature.requires_grad_()
    except RuntimeError as error:
        refused = str(error)
    detached = feature.detach()
    shifted = detached + head.bias
    score = head(detached)


def right():
    encoder = torch.nn.Linear(2, 2)
    head = torch.nn.Linear(2, 1)
    with torch.inference_mode():
        feature = encoder(torch.ones(1, 2))
    normal = feature.clone()
    loss = head(normal).sum()
    loss.backward()


def _cloned_inside(feature):
    with torch.inference_mode():
        return feature.clone()


def _head_gradient_after_no_grad(right):
    """Return the gradient of the head with `no_grad` instead of `inference_mode`."""
    with torch.no_grad():
        feature = right.encoder(torch.ones(1, 2))
    return torch.autograd.grad(right.head(feature).sum(), right.head.weight)[0]


def claims(wrong, right):
    without_grad = _head_gradient_after_no_grad(right)
    shifted = torch.autograd.grad(wrong.shifted.sum(), wrong.head.bias)[0]
    return {
        "every_op_raises": {
            "linear_raises": "cannot be saved for backward" in (wrong.error or ""),
            "addition_raises": not torch.equal(shifted, torch.full((1,), 2.0)),
        },
        "detach_makes_normal": {
            "detached_is_normal": not wrong.detached.is_inference(),
            "view_is_normal": not wrong.feature.view(-1).is_inference(),
        },
        "can_require_grad": {
            "requires_grad_accepted": not hasattr(wrong, "refused"),
        },
        "clone_outside": {
            "clone_is_normal": not right.normal.is_inference(),
            "clone_inside_is_not": _cloned_inside(right.feature).is_inference(),
            "head_gradient_right": torch.equal(right.head.weight.grad, right.feature.clone()),
        },
        "no_grad_would_do": {
            "same_gradient": torch.equal(right.head.weight.grad, without_grad),
        },
    }
