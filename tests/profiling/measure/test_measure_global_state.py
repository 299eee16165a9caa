from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import torch

from profiling.measure.device import get
from profiling.measure.global_state import flags, guarded, kept
from profiling.model.errors import InputError
from profiling.model.words import translator

_held: list[Any] = []


def enter(manager: Any) -> None:
    """Enter a context manager that nobody will leave."""
    _held.append(manager)
    manager.__enter__()


def device_twice() -> None:
    torch.set_default_device("meta")
    enter(torch.device("cpu"))


def observed() -> tuple[Any, ...]:
    """Return torch's global state as its own functions tell it."""
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.is_anomaly_enabled(),
        torch.is_anomaly_check_nan_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.is_autocast_enabled("cuda"),
        torch.autocast_increment_nesting(),
        torch.autocast_decrement_nesting(),
        torch.initial_seed(),
        torch.get_rng_state().tolist(),
        torch._C._len_torch_function_stack(),
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.deterministic,
        *precision(),
    )


def precision() -> Iterator[Any]:
    """Yield what TF32 is set to, by all that can be asked for it."""
    for path in (
        *("fp32_precision", "cuda.matmul.fp32_precision", "cuda.matmul.allow_tf32"),
        *("cudnn.fp32_precision", "cudnn.conv.fp32_precision", "cudnn.allow_tf32"),
        *("mkldnn.matmul.fp32_precision", "cuda.matmul.allow_fp16_reduced_precision_reduction"),
    ):
        try:
            yield functools.reduce(getattr, path.split("."), torch.backends)
        except (AttributeError, RuntimeError):  # An older torch, or two ways that contradict.
            yield None
    try:
        yield torch.get_float32_matmul_precision()
    except RuntimeError:
        yield None


def tf32_everywhere() -> None:
    backends: Any = torch.backends
    backends.fp32_precision = "tf32"


