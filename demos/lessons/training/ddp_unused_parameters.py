"""DistributedDataParallel waits for gradients of parameters that were frozen after wrapping."""

import functools
import tempfile

import torch

DEVICE = "cpu"
ERRORS = ("Expected to have finished reduction in the prior iteration before starting a new one.",)


def wrong():
    import tempfile

    distributed = torch.distributed
    store = distributed.FileStore(f"{tempfile.mkdtemp()}/store", 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        encoder, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
        wrapped = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(encoder, head))
        encoder.requires_grad_(False)
        wrapped(torch.ones(1, 2)).sum().backward()
        wrapped(torch.ones(1, 2)).sum().backward()
    except RuntimeError as error:
        refused = str(error)
    distributed.destroy_process_group()


def right():
    import tempfile

    distributed = torch.distributed
    store = distributed.FileStore(f"{tempfile.mkdtemp()}/store", 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        encoder, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
        encoder.requires_grad_(False)
        wrapped = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(encoder, head))
        wrapped(torch.ones(1, 2)).sum().backward()
        wrapped(torch.ones(1, 2)).sum().backward()
    finally:
        distributed.destroy_process_group()


class _Cut(torch.nn.Module):
    """A model whose encoder is cut off inside its forward."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)

    def forward(self, x):
        return self.head(self.encoder(x).detach())


def _raises(distributed, **settings):
    """Return whether the second step of a model with a cut inside raises."""
    store = distributed.FileStore(f"{tempfile.mkdtemp()}/store", 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        wrapped = torch.nn.parallel.DistributedDataParallel(_Cut(), **settings)
        for _ in range(2):
            wrapped(torch.ones(1, 2)).sum().backward()
    except RuntimeError:
        return True
    finally:
        distributed.destroy_process_group()
    return False


def _rank(rank, folder):
    """Take a step as one of two processes, each with data of its own; leave both gradients."""
    distributed = torch.distributed
    store = distributed.FileStore(f"{folder}/store", 2)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    for order in ("after", "before"):
        torch.manual_seed(0)
        encoder, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
        encoder.requires_grad_(order == "after")
        wrapped = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(encoder, head))
        encoder.requires_grad_(False)
        wrapped(torch.full((1, 2), 1.0 + rank)).sum().backward()
        torch.save(head.weight.grad, f"{folder}/{order}{rank}.pt")
    distributed.destroy_process_group()


@functools.cache
def _averaged():
    """Return for which orders two processes get the same gradient; takes seconds, so once."""
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_rank, (folder,), nprocs=2)
        return {
            order: torch.equal(*(torch.load(f"{folder}/{order}{rank}.pt") for rank in range(2)))
            for order in ("after", "before")
        }


def claims(wrong, right):
    features = right.encoder(torch.ones(1, 2))
    return {
        "frozen_is_left_out": {
            "first_step_runs": wrong.head.weight.grad is not None,
            "second_step_runs": "refused" not in vars(wrong),
        },
        "first_step_averages": {
            "same_on_both": _averaged()["after"],
        },
        "only_freezing": {
            "detach_runs": not _raises(wrong.distributed),
        },
        "find_unused_helps": {
            "detach_runs": not _raises(wrong.distributed, find_unused_parameters=True),
        },
        "frozen_before": {
            "no_error": right.error is None,
            "head_learns": torch.allclose(right.head.weight.grad, 2 * features),
            "encoder_gets_none": right.encoder.weight.grad is None,
            "same_on_both": _averaged()["before"],
        },
    }
