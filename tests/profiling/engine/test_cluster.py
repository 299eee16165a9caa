"""Comparisons on a Dask cluster of two processes of this machine."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from profiling import catalogue
from profiling.engine import cluster as cluster_module
from profiling.engine.cluster import Cluster
from profiling.engine.engine import Engine, Progress
from profiling.model.errors import InputError
from profiling.model.request import Request
from profiling.model.run import CellResult, Run, Status
from tests.profiling.engine.test_faulty_branches import DIES, LOOPS, asked_of, last_run
from tests.profiling.measure.test_measure_cell_own import BUILD

distributed: Any = importlib.import_module("distributed")

# Of Dask's own: what its processes leave open when they are told to end.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")

SMALL = Request("elementwise", ("attached", "detach"), (4, 8, 16), device="cpu", budget_s=0.05)


@pytest.fixture(autouse=True)
def _no_own_workloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_registered", {})


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A cluster of two processes."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as found:
        yield found


@pytest.fixture(scope="module")
def clustered(machines: Any) -> Iterator[Engine]:
    """An engine that has all measured there."""
    connected = Cluster(machines.scheduler_address)
    engine = Engine("cpu", cluster=connected)
    yield engine
    engine.close()
    connected.close()


def counted(finished: CellResult) -> list[Any]:
    """Return what does not depend on a clock."""
    return [
        (
            each.branch,
            each.status,
            [group.outcome for group in each.reach],
            {one.metric: one.value for one in each.samples if one.unit in ("bytes", "count")},
        )
        for each in finished.results
    ]


def test_results_and_traces_are_those_of_one_machine(clustered: Engine, engine: Engine) -> None:
    there, here = last_run(clustered, SMALL), last_run(engine, SMALL)
    assert [each.cell for each in there.results] == [each.cell for each in here.results]
    assert list(map(counted, there.results)) == list(map(counted, here.results))
    for finished in there.results:
        assert finished.environment is not None
        assert finished.environment.torch == here.environment.torch
        # Dask gives its own workers one thread; ours have as many as they would have here.
        assert finished.environment.threads == here.environment.threads
        for each in finished.results:
            assert each.trace is not None
            assert (clustered.run_folder(there) / each.trace).stat().st_size > 0


def test_a_branch_that_ends_its_process_costs_itself_alone(
    clustered: Engine, tmp_path: Path
) -> None:
    (finished,) = last_run(clustered, asked_of(tmp_path, BUILD + DIES, "ours", "dies")).results
    assert [(each.branch, each.status, each.reason) for each in finished.results] == [
        ("ours", Status.OK, ""),
        ("dies", Status.ERROR, "error.branch_died"),
    ]


def test_who_waits_no_longer_frees_the_machines(clustered: Engine, tmp_path: Path) -> None:
    endless = replace(asked_of(tmp_path, BUILD + LOOPS, "loops"), sizes=(4, 5))
    client = clustered._cluster._client if clustered._cluster else None
    assert client is not None
    with contextlib.closing(
        cast("Generator[Progress, None, None]", clustered.compare(endless))
    ) as steps:
        for _ in steps:
            if all(client.processing().values()):
                break
    assert [each.status for each in last_run(clustered, SMALL).results] == [Status.OK] * 3


def test_a_machine_that_is_lost_has_its_cell_measured_by_another(
    clustered: Engine, machines: Any
) -> None:
    client = distributed.Client(machines.scheduler_address)
    pids: dict[str, int] = client.run(os.getpid)
    run: Run | None = None
    is_killed = False
    larger = Request(
        "frozen_backbone", ("attached", "detach"), (1024, 1025), device="cpu", budget_s=2.0
    )
    for step in clustered.compare(larger):
        run = step.run
        busy = [address for address, tasks in client.processing().items() if tasks]
        if busy and not is_killed:
            os.kill(pids[busy[0]], signal.SIGKILL)
            is_killed = True
    client.close()
    assert is_killed
    assert run is not None
    assert [each.status for each in run.results] == [Status.OK] * 2


@pytest.mark.parametrize(
    ("dask", "key"),
    [(None, "error.no_cluster"), (ImportError("distributed"), "error.no_distributed")],
)
def test_without_a_cluster_a_sentence_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, dask: Exception | None, key: str
) -> None:
    monkeypatch.setattr(cluster_module, "_CONNECTING_S", 0.2)
    if dask is not None:
        monkeypatch.setattr(cluster_module, "_dask", _raising(dask))
    with pytest.raises(InputError) as caught:
        Cluster("tcp://127.0.0.1:9")
    assert caught.value.key == key


def _raising(error: Exception) -> Callable[[], Any]:
    def raises() -> Any:
        raise error

    return raises
