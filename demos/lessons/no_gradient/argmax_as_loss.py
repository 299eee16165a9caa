"""A loss that counts wrong predictions has no gradient, not even zero."""

import torch

ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def wrong():
    x, labels = torch.eye(2), torch.tensor([0, 2])
    model = torch.nn.Linear(2, 3)
    logits = model(x)
    predicted = logits.argmax(dim=1)
    loss = (predicted != labels).float().mean()
    loss.backward()


def right():
    x, labels = torch.eye(2), torch.tensor([0, 2])
    model = torch.nn.Linear(2, 3)
    logits = model(x)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    mistakes = (logits.argmax(dim=1) != labels).float().mean()


def claims(wrong, right):
    one_hot = torch.eye(3)[right.labels]
    slope = (right.logits.detach().softmax(dim=1) - one_hot) / 2
    return {
        "argmax_cuts": {
            "logits_in_graph": wrong.logits.grad_fn is not None,
            "predicted_is_cut": wrong.predicted.grad_fn is None,
            "raises": ERRORS[0] in (wrong.error or ""),
        },
        "float_brings_it_back": {
            "requires_grad": wrong.loss.requires_grad,
            "parameters_have_grad": wrong.model.weight.grad is not None,
        },
        "like_round": {
            "round_is_cut": wrong.logits.round().grad_fn is None,
            "argmax_is_cut": wrong.predicted.grad_fn is None,
        },
        "cross_entropy_trains": {
            "weight_grad": torch.allclose(right.model.weight.grad, slope.T @ right.x),
            "mistakes_still_counted": torch.equal(right.mistakes, wrong.loss),
        },
    }
