"""A compiled step gives zeros where the same step without a compiler gives None."""

from concurrent.futures import ThreadPoolExecutor

import torch

DEVICE = "cpu"
ERRORS = ("Trying to backward through the graph a second time",)


def wrong():
    from concurrent.futures import ThreadPoolExecutor

    encoder, head = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)

    def step(x):
        h = encoder(x)
        return head(h.detach()).sum(), h.sum()

    compiled = torch.compile(step, backend="aot_eager")
    with ThreadPoolExecutor(1) as thread:
        loss, other = thread.submit(compiled, torch.ones(1, 1)).result()
    loss.backward()
    gradient = encoder.weight.grad
    other.backward()


def right():
    from concurrent.futures import ThreadPoolExecutor

    encoder, head = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)

    def step(x):
        h = encoder(x).detach()
        return head(h).sum(), h.sum()

    compiled = torch.compile(step, backend="aot_eager")
    with ThreadPoolExecutor(1) as thread:
        loss, _ = thread.submit(compiled, torch.ones(1, 1)).result()
    loss.backward()
    gradient = encoder.weight.grad


def _step(compiles, backward):
    """Return the encoder of a step whose losses went backward as a function says."""
    encoder, head = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)

    def step(x):
        h = encoder(x)
        return head(h.detach()).sum(), h.sum()

    if not compiles:
        backward(*step(torch.ones(1, 1)))
        return encoder
    compiled = torch.compile(step, backend="aot_eager")
    with ThreadPoolExecutor(1) as thread:
        losses = thread.submit(compiled, torch.ones(1, 1)).result()
    backward(*losses)
    return encoder


def _decayed(encoder):
    """Return how far AdamW moves the encoder."""
    before = encoder.weight.detach().clone()
    torch.optim.AdamW(encoder.parameters(), lr=0.1, weight_decay=0.1).step()
    return encoder.weight.detach() - before


def claims(wrong, right):
    eager = _step(False, lambda loss, other: loss.backward())
    compiled = _step(True, lambda loss, other: loss.backward())
    one_by_one = _step(False, lambda loss, other: (loss.backward(), other.backward()))
    together = _step(True, lambda loss, other: (loss + other).backward())
    return {
        "cut_encoder_gets_none": {
            "without_compiler": eager.weight.grad is None,
            "compiled": wrong.gradient is None,
        },
        "zeros_are_harmless": {
            "weight_stays": not _decayed(compiled).any(),
        },
        "one_loss_after_the_other": {
            "without_compiler": one_by_one.weight.grad.item() == 1,
            "compiled": wrong.error is None,
        },
        "losses_added": {
            "full_gradient": together.weight.grad.item() == 1,
        },
        "cut_for_all": {
            "compiled_too": right.gradient is None,
        },
    }
