"""The endpoints for scripts and agents: what they answer, what they refuse."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from profiling import catalogue
from profiling.analysis.diagnosis import diagnose
from profiling.catalogue.advisor import ADVISED, advise_plain
from profiling.engine import plan
from profiling.engine.engine import Engine
from profiling.model.lesson import LessonRequest
from profiling.model.request import DTYPES
from profiling.model.watch import load_watch
from profiling.model.words import LANGUAGES, Text, translator
from profiling.output import explanation, json_data
from profiling.output.saved_runs import load_run
from profiling.watch.record import VERSION
from tests.awaiting import finished
from tests.e2e.test_rubbish import config
from tests.harness.breaking import measuring, running, workers
from tests.harness.launching import App
from tests.harness.visiting import PATIENCE_S

SMALL: dict[str, Any] = {
    "workload": "side_branch",
    "branches": ["attached", "detach_inplace", "detach"],
    "sizes": [4, 8],
    "device": "cpu",
    "budget_s": 0.05,
    "parameters": {"depth": 2, "width": 8},
}


def ask(client: Client, endpoint: str, **arguments: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.predict(**arguments, api_name=f"/{endpoint}")
    json.dumps(found, allow_nan=False)
    return found


def test_a_lesson_is_what_the_shell_gives(client: Client, engine: Engine, english: Text) -> None:
    trace = engine.lesson(LessonRequest("baseline", (1.0, 2.5), "tanh"))
    given = ask(client, "lesson", name="baseline", values=[1, 2.5], op="tanh")
    assert given == json_data.lesson(trace, english)


def test_a_lesson_says_its_verdicts_in_the_language(client: Client) -> None:
    found = ask(client, "lesson", name="detach_then_zero", op="mul2", lang="zh")
    say = translator("zh")
    key = "lesson.detach_then_zero"
    assert found["title"] == say(f"{key}.title")
    assert "wrong" in found["verdicts"].values()
    for claim in found["claims"]:
        assert claim["says"] == say(f"{key}.claim.{claim['claim']}")
        assert claim["why"] == say(f"{key}.why.{claim['claim']}.{claim['verdict']}")
        assert claim["verdict"] == found["verdicts"][claim["claim"]]


def test_a_comparison_says_how_far_it_is_and_what_it_found(client: Client, tmp_path: Path) -> None:
    job = client.submit(**SMALL, with_run=True, api_name="/compare")
    found = job.result()
    before = job.outputs()[:-1]
    assert {each["status"] for each in before} == {"measuring"}
    assert [each["done"] for each in before] == sorted(each["done"] for each in before)
    assert {each["total"] for each in before} in ({2}, {None, 2})
    assert found["status"] == "done"
    keys = [(row["branch"], row["size"]) for row in found["summary"]]
    assert keys == [(branch, size) for size in (4, 8) for branch in SMALL["branches"]]
    rows = dict(zip(keys, found["summary"], strict=True))
    assert rows["detach", 4]["gradients_right"] is True
    assert rows["attached", 4]["gradients_right"] is False
    assert rows["detach", 4]["step_median_s"] > 0
    failed = rows["detach_inplace", 4]
    assert (failed["status"], failed["step_median_s"], failed["ratio"]) == (
        *("expected_error", None, None),
    )
    assert failed["note"] == translator("en")("workload.side_branch.raises.detach_inplace")
    assert [each["size"] for each in found["findings"]] == [4, 8]
    assert found["findings"][0]["finding"].startswith("At 4 rows a batch (float32, cpu), ")
    file = tmp_path / "run.json"
    file.write_text(json.dumps(found["run"]), encoding="utf-8")
    assert load_run(file).id == found["id"]


def rows(answer: dict[str, Any]) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the rows of a comparison by branch and size."""
    return {(row["branch"], row["size"]): row for row in answer["summary"]}


