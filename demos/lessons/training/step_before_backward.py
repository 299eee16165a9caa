"""optimizer.step() changes the weights in place that another loss still needs for backward."""

import torch

ERRORS = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [{}], which is output {} of {}, is at version {}; expected version {} instead.",
    # A weight is filled in place when its layer is made, and changed by the first step.
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [{}], which is output {} of {}, is at version 2; expected version 1 instead.",
)


def wrong():
    actor, critic = torch.nn.Linear(2, 1), torch.nn.Linear(1, 1)
    critic_optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)
    action = actor(torch.tensor([[1.0, 2.0]]))
    value = critic(action)
    critic_loss = (value - 1).square().mean()
    actor_loss = -value.mean()
    critic_loss.backward(retain_graph=True)
    critic_optimizer.step()
    actor_loss.backward()


def right():
    actor, critic = torch.nn.Linear(2, 1), torch.nn.Linear(1, 1)
    critic_optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)
    action = actor(torch.tensor([[1.0, 2.0]]))
    critic_loss = (critic(action.detach()) - 1).square().mean()
    critic_loss.backward()
    critic_optimizer.step()
    actor_loss = -critic(action).mean()
    actor_loss.backward()


def _backward_first():
    """Return the actor's gradient and the critic's weight, with both steps after both losses."""
    actor, critic = torch.nn.Linear(2, 1), torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)
    value = critic(actor(torch.tensor([[1.0, 2.0]])))
    weight = critic.weight.detach().clone()
    (value - 1).square().mean().backward(inputs=list(critic.parameters()), retain_graph=True)
    (-value.mean()).backward(inputs=list(actor.parameters()))
    optimizer.step()
    return actor.weight.grad, weight


def claims(wrong, right):
    version = wrong.critic.weight._version
    state = torch.tensor([[1.0, 2.0]])
    gradient, weight = _backward_first()
    return {
        "retain_graph_is_enough": {
            "no_error": wrong.error is None,
        },
        "step_is_in_place": {
            "version_of_weight": f"is at version {version}; expected version {version - 1}"
            in (wrong.error or ""),
        },
        "only_the_critic_changed": {
            "actor_unchanged": wrong.actor.weight._version == version - 1,
            "actor_loss_unaffected": wrong.error is None,
        },
        "forward_again": {
            "no_error": right.error is None,
            "gradient_by_new_critic": torch.allclose(
                right.actor.weight.grad, -right.critic.weight.detach() * state
            ),
        },
        "backward_first": {
            "gradient_by_old_critic": torch.allclose(gradient, -weight * state),
        },
    }
