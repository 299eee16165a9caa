"""The discriminator step of a GAN: it learns from fakes, without training the generator."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (256, 1024, 4096)
PARAMETERS = {"depth": (4, 1, 64), "width": (128, 1, 8192)}


def build(size, depth, width):
    makes = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    tells = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.LeakyReLU(0.2))]
    return {
        "generator": nn.Sequential(*makes, nn.Linear(width, width)),
        "discriminator": nn.Sequential(*tells, nn.Linear(width, 1)),
        "z": torch.randn(size, width),
        "real": torch.randn(size, width),
    }


def groups(generator, discriminator, z, real):
    modules = {"generator": generator, "discriminator": discriminator}
    return {name: list(module.parameters()) for name, module in modules.items()}


def reference(generator, discriminator, z, real):
    fake = generator(z)
    real_loss = (1 - discriminator(real)).relu().mean()
    fake_loss = (1 + discriminator(fake)).relu().mean()
    grads = torch.autograd.grad(real_loss + fake_loss, list(discriminator.parameters()))
    return {"generator": None, "discriminator": grads}


def attached(generator, discriminator, z, real):
    fake = generator(z)
    real_loss = (1 - discriminator(real)).relu().mean()
    fake_loss = (1 + discriminator(fake)).relu().mean()
    return real_loss + fake_loss


def detach(generator, discriminator, z, real):
    fake = generator(z)
    real_loss = (1 - discriminator(real)).relu().mean()
    fake_loss = (1 + discriminator(fake.detach())).relu().mean()
    return real_loss + fake_loss


def detach_inline(generator, discriminator, z, real):
    fake = generator(z).detach()
    real_loss = (1 - discriminator(real)).relu().mean()
    fake_loss = (1 + discriminator(fake)).relu().mean()
    return real_loss + fake_loss


def detach_kept(generator, discriminator, z, real):
    fake = generator(z)
    real_loss = (1 - discriminator(real)).relu().mean()
    fake_loss = (1 + discriminator(fake.detach())).relu().mean()
    return real_loss + fake_loss, fake


def clone_detach(generator, discriminator, z, real):
    fake = generator(z)
    real_loss = (1 - discriminator(real)).relu().mean()
    fake_loss = (1 + discriminator(fake.clone().detach())).relu().mean()
    return real_loss + fake_loss


def detach_clone(generator, discriminator, z, real):
    fake = generator(z)
    real_loss = (1 - discriminator(real)).relu().mean()
    fake_loss = (1 + discriminator(fake.detach().clone())).relu().mean()
    return real_loss + fake_loss


def detach_inplace(generator, discriminator, z, real):
    fake = generator(z)
    fake.detach_()
    real_loss = (1 - discriminator(real)).relu().mean()
    fake_loss = (1 + discriminator(fake)).relu().mean()
    return real_loss + fake_loss


def no_grad(generator, discriminator, z, real):
    with torch.no_grad():
        fake = generator(z)
    real_loss = (1 - discriminator(real)).relu().mean()
    fake_loss = (1 + discriminator(fake)).relu().mean()
    return real_loss + fake_loss


def inference_mode(generator, discriminator, z, real):
    with torch.inference_mode():
        fake = generator(z)
    real_loss = (1 - discriminator(real)).relu().mean()
    # The first layer's weight gradient needs fake saved, which an inference tensor refuses.
    fake_loss = (1 + discriminator(fake.clone())).relu().mean()
    return real_loss + fake_loss


def prepare_frozen(generator, discriminator, z, real):
    generator.requires_grad_(False)


def frozen(generator, discriminator, z, real):
    fake = generator(z)
    real_loss = (1 - discriminator(real)).relu().mean()
    fake_loss = (1 + discriminator(fake)).relu().mean()
    return real_loss + fake_loss
