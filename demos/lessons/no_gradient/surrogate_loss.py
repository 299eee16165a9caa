"""x - x.detach() is 0 and has the gradient of x: the value tells nothing of the training."""

import torch


def wrong():
    score = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([score], lr=1.0)
    losses, chances = [], []
    for _ in range(3):
        log_prob = score.log_softmax(0)[0]
        ratio = (log_prob - log_prob.detach()).exp()
        loss = -2 * ratio.clamp(max=1.2)
        losses.append(loss.item())
        chances.append(log_prob.exp().item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def right():
    score = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([score], lr=1.0)
    old_log_prob = score.log_softmax(0)[0].detach()
    ratios, gradients = [], []
    for _ in range(3):
        log_prob = score.log_softmax(0)[0]
        ratio = (log_prob - old_log_prob).exp()
        loss = -2 * ratio.clamp(max=1.2)
        ratios.append(ratio.item())
        optimizer.zero_grad()
        loss.backward()
        gradients.append(score.grad)
        optimizer.step()


def _gradient_of(function):
    """Return the gradient of a function of the first log-probability, where all are as likely."""
    score = torch.zeros(2, requires_grad=True)
    return torch.autograd.grad(function(score.log_softmax(0)[0]), score)[0]


def claims(wrong, right):
    gradient = _gradient_of(lambda log_prob: log_prob)
    difference = _gradient_of(lambda log_prob: log_prob - log_prob.detach())
    ratio = _gradient_of(lambda log_prob: (log_prob - log_prob.detach()).exp())
    return {
        "constant_trains_nothing": {
            "losses_constant": len(set(wrong.losses)) == 1,
            "chance_stays": wrong.chances[0] == wrong.chances[-1],
        },
        "gradient_of_log_prob": {
            "difference": torch.equal(difference, gradient),
            "ratio": torch.equal(ratio, gradient),
        },
        "clamp_limits": {
            "stops_in_wrong": wrong.chances[1] == wrong.chances[2],
        },
        "old_log_prob_limits": {
            "begins_at_one": right.ratios[0] == 1,
            "then_differs": right.ratios[1] > 1.2,
            "clamp_stops": not right.gradients[1].any(),
        },
        "same_first_step": {
            "as_log_prob": torch.equal(right.gradients[0], -2 * gradient),
        },
    }