PRECISION = "torch.set_float32_matmul_precision"
CHANGES: dict[str, tuple[Callable[[], object], str]] = {
    "grad mode": (lambda: torch.set_grad_enabled(False), "torch.set_grad_enabled"),
    "no_grad": (lambda: enter(torch.no_grad()), "torch.set_grad_enabled"),
    "inference mode": (lambda: enter(torch.inference_mode()), "torch.inference_mode"),
    "dtype": (lambda: torch.set_default_dtype(torch.float64), "torch.set_default_dtype"),
    "device": (lambda: torch.set_default_device("meta"), "torch.set_default_device"),
    "the same device": (lambda: torch.set_default_device("cpu"), "torch.set_default_device"),
    "device's block": (lambda: enter(torch.device("meta")), "torch.set_default_device"),
    "device and a block": (device_twice, "torch.set_default_device"),
    "threads": (
        lambda: torch.set_num_threads(torch.get_num_threads() + 1),
        "torch.set_num_threads",
    ),
    "deterministic": (
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
        "torch.use_deterministic_algorithms",
    ),
    "anomaly": (lambda: torch.set_anomaly_enabled(True), "torch.set_anomaly_enabled"),
    "anomaly without nan": (
        lambda: torch.set_anomaly_enabled(False, check_nan=False),
        "torch.set_anomaly_enabled",
    ),
    "autocast": (lambda: enter(torch.autocast("cpu", torch.bfloat16)), "torch.autocast"),
    "autocast on cuda": (lambda: torch.set_autocast_enabled("cuda", True), "torch.autocast"),
    "autocast's dtype": (lambda: torch.set_autocast_dtype("cpu", torch.float16), "torch.autocast"),
    "precision": (
        lambda: torch.set_float32_matmul_precision("medium"),
        "torch.set_float32_matmul_precision",
    ),
    "tf32": (
        lambda: setattr(torch.backends.cuda.matmul, "allow_tf32", True),
        "torch.backends.cuda.matmul",
    ),
    "tf32 everywhere": (tf32_everywhere, "torch.set_float32_matmul_precision"),
    "cuDNN's tf32": (
        lambda: setattr(torch.backends.cudnn, "allow_tf32", False),
        "torch.backends.cudnn",
    ),
    "cuDNN's choice": (
        lambda: setattr(torch.backends.cudnn, "benchmark", True),
        "torch.backends.cudnn",
    ),
    "cuDNN's order": (
        lambda: setattr(torch.backends.cudnn, "deterministic", True),
        "torch.backends.cudnn",
    ),
    "seed": (lambda: torch.manual_seed(torch.initial_seed() // 2 + 1), "torch.manual_seed"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named_and_put_back(name: str) -> None:
    change, wanted = CHANGES[name]
    if name == "tf32 everywhere" and not hasattr(torch.backends, "fp32_precision"):
        pytest.skip("this torch has no precision for all devices")
    before = observed()
    with kept() as changed:
        change()
        assert observed() != before
    # One precision is told by several names; in torch 2.8 putting one back puts back the others.
    assert wanted in changed or (name == "tf32" and changed == [PRECISION])
    assert changed == [wanted] or all("backends" in each or each == PRECISION for each in changed)
    assert observed() == before
    with kept() as changed:
        pass
    assert changed == []


def test_tensors_are_ordinary_again_after_inference_mode() -> None:
    with kept():
        enter(torch.inference_mode())
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 2]
    assert not torch.ones(1).is_inference()


def test_several_changes_are_all_named() -> None:
    with kept() as changed:
        torch.manual_seed(torch.initial_seed() // 2 + 1)
        enter(torch.device("meta"))
        enter(torch.device("meta"))
        torch.set_grad_enabled(False)
    assert changed == ["torch.set_grad_enabled", "torch.set_default_device", "torch.manual_seed"]
    assert torch.ones(1).device.type == "cpu"


def test_what_ends_with_its_block_is_no_change() -> None:
    before = observed()
    with kept() as changed:
        with torch.no_grad(), torch.device("meta"), torch.autocast("cpu", torch.bfloat16):
            torch.ones(1)
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
    assert changed == []
    assert observed() == before


def test_drawing_random_numbers_is_no_change_and_is_taken_back() -> None:
    with kept() as changed:
        first = torch.rand(3)
    assert changed == []
    assert torch.equal(torch.rand(3), first)


def test_an_error_inside_is_passed_on_and_the_state_put_back() -> None:
    before = observed()

    def fail() -> None:
        torch.set_grad_enabled(False)
        raise ValueError("planted")

    for manager in (kept(), guarded("mine.py:1", 0)):
        with pytest.raises(ValueError, match="planted"), manager:
            fail()
        assert observed() == before


def test_guarded_code_draws_from_its_own_seed() -> None:
    before = observed()
    drawn = []
    for seed in (3, 4, 3):
        with guarded("mine.py:1", seed):
            assert torch.initial_seed() == seed
            drawn.append(torch.rand(3))
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])
    assert observed() == before


def test_guarded_code_is_told_what_it_changed() -> None:
    def build() -> None:
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(0)

    before = observed()
    with pytest.raises(InputError) as caught, guarded("mine.py:7: build", 2**32):
        build()
    assert observed() == before
    assert translator("en")(caught.value.key, **caught.value.values) == (
        "mine.py:7: build did not restore torch's global state: torch.set_default_dtype,"
        " torch.manual_seed. Change it only inside a with block, and set no seed."
    )


@pytest.mark.usefixtures("own_module_alone")
def test_random_numbers_of_every_device_in_use_are_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = torch.Generator()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "default_generators", (own,))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: 0)
    with kept() as changed:
        first = torch.rand(3, generator=own)
    assert changed == []
    assert torch.equal(torch.rand(3, generator=own), first)


@pytest.mark.usefixtures("own_module_alone")
def test_the_stream_and_the_device_in_use_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    current = {"device": 0, "stream": "default"}
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "default_generators", ())
    for name in current:
        monkeypatch.setattr(torch.cuda, f"current_{name}", lambda name=name: current[name])
        put = functools.partial(current.__setitem__, name)
        monkeypatch.setattr(torch.cuda, f"set_{name}", put)
    with kept() as changed:
        torch.cuda.set_device(1)
        torch.cuda.set_stream(cast("torch.cuda.Stream", "another"))
    assert changed == ["torch.cuda.set_device", "torch.cuda.set_stream"]
    assert current == {"device": 0, "stream": "default"}


def test_the_settings_that_change_results_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert flags() == {"float32_matmul_precision": torch.get_float32_matmul_precision()}
    assert set(get("cuda").flags()) == {
        "cuda.matmul.allow_tf32",
        "cudnn.allow_tf32",
        "cudnn.benchmark",
        "cudnn.deterministic",
    }


@pytest.mark.cuda
def test_cudas_random_numbers_are_taken_back() -> None:
    torch.cuda.init()
    with kept():
        first = torch.rand(3, device="cuda")
    assert torch.equal(torch.rand(3, device="cuda"), first)
