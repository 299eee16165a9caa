"""Two losses on a shared trunk, each with its own backward."""

import torch

ERRORS = ("Trying to backward through the graph a second time",)


def wrong():
    trunk = torch.nn.Linear(2, 2)
    policy, value = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    penalty = trunk.weight.sum()
    penalty.backward()
    penalty.backward()
    hidden = trunk(torch.tensor([[1.0, 2.0]])).tanh()
    policy_loss = policy(hidden).mean()
    value_loss = value(hidden).mean()
    policy_loss.backward()
    value_loss.backward()


def right():
    trunk = torch.nn.Linear(2, 2)
    policy, value = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    hidden = trunk(torch.tensor([[1.0, 2.0]])).tanh()
    arrived = []
    hidden.register_hook(lambda gradient: arrived.append(gradient))
    policy_loss = policy(hidden).mean()
    value_loss = value(hidden).mean()
    loss = policy_loss + value_loss
    loss.backward(retain_graph=True)
    at_once = trunk.weight.grad
    trunk.zero_grad()
    policy_loss.backward(retain_graph=True)
    value_loss.backward()


def claims(wrong, right):
    by_sum, *one_by_one = right.arrived
    return {
        "own_heads_own_graphs": {
            "no_error": wrong.error is None,
        },
        "never_twice": {
            "penalty_raised": not hasattr(wrong, "hidden"),
            "value_loss_raised": wrong.error is not None,
        },
        "sum_or_retain_graph": {
            "no_error": right.error is None,
            "same_gradient": torch.allclose(right.at_once, right.trunk.weight.grad),
        },
        "sum_passes_once": {
            "two_passes_for_two": len(one_by_one) == 2,
            "one_pass_carries_both": torch.allclose(by_sum, one_by_one[0] + one_by_one[1]),
        },
    }
