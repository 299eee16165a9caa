"""A generator that yields inside no_grad leaves grad mode off in the loop that uses it."""

import torch

ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def wrong():
    encoder = torch.nn.Linear(2, 2)
    head = torch.nn.Linear(2, 1)

    def features(batches):
        with torch.no_grad():
            for batch in batches:
                yield encoder(batch)

    for feature in features([torch.ones(1, 2)]):
        grad_enabled = torch.is_grad_enabled()
        loss = head(feature).sum()
        loss.backward()


def right():
    encoder = torch.nn.Linear(2, 2)
    head = torch.nn.Linear(2, 1)

    @torch.no_grad()
    def features(batches):
        for batch in batches:
            yield encoder(batch)

    for feature in features([torch.ones(1, 2)]):
        grad_enabled = torch.is_grad_enabled()
        loss = head(feature).sum()
        loss.backward()


def _yields_inside():
    with torch.no_grad():
        yield


def _modes_after_leaving_early():
    """Return grad mode after a loop that stopped early, then after its generator is closed."""
    generator = _yields_inside()
    for _ in generator:
        break
    between = torch.is_grad_enabled()
    generator.close()
    return between, torch.is_grad_enabled()


def claims(wrong, right):
    after_break, after_close = _modes_after_leaving_early()
    return {
        "stays_in_the_block": {
            "on_in_the_loop": wrong.grad_enabled,
            "loss_has_graph": wrong.loss.grad_fn is not None,
        },
        "loop_raises": {
            "nothing_to_start_from": "does not have a grad_fn" in (wrong.error or ""),
        },
        "ends_with_the_loop": {
            "on_after_break": after_break,
            "on_after_close": after_close,
        },
        "decorator_switches": {
            "on_in_the_loop": right.grad_enabled,
            "feature_has_no_graph": right.feature.grad_fn is None,
            "head_gradient_right": torch.equal(right.head.weight.grad, right.feature),
        },
    }
