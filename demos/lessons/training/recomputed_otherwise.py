"""A checkpoint runs its block again in backward, with whatever holds then."""

import torch

ERRORS = ("A different number of tensors was saved during the original forward and recomputation.",)


def wrong():
    from torch.utils.checkpoint import checkpoint

    x = torch.ones(1, requires_grad=True)
    gate = torch.tensor(3.0)
    value = checkpoint(lambda x: x * gate, x, use_reentrant=False)
    gate.zero_()
    value.backward()
    gradient = x.grad
    block = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout(0.5))
    out = checkpoint(block, x.detach(), use_reentrant=False)
    block.eval()
    out.sum().backward()


def right():
    from torch.utils.checkpoint import checkpoint

    x = torch.ones(1, requires_grad=True)
    gate = torch.tensor(3.0)
    value = checkpoint(lambda x: x * gate, x, use_reentrant=False)
    value.backward()
    gradient = x.grad
    gate.zero_()
    block = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout(0.5))
    out = checkpoint(block, x.detach(), use_reentrant=False)
    out.sum().backward()
    block.eval()


def _raises_without_checkpoint():
    x, gate = torch.ones(1, requires_grad=True), torch.tensor(3.0)
    value = x * gate
    gate.zero_()
    try:
        value.backward()
    except RuntimeError as error:
        return "modified by an inplace operation" in str(error)
    return False


def _calls_of_a_cut_encoder(checkpoint):
    """Return how often an encoder runs whose result is cut inside the block."""
    calls = []

    def block(x):
        with torch.no_grad():
            calls.append(x)
            features = x.exp()
        return (x * features).sin()

    checkpoint(block, torch.ones(1, requires_grad=True), use_reentrant=False).backward()
    return len(calls)


def claims(wrong, right):
    return {
        "backward_uses_forward": {
            "gradient_is_the_gate": wrong.gradient.item() == wrong.value.item() == 3,
        },
        "in_place_is_noticed": {
            "without_checkpoint": _raises_without_checkpoint(),
            "with_checkpoint": wrong.x.grad is None,
        },
        "counts_what_is_saved": {
            "raised": wrong.error is not None,
            "says_number": "different number of tensors" in (wrong.error or ""),
        },
        "cut_part_is_skipped": {
            "ran_once": _calls_of_a_cut_encoder(wrong.checkpoint) == 1,
        },
        "changed_after_backward": {
            "no_error": right.error is None,
            "gradient_is_the_gate": right.gradient.item() == right.value.item() == 3,
        },
    }
