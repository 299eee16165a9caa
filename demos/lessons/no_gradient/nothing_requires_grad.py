"""The loss is computed from tensors that are all detached from the parameters."""

import torch

ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def wrong():
    x, target = torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0], [4.0]])
    model = torch.nn.Linear(1, 1)
    prediction = model(x).detach()
    loss = (prediction - target).square().mean()
    try:
        loss.backward()
    except RuntimeError as raised:
        message = str(raised)
    loss.requires_grad_(True)
    loss.backward()


def right():
    x, target = torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0], [4.0]])
    model = torch.nn.Linear(1, 1)
    prediction = model(x)
    loss = (prediction - target).square().mean()
    loss.backward()


def _says_the_same(prepare):
    """Return whether backward raises the same error for what `prepare` makes of an output."""
    model = torch.nn.Linear(1, 2)
    try:
        prepare(model, torch.ones(1, 1)).sum().backward()
    except RuntimeError as raised:
        return ERRORS[0] in str(raised)
    return False


def _under_no_grad(model, x):
    with torch.no_grad():
        return model(x)


def claims(wrong, right):
    grads = [each.grad for each in wrong.model.parameters()]
    residual = (right.prediction - right.target).detach()
    return {
        "nothing_to_start_from": {
            "says_so": ERRORS[0] in wrong.message,
            "prediction_is_cut": not wrong.prediction.requires_grad,
        },
        "flag_repairs": {
            "no_error": wrong.error is None,
            "parameters_have_grad": all(grad is not None for grad in grads),
        },
        "ends_in_loss": {
            "loss_is_leaf": wrong.loss.is_leaf,
            "loss_has_grad_one": wrong.loss.grad is not None and wrong.loss.grad.item() == 1,
        },
        "other_causes": {
            "under_no_grad": _says_the_same(_under_no_grad),
            "all_frozen": _says_the_same(lambda model, x: model.requires_grad_(False)(x)),
            "from_numbers": _says_the_same(lambda model, x: torch.tensor(model(x).tolist())),
        },
        "reaches_parameters": {
            "weight_grad": torch.allclose(
                right.model.weight.grad, (2 * residual * right.x).mean().reshape(1, 1)
            ),
            "bias_grad": torch.allclose(right.model.bias.grad, (2 * residual).mean().reshape(1)),
        },
    }
