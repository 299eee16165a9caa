"""Training a discriminator on generated samples, without training the generator."""

import torch

MEASURED = "gan_discriminator"
ERRORS = ("Trying to backward through the graph a second time",)


def wrong():
    generator = torch.nn.Linear(2, 2)
    discriminator = torch.nn.Linear(2, 1)
    noise, real = torch.tensor([[1.0, 2.0]]), torch.ones(1, 2)
    with torch.no_grad():
        constant_fake = generator(noise)
    g_loss = -discriminator(constant_fake).mean()
    g_loss.backward()
    no_grad_gave = generator.weight.grad
    fake = generator(noise)
    d_loss = discriminator(fake).mean() - discriminator(real).mean()
    d_loss.backward()
    leaked = generator.weight.grad
    g_loss = -discriminator(fake).mean()
    g_loss.backward()


def right():
    generator = torch.nn.Linear(2, 2)
    discriminator = torch.nn.Linear(2, 1)
    noise, real = torch.tensor([[1.0, 2.0]]), torch.ones(1, 2)
    fake = generator(noise)
    d_loss = discriminator(fake.detach()).mean() - discriminator(real).mean()
    d_loss.backward()
    d_gradient = discriminator.weight.grad
    not_leaked = generator.weight.grad
    discriminator.zero_grad()
    g_loss = -discriminator(fake).mean()
    g_loss.backward()


def _d_gradient(seen, fake):
    """Return the gradient of the discriminator's weight for a fake batch."""
    loss = seen.discriminator(fake).mean() - seen.discriminator(seen.real).mean()
    return torch.autograd.grad(loss, seen.discriminator.weight)[0]


def claims(wrong, right):
    fresh = -right.discriminator(right.generator(right.noise)).mean()
    g_gradient = torch.autograd.grad(fresh, right.generator.weight)[0]
    return {
        "trains_one": {
            "generator_gets_none": wrong.leaked is None,
        },
        "fake_serves_twice": {
            "no_error": wrong.error is None,
        },
        "no_grad_does_as_well": {
            "same_for_discriminator": torch.equal(
                _d_gradient(wrong, wrong.constant_fake), right.d_gradient
            ),
            "generator_can_learn": wrong.no_grad_gave is not None,
        },
        "detach_cuts_one_loss": {
            "generator_gets_none": right.not_leaked is None,
            "discriminator_as_uncut": torch.equal(
                right.d_gradient, _d_gradient(right, right.generator(right.noise))
            ),
            "generator_learns": torch.equal(right.generator.weight.grad, g_gradient),
        },
    }
