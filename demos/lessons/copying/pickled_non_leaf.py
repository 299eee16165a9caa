"""torch.save() turns a result into a leaf that requires grad, without a warning."""

import copy

import torch

ERRORS = (
    "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not "
    "support crossing process boundaries.",
)


def wrong():
    import io
    from multiprocessing.reduction import ForkingPickler

    encoder = torch.nn.Linear(2, 2)
    features = encoder(torch.tensor([[1.0, 2.0]]))
    try:
        ForkingPickler.dumps(features)
    except RuntimeError as error:
        refused = str(error)
    file = io.BytesIO()
    torch.save(features, file)
    file.seek(0)
    loaded = torch.load(file)
    loaded.sum().backward()


def right():
    import io

    encoder = torch.nn.Linear(2, 2)
    head = torch.nn.Linear(2, 1)
    features = encoder(torch.tensor([[1.0, 2.0]]))
    file = io.BytesIO()
    torch.save(features.detach(), file)
    file.seek(0)
    loaded = torch.load(file)
    loss = head(loaded).sum()
    loss.backward()


def _deepcopy_refuses(tensor):
    try:
        copy.deepcopy(tensor)
    except RuntimeError:
        return True
    return False


def claims(wrong, right):
    return {
        "graph_is_saved": {
            "has_grad_fn": wrong.loaded.grad_fn is not None,
            "encoder_has_gradient": wrong.encoder.weight.grad is not None,
        },
        "loaded_as_constant": {
            "is_leaf": wrong.loaded.is_leaf,
            "requires_grad_false": not wrong.loaded.requires_grad,
        },
        "others_refuse": {
            "between_processes": "Cowardly refusing" in wrong.refused,
            "deepcopy": _deepcopy_refuses(wrong.features),
        },
        "detach_first": {
            "requires_grad_false": not right.loaded.requires_grad,
            "same_values": torch.equal(right.loaded, right.features),
            "head_has_gradient": torch.equal(right.head.weight.grad, right.loaded),
        },
    }
