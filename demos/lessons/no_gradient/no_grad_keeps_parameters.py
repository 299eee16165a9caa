"""no_grad stops the recording of ops; it does not freeze parameters."""

import torch


def wrong():
    x = torch.tensor([[1.0, 2.0]])
    with torch.no_grad():
        backbone = torch.nn.Linear(2, 2)
        scale = torch.ones(2, requires_grad=True)
        inside = backbone(x) * scale
    head = torch.nn.Linear(2, 1)
    features = backbone(x)
    loss = head(features).sum()
    loss.backward()


def right():
    x = torch.tensor([[1.0, 2.0]])
    backbone = torch.nn.Linear(2, 2)
    backbone.requires_grad_(False)
    head = torch.nn.Linear(2, 1)
    features = backbone(x)
    loss = head(features).sum()
    loss.backward()


def claims(wrong, right):
    frozen = right.backbone.parameters()
    return {
        "built_frozen": {
            "parameters_need_none": not wrong.backbone.weight.requires_grad,
            "parameters_get_none": wrong.backbone.weight.grad is None,
        },
        "made_inside_as_asked": {
            "weight": wrong.backbone.weight.requires_grad,
            "scale": wrong.scale.requires_grad,
        },
        "results_are_cut": {
            "inside_is_cut": not wrong.inside.requires_grad,
            "features_are_not": wrong.features.requires_grad,
        },
        "flag_freezes": {
            "parameters_get_none": all(each.grad is None for each in frozen),
            "nothing_recorded": right.features.grad_fn is None,
            "head_learns": torch.equal(right.head.weight.grad, right.features),
        },
    }