def test_a_branch_that_is_asked_for_twice_has_a_row_of_its_own(client: Client) -> None:
    asked = SMALL | {"branches": ["detach", "no_grad", "detach"], "sizes": [4]}
    found = rows(ask(client, "compare", **asked))
    assert list(found) == [("detach", 4), ("no_grad", 4), ("detach#2", 4)]
    assert {row["baseline"] for row in found.values()} == {"detach"}
    first, again = found["detach", 4], found["detach#2", 4]
    for column in ("peak_bytes", "saved_bytes", "allocations", "ops", "gradients"):
        assert first[column] == again[column]


def test_a_size_that_does_not_fit_says_so_and_the_next_one_is_measured(client: Client) -> None:
    asked = SMALL | {"sizes": [10**9, 4], "parameters": {"depth": 2, "width": 1024}}
    found = rows(ask(client, "compare", **asked))
    assert {row["status"] for (_, size), row in found.items() if size == 10**9} == {"out_of_memory"}
    assert found["detach", 4]["status"] == "ok"


def test_a_worker_that_dies_leaves_a_message_and_the_rest_works(app: App, client: Client) -> None:
    larger = {"depth": 2, "width": 64}
    asked = SMALL | {"sizes": [65536, 8], "budget_s": 2.0, "parameters": larger}
    hit: set[int] = set()
    for _ in range(20):  # Between two sizes nothing is hit.
        before = running(app)
        job = client.submit(**asked, api_name="/compare")
        finished(measuring(app, before))
        for process in workers(app.process.pid):
            process.kill()
        found = rows(job.result())
        hit = {size for (_, size), row in found.items() if row["status"] == "error"}
        if hit:
            break
    # Whichever it was that was being measured.
    (other,) = {8, 65536} - hit
    assert found["detach", other]["status"] == "ok"
    assert app.process.poll() is None


def test_a_cancelled_comparison_frees_the_worker(client: Client) -> None:
    long = SMALL | {"sizes": [*range(4096, 4104)], "budget_s": 60.0, "parameters": {}}
    job = client.submit(**long, api_name="/compare")
    while not any(each["size"] for each in job.outputs()):
        assert not job.done()
        time.sleep(0.05)
    job.cancel()
    # Otherwise it would have to wait for more than twice as long.
    found = client.submit("baseline", api_name="/lesson").result(PATIENCE_S)
    assert found["verdicts"]["reaches_a"] == "holds"


def test_a_trace_is_summed_up(client: Client, trace: Path) -> None:
    whole = ask(client, "trace_ops", file=handle_file(trace), sort="count", limit=300)
    assert (whole["status"], whole["name"]) == ("done", "made.json.gz")
    assert whole["ops_found"] == len(whole["ops"]) > 2
    counts = [row["count"] for row in whole["ops"]]
    assert counts == sorted(counts, reverse=True)
    assert whole["kernels_found"] == len(whole["kernels"]) > 0
    some = ask(client, "trace_ops", file=handle_file(trace), filter="CLONE aten", limit=1)
    assert some["ops"] == [row for row in whole["ops"] if row["name"] == "aten::clone"]
    shapes = ask(client, "trace_ops", file=handle_file(trace), group="shapes", limit=1)
    assert "shapes" in shapes["ops"][0]
    assert shapes["ops_found"] > len(shapes["ops"]) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_record_is_explained(client: Client, lang: str, tmp_path: Path) -> None:
    path = explanation.examples()["weights_from_numbers"]
    found = ask(client, "explain_record", file=handle_file(path), lang=lang)
    diagnosis = diagnose(load_watch(path))
    assert found == json_data.plain(json_data.explanation(diagnosis, translator(lang)))
    (finding,) = found["findings"]
    assert {each["file"] for each in finding["lines"]} == {"weights_from_numbers.py"}
    assert (finding["cause"], [each["line"] for each in finding["lines"]]) == ("tolist", [11, 13])
    states = {each["name"]: (each["state"], each["finding"]) for each in found["parameters"]}
    assert states["weighter.0.weight"] == ("none", 0)
    assert states["net.0.weight"] == ("arrives", None)
    for content, key, values in (
        ('{"format": "detach', "error.watch_not_json", {}),
        ("{}", "error.watch_not_ours", {}),
        (
            *('{"format": "detach-lab-watch", "version": 99, "watch": {}}', "error.watch_newer"),
            {"version": 99, "known": VERSION},
        ),
    ):
        bad = tmp_path / "bad.json"
        bad.write_text(content, encoding="utf-8")
        with pytest.raises(AppError) as refused:
            client.predict(handle_file(bad), lang=lang, api_name="/explain_record")
        assert str(refused.value) == translator(lang)(key, file="bad.json", **values)


