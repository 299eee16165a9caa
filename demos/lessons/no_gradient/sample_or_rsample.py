"""sample() of a distribution cuts the gradient to its parameters, rsample() passes it."""

import torch

ERRORS = ("element 0 of tensors does not require grad and does not have a grad_fn",)


def wrong():
    mean = torch.tensor([0.5], requires_grad=True)
    normal = torch.distributions.Normal(mean, 1.0)
    action = normal.sample()
    loss = (action - 2).square().sum()
    loss.backward()


def right():
    mean = torch.tensor([0.5], requires_grad=True)
    normal = torch.distributions.Normal(mean, 1.0)
    action = normal.rsample()
    loss = (action - 2).square().sum()
    loss.backward()
    through_action = mean.grad
    mean.grad = None
    sampled = normal.sample()
    cost = (sampled - 2).square()
    surrogate = (normal.log_prob(sampled) * cost).sum()
    surrogate.backward()


def _with_same_seed(draw):
    torch.manual_seed(1)
    return draw()


def _has_rsample(distribution):
    try:
        return distribution.rsample().requires_grad
    except NotImplementedError:
        return False


def claims(wrong, right):
    normal, logits = right.normal, torch.zeros(3, requires_grad=True)
    slope = right.sampled - right.mean.detach()  # of log_prob
    return {
        "sample_passes": {
            "action_in_graph": wrong.action.grad_fn is not None,
            "no_error": wrong.error is None,
        },
        "same_numbers": {
            "same_action": torch.equal(
                _with_same_seed(normal.sample), _with_same_seed(normal.rsample)
            ),
        },
        "rsample_passes": {
            "mean_grad": torch.allclose(right.through_action, 2 * (right.action.detach() - 2)),
        },
        "every_distribution": {
            "normal": _has_rsample(normal),
            "categorical": _has_rsample(torch.distributions.Categorical(logits=logits)),
        },
        "log_prob_trains": {
            "sampled_is_cut": right.sampled.grad_fn is None,
            "mean_grad": torch.allclose(right.mean.grad, slope * right.cost),
        },
    }
