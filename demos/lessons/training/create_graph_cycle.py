"""backward(create_graph=True) makes a cycle of a parameter and its gradient."""

import torch

ERRORS = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter "
    "and its gradient which can cause a memory leak.",
)


def wrong():
    import gc
    import weakref

    model = torch.nn.Linear(2, 1, bias=False)
    loss = model(torch.ones(1, 2)).square().sum()
    loss.backward(create_graph=True)
    alive = weakref.WeakValueDictionary(weight=model.weight)
    del model, loss
    kept_after_del = "weight" in alive
    gc.collect()
    kept_after_collect = "weight" in alive
    alive["weight"].grad = None
    kept_without_grad = "weight" in alive


def right():
    import weakref

    model = torch.nn.Linear(2, 1, bias=False)
    loss = model(torch.ones(1, 2)).square().sum()
    (gradient,) = torch.autograd.grad(loss, model.weight, create_graph=True)
    has_graph = gradient.requires_grad
    (loss + gradient.square().sum()).backward()
    alive = weakref.WeakValueDictionary(weight=model.weight)
    del model, loss, gradient
    kept = "weight" in alive


def claims(wrong, right):
    return {
        "del_is_enough": {
            "gone": not wrong.kept_after_del,
        },
        "collector_finds_it": {
            "gone": not wrong.kept_after_collect,
        },
        "grad_none_ends_it": {
            "gone": not wrong.kept_without_grad,
        },
        "grad_makes_no_cycle": {
            "gone": not right.kept,
            "in_graph": right.has_graph,
        },
    }
