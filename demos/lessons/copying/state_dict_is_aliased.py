"""state_dict() shares the parameters' memory, so training changes the "best" weights, too."""

import torch


def wrong():
    model = torch.nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    start = model.weight.detach().clone()
    best = model.state_dict()
    model(torch.tensor([[1.0, 2.0]])).sum().backward()
    optimizer.step()
    model.load_state_dict(best)


def right():
    import copy

    model = torch.nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    start = model.weight.detach().clone()
    best = copy.deepcopy(model.state_dict())
    model(torch.tensor([[1.0, 2.0]])).sum().backward()
    optimizer.step()
    trained = model.weight.detach().clone()
    model.load_state_dict(best)


def _kept_by(copied):
    """Return whether a copy of a state dict keeps the old weight when the model changes."""
    model = torch.nn.Linear(2, 1, bias=False)
    kept = copied(model.state_dict())
    before = model.weight.tolist()
    with torch.no_grad():
        model.weight.add_(1.0)
    return kept["weight"].tolist() == before


def claims(wrong, right):
    return {
        "outside_graph": {
            "requires_grad_false": not wrong.best["weight"].requires_grad,
        },
        "is_a_snapshot": {
            "best_unchanged": torch.equal(wrong.best["weight"], wrong.start),
            "restored": torch.equal(wrong.model.weight, wrong.start),
        },
        "copying_the_dict": {
            "dict_keeps": _kept_by(dict),
            "copy_keeps": _kept_by(lambda state: state.copy()),
        },
        "deepcopy_restores": {
            "trained_in_between": not torch.equal(right.trained, right.start),
            "best_unchanged": torch.equal(right.best["weight"], right.start),
            "restored": torch.equal(right.model.weight, right.start),
        },
    }