def test_names_and_lessons_are_found(client: Client) -> None:
    listed = ask(client, "catalogue", lang="zh")
    assert listed["lessons"]["baseline"] == translator("zh")("lesson.baseline.title")
    assert listed["workloads"]["side_branch"]["parameters"] == {"depth": 8, "width": 128}
    message = "RuntimeError: a leaf Variable that requires grad is being used in an in-place"
    (first, *_) = ask(client, "find", query=f"{message} operation.")["found"]
    assert (first["lesson"], first["fit"]) == ("leaf_in_place", "whole")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_advice_is_the_pages_in_words(client: Client, lang: str) -> None:
    assert ask(client, "advise", lang=lang) == advise_plain("after", True, False, False, lang)
    asked = {"gradient": "after", "only_here": False, "in_place": True}
    written = ask(client, "advise", **asked, lang=lang)
    assert written["branches"] == ["detach_clone"]
    assert written["do"] == translator(lang)("advisor.do.shared_written")
    assert set(written["others"]) == {*ADVISED} - {"detach_clone"}


REFUSED: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("lesson", {"name": 3}, "error.argument", {"name": "name", "expected": "str"}),
    (
        *("lesson", {"name": "baseline", "values": "1, 2"}, "error.argument"),
        {"name": "values", "expected": "list[float]"},
    ),
    (
        *("lesson", {"name": "baseline", "values": [1e9]}, "error.values"),
        {"high": 16, "magnitude": "1,000,000"},
    ),
    (
        *("compare", SMALL | {"device": "tpu"}, "error.no_such_device"),
        {"value": "tpu", "allowed": "auto, cpu, cuda, xpu, mps"},
    ),
    (
        *("compare", SMALL | {"dtype": "int8"}, "error.argument_choice"),
        {"name": "dtype", "allowed": ", ".join(DTYPES)},
    ),
    ("compare", SMALL | {"sizes": []}, "error.size_count", {"high": 12}),
    ("compare", SMALL | {"sizes": [-4]}, "error.size_range", {"size": -4, "high": plan.MAX_SIZE}),
    (
        *("compare", SMALL | {"branches": []}, "error.no_branches"),
        {"allowed": ", ".join(catalogue.workload("side_branch").branches)},
    ),
    (
        *("compare", SMALL | {"device": "cuda"}, "error.no_such_device"),
        {"value": "cuda", "allowed": "cpu"},
    ),
    (
        *("compare", SMALL | {"parameters": {"depth": 1000}}, "error.parameter_range"),
        {"name": "depth", "low": 1, "high": 64},
    ),
    (
        *("compare", SMALL | {"sizes": [2.5]}, "error.argument"),
        {"name": "sizes", "expected": "list[int]"},
    ),
    (
        *("advise", {"gradient": "yes"}, "error.argument_choice"),
        {"name": "gradient", "allowed": "after, through, none, carried, skipped"},
    ),
    (
        *("advise", {"frozen": "maybe"}, "error.argument"),
        {"name": "frozen", "expected": "bool"},
    ),
    ("trace_ops", {"file": "/etc/passwd"}, "error.not_uploaded", {}),
    ("trace_ops", {"file": None}, "error.not_uploaded", {}),
    ("explain_record", {"file": {"path": "/etc/passwd"}}, "error.not_uploaded", {}),
]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_bad_request_gets_our_sentence(client: Client, lang: str) -> None:
    for name, arguments, key, values in REFUSED:
        with pytest.raises(AppError) as refused:
            client.predict(**arguments, lang=lang, api_name=f"/{name}")
        assert str(refused.value) == translator(lang)(key, **values), (name, arguments)


