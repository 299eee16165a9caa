"""How to turn gradients on inside inference mode, and what cannot be changed outside of it."""

import torch

ERRORS = (
    "Inference tensors do not track version counter.",
    "Inplace update to inference tensor outside InferenceMode is not allowed.",
)


def wrong():
    model = torch.nn.Linear(2, 1)
    with torch.inference_mode():
        total = torch.zeros(1, 1)
        batch = torch.ones(1, 2)
        with torch.enable_grad():
            grad_enabled = torch.is_grad_enabled()
            score = model(batch)
    try:
        version = total._version
    except RuntimeError as error:
        no_counter = str(error)
    total += score


def right():
    model = torch.nn.Linear(2, 1)
    total = torch.zeros(1, 1)
    with torch.inference_mode():
        batch = torch.ones(1, 2)
        with torch.inference_mode(False):
            inputs = batch.clone().requires_grad_()
            score = model(inputs)
            score.sum().backward()
        total += score


def claims(wrong, right):
    return {
        "enable_grad_turns_on": {
            "says_enabled": wrong.grad_enabled,
            "score_requires_grad": wrong.score.requires_grad,
            "score_is_normal": not wrong.score.is_inference(),
        },
        "ends_with_the_block": {
            "total_is_normal": not wrong.total.is_inference(),
            "has_version_counter": not hasattr(wrong, "no_counter"),
            "update_accepted": wrong.error is None,
        },
        "refused_changes_nothing": {
            "total_still_zero": wrong.total.item() == 0,
        },
        "false_turns_on": {
            "score_requires_grad": right.score.requires_grad,
            "gradient_is_weight": torch.equal(right.inputs.grad, right.model.weight),
        },
        "normal_may_change": {
            "total_is_normal": not right.total.is_inference(),
            "total_is_score": torch.equal(right.total, right.score),
        },
    }
