"""An in-place change breaks backward() only if an op saved that tensor."""

import torch

ERRORS = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [{}], which is output {} of {}, is at version {}; expected version {} instead.",
)


def wrong():
    head = torch.nn.Linear(2, 3)
    logits = head(torch.tensor([[1.0, 2.0]]))
    log_probs = torch.log_softmax(logits, dim=1)
    loss = torch.nn.functional.nll_loss(log_probs, torch.tensor([1]))
    probs = log_probs.detach()
    probs.exp_()
    loss.backward()


def right():
    head = torch.nn.Linear(2, 3)
    logits = head(torch.tensor([[1.0, 2.0]]))
    log_probs = torch.log_softmax(logits, dim=1)
    loss = torch.nn.functional.nll_loss(log_probs, torch.tensor([1]))
    margins = logits.detach()
    margins.sub_(margins.max())
    loss.backward()


def _from_scratch(head):
    """Return the correct gradient of the weight, and the unchanged logits."""
    logits = head(torch.tensor([[1.0, 2.0]]))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([1]))
    return torch.autograd.grad(loss, head.weight)[0], logits


def claims(wrong, right):
    gradient, logits = _from_scratch(right.head)
    return {
        "always_raises": {
            "log_probs_raised": "modified by an inplace operation" in (wrong.error or ""),
            "logits_raised": right.error is not None,
        },
        "both_counted": {
            "log_probs_version": wrong.log_probs._version > 0,
            "logits_version": right.logits._version > 0,
        },
        "harmless_to_gradient": {
            "same_gradient": torch.allclose(right.head.weight.grad, gradient),
        },
        "logits_intact": {
            "same_logits": torch.equal(right.logits, logits),
        },
    }
