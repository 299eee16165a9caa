"""A small detached slice keeps the whole tensor in memory, and in the file."""

import torch


def wrong():
    import io

    encoder = torch.nn.Linear(2, 4)
    hidden = encoder(torch.ones(1000, 2))
    last = hidden[-1].detach()
    del hidden
    held = last.untyped_storage().nbytes()
    file = io.BytesIO()
    torch.save(last, file)
    written = len(file.getvalue())


def right():
    import io

    encoder = torch.nn.Linear(2, 4)
    hidden = encoder(torch.ones(1000, 2))
    last = hidden[-1].detach().clone()
    del hidden
    held = last.untyped_storage().nbytes()
    file = io.BytesIO()
    torch.save(last, file)
    written = len(file.getvalue())


def claims(wrong, right):
    needed = right.last.numel() * right.last.element_size()
    whole = 1000 * needed
    return {
        "graph_is_let_go": {
            "no_grad_fn": wrong.last.grad_fn is None,
        },
        "rest_is_freed": {
            "holds_only_its_own": wrong.held == needed,
            "writes_less_than_all": wrong.written < whole,
        },
        "contiguous_copies": {
            "own_memory": wrong.last.contiguous().data_ptr() != wrong.last.data_ptr(),
        },
        "clone_frees": {
            "same_values": torch.equal(right.last, wrong.last),
            "holds_only_its_own": right.held == needed,
            "writes_less": right.written < wrong.written - whole // 2,
        },
    }
