"""Tasks of an event loop share a thread, and so a grad mode."""

import asyncio

import torch

ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def wrong():
    import asyncio

    async def train(model):
        return model(torch.ones(1, 2)).sum()

    async def evaluate(model):
        training = asyncio.create_task(train(model))
        with torch.no_grad():
            batch = await asyncio.sleep(0, torch.ones(1, 2))
            score = model(batch)
        return await training

    loss = asyncio.run(evaluate(torch.nn.Linear(2, 1)))
    loss.backward()


def right():
    import asyncio

    async def train(model):
        return model(torch.ones(1, 2)).sum()

    async def evaluate(model):
        training = asyncio.create_task(train(model))
        batch = await asyncio.sleep(0, torch.ones(1, 2))
        with torch.no_grad():
            score = model(batch)
        return await training

    loss = asyncio.run(evaluate(torch.nn.Linear(2, 1)))
    loss.backward()


def _leaf_gradients(node):
    """Return `.grad` of the leaves below a node of the graph."""
    if hasattr(node, "variable"):
        return [node.variable.grad]
    return [grad for each, _ in node.next_functions if each for grad in _leaf_gradients(each)]


def _mode_in_a_decorated_coroutine():
    @torch.no_grad()
    async def evaluate():
        return torch.is_grad_enabled()

    return asyncio.run(evaluate())


def claims(wrong, right):
    gradients = _leaf_gradients(right.loss.grad_fn)
    return {
        "own_task_only": {
            "loss_has_graph": wrong.loss.grad_fn is not None,
        },
        "backward_raises": {
            "nothing_to_start_from": "does not have a grad_fn" in (wrong.error or ""),
        },
        "decorator_helps": {
            "off_in_the_body": not _mode_in_a_decorated_coroutine(),
        },
        "no_await_inside": {
            "loss_has_graph": right.loss.grad_fn is not None,
            "weight_and_bias_reached": len(gradients) == 2,
            "gradients_are_ones": all(bool((each == 1).all()) for each in gradients),
        },
    }
