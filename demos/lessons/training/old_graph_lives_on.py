"""An old name or a cache keeps activations alive, whatever else is detached."""

import torch


def wrong():
    import weakref

    model = torch.nn.Linear(2, 2)
    hidden = model(torch.ones(1, 2)).sigmoid()
    activation = weakref.ref(hidden.untyped_storage())
    loss = hidden.square().mean()
    del hidden
    logged = loss.detach()
    cache = {"last": model(torch.ones(1, 2)).sigmoid()}
    kept_in_next_forward = activation() is not None
    loss = cache["last"].square().mean()
    kept_after_it = activation() is not None
    next_activation = weakref.ref(cache["last"].untyped_storage())
    loss.backward()


def right():
    import weakref

    model = torch.nn.Linear(2, 2)
    hidden = model(torch.ones(1, 2)).sigmoid()
    activation = weakref.ref(hidden.untyped_storage())
    loss = hidden.square().mean()
    logged = loss.detach()
    cache = {"last": hidden.mean().item()}
    del hidden, loss
    kept = activation() is not None
    loss = model(torch.ones(1, 2)).sigmoid().square().mean()


def _is_freed(loss):
    """Return whether backward has freed what the node of `square` saved."""
    node, _ = loss.grad_fn.next_functions[0]
    try:
        return node._saved_self is None
    except RuntimeError:
        return True


def claims(wrong, right):
    last = wrong.cache["last"]
    cached = last.detach()
    return {
        "detach_lets_go": {
            "logged_has_no_graph": wrong.logged.grad_fn is None,
            "activation_gone": not wrong.kept_in_next_forward,
        },
        "next_forward_replaces": {
            "gone_during_it": not wrong.kept_in_next_forward,
            "gone_after_it": not wrong.kept_after_it,
        },
        "backward_frees_all": {
            "saved_tensors": _is_freed(wrong.loss),
            "cached_activation": wrong.next_activation() is None,
        },
        "cache_detached": {
            "no_graph": cached.grad_fn is None,
            "no_memory": cached.untyped_storage().data_ptr() != last.untyped_storage().data_ptr(),
        },
        "del_before_forward": {
            "activation_gone": not right.kept,
            "same_log": torch.equal(right.logged, wrong.logged),
        },
    }
