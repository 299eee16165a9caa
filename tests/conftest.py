"""What all tests share: torch's state kept clean, the words, one engine, a finished comparison."""

from __future__ import annotations

import gc
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from profiling import catalogue
from profiling.engine.engine import Engine
from profiling.model.run import Request, Run
from profiling.model.words import LANGUAGES, Text, translator

# Stands in for a package that is on a Space only, and says so when it is imported elsewhere.
collect_ignore = ["zero_gpu"]


class FinishedRun(NamedTuple):
    """A comparison that was really measured, and the folder with its traces."""

    run: Run
    folder: Path


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") is None:
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch has no CUDA here")


def torch_state() -> dict[str, object]:
    """Return torch's global state, without importing torch for it."""
    if "torch" not in sys.modules:
        return {}
    import torch

    return {
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "default dtype": torch.get_default_dtype(),
        "profiler": torch._C._autograd._profiler_enabled(),
    }


def clean_state() -> dict[str, object]:
    """Return what `torch_state` has to be."""
    if "torch" not in sys.modules:
        return {}
    import torch

    return {
        "grad mode": True,
        "inference mode": False,
        "default dtype": torch.float32,
        "profiler": False,
    }


@pytest.fixture(scope="session", autouse=True)
def _temp_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Confine all temporary files, of the apps that are started and of Gradio's client too.

    Nothing of ours may be left in it.
    """
    folder, before = tmp_path_factory.mktemp("temp"), tempfile.gettempdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("TMPDIR", str(folder))
        yield folder
    assert list(folder.glob("detach-lab-*")) == []
    shutil.rmtree(folder, ignore_errors=True)
    assert tempfile.gettempdir() == before


@pytest.fixture(autouse=True)
def _clean_torch() -> Iterator[None]:
    """Fail a test that leaves torch, or the interpreter's trace function, changed."""
    tracer = sys.gettrace()
    assert torch_state() == clean_state()
    yield
    assert torch_state() == clean_state()
    assert sys.gettrace() is tracer


@pytest.fixture(scope="module")
def small_heap() -> Iterator[None]:
    """Take what is alive already out of garbage collection, which measuring does very often."""
    from profiling.measure.profiler import warm_up

    warm_up()  # imports much
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(params=LANGUAGES)
def text(request: pytest.FixtureRequest) -> Text:
    return translator(request.param)


@pytest.fixture
def english() -> Text:
    return translator("en")


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine with its real worker process."""
    shared = Engine("cpu")
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def finished_run(engine: Engine) -> FinishedRun:
    """A small comparison with branches that are right, wrong, failing and absent."""
    request = Request(
        workload="side_branch",
        branches=catalogue.workload("side_branch").branches,
        sizes=(4, 8),
        device="cpu",
        parameters={"depth": 2, "width": 8},
        budget_s=0.05,
    )
    *_, last = engine.compare(request)
    assert last.run is not None
    return FinishedRun(last.run, engine.run_folder(last.run))
