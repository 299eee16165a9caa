"""What makes a method an endpoint."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Literal

import gradio as gr
import pytest

from demos.page.api.checked import checked, uploaded
from demos.page.api.endpoints import _Endpoints
from profiling.model.errors import InputError
from profiling.model.words import translator

SCRIPT: Any = SimpleNamespace(headers={})
AGENT: Any = SimpleNamespace(headers={"x-gradio-user": "mcp"})


def echo(
    number: float, names: list[str] | None = None, lang: Literal["en", "zh"] = "en"
) -> dict[str, Any]:
    if names == ["fail"]:
        raise ZeroDivisionError
    return {"number": number, "names": names, "lang": lang, "none": float("nan")}


def count(to: int, lang: Literal["en", "zh"] = "en") -> Iterator[dict[str, Any]]:
    yield from ({"at": at} for at in range(to))


def test_null_stands_for_the_default() -> None:
    answer = {"number": 2.0, "names": None, "lang": "en", "none": None}
    assert checked(echo)(SCRIPT, 2, None, None) == answer
    assert checked(echo)(SCRIPT, 2) == answer
    with pytest.raises(gr.Error, match="The argument `number` must be of type `float`"):
        checked(echo)(SCRIPT, None)


def test_agents_get_json_text_and_scripts_the_data() -> None:
    assert json.loads(checked(echo)(AGENT, 2.5)) == checked(echo)(SCRIPT, 2.5)
    assert list(checked(count)(SCRIPT, 2)) == [{"at": 0}, {"at": 1}]
    assert list(checked(count)(AGENT, 1)) == ['{"at":0}']


def test_a_fault_of_ours_is_logged_and_said_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as said:
        checked(echo)(SCRIPT, 1, ["fail"], "zh")
    assert said.value.message == translator("zh")("error.api_failed")
    assert "ZeroDivisionError" in caplog.text


def test_gradio_sees_the_handlers_types_and_one_answer() -> None:
    signature = inspect.signature(checked(count))
    assert list(signature.parameters) == ["request", "to", "lang"]
    assert signature.return_annotation == dict[str, Any]


@pytest.mark.parametrize(
    "file", [None, "x", {}, {"path": 3}, {"path": "/etc/passwd"}, {"path": "a\0"}]
)
def test_only_uploads_are_files(file: Any) -> None:
    with pytest.raises(InputError, match=r"error\.not_uploaded"):
        uploaded(file)


def test_a_comparison_takes_the_declared_settings() -> None:
    arguments = inspect.signature(checked(_Endpoints(AGENT).compare)).parameters
    assert list(arguments) == [
        *("request", "workload", "branches", "sizes", "dtype", "device", "budget_s"),
        *("parameters", "seed", "force", "modes", "with_run", "lang"),
    ]
    assert arguments["dtype"].annotation == Literal["float32", "float64", "bfloat16", "float16"]
    assert arguments["device"].annotation is str  # which may have an index
    kinds = {name: (each.annotation, each.default) for name, each in arguments.items()}
    assert kinds["budget_s"] == (float, 2.0)
    assert kinds["seed"] == (int, 0)
    assert kinds["force"] == (bool, False)