def test_a_language_and_a_limit_that_are_not_there(client: Client, trace: Path) -> None:
    with pytest.raises(AppError, match=r"^Unknown language 'fr'\. Languages: en, zh\.$"):
        client.predict(lang="fr", api_name="/catalogue")
    with pytest.raises(AppError, match=r"^`limit` must be a whole number from 1 to 300\.$"):
        client.predict(handle_file(trace), limit=301, api_name="/trace_ops")


def test_no_file_of_the_server_is_read(app: App, trace: Path) -> None:
    api = f"{app.url}gradio_api/call"
    asked = {"file": {"path": str(trace)}}
    event = httpx.post(f"{api}/v2/trace_ops", json=asked, timeout=PATIENCE_S).json()["event_id"]
    stream = httpx.get(f"{api}/trace_ops/{event}", timeout=PATIENCE_S).text
    assert stream.startswith("event: error")
    assert "must be an uploaded file" in stream
    assert str(trace) not in stream


@pytest.mark.parametrize("asked", [{}, {"nome": "baseline"}])
def test_arguments_that_do_not_fit_are_refused_at_once(app: App, asked: dict[str, str]) -> None:
    answer = httpx.post(f"{app.url}gradio_api/call/v2/lesson", json=asked, timeout=PATIENCE_S)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("Invalid arguments for this endpoint: ")


def test_endpoints_are_described_with_types(app: App) -> None:
    answer = httpx.get(f"{app.url}gradio_api/info", timeout=PATIENCE_S)
    public = answer.json()["named_endpoints"]
    compare = public["/compare"]
    types = {each["parameter_name"]: each["type"] for each in compare["parameters"]}
    assert types["sizes"]["oneOf"][1] == {"type": "array", "items": {"type": "integer"}}
    assert types["dtype"]["enum"] == ["float32", "float64", "bfloat16", "float16"]
    assert types["modes"]["items"]["enum"] == ["eager", "compiled", "autocast"]
    assert compare["returns"][0]["type"] == {"type": "object", "additionalProperties": {}}
    for name, endpoint in public.items():
        assert len(endpoint["description"]) > 60, name
        assert endpoint["parameters"][-1]["parameter_name"] == "lang"


def has_torch(process: psutil.Process) -> bool:
    return any("libtorch" in each.path for each in process.memory_maps())


@pytest.mark.skipif(not hasattr(psutil.Process, "memory_maps"), reason="not told on macOS")
def test_a_page_that_compares_never_loads_torch(app: App, client: Client) -> None:
    assert ask(client, "lesson", name="baseline")["verdicts"]
    assert ask(client, "compare", **SMALL | {"sizes": [4]})["status"] == "done"
    assert not has_torch(psutil.Process(app.process.pid))
    assert all(has_torch(each) for each in workers(app.process.pid))


def test_without_its_flag_there_is_no_tab_and_no_endpoint_of_the_playground(
    app: App, client: Client
) -> None:
    api = client.view_api(return_format="dict", print_info=False)
    named = set(api["named_endpoints"])
    assert {"/lesson", "/compare", "/trace_ops", "/explain_record"} <= named
    assert not any("playground" in name for name in named)
    found = config(app)
    places = {each["props"].get("elem_id") for each in found["components"]}
    tabs = {each["props"].get("id") for each in found["components"] if each["type"] == "tabitem"}
    assert {"lessons", "compare", "trace"} <= tabs
    assert "playground" not in tabs
    assert not any("playground" in place for place in places if place)
    assert not any("playground" in str(each["api_name"]) for each in found["dependencies"])
