"""An optimizer keeps the tensors it was given: a layer that is replaced later never trains."""

import torch


def wrong():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    new = torch.nn.Linear(2, 1)
    model[1] = new
    before = new.weight.clone()
    loss = model(torch.ones(1, 2)).sum()
    loss.backward()
    optimizer.step()
    moved = new.weight - before
    optimizer.zero_grad()
    left = new.weight.grad


def right():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 4))
    new = torch.nn.Linear(2, 1)
    model[1] = new
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = new.weight.clone()
    loss = model(torch.ones(1, 2)).sum()
    loss.backward()
    optimizer.step()
    moved = new.weight - before


def _held(part):
    """Return which of the model's parameters the optimizer holds."""
    held = {id(each) for group in part.optimizer.param_groups for each in group["params"]}
    return [id(each) in held for each in part.model.parameters()]


def _moved_if_added(wrong):
    """Return how far the new layer moves once it is given to the optimizer too."""
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(wrong.model[0].parameters(), lr=0.1)
    optimizer.add_param_group({"params": layer.parameters()})
    before = layer.bias.detach().clone()
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return round((layer.bias.detach() - before).item(), 4)


def claims(wrong, right):
    return {
        "optimizer_follows_the_model": {
            "first_layer_held": all(_held(wrong)[:2]),
            "new_layer_held": any(_held(wrong)[2:]),
        },
        "something_tells": {
            "raises": wrong.error is not None,
            "no_gradient": wrong.left is None,
        },
        "new_layer_trains": {
            "moved": bool(wrong.moved.any()),
        },
        "made_after": {
            "all_held": all(_held(right)),
            "moved_by_gradient": torch.allclose(right.moved, -0.1 * right.new.weight.grad),
            "added_later_moves": _moved_if_added(wrong) == -0.1,
        },
    }
