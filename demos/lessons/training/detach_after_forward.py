"""When the tensors that a forward pass saved for backward are released."""

import torch


def wrong():
    import weakref

    encoder = torch.nn.Linear(2, 2)
    projection, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    hidden = encoder(torch.ones(1, 2)).sigmoid()
    activation = weakref.ref(hidden.untyped_storage())
    features = projection(hidden)
    del hidden
    kept_by_forward = activation() is not None
    loss = head(features.detach()).mean()
    loss.backward()
    kept_after_detach = activation() is not None
    del features
    kept_without_features = activation() is not None


def right():
    import weakref

    encoder = torch.nn.Linear(2, 2)
    projection, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    with torch.no_grad():
        hidden = encoder(torch.ones(1, 2)).sigmoid()
        activation = weakref.ref(hidden.untyped_storage())
        features = projection(hidden)
    del hidden
    kept = activation() is not None
    loss = head(features).mean()
    loss.backward()


def claims(wrong, right):
    return {
        "forward_saves_less": {
            "activation_gone": not wrong.kept_by_forward,
        },
        "detach_frees": {
            "encoder_gets_none": wrong.encoder.weight.grad is None,
            "activation_gone": not wrong.kept_after_detach,
        },
        "last_reference_frees": {
            "kept_with_features": wrong.kept_after_detach,
            "gone_without": not wrong.kept_without_features,
        },
        "no_grad_saves_nothing": {
            "activation_gone": not right.kept,
            "no_node": right.features.grad_fn is None,
            "head_learns_the_same": torch.equal(right.head.weight.grad, wrong.head.weight.grad),
        },
    }
