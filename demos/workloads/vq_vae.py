"""VQ-VAE: a codebook learns from the codes, the encoder through them."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (1024, 4096)
PARAMETERS = {"codes": (512, 1, 65536), "depth": (1, 1, 64), "width": (64, 1, 8192)}
ABSENT = ("inference_mode", "frozen")


def build(size, codes, depth, width):
    def network():
        layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.GELU())]
        return nn.Sequential(*layers, nn.Linear(width, width))

    book = torch.randn(codes, width).requires_grad_()
    return {
        "encoder": network(),
        "decoder": network(),
        "codes": book,
        "x": torch.randn(size, width),
    }


def groups(encoder, decoder, codes, x):
    modules = {"encoder": encoder, "decoder": decoder}
    found = {name: list(module.parameters()) for name, module in modules.items()}
    return {**found, "codebook": [codes]}


def reference(encoder, decoder, codes, x):
    z = encoder(x)
    nearest = (codes.square().sum(1) - 2 * z @ codes.T).argmin(1)
    q = codes[nearest]
    error = (decoder(q) - x).square().mean()
    upstream, *decoded = torch.autograd.grad(error, [q, *decoder.parameters()], retain_graph=True)
    away = 2 * (z - q).detach() / z.numel()
    (book,) = torch.autograd.grad(q, codes, -away)
    encoded = torch.autograd.grad(z, list(encoder.parameters()), upstream + 0.25 * away)
    return {"encoder": encoded, "decoder": decoded, "codebook": [book]}


def attached(encoder, decoder, codes, x):
    z = encoder(x)
    nearest = (codes.square().sum(1) - 2 * z @ codes.T).argmin(1)
    q = codes[nearest]
    error = (decoder(q) - x).square().mean()
    return error + 1.25 * (q - z).square().mean()


def one_term(encoder, decoder, codes, x):
    z = encoder(x)
    nearest = (codes.square().sum(1) - 2 * z @ codes.T).argmin(1)
    q = codes[nearest]
    error = (decoder(z + (q - z).detach()) - x).square().mean()
    return error + 1.25 * (q - z).square().mean()


def detach(encoder, decoder, codes, x):
    z = encoder(x)
    nearest = (codes.square().sum(1) - 2 * z @ codes.T).argmin(1)
    q = codes[nearest]
    error = (decoder(z + (q - z).detach()) - x).square().mean()
    book = (q - z.detach()).square().mean()
    commitment = (z - q.detach()).square().mean()
    return error + book + 0.25 * commitment


def no_grad(encoder, decoder, codes, x):
    z = encoder(x)
    with torch.no_grad():
        nearest = (codes.square().sum(1) - 2 * z @ codes.T).argmin(1)
    q = codes[nearest]
    error = (decoder(z + (q - z).detach()) - x).square().mean()
    book = (q - z.detach()).square().mean()
    commitment = (z - q.detach()).square().mean()
    return error + book + 0.25 * commitment
