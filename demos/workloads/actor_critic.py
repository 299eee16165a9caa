"""Actor and critic: the advantage is a constant of the policy's loss."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (1024, 4096)
PARAMETERS = {"actions": (8, 1, 65536), "depth": (4, 1, 64), "width": (128, 1, 8192)}
ABSENT = ("inference_mode", "frozen")


def build(size, actions, depth, width):
    def network(outputs):
        layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.Tanh())]
        return nn.Sequential(*layers, nn.Linear(width, outputs))

    data = {"x": torch.randn(size, width), "taken": torch.randint(actions, (size, 1))}
    networks = {"actor": network(actions), "critic": network(1)}
    return {**networks, **data, "returns": torch.randn(size, 1)}


def groups(actor, critic, x, taken, returns):
    return {"actor": list(actor.parameters()), "critic": list(critic.parameters())}


def reference(actor, critic, x, taken, returns):
    advantage = returns - critic(x).detach()
    logp = actor(x).log_softmax(1).gather(1, taken)
    value_loss = (critic(x) - returns).square().mean()
    acted = torch.autograd.grad(-(logp * advantage).mean(), list(actor.parameters()))
    judged = torch.autograd.grad(0.5 * value_loss, list(critic.parameters()))
    return {"actor": acted, "critic": judged}


def attached(actor, critic, x, taken, returns):
    value = critic(x)
    logp = actor(x).log_softmax(1).gather(1, taken)
    policy_loss = -(logp * (returns - value)).mean()
    value_loss = (value - returns).square().mean()
    return policy_loss + 0.5 * value_loss


def detach(actor, critic, x, taken, returns):
    value = critic(x)
    logp = actor(x).log_softmax(1).gather(1, taken)
    policy_loss = -(logp * (returns - value.detach())).mean()
    value_loss = (value - returns).square().mean()
    return policy_loss + 0.5 * value_loss


def detach_value(actor, critic, x, taken, returns):
    value = critic(x).detach()
    logp = actor(x).log_softmax(1).gather(1, taken)
    policy_loss = -(logp * (returns - value)).mean()
    value_loss = (value - returns).square().mean()
    return policy_loss + 0.5 * value_loss


def no_grad(actor, critic, x, taken, returns):
    with torch.no_grad():
        advantage = returns - critic(x)
    logp = actor(x).log_softmax(1).gather(1, taken)
    policy_loss = -(logp * advantage).mean()
    value_loss = (critic(x) - returns).square().mean()
    return policy_loss + 0.5 * value_loss
