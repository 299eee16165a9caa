"""A frozen BatchNorm still normalizes by the batch and updates its running statistics."""

import torch


def wrong():
    norm = torch.nn.BatchNorm1d(1)
    norm.requires_grad_(False)
    batch = torch.tensor([[2.0], [4.0]])
    mean_before = norm.get_buffer("running_mean").clone()
    features = norm(batch)
    mean_frozen = norm.get_buffer("running_mean").clone()
    with torch.no_grad():
        norm(batch)
    mean_no_grad = norm.get_buffer("running_mean").clone()


def right():
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(1), torch.nn.Linear(1, 1))
    model[0].requires_grad_(False)
    model.train()
    model[0].eval()
    batch = torch.tensor([[2.0], [4.0]])
    features = model[0](batch)
    loss = model[1](features).sum()
    loss.backward()
    mean_after = model[0].get_buffer("running_mean").clone()


def _mean_after_train(model, batch):
    """Return the running mean after `model.train()`, which a training loop calls every epoch."""
    model.train()
    model(batch)
    return model[0].get_buffer("running_mean").item()


def claims(wrong, right):
    by_batch = (wrong.batch - 3.0) / (1.0 + wrong.norm.eps) ** 0.5
    by_statistics = right.batch / (1.0 + right.model[0].eps) ** 0.5
    summed = right.features.sum(0, keepdim=True)
    return {
        "frozen_stays": {
            "mean_unchanged": torch.equal(wrong.mean_frozen, wrong.mean_before),
            "by_running_statistics": torch.allclose(wrong.features, by_statistics),
        },
        "no_grad_stops_it": {
            "mean_unchanged": torch.equal(wrong.mean_no_grad, wrong.mean_frozen),
        },
        "depends_on_the_batch": {
            "normalised_by_batch": torch.allclose(wrong.features, by_batch),
        },
        "eval_keeps": {
            "mean_unchanged": right.mean_after.item() == 0.0,
            "by_running_statistics": torch.allclose(right.features, by_statistics),
            "head_gradient_right": torch.allclose(right.model[1].weight.grad, summed),
        },
        "survives_train": {
            "mean_unchanged": _mean_after_train(right.model, right.batch) == 0.0,
        },
    }
