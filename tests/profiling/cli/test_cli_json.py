"""`--json` prints what the API answers to the same question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from demos.page.api import endpoints
from profiling.engine.engine import Engine
from profiling.output import explanation
from profiling.output.json_data import plain
from tests.harness.made_traces import write
from tests.profiling.cli.conftest import SMALL


@pytest.fixture
def api(engine: Engine) -> endpoints._Endpoints:
    return endpoints._Endpoints(engine)


def printed(shell: Any, *arguments: str) -> Any:
    code, out, err = shell(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_list(shell: Any, api: endpoints._Endpoints) -> None:
    assert printed(shell, "list") == plain(api.catalogue())


@pytest.mark.parametrize(
    "query",
    ["element 0 of tensors does not require grad and does not have a grad_fn", "deepcopy non-leaf"],
)
def test_find(shell: Any, api: endpoints._Endpoints, query: str) -> None:
    found = printed(shell, "find", query)
    assert found == plain(api.find(query))
    assert list(found["found"][0]) == ["lesson", "fit", "title", "question", "rule"]


def test_lesson(shell: Any, inline: list[Engine], api: endpoints._Endpoints) -> None:
    arguments = ("lesson", "detach_then_zero", "--values", "1,2", "--op", "square")
    assert printed(shell, *arguments) == plain(api.lesson("detach_then_zero", [1.0, 2.0], "square"))


def test_compare(shell: Any, api: endpoints._Endpoints, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "sizes": [4, 8],
        "branches": ["attached", "detach"],
        "budget_s": 0.05,
    }
    *_, answer = api.compare("elementwise", device="cpu", with_run=True, **options)
    answer = plain(answer)
    assert answer.pop("status") == "done"
    (tmp_path / "run.json").write_text(json.dumps(answer.pop("run")), "utf-8")
    assert printed(shell, "show", str(tmp_path / "run.json")) == answer
    measured = printed(shell, *SMALL)
    assert list(measured) == list(answer)
    for key in ("branch", "size", "peak_bytes", "gradients", "status"):
        assert [row[key] for row in measured["summary"]] == [row[key] for row in answer["summary"]]


def test_explain(shell: Any, api: endpoints._Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    path = explanation.examples()["hard_choice"]
    monkeypatch.setattr(endpoints, "uploaded", lambda file: path)
    answer = plain(api.explain_record(None))  # type: ignore[arg-type]
    assert [each["cause"] for each in answer["findings"]] == ["nondiff_op"]
    assert printed(shell, "explain", str(path)) == answer


def test_trace(
    shell: Any, api: endpoints._Endpoints, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "made.json.gz"
    write(path, 40)
    monkeypatch.setattr(endpoints, "uploaded", lambda file: path)
    *_, answer = api.trace_ops(None, limit=300)  # type: ignore[arg-type]
    answer = plain(answer)
    assert answer.pop("status") == "done"
    assert answer["name"] == "made.json.gz"
    assert answer["ops_found"] == len(answer["ops"]) > 2
    assert answer["kernels_found"] == len(answer["kernels"]) > 0
    assert printed(shell, "trace", str(path)) == answer
