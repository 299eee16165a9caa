"""Training a generator through a discriminator, without training the discriminator."""

import torch

MEASURED = "gan_generator"
ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def wrong():
    generator = torch.nn.Linear(2, 2)
    discriminator = torch.nn.Linear(2, 1)
    fake = generator(torch.tensor([[1.0, 2.0]]))
    g_loss = -discriminator(fake.detach()).mean()
    g_loss.backward()
    to_generator = generator.weight.grad
    to_discriminator = discriminator.weight.grad
    with torch.no_grad():
        score = discriminator(fake)
    g_loss = -score.mean()
    g_loss.backward()


def right():
    generator = torch.nn.Linear(2, 2)
    discriminator = torch.nn.Linear(2, 1)
    fake = generator(torch.tensor([[1.0, 2.0]]))
    discriminator.requires_grad_(False)
    score = discriminator(fake)
    discriminator.requires_grad_(True)
    g_loss = -score.mean()
    g_loss.backward()


def _leaves(node):
    """Return the leaves that backward from a node reaches."""
    if hasattr(node, "variable"):
        return [node.variable]
    return [leaf for each, _ in node.next_functions if each for leaf in _leaves(each)]


def claims(wrong, right):
    unfrozen = -right.discriminator(right.generator(torch.tensor([[1.0, 2.0]]))).mean()
    expected = torch.autograd.grad(unfrozen, right.generator.weight)[0]
    parameters = {id(each) for each in right.discriminator.parameters()}
    return {
        "detach_spares_discriminator": {
            "discriminator_gets_none": wrong.to_discriminator is None,
            "generator_gets_gradient": wrong.to_generator is not None,
        },
        "no_grad_spares_discriminator": {
            "score_in_graph": wrong.score.grad_fn is not None,
            "no_error": wrong.error is None,
        },
        "frozen_lets_through": {
            "no_error": right.error is None,
            "discriminator_gets_none": right.discriminator.weight.grad is None,
            "generator_as_unfrozen": torch.equal(right.generator.weight.grad, expected),
        },
        "freezing_acts_on_forward": {
            "requires_grad_again": right.discriminator.weight.requires_grad,
            "no_edge": not parameters & {id(each) for each in _leaves(right.score.grad_fn)},
        },
    }
