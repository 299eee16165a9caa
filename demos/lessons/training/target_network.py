"""A target computed by a network that the loss must not train."""

import torch

MEASURED = "target_network"


def wrong():
    q_net, target_net = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    agent = torch.nn.ModuleList([q_net, target_net])
    optimizer = torch.optim.SGD(agent.parameters(), lr=0.1)
    state, next_state = torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 3.0]])
    target = 1.0 + 0.9 * target_net(next_state)
    loss = (q_net(state) - target).square().mean()
    loss.backward()
    optimizer.step()


def right():
    q_net, target_net = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    state, next_state = torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 3.0]])
    with torch.no_grad():
        next_value = target_net(next_state)
    target = 1.0 + 0.9 * next_value
    loss = (q_net(state) - target).square().mean()
    loss.backward()
    gradient = q_net.weight.grad
    q_net.zero_grad()
    recorded_value = target_net(next_state)
    other_target = 1.0 + 0.9 * recorded_value.detach()
    other_loss = (q_net(state) - other_target).square().mean()
    other_loss.backward()


def claims(wrong, right):
    return {
        "needs_no_cut": {
            "q_net_as_with_no_grad": torch.equal(wrong.q_net.weight.grad, right.gradient),
            "target_net_stays": torch.equal(wrong.target_net.weight, right.target_net.weight),
        },
        "same_gradient": {
            "same_target": torch.equal(right.other_target, right.target),
            "q_net_learns_the_same": torch.equal(right.q_net.weight.grad, right.gradient),
            "target_net_gets_none": right.target_net.weight.grad is None,
        },
        "record_nothing": {
            "no_grad": right.next_value.grad_fn is None,
            "detach": right.recorded_value.grad_fn is None,
        },
    }
