"""The article's first motive: freeze some parameters of a network and tune the others."""

import torch

MEASURED = "frozen_backbone"
VALUES = (1.0, 2.0, 3.0)


def lesson(values):
    x = torch.tensor([values])
    encoder = torch.nn.Linear(len(values), 2)
    head = torch.nn.Linear(2, 1)
    encoder.requires_grad_(False)
    encoder_before = encoder.weight.detach().clone()
    head_before = head.weight.detach().clone()
    optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
    h = torch.tanh(encoder(x))
    loss = head(h).square().mean()
    loss.backward()
    optimizer.step()


def claims(seen):
    return {
        "keeps_some": {
            "encoder_unchanged": torch.equal(seen.encoder.weight, seen.encoder_before),
        },
        "tunes_the_rest": {
            "head_changed": not torch.equal(seen.head.weight, seen.head_before),
        },
        "backward_stops": {
            "h_outside_graph": seen.h.grad_fn is None,
            "encoder_has_no_grad": seen.encoder.weight.grad is None,
        },
    }
