"""The generator step of a GAN: the gradient passes through the discriminator."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (256, 1024, 4096)
PARAMETERS = {"depth": (4, 1, 64), "width": (128, 1, 8192)}
RAISES = {
    "no_grad": "element 0 of tensors does not require grad and does not have a grad_fn",
    "inference_mode": "element 0 of tensors does not require grad and does not have a grad_fn",
}


def build(size, depth, width):
    makes = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    tells = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.LeakyReLU(0.2))]
    return {
        "generator": nn.Sequential(*makes, nn.Linear(width, width)),
        "discriminator": nn.Sequential(*tells, nn.Linear(width, 1)),
        "z": torch.randn(size, width),
    }


def groups(generator, discriminator, z):
    modules = {"generator": generator, "discriminator": discriminator}
    return {name: list(module.parameters()) for name, module in modules.items()}


def reference(generator, discriminator, z):
    loss = -discriminator(generator(z)).mean()
    grads = torch.autograd.grad(loss, list(generator.parameters()))
    return {"generator": grads, "discriminator": None}


def attached(generator, discriminator, z):
    fake = generator(z)
    return -discriminator(fake).mean()


def detach(generator, discriminator, z):
    fake = generator(z)
    return -discriminator(fake.detach()).mean()


def no_grad(generator, discriminator, z):
    fake = generator(z)
    with torch.no_grad():
        score = discriminator(fake)
    return -score.mean()


def inference_mode(generator, discriminator, z):
    fake = generator(z)
    with torch.inference_mode():
        score = discriminator(fake)
    return -score.mean()


def prepare_frozen(generator, discriminator, z):
    discriminator.requires_grad_(False)


def frozen(generator, discriminator, z):
    fake = generator(z)
    return -discriminator(fake).mean()
