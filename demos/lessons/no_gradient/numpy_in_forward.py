"""NumPy inside a forward pass: the detach() that torch's error advises cuts the gradient."""

import torch

ERRORS = ("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.",)


def wrong():
    import numpy

    encoder, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    hidden = encoder(torch.ones(1, 2))
    try:
        hidden.cpu().numpy()
    except RuntimeError as error:
        refused = str(error)
    array = numpy.tanh(hidden.detach().cpu().numpy())
    features = torch.tensor(array)
    loss = head(features).sum()
    loss.backward()


def right():
    encoder, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    hidden = encoder(torch.ones(1, 2))
    features = torch.tanh(hidden)
    loss = head(features).sum()
    loss.backward()


def _encoder_gradient(right):
    """Return the gradient of the encoder's bias, from its formula."""
    slope = 1 - right.features.detach().square()
    return (slope * right.head.weight.detach()).squeeze(0)


def _encoder_gradient_if_flagged(wrong):
    """Return the encoder's gradient if the tensor from the array is set to require grad."""
    features = torch.tensor(wrong.array, requires_grad=True)
    bias = wrong.encoder.bias
    return torch.autograd.grad(wrong.head(features).sum(), bias, allow_unused=True)[0]


def claims(wrong, right):
    return {
        "advice_is_enough": {
            "encoder_has_gradient": wrong.encoder.weight.grad is not None,
        },
        "something_tells": {
            "raises": wrong.error is not None,
            "loss_differs": not torch.allclose(wrong.loss, right.loss),
            "head_has_no_gradient": wrong.head.weight.grad is None,
        },
        "flag_brings_it_back": {
            "encoder_has_gradient": _encoder_gradient_if_flagged(wrong) is not None,
        },
        "torch_keeps_it": {
            "features_in_graph": right.features.grad_fn is not None,
            "encoder_gradient_right": torch.allclose(
                right.encoder.bias.grad, _encoder_gradient(right)
            ),
        },
    }
