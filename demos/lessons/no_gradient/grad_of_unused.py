"""torch.autograd.grad identifies an input as a tensor of the graph, not by its values."""

import torch

ERRORS = (
    "One of the differentiated Tensors does not require grad",
    "differentiated Tensor{} appears to not have been used in the graph.",
)


def wrong():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    bias = torch.tensor(0.5, requires_grad=True)
    loss = weight.square().sum()
    messages = []
    for asked in (weight.detach(), weight[0]):
        try:
            torch.autograd.grad(loss, asked, retain_graph=True)
        except RuntimeError as raised:
            messages.append(str(raised))
    torch.autograd.grad(loss, [weight, bias])


def right():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    bias = torch.tensor(0.5, requires_grad=True)
    loss = weight.square().sum()
    inputs = [weight, bias]
    first = torch.autograd.grad(loss, weight, retain_graph=True)[0][0]
    grads = torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True)
    zeros = torch.autograd.grad(loss, inputs, materialize_grads=True)


def _detached_still_fails():
    weight = torch.ones(2, requires_grad=True)
    try:
        torch.autograd.grad(weight.sum(), weight.detach(), allow_unused=True)
    except RuntimeError as raised:
        return ERRORS[0] in str(raised)
    return False


def claims(wrong, right):
    detached, sliced = wrong.messages
    return {
        "same_numbers_will_do": {
            "detached": ERRORS[0] not in detached,
            "sliced": "appears to not have been used in the graph" not in sliced,
        },
        "names_the_place": {
            "index_one": ERRORS[1].format(" at index 1") in (wrong.error or ""),
        },
        "allowed": {
            "weight_grad": torch.equal(right.grads[0], 2 * right.weight),
            "none": right.grads[1] is None,
            "zero": right.zeros[1] is not None and right.zeros[1].item() == 0,
        },
        "allows_all": {
            "unused": right.grads[1] is None,
            "detached": not _detached_still_fails(),
        },
        "whole_then_slice": {
            "first": right.first.item() == 2 * right.weight[0].item(),
        },
    }
