"""The app through its API: what a script gets, and what rubbish gets."""

from __future__ import annotations

import io
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from gradio_client import Client

from profiling.output.saved_runs import load_run
from tests.e2e.launching import App

_PROGRESS, _SIZE, _TABLE = range(3)


def compare(client: Client, **changes: Any) -> tuple[Any, ...]:
    """Run a small comparison to its end and return the last outputs."""
    job = start(client, **changes)
    job.result(timeout=120)
    outputs: tuple[Any, ...] = job.outputs()[-1]
    return outputs


def start(client: Client, **changes: Any) -> Any:
    """Start a small comparison."""
    inputs = {
        "workload": "side_branch",
        "branches": ["attached", "detach", "detach_inplace", "no_grad"],
        "sizes": "4, 8",
        "dtype": "float32",
        "device": "cpu",
        "budget": 0.2,
        "twice": False,
        "force": False,
        "depth": 2,
        "width": 8,
        # Of other workloads.
        "batch": None,
        "length": None,
        "chunk": None,
    } | changes
    return client.submit(*inputs.values(), api_name="/show_compare")


def made(client: Client, name: str) -> Path:
    """Have a file of the run that this visitor looks at made, and return it."""
    (path,) = value(client.predict(api_name=f"/save_{name}")[0])
    return Path(path)


def value(output: Any) -> Any:
    """Return the value of an output that came as an update."""
    return output["value"] if isinstance(output, dict) and "value" in output else output


def test_lesson_gives_the_measured_gradient(client: Client) -> None:
    problem, view = client.predict("baseline", "1, 2, 3", "sigmoid", api_name="/show_lesson")
    assert problem == ""
    assert "[0.1966, 0.1050, 0.0452]" in view
    assert view.count('class="lab-chip holds"') == 2


def test_lesson_verdict_follows_the_op(client: Client) -> None:
    _, view = client.predict("detach_then_zero", "1, 2, 3", "sigmoid", api_name="/show_lesson")
    assert "is at version 1; expected version 0 instead" in view
    _, view = client.predict("detach_then_zero", "1, 2, 3", "mul2", api_name="/show_lesson")
    assert "is at version 1" not in view
    assert 'class="lab-chip wrong"' in view


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("1, two", "Values must be numbers"),
        ("", "Give 1 to 16 finite numbers"),
        ("nan", "Give 1 to 16 finite numbers"),
        ("1, inf", "Give 1 to 16 finite numbers"),
        ("1e999", "Give 1 to 16 finite numbers"),
        ("abc", "Invalid: abc"),
        ("x" * 10_000, f"Invalid: {'x' * 40}…"),
        ("1 " * 5_000, "Give 1 to 16 finite numbers"),
        ("1e9", "Give 1 to 16 finite numbers"),
        (", ".join("1" * 17), "Give 1 to 16 finite numbers"),
        ("<img src=x onerror=alert(1)>", "&lt;img"),
    ],
)
def test_bad_values_get_a_sentence_and_the_next_run_works(
    client: Client, values: str, sentence: str
) -> None:
    problem, _ = client.predict("baseline", values, "sigmoid", api_name="/show_lesson")
    assert sentence in problem
    assert "<img" not in problem
    problem, _ = client.predict("baseline", "1", "tanh", api_name="/show_lesson")
    assert problem == ""


def test_compare_gives_table_charts_and_files(client: Client) -> None:
    outputs = compare(client)
    assert "Done in" in outputs[_PROGRESS]
    assert "lab-finding" in value(outputs[_TABLE])
    assert "saved tensor that has been detached in-place" in value(outputs[_TABLE])
    summary = pd.read_csv(made(client, "summary"))
    assert list(summary["branch"]) == ["attached", "detach", "detach_inplace", "no_grad"] * 2
    assert list(summary["size"]) == [4] * 4 + [8] * 4
    failed = summary[summary["branch"] == "detach_inplace"]
    assert list(failed["status"]) == ["expected_error"] * 2
    assert failed[["step_median_s", "peak_bytes", "ops"]].isna().all(axis=None)
    assert (summary.loc[summary["status"] == "ok", "step_median_s"] > 0).all()
    samples = pd.read_csv(made(client, "samples"))
    timed = samples[(samples["metric"] == "time") & (samples["branch"] == "detach")]
    assert (timed["value"] > 0).all()
    events = pd.read_csv(made(client, "trace_events"), low_memory=False)
    assert {"forward", "backward", "aten::addmm"} <= set(events["name"])
    plots = [value(output) for output in outputs if _is_plot(output)]
    assert len(plots) == 8


