"""LoRA on a frozen base: what trains, and what checkpointing does to it."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (256, 1024)
PARAMETERS = {"depth": (8, 1, 64), "width": (128, 1, 8192), "rank": (4, 1, 256)}
ABSENT = ("inference_mode",)


class _Block(nn.Module):
    """A linear layer with an adapter of low rank beside it."""

    def __init__(self, width, rank):
        super().__init__()
        self.base = nn.Linear(width, width)
        self.down = nn.Linear(width, rank, bias=False)
        self.up = nn.Linear(rank, width, bias=False)

    def forward(self, x):
        return nn.functional.gelu(self.base(x) + self.up(self.down(x)))


def build(size, depth, width, rank):
    blocks = nn.Sequential(*(_Block(width, rank) for _ in range(depth)))
    return {"blocks": blocks, "head": nn.Linear(width, 1), "x": torch.randn(size, width)}


def groups(blocks, head, x):
    base = [parameter for block in blocks for parameter in block.base.parameters()]
    lora = [weight for block in blocks for weight in (block.down.weight, block.up.weight)]
    return {"base": base, "lora": lora, "head": list(head.parameters())}


def reference(blocks, head, x):
    lora = [weight for block in blocks for weight in (block.down.weight, block.up.weight)]
    loss = head(blocks(x)).mean()
    grads = torch.autograd.grad(loss, [*lora, *head.parameters()])
    return {"base": None, "lora": grads[: len(lora)], "head": grads[len(lora) :]}


def attached(blocks, head, x):
    return head(blocks(x)).mean()


def detach(blocks, head, x):
    h = x
    for block in blocks:
        base = block.base(h).detach()
        h = torch.nn.functional.gelu(base + block.up(block.down(h)))
    return head(h).mean()


def no_grad(blocks, head, x):
    h = x
    for block in blocks:
        with torch.no_grad():
            base = block.base(h)
        h = torch.nn.functional.gelu(base + block.up(block.down(h)))
    return head(h).mean()


def prepare_frozen(blocks, head, x):
    for block in blocks:
        block.base.requires_grad_(False)


def frozen(blocks, head, x):
    return head(blocks(x)).mean()


def prepare_checkpoint(blocks, head, x):
    for block in blocks:
        block.base.requires_grad_(False)


def checkpoint(blocks, head, x):
    from torch.utils.checkpoint import checkpoint_sequential

    segments = min(4, len(blocks))
    h = checkpoint_sequential(blocks, segments, x, use_reentrant=False)
    return head(h).mean()


def prepare_reentrant(blocks, head, x):
    for block in blocks:
        block.base.requires_grad_(False)


def reentrant(blocks, head, x):
    from torch.utils.checkpoint import checkpoint_sequential

    segments = min(4, len(blocks))
    h = checkpoint_sequential(blocks, segments, x, use_reentrant=True)
    return head(h).mean()


def prepare_reentrant_input(blocks, head, x):
    for block in blocks:
        block.base.requires_grad_(False)


def reentrant_input(blocks, head, x):
    from torch.utils.checkpoint import checkpoint_sequential

    segments = min(4, len(blocks))
    # What PEFT's enable_input_require_grads does.
    entry = x.detach().requires_grad_()
    h = checkpoint_sequential(blocks, segments, entry, use_reentrant=True)
    return head(h).mean()
