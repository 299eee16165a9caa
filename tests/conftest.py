"""What all tests share: torch's state kept clean, the words, one engine, a finished comparison."""

from __future__ import annotations

import functools
import gc
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from profiling import catalogue
from profiling.engine.engine import Engine
from profiling.model.request import Request
from profiling.model.run import Run
from profiling.model.words import LANGUAGES, Text, translator
from tests.harness.launching import ROOT, App, own_folders, running_app, wait_until_ready
from tests.lab_device import delegating

# How long examples take to make or to check says how busy the machine is.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")
# Threads of torch that wait for work sleep. By default they keep a core busy, and what runs beside
# them waits. Read when torch is loaded, here and in every process that is started.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What gives a process the simulated accelerator is for other processes.
collect_ignore = ["lab_device/site"]


OWN_WORKLOAD = '''\
"""Mine.

What `x` is for.
"""

import torch

SIZE = "rows"
SIZES = (4, 8)
PARAMETERS = {"width": (3, 1, 5), "heads": (2, 1, 4)}


def build(size, width, heads):
    return {"x": torch.ones(size, width * heads, requires_grad=True)}


def second(x):
    return x.sum()


def first(x):
    return x.mean()
'''


Writer = Callable[..., str]
SMALLEST = """\
def build(size):
    return {}
def ours():
    pass
"""


# The branches of `finished_run` that could be measured.
RAN = ["attached", "detach", "clone_detach", "detach_clone", "no_grad", "inference_mode"]


class FinishedRun(NamedTuple):
    """A comparison that was really measured, and the folder with its traces."""

    run: Run
    folder: Path


# What takes long comes first, so that two processes end at the same time.
_FIRST = ("page", "app", "tests/faults", "tests/profiling/engine", "tests/e2e", "lab")
# What a file's tests need, by the fixtures that it names.
_NEEDS = {
    "page": re.compile(r"\b(browser: Browser|whole_app: App|page: Page)\b"),
    "app": re.compile(r"\b(app: App|client: Client|http: httpx)\b"),
}


def _group(nodeid: str) -> str:
    """Return the group of a test: those of one share a process, and so its app and browser."""
    return "lab" if delegating.is_of_lab(nodeid) else _group_of_file(nodeid.partition("::")[0])


@functools.cache
def _group_of_file(file: str) -> str:
    text = (ROOT / file).read_text("utf-8")
    return next((group for group, needs in _NEEDS.items() if needs.search(text)), file)


class _Scheduler(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives all tests of a group to one process.

    xdist's own groups rely on names that pytest 9.2 does not keep.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _Scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        group = _group(item.nodeid)
        return next((at for at, name in enumerate(_FIRST) if group.startswith(name)), len(_FIRST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Take all that was imported out of garbage collection, which measuring does very often."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    if delegating.is_inside():
        from tests.lab_device import lab

        lab.install()
        config.pluginmanager.register(delegating.Reporting(config))
    else:
        config.pluginmanager.register(delegating.Delegating())


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("torch has no CUDA here")
    reason = delegating.why_not() if item.get_closest_marker("lab") is not None else None
    if reason is not None:
        pytest.skip(f"no simulated accelerator: {reason}")


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
def _temp_folder() -> Iterator[Path]:
    """Confine all temporary files, of the apps that are started and of Gradio's client too.

    Nothing of ours may be left in it. Its path is short, since sockets may lie in it.
    """
    before, folder = tempfile.gettempdir(), tempfile.mkdtemp(prefix="lab-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        patch.setenv("TMPDIR", folder)
        patch.setenv("XDG_CACHE_HOME", folder)
        yield Path(folder)
    assert own_folders(Path(folder)) == []
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


@pytest.fixture(autouse=True)
def _lab_restored() -> Iterator[None]:
    """Put all switches of the simulated accelerator back, where there is one."""
    yield
    if delegating.is_inside():
        from tests.lab_device import lab

        lab.restore()


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("lab", marks=pytest.mark.lab),
        pytest.param("cuda", marks=pytest.mark.cuda),
    ],
)
def accelerator(request: pytest.FixtureRequest) -> str:
    """Each kind of accelerator that tests know: the simulated one, and a GPU where there is one."""
    kind: str = request.param
    return kind


@pytest.fixture(autouse=True)
def _garbage_collected() -> Iterator[None]:
    """Go on collecting garbage where the app's own start, called here, has stopped it."""
    yield
    gc.enable()


@pytest.fixture(scope="module")
def small_heap() -> None:
    """Take what other tests have left alive out of it too."""
    from profiling.measure.profiler import warm_up

    warm_up()  # imports much
    gc.collect()
    gc.freeze()


@pytest.fixture(params=LANGUAGES)
def text(request: pytest.FixtureRequest) -> Text:
    return translator(request.param)


@pytest.fixture
def english() -> Text:
    return translator("en")


@pytest.fixture(scope="session")
def app(_temp_folder: Path) -> Iterator[App]:
    """The app with plain flags, for every test of what it answers."""
    with running_app("--device", "cpu") as started:
        yield started


@pytest.fixture(scope="session")
def whole_app(_temp_folder: Path) -> Iterator[App]:
    """The app with a playground and a workload of one's own, for every test of its page.

    The workload is ``mine.py`` in its temporary folder.
    """
    temp = _temp_folder / "whole"
    temp.mkdir()
    mine = temp / "mine.py"
    mine.write_text(OWN_WORKLOAD, encoding="utf-8")
    flags = ("--device", "cpu", "--playground", "--workload", str(mine))
    with running_app(*flags, temp=temp) as started:
        wait_until_ready(started)
        yield started


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


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """Return a function that writes a file into the current folder and gives its name.

    Whatever is registered is forgotten at the end.
    """
    monkeypatch.setattr(catalogue, "_registered", {})
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "mine.py") -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write
