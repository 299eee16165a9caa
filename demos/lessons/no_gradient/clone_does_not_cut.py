"""clone() copies the values and stays in the graph; detach() does neither."""

import torch


def wrong():
    state, next_state = torch.tensor([[1.0]]), torch.tensor([[3.0]])
    critic = torch.nn.Linear(1, 1)
    estimate = critic(next_state)
    fixed = estimate.clone()
    difference = critic(state) - (1 + 0.5 * fixed)
    loss = difference.square().sum()
    loss.backward()


def right():
    state, next_state = torch.tensor([[1.0]]), torch.tensor([[3.0]])
    critic = torch.nn.Linear(1, 1)
    estimate = critic(next_state)
    fixed = estimate.detach()
    difference = critic(state) - (1 + 0.5 * fixed)
    loss = difference.square().sum()
    loss.backward()


def claims(wrong, right):
    difference = right.difference.item()
    value_alone = 2 * difference * 1.0  # d critic(state) / d weight is the state, 1.0
    with_target = 2 * difference * (1.0 - 0.5 * 3.0)  # the target moves with half of 3.0
    return {
        "clone_cuts": {
            "fixed_is_cut": not wrong.fixed.requires_grad,
            "trains_value_alone": abs(wrong.critic.weight.grad.item() - value_alone) < 1e-6,
        },
        "clone_in_graph": {
            "is_a_node": wrong.fixed.grad_fn.name() == "CloneBackward0",
            "leads_on": wrong.fixed.grad_fn.next_functions[0][0] is wrong.estimate.grad_fn,
            "weight_grad": abs(wrong.critic.weight.grad.item() - with_target) < 1e-6,
        },
        "memory_is_the_reverse": {
            "clone_has_its_own": wrong.fixed.data_ptr() != wrong.estimate.data_ptr(),
            "detach_has_the_same": right.fixed.data_ptr() == right.estimate.data_ptr(),
        },
        "detach_cuts": {
            "fixed_is_cut": not right.fixed.requires_grad,
            "trains_value_alone": abs(right.critic.weight.grad.item() - value_alone) < 1e-6,
        },
    }
