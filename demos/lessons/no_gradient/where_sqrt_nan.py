"""where() picks values, but the gradient of the branch it did not pick is still computed."""

import torch

ERRORS = ("returned nan values in its {}th output.",)


def wrong():
    import warnings

    x = torch.tensor([-1.0, 0.0, 4.0], requires_grad=True)
    root = torch.where(x > 0, x.sqrt(), 0.0)
    root.sum().backward()
    gradient = x.grad
    with torch.autograd.detect_anomaly(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = torch.where(x > 0, x.sqrt(), 0.0)
        again.sum().backward()


def right():
    x = torch.tensor([-1.0, 0.0, 4.0], requires_grad=True)
    safe = torch.where(x > 0, x, 1.0)
    root = torch.where(x > 0, safe.sqrt(), 0.0)
    root.sum().backward()
    gradient = x.grad


def _gradient(function):
    x = torch.tensor([-1.0, 0.0, 4.0], requires_grad=True)
    return torch.autograd.grad(function(x).sum(), x)[0]


def _is_finite(function):
    return bool(_gradient(function).isfinite().all())


def claims(wrong, right):
    return {
        "not_picked_no_gradient": {
            "value_is_finite": bool(wrong.root.isfinite().all()),
            "gradient_is_finite": bool(wrong.gradient.isfinite().all()),
        },
        "repaired_afterwards": {
            "nan_to_num": _is_finite(lambda x: x.sqrt().nan_to_num()),
            "picked_by_index": _is_finite(lambda x: x.sqrt()[x > 0]),
        },
        "anomaly_mode_names_it": {
            "sqrt_named": "'SqrtBackward0' returned nan" in (wrong.error or ""),
        },
        "masked_before": {
            "same_values": torch.equal(right.root, wrong.root),
            "right_gradient": right.gradient.tolist() == [0.0, 0.0, 0.25],
            "index_before_too": _is_finite(lambda x: x[x > 0].sqrt()),
        },
    }
