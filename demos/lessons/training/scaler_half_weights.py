"""GradScaler wants float32 weights: float16 belongs to autocast, not to the model."""

import torch

DEVICE = "cpu"
ERRORS = ("Attempting to unscale FP16 gradients.",)


def wrong():
    model = torch.nn.Linear(2, 1).half()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    loss = model(torch.ones(1, 2).half()).sum()
    scaler.scale(loss).backward()
    scaler.step(optimizer)


def right():
    import copy

    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    with torch.autocast("cpu", dtype=torch.float16):
        loss = model(torch.ones(1, 2)).sum()
    scaler.scale(loss).backward()
    scaled = copy.deepcopy(model.weight.grad)
    scaler.step(optimizer)
    scaler.update()
    gradient = model.weight.grad


def _raises_for(dtype):
    """Return whether a scaled step of a model with weights of a dtype raises."""
    model = torch.nn.Linear(2, 1).to(dtype)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    scaler.scale(model(torch.ones(1, 2, dtype=dtype)).sum()).backward()
    try:
        scaler.step(torch.optim.SGD(model.parameters(), lr=0.1))
    except ValueError:
        return True
    return False


def claims(wrong, right):
    return {
        "half_model_is_mixed": {
            "no_error": wrong.error is None,
            "weights_are_float32": wrong.model.weight.dtype == torch.float32,
        },
        "any_low_precision": {
            "float16": _raises_for(torch.float16),
            "bfloat16": _raises_for(torch.bfloat16),
        },
        "autocast_computes_in_half": {
            "product_is_half": right.loss.dtype == torch.float16,
            "weights_are_float32": right.model.weight.dtype == torch.float32,
            "gradients_are_float32": right.gradient.dtype == torch.float32,
        },
        "step_unscales": {
            "scaled": right.scaled.tolist() == [[1024.0, 1024.0]],
            "unscaled": right.gradient.tolist() == [[1.0, 1.0]],
        },
    }
