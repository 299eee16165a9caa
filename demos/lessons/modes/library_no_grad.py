"""A library's method that is decorated with no_grad cuts the loss that is computed from it."""

import torch

ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def wrong():
    class Encoder(torch.nn.Linear):
        @torch.no_grad()
        def encode(self, batch):
            return self(batch)

    encoder, head = Encoder(2, 2), torch.nn.Linear(2, 1)
    batch = torch.tensor([[1.0, 2.0]])
    with torch.enable_grad():
        embedding = encoder.train().encode(batch)
    head(embedding).sum().backward()
    embedding.square().sum().backward()


def right():
    from inspect import unwrap

    class Encoder(torch.nn.Linear):
        @torch.no_grad()
        def encode(self, batch):
            return self(batch)

    encoder, head = Encoder(2, 2), torch.nn.Linear(2, 1)
    batch = torch.tensor([[1.0, 2.0]])
    embedding = encoder(batch)
    head(embedding).sum().backward()
    undecorated = unwrap(Encoder.encode)(encoder, batch)


def claims(wrong, right):
    expected = right.head.weight.detach().T @ right.batch
    return {
        "train_and_enable_grad_help": {
            "encoder_trains": wrong.encoder.training,
            "parameters_require_grad": wrong.encoder.weight.requires_grad,
            "embedding_in_graph": wrong.embedding.grad_fn is not None,
        },
        "error_tells": {
            "alone_raises": ERRORS[0] in (wrong.error or ""),
            "with_head_raises": wrong.head.weight.grad is None,
        },
        "forward_trains": {
            "same_numbers": torch.equal(right.embedding, wrong.embedding),
            "encoder_gradient": torch.allclose(right.encoder.weight.grad, expected),
        },
        "undecorated_records": {
            "in_graph": right.undecorated.grad_fn is not None,
        },
    }
