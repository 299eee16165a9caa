"""torch.tensor(x) copies the numbers of a tensor and leaves its graph behind."""

import torch

ERRORS = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than {}(sourceTensor).",
    "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.",
    "element 0 of tensors does not require grad and does not have a grad_fn",
)


def wrong():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    scaled = weight * 3
    copied = torch.tensor(scaled)
    listed = torch.tensor([scaled[0], scaled[1]])
    flagged = torch.tensor(scaled, requires_grad=True)
    flagged.sum().backward()
    copied.sum().backward()


def right():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    scaled = weight * 3
    constant = scaled.detach().clone()
    converted = torch.as_tensor(scaled)
    stacked = torch.stack([scaled[0], scaled[1]])
    (stacked * constant).sum().backward()


def _is_copy_of(tensor, other):
    apart = tensor.untyped_storage().data_ptr() != other.untyped_storage().data_ptr()
    return apart and torch.equal(tensor, other)


def claims(wrong, right):
    return {
        "stays_in_graph": {
            "of_a_tensor": wrong.copied.grad_fn is not None,
            "of_a_list": wrong.listed.grad_fn is not None,
        },
        "flag_connects": {
            "flagged_gets_grad": wrong.flagged.grad is not None,
            "weight_gets_grad": wrong.weight.grad is not None,
        },
        "is_detach_clone": {
            "copy": _is_copy_of(wrong.copied, wrong.scaled),
            "same_numbers": torch.equal(wrong.copied, right.constant),
            "no_graph": wrong.copied.grad_fn is right.constant.grad_fn is None,
        },
        "as_tensor_cuts_too": {
            "is_cut": right.converted.grad_fn is None,
        },
        "stack_and_detach": {
            "weight_grad": torch.equal(right.weight.grad, 3 * right.constant),
        },
    }
