"""A straight-through estimator: rounded values forward, the gradient as if not rounded."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (256, 1024, 4096)
PARAMETERS = {"depth": (2, 1, 64), "width": (128, 1, 8192)}
ABSENT = ("frozen",)


def build(size, depth, width):
    def network():
        layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
        return nn.Sequential(*layers, nn.Linear(width, width))

    return {"encoder": network(), "decoder": network(), "x": torch.randn(size, width)}


def groups(encoder, decoder, x):
    return {"encoder": list(encoder.parameters()), "decoder": list(decoder.parameters())}


def reference(encoder, decoder, x):
    h = encoder(x)
    y = (h * 16).round() / 16
    loss = (decoder(y) - x).square().sum(1).mean()
    upstream, *grads = torch.autograd.grad(loss, [y, *decoder.parameters()])
    through = torch.autograd.grad(h, list(encoder.parameters()), grad_outputs=upstream)
    return {"encoder": through, "decoder": grads}


def attached(encoder, decoder, x):
    h = encoder(x)
    y = (h * 16).round() / 16
    return (decoder(y) - x).square().sum(1).mean()


def detach(encoder, decoder, x):
    h = encoder(x)
    rounded = (h * 16).round() / 16
    y = h + (rounded - h).detach()
    return (decoder(y) - x).square().sum(1).mean()


def detach_inplace(encoder, decoder, x):
    h = encoder(x)
    change = (h * 16).round() / 16 - h
    change.detach_()
    return (decoder(h + change) - x).square().sum(1).mean()


def no_grad(encoder, decoder, x):
    h = encoder(x)
    with torch.no_grad():
        change = (h * 16).round() / 16 - h
    return (decoder(h + change) - x).square().sum(1).mean()


def inference_mode(encoder, decoder, x):
    h = encoder(x)
    with torch.inference_mode():
        change = (h * 16).round() / 16 - h
    # A sum saves neither of its terms, so an inference tensor may be one.
    return (decoder(h + change) - x).square().sum(1).mean()
