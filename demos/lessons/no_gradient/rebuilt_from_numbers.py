"""A loss rebuilt from Python numbers has lost its graph, without an error."""

import torch


def wrong():
    model = torch.nn.Linear(1, 1)
    losses = []
    for number in (1.0, 2.0):
        prediction = model(torch.tensor([number]))
        losses.append((prediction - 3 * number).square().sum().item())
    loss = torch.tensor(losses, requires_grad=True).mean()
    loss.backward()


def right():
    model = torch.nn.Linear(1, 1)
    losses = []
    for number in (1.0, 2.0):
        prediction = model(torch.tensor([number]))
        losses.append((prediction - 3 * number).square().sum())
    loss = torch.stack(losses).mean()
    loss.backward()


def claims(wrong, right):
    weight, bias = right.model.weight.item(), right.model.bias.item()
    residuals = {number: weight * number + bias - 3 * number for number in (1.0, 2.0)}
    expected = sum(2 * residual * number for number, residual in residuals.items()) / 2
    leaf, _ = wrong.loss.grad_fn.next_functions[0]
    return {
        "same_number": {
            "equal": torch.allclose(wrong.loss, right.loss),
        },
        "connected_again": {
            "no_error": wrong.error is None,
            "parameters_have_grad": all(each.grad is not None for each in wrong.model.parameters()),
        },
        "new_leaf": {
            "ends_in_numbers": leaf.variable.tolist() == wrong.losses,
            "numbers_get_grad": leaf.variable.grad is not None,
        },
        "stack_keeps_graph": {
            "edges": {each.grad_fn for each in right.losses}
            == {each for each, _ in right.loss.grad_fn.next_functions[0][0].next_functions},
            "weight_grad": abs(right.model.weight.grad.item() - expected) < 1e-5,
        },
    }
