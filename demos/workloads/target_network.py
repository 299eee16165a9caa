"""Learning from a target network, as in BYOL: the loss must train only the online side."""

import torch
from torch import nn

SIZE = "batch"
SIZES = (256, 1024, 4096)
PARAMETERS = {"depth": (4, 1, 64), "width": (128, 1, 8192)}


def build(size, depth, width):
    def network(count):
        layers = [layer for _ in range(count) for layer in (nn.Linear(width, width), nn.ReLU())]
        return nn.Sequential(*layers, nn.Linear(width, width))

    views = {"first": torch.randn(size, width), "second": torch.randn(size, width)}
    return {"online": network(depth), "predictor": network(1), "target": network(depth), **views}


def groups(online, predictor, target, first, second):
    modules = {"online": online, "predictor": predictor, "target": target}
    return {name: list(module.parameters()) for name, module in modules.items()}


def reference(online, predictor, target, first, second):
    prediction = predictor(online(first))
    loss = -torch.nn.functional.cosine_similarity(prediction, target(second)).mean()
    grads = torch.autograd.grad(loss, [*online.parameters(), *predictor.parameters()])
    count = len(list(online.parameters()))
    return {"online": grads[:count], "predictor": grads[count:], "target": None}


def attached(online, predictor, target, first, second):
    goal = target(second)
    prediction = predictor(online(first))
    return -torch.nn.functional.cosine_similarity(prediction, goal).mean()


def detach(online, predictor, target, first, second):
    goal = target(second)
    prediction = predictor(online(first))
    return -torch.nn.functional.cosine_similarity(prediction, goal.detach()).mean()


def detach_inline(online, predictor, target, first, second):
    goal = target(second).detach()
    prediction = predictor(online(first))
    return -torch.nn.functional.cosine_similarity(prediction, goal).mean()


def detach_inplace(online, predictor, target, first, second):
    goal = target(second)
    goal.detach_()
    prediction = predictor(online(first))
    return -torch.nn.functional.cosine_similarity(prediction, goal).mean()


def no_grad(online, predictor, target, first, second):
    with torch.no_grad():
        goal = target(second)
    prediction = predictor(online(first))
    return -torch.nn.functional.cosine_similarity(prediction, goal).mean()


def inference_mode(online, predictor, target, first, second):
    with torch.inference_mode():
        goal = target(second)
    prediction = predictor(online(first))
    # The prediction's gradient needs the goal saved, which an inference tensor refuses.
    return -torch.nn.functional.cosine_similarity(prediction, goal.clone()).mean()


def prepare_frozen(online, predictor, target, first, second):
    target.requires_grad_(False)


def frozen(online, predictor, target, first, second):
    goal = target(second)
    prediction = predictor(online(first))
    return -torch.nn.functional.cosine_similarity(prediction, goal).mean()
