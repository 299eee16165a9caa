"""A gradient computed without create_graph is a constant in the next backward."""

import torch


def wrong():
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    critic = torch.nn.Linear(2, 1)
    score = critic(x).sum()
    slope = torch.autograd.grad(score, x, retain_graph=True)[0]
    penalty = (slope.norm() - 1).square()
    loss = score + penalty
    loss.backward()


def right():
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    critic = torch.nn.Linear(2, 1)
    score = critic(x).sum()
    slope = torch.autograd.grad(score, x, create_graph=True)[0]
    penalty = (slope.norm() - 1).square()
    loss = score + penalty
    loss.backward()


def _penalty_gradient(weight):
    """Return the gradient of the penalty (|w| - 1)², from its formula."""
    return 2 * (weight.norm() - 1) * weight / weight.norm()


def claims(wrong, right):
    weight, x = right.critic.weight.detach(), right.x.detach()
    trained = torch.allclose(wrong.critic.weight.grad, x + _penalty_gradient(weight))
    return {
        "first_is_right": {
            "slope": torch.equal(wrong.slope, weight),
            "loss": torch.equal(wrong.loss, right.loss),
        },
        "retain_is_enough": {
            "slope_in_graph": wrong.slope.requires_grad,
            "penalty_trains": trained,
        },
        "goes_unnoticed": {
            "no_error": wrong.error is None,
            "score_alone": torch.equal(wrong.critic.weight.grad, x),
        },
        "created_graph": {
            "slope_in_graph": right.slope.requires_grad,
            "weight_grad": torch.allclose(right.critic.weight.grad, x + _penalty_gradient(weight)),
        },
    }
