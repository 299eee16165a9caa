"""`app.py` and `python -m profiling serve` are one command."""

from __future__ import annotations

from typing import Any

import pytest

import app
from demos.page import serve
from profiling import __version__, cli
from profiling.measure.device import CHOICES
from profiling.model.errors import InputError

PROGRAMS = {"app.py": app.main, "serve": lambda given: cli.main(["serve", *given])}
_DEFAULTS = {
    "host": "127.0.0.1",
    "port": 7860,
    "device": "auto",
    "workloads": (),
    "frameworks": (),
    "playground": False,
    "mcp": False,
}


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a program that starts the page."""
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_SHARE", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    return PROGRAMS[request.param]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Start no page, and note what one would be started with."""
    noted: list[dict[str, Any]] = []

    def note(**options: Any) -> int:
        noted.append(options)
        return 0

    monkeypatch.setattr(serve, "serve", note)
    return noted


def test_the_options_and_their_defaults(program: Any, started: list[dict[str, Any]]) -> None:
    assert program([]) == 0
    flags = ["--host", "::1", "--port", "8000", "--device", "cpu", "--playground", "--mcp"]
    own = ["--workload", "a.py", "--workload", "b.py:B", "--frameworks", "python3"]
    assert program([*flags, *own]) == 0
    given: dict[str, Any] = {"host": "::1", "port": 8000, "device": "cpu"}
    given |= {"workloads": ("a.py", "b.py:B"), "frameworks": ("python3",)}
    given |= {"playground": True, "mcp": True}
    assert started == [_DEFAULTS, given]


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ({"SPACE_ID": "a/b"}, {"host": "0.0.0.0"}),
        ({"SPACE_ID": "a/b", "GRADIO_SERVER_NAME": "10.0.0.1"}, {"host": "10.0.0.1"}),
        ({"GRADIO_SERVER_NAME": "::1", "GRADIO_SERVER_PORT": "80"}, {"host": "::1", "port": 80}),
    ],
)
def test_the_environment_has_a_say(
    program: Any,
    started: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    options: dict[str, Any],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert program([]) == 0
    assert program(["--host", "127.0.0.1", "--port", "1"]) == 0
    assert started == [_DEFAULTS | options, _DEFAULTS | {"port": 1}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nonsense"], "No such option '--nonsense'."),
        (["nonsense"], "Got unexpected extra argument (nonsense)"),
        (["--port", "x"], "'x' is not a valid integer."),
        (["--device", "tpu"], "Device 'tpu' is not available. Devices: auto, cpu, cuda, xpu, mps."),
    ],
)
def test_a_wrong_option_is_one_line_and_code_2(
    program: Any,
    started: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    assert program(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith("error: "), err.count("\n")) == ("", True, 1)
    assert said in err
    assert started == []


def test_a_wrong_port_in_the_environment_is_told(
    program: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRADIO_SERVER_PORT", "x")
    assert program([]) == 2
    said = "error: Invalid value for '--port' (env var: 'GRADIO_SERVER_PORT'): 'x' is not"
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("error.mcp_missing"), 2, "--mcp needs the package mcp"),
        (OSError("cannot listen on 127.0.0.1:7860: in use"), 1, "cannot listen on 127.0.0.1:7860"),
    ],
)
def test_a_page_that_cannot_start_is_one_line(
    program: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    said: str,
) -> None:
    def fail(**options: Any) -> int:
        raise error

    monkeypatch.setattr(serve, "serve", fail)
    assert program([]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"error: {said}")


@pytest.mark.parametrize("arguments", [["--version"], ["serve", "--version"]])
def test_the_version(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 0
    assert capsys.readouterr() == (f"Detach Lab {__version__}\n", "")
    assert app.main(["--version"]) == 0
    assert capsys.readouterr() == (f"Detach Lab {__version__}\n", "")


def test_help_names_what_can_be_set(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"--device [{'|'.join(CHOICES)}]" in told
    assert "env var: GRADIO_SERVER_PORT; default: 7860" in told
