"""Activation checkpointing behind a frozen embedding."""

import copy

import torch

ERRORS = (
    "None of the inputs have requires_grad=True. Gradients will be None",
    "element 0 of tensors does not require grad and does not have a grad_fn",
)


def wrong():
    from torch.utils.checkpoint import checkpoint

    embedding = torch.nn.Embedding(3, 2).requires_grad_(False)
    block, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    embedded = embedding(torch.tensor([0]))
    hidden = checkpoint(block, embedded, use_reentrant=True)
    head(hidden).mean().backward()
    head.requires_grad_(False)
    head(hidden).mean().backward()


def right():
    from torch.utils.checkpoint import checkpoint

    embedding = torch.nn.Embedding(3, 2).requires_grad_(False)
    block, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    embedded = embedding(torch.tensor([0]))
    hidden = checkpoint(block, embedded, use_reentrant=False)
    head(hidden).mean().backward()


def _plain_gradient(right):
    """Return the block's gradient without a checkpoint."""
    loss = right.head(right.block(right.embedded)).mean()
    return torch.autograd.grad(loss, right.block.weight)[0]


def _reentrant_gradient(right):
    """Return the block's gradient by a reentrant checkpoint whose input requires grad."""
    block = copy.deepcopy(right.block)
    block.zero_grad()
    entry = right.embedded.clone().requires_grad_(True)
    hidden = right.checkpoint(block, entry, use_reentrant=True)
    # A reentrant checkpoint refuses torch.autograd.grad.
    right.head(hidden).mean().backward()
    return block.weight.grad


def claims(wrong, right):
    expected = _plain_gradient(right)
    return {
        "block_trains": {
            "hidden_in_graph": wrong.hidden.grad_fn is not None,
            "block_gets_gradient": wrong.block.weight.grad is not None,
        },
        "always_raises": {
            "with_head": wrong.head.weight.grad is None,
            "with_frozen_head": wrong.error is not None,
        },
        "not_reentrant_works": {
            "no_error": right.error is None,
            "gradient_as_without_checkpoint": torch.equal(right.block.weight.grad, expected),
        },
        "input_that_requires_grad": {
            "gradient_as_without_checkpoint": torch.equal(_reentrant_gradient(right), expected),
        },
    }
