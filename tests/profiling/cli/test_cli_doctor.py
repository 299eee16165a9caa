"""What doctor says of how each number is measured, by kind of device."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from profiling import cli
from profiling.cli import doctor
from profiling.cli.common import say
from profiling.cli.doctor import _methods, _print_machine
from profiling.measure.device import KINDS, Cpu, Cuda, Device
from profiling.model.run import Check, Environment
from profiling.model.words import Text
from tests.profiling.planted import GPU_MACHINE, MACHINE


def test_how_a_number_is_measured_follows_from_what_the_kind_has() -> None:
    assert _methods(Cpu) == {
        "time": "clock",
        "memory": "trace",
        "saved": "hooks",
        "trace": "operators",
    }
    assert _methods(Cuda) == {
        "time": "events",
        "memory": "counters",
        "saved": "hooks",
        "trace": "kernels",
    }


@pytest.mark.parametrize("kind", KINDS.values())
def test_every_way_of_measuring_has_its_words(kind: type[Device], text: Text) -> None:
    for number, method in _methods(kind).items():
        assert text(f"doctor.{number}.{method}")


@pytest.mark.parametrize(("machine", "kind"), [(MACHINE, "cpu"), (GPU_MACHINE, "cuda")])
def test_the_machine_is_told_with_its_devices(
    machine: Environment, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _print_machine(machine, kind)
    printed = " ".join(capsys.readouterr().out.split())
    assert ("A GPU, 64.0 GiB; float32, float16" in printed) == (kind == "cuda")
    assert "A CPU, 16.0 GiB; float32, float64" in printed
    for number, method in _methods(KINDS[kind]).items():
        assert " ".join(say(f"doctor.{number}.{method}").split()[:4]) in printed


@pytest.mark.parametrize(("passed", "code"), [((True, True), 0), ((True, False), 1)])
def test_one_check_that_fails_is_marked_and_code_1(
    passed: tuple[bool, ...],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = [Check("slower", each, {"planted": "2", "ratio": "1.00"}) for each in passed]
    engine = SimpleNamespace(environment=lambda: MACHINE, self_check=lambda: checks)
    monkeypatch.setattr(doctor, "open_engine", lambda _: contextlib.nullcontext(engine))
    assert cli.main(["doctor", "--device", "cpu"]) == code
    marks = [line[0] for line in capsys.readouterr().out.splitlines() if line[:1] in ("✓", "✗")]
    assert marks == ["✓" if each else "✗" for each in passed]
