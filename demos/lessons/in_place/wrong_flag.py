"""requires_grad cannot be turned off on a result, nor on for an integer tensor."""

import torch

ERRORS = (
    "only Tensors of floating point {}dtype can require gradients",
    "Only Tensors of floating point and complex dtype can require gradients",
    "you can only change requires_grad flags of leaf variables. If you want to use a computed "
    "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().",
)


def wrong():
    tokens = torch.tensor([0, 2])
    try:
        tokens.requires_grad_()
    except RuntimeError as error:
        switched_on = str(error)
    try:
        torch.tensor([0, 2], requires_grad=True)
    except RuntimeError as error:
        made_with_it = str(error)
    embedding = torch.nn.Embedding(3, 2)
    features = embedding(tokens)
    features.requires_grad_(False)


def right():
    tokens = torch.tensor([0, 2])
    embedding = torch.nn.Embedding(3, 2)
    features = embedding(tokens)
    constant = features.detach()
    loss = (features * constant).sum()
    loss.backward()


def claims(wrong, right):
    rows = right.embedding.weight.detach().clone()
    rows[1] = 0
    return {
        "flag_cuts_a_result": {
            "no_error": wrong.error is None,
            "features_are_cut": not wrong.features.requires_grad,
        },
        "tokens_can_learn": {
            "switched_on": "switched_on" not in vars(wrong),
            "made_with_it": "made_with_it" not in vars(wrong),
        },
        "table_learns_instead": {
            "used_rows_only": torch.equal(right.embedding.weight.grad, rows),
        },
        "detach_leaves_features": {
            "constant_is_cut": not right.constant.requires_grad,
            "features_in_graph": right.features.grad_fn is not None,
        },
    }