def test_a_branch_measured_twice_has_a_row_of_its_own(client: Client) -> None:
    compare(client, branches=["detach", "no_grad"], sizes="4", twice=True)
    summary = pd.read_csv(made(client, "summary")).set_index("branch")
    assert list(summary.index) == ["detach", "no_grad", "detach#2"]
    assert set(summary["baseline"]) == {"detach"}
    first, again = summary.loc["detach"], summary.loc["detach#2"]
    for column in ("peak_bytes", "saved_bytes", "allocations", "ops", "gradients"):
        assert first[column] == again[column]


def _is_plot(output: Any) -> bool:
    inner = value(output)
    return isinstance(inner, dict) and inner.get("type") == "plotly"


def test_the_archive_holds_everything_and_reloads(client: Client, tmp_path: Path) -> None:
    compare(client, sizes="4")
    data = made(client, "archive").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        archive.extract("run.json", tmp_path)
    traces = {name for name in names if name.startswith("traces/")}
    assert len(traces) == 3
    assert names - traces == {
        "summary.csv",
        "samples.csv",
        "trace_events.csv",
        "run.json",
        "README.md",
    }
    run = load_run(tmp_path / "run.json")
    assert run.complete
    assert {result.trace for result in run.results[0].results} - {None} == traces


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"branches": []}, "Choose at least one branch"),
        ({"sizes": "four"}, "Sizes must be whole numbers"),
        ({"sizes": "-4"}, "Invalid size -4"),
        ({"sizes": "10000000000000"}, "Invalid size 10000000000000"),
        ({"sizes": ""}, "Give 1 to 12 sizes"),
        ({"depth": 1000}, "depth must be a whole number from 1 to 64"),
        ({"depth": None}, "depth="),
        ({"device": "cuda"}, "Device &#39;cuda&#39; is not available"),
    ],
)
def test_bad_requests_get_a_sentence(client: Client, change: dict[str, Any], sentence: str) -> None:
    outputs = compare(client, **change)
    assert sentence in outputs[_PROGRESS]
    assert 'role="alert"' in outputs[_PROGRESS]


def test_a_size_that_does_not_fit_says_so_and_the_next_one_is_measured(client: Client) -> None:
    compare(client, sizes="1000000000, 4", width=1024)
    summary = pd.read_csv(made(client, "summary"))
    assert set(summary[summary["size"] == 10**9]["status"]) == {"out_of_memory"}
    assert "ok" in set(summary[summary["size"] == 4]["status"])


def test_a_worker_that_dies_leaves_a_message_and_the_rest_works(app: App, client: Client) -> None:
    job = start(client, sizes="65536, 8", width=256, budget=5.0)
    for _ in range(600):
        if job.outputs() and "Measuring size 65,536" in job.outputs()[-1][_PROGRESS]:
            break
        time.sleep(0.1)
    _worker(app).kill()
    job.result(timeout=120)
    summary = pd.read_csv(made(client, "summary"))
    assert set(summary[summary["size"] == 65536]["status"]) == {"error"}
    assert "ok" in set(summary[summary["size"] == 8]["status"])
    assert app.process.poll() is None


def _worker(app: App) -> psutil.Process:
    children = psutil.Process(app.process.pid).children()
    server = next(child for child in children if "forkserver" in " ".join(child.cmdline()))
    return server.children()[-1]


def test_the_queue_cannot_be_bypassed(app: App) -> None:
    request = urllib.request.Request(
        f"{app.url}gradio_api/run/show_lesson",
        data=b'{"data": ["baseline", "1", "sigmoid"]}',
        headers={"Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    with refused.value:
        assert refused.value.code in (401, 403, 404)
