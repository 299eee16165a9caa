"""What stays in memory when losses are summed for a log."""

import torch

MEASURED = "loss_logging"


def wrong():
    model = torch.nn.Linear(2, 1)
    train_total = 0.0
    for batch in torch.ones(3, 4, 2):
        loss = model(batch).sigmoid().mean()
        loss.backward()
        train_total += loss
    eval_total = 0.0
    for batch in torch.ones(3, 4, 2):
        eval_loss = model(batch).sigmoid().mean()
        eval_total += eval_loss


def right():
    model = torch.nn.Linear(2, 1)
    train_total = 0.0
    for batch in torch.ones(3, 4, 2):
        loss = model(batch).sigmoid().mean()
        loss.backward()
        train_total += loss.detach()
    eval_total = 0.0
    with torch.no_grad():
        for batch in torch.ones(3, 4, 2):
            eval_loss = model(batch).sigmoid().mean()
            eval_total += eval_loss.item()


def _ops(result):
    """Return the recorded ops that a result keeps alive."""
    found, waiting = set(), [result.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found and not hasattr(node, "variable"):
            found.add(node)
            waiting += [each for each, _ in node.next_functions]
    return found


def _kept_activations(result):
    """Return how many results of `sigmoid` backward can still use."""
    kept = 0
    for node in _ops(result):
        try:
            kept += hasattr(node, "_saved_result")
        except RuntimeError:  # freed by a backward
            continue
    return kept


def claims(wrong, right):
    return {
        "keeps_all": {
            "nodes": len(_ops(wrong.train_total)) == 3 * len(_ops(wrong.loss)) + 3,
            "activations": _kept_activations(wrong.train_total) > 0,
        },
        "harmless_without_backward": {
            "no_nodes": not _ops(wrong.eval_total),
            "no_activations": not _kept_activations(wrong.eval_total),
        },
        "keeps_nothing": {
            "train_total": right.train_total.grad_fn is None,
            "eval_total": isinstance(right.eval_total, float),
        },
        "same_totals": {
            "train_total": torch.equal(right.train_total, wrong.train_total),
            "eval_total": abs(right.eval_total - wrong.eval_total.detach().item()) < 1e-6,
        },
    }
