"""Errors as torch raises them here, and what people paste of them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import torch
from torch.multiprocessing import reductions
from torch.utils.checkpoint import checkpoint

# A traceback as it is printed, up to the error.
TRACEBACK = """\
Traceback (most recent call last):
  File "/home/me/project/train.py", line 88, in <module>
    main()
  File "/home/me/project/train.py", line 61, in main
    loss.backward()
  File "/opt/conda/lib/python3.10/site-packages/torch/_tensor.py", line 525, in backward
    torch.autograd.backward(
  File "/opt/conda/lib/python3.10/site-packages/torch/autograd/graph.py", line 744, in _engine
    return Variable._execution_engine.run_backward(  # Calls into the C++ engine to run the pass
"""


def _ones() -> torch.Tensor:
    return torch.ones(3, requires_grad=True)


def _result() -> torch.Tensor:
    return _ones().sigmoid()


def _inference() -> torch.Tensor:
    with torch.inference_mode():
        return torch.ones(3)


def _changed() -> None:
    out = _result()
    out.detach().zero_()
    out.sum().backward()


def _twice() -> None:
    loss = _result().sum()
    loss.backward()
    loss.backward()


def _view_from_no_grad() -> None:
    result = _result()
    with torch.no_grad():
        view = result[:1]
    view.zero_()


def _warned(call: Callable[..., object], *args: object, **settings: object) -> None:
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # It gives some warnings once in a process.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call(*args, **settings)
    finally:
        torch.set_warn_always(always)


def _non_leaf_grad() -> None:
    _warned(lambda: _result().grad)


def _nan() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.autograd.detect_anomaly():
            (torch.zeros(1, requires_grad=True).sqrt() * 0).sum().backward()


def _scaled(weight: torch.Tensor, loss: torch.Tensor) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    scaler.scale(loss).backward()
    scaler.step(torch.optim.SGD([weight], lr=0.1))


def _half() -> None:
    weight = torch.ones(1, dtype=torch.float16, requires_grad=True)
    _scaled(weight, weight.sum())


def _captured() -> object:
    seen = torch.zeros(1)
    return torch.func.grad(lambda x: seen.copy_(x).sum())(torch.ones(1))


def _recomputed() -> None:
    layer = torch.nn.Dropout(0.5)
    out = checkpoint(layer, _ones(), use_reentrant=False)
    layer.eval()
    out.sum().backward()


# What raises, and the lesson that is to come first for it.
CAUSES: dict[str, tuple[Callable[[], object], str]] = {
    "nothing requires grad": (lambda: torch.ones(3).sum().backward(), "backward_through_detached"),
    "changed in place": (_changed, "detach_then_zero"),
    "view detached in place": (lambda: _result()[:1].detach_(), "detach_inplace_on_view"),
    "second backward": (_twice, "second_backward"),
    "tuple": (lambda: (1, 2).detach(), "lstm_state_is_a_tuple"),  # type: ignore[attr-defined]
    "inference saved": (lambda: _ones() * _inference(), "inference_tensor_in_training"),
    "inference flag": (lambda: _inference().requires_grad_(), "inference_tensor_in_training"),
    "inference version": (lambda: _inference()._version, "inference_mode_inside"),
    "inference in place": (lambda: _inference().zero_(), "inference_mode_inside"),
    "numpy": (lambda: _ones().numpy(), "numpy_needs_detach"),
    "deepcopy": (lambda: copy.deepcopy(_result()), "deepcopy_of_non_leaf"),
    "between processes": (lambda: reductions.reduce_tensor(_result()), "pickled_non_leaf"),
    "no grad asked": (
        lambda: torch.autograd.grad(_ones().sum(), torch.ones(3)),
        "grad_of_unused",
    ),
    "unused": (lambda: torch.autograd.grad(_result().sum(), _ones()), "grad_of_unused"),
    "leaf in place": (lambda: _ones().zero_(), "leaf_in_place"),
    "view of leaf in place": (lambda: _ones()[:1].zero_(), "leaf_in_place"),
    "integers made": (lambda: torch.tensor([1], requires_grad=True), "wrong_flag"),
    "integers flagged": (lambda: torch.tensor([1]).requires_grad_(), "wrong_flag"),
    "result unflagged": (lambda: _result().requires_grad_(False), "wrong_flag"),
    "view from no_grad": (_view_from_no_grad, "view_made_in_no_grad"),
    "retain_grad": (lambda: torch.ones(3).retain_grad(), "hooks_on_detached"),
    "hook": (lambda: torch.ones(3).register_hook(print), "hooks_on_detached"),
    "non-leaf grad": (_non_leaf_grad, "non_leaf_has_no_grad"),
    "vector": (lambda: _result().backward(), "vector_loss"),
    "other shape": (lambda: _result().backward(torch.ones(2)), "vector_loss"),
    "tensor of a tensor": (lambda: _warned(torch.tensor, _result()), "tensor_of_tensor"),
    "tensor of a list": (lambda: _warned(torch.tensor, [_result()[0]]), "tensor_of_tensor"),
    "cycle": (
        lambda: _warned(_result().sum().backward, create_graph=True),
        "create_graph_cycle",
    ),
    "non-leaf optimized": (lambda: torch.optim.SGD([_result()], lr=0.1), "moved_is_no_leaf"),
    "nan found": (_nan, "where_sqrt_nan"),
    "nothing to unscale": (
        lambda: _scaled(_ones(), _result().sum()),
        "scaler_without_gradients",
    ),
    "half gradients": (_half, "scaler_half_weights"),
    "captured changed": (_captured, "func_in_place"),
    "recomputed otherwise": (_recomputed, "recomputed_otherwise"),
}


def message(cause: str) -> str:
    """Return the last line that Python prints of a traceback."""
    try:
        CAUSES[cause][0]()
    except (RuntimeError, AttributeError, ValueError, AssertionError, UserWarning) as error:
        return f"{type(error).__name__}: {error}"
    raise LookupError(f"{cause} raises nothing")


def _mistyped(text: str) -> str:
    """Exchange two letters in every twenty."""
    for at in range(10, len(text) - 1, 20):
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


# What becomes of a message on its way.
COPIES: dict[str, Callable[[str], str]] = {
    "alone": lambda text: text.partition(": ")[2],
    "traceback": lambda text: TRACEBACK + text,
    "Windows": lambda text: (TRACEBACK + text).replace("\n", "\r\n"),
    "pytest": lambda text: f"    def test_it():\n>       it()\n\nE       {text}\n\ntest_a.py:3",
    "log": lambda text: f"[rank0]: 2024-05-01 12:00:01,123 ERROR {text}\n[rank0]: exiting",
    "upper case": str.upper,
    "narrow terminal": lambda text: "\n".join(text[at : at + 37] for at in range(0, len(text), 37)),
    "quotes made round": lambda text: text.replace("'", "’").replace("`", "“"),
    "cut off": lambda text: text[: len(text) * 9 // 10],
    "cut off in a traceback": lambda text: TRACEBACK + text[: len(text) * 9 // 10],
    "mistyped": _mistyped,
    "mistyped in a traceback": lambda text: TRACEBACK + _mistyped(text),
}
