"""A worker process from within: how it starts, what limits it, and how it runs calls.

The page's process imports this module too, so torch comes in only when a worker starts.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import multiprocessing
import os
import pkgutil
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from profiling.model.errors import DeviceLostError, SpentProcessError

READY, BEGUN = "ready", "begun"
# Left to the rest of the machine, so that the worker and never the server runs out of memory.
_RESERVED_SHARE = 0.1
# What a trace is read, limited and shown with; by name, since what shows is no part of the engine.
_TRACE_MODULES = ("profiling.measure.device", "profiling.output.trace_views")
# Of the memory that is free, what lessons may take.
_LESSONS_SHARE = 0.25
# As `nice` counts.
_BEHIND = 10


class Call(NamedTuple):
    """A function to be called, and with what."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Start(NamedTuple):
    """How a worker starts.

    Attributes:
        environ: The environment variables it is to have.
        folder: The folder it is to work in.
        initialize: Is called before any job.
        idle_s: Seconds without a job after which it ends; None if it waits for ever.
    """

    environ: dict[str, str]
    folder: str
    initialize: Call
    idle_s: float | None = None


class Raised(NamedTuple):
    """What a call raised, and the traceback as text."""

    error: Exception
    trace: str


def import_torch() -> None:
    """Import torch, in the process that workers are forked from, and compute nothing with it.

    A forked process can use neither threads of torch's nor a CUDA driver that were started before.
    """
    # An import that asks whether there is CUDA must not start the driver, and the cache folder that
    # another one makes is to be one that exists. Workers get their variables anew.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.gettempdir())
    # pandas imports pyarrow where it is installed, whose allocator would start a thread.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
    import torch as torch

    _keep_shared()


def import_measuring() -> None:
    """Import all that measures, and what torch imports for a first profile and a fake tensor.

    This takes longer than torch itself, and many a first worker never needs it.
    """
    from profiling import measure

    for module in pkgutil.walk_packages(measure.__path__, f"{measure.__name__}."):
        importlib.import_module(module.name)
    for name in ("torch._dynamo", "torch.export._trace"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _keep_shared()


def import_traces() -> None:
    """Import what reads and draws a trace, in the process that its holders are forked from."""
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
    # Threads of numpy's linear algebra, which no trace needs, would not survive the fork.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from plotly import graph_objects

    for name in _TRACE_MODULES:
        importlib.import_module(name)
    # plotly imports kinds of charts when they are first made.
    for kind in (graph_objects.Scatter, graph_objects.Bar, graph_objects.Treemap):
        graph_objects.Figure(kind()).to_json()
    _keep_shared()


def work(pipe: Connection) -> None:
    """Tell this process's id, start as the page says, and run calls until the page is gone.

    Every call is answered twice: when it begins, and with its result or what it raised.
    """
    _end_when_told()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send(os.getpid())
        start: Start = pipe.recv()
        _begin(start)
        pipe.send(READY)
        while pipe.poll(start.idle_s):
            call: Call = pipe.recv()
            pipe.send(BEGUN)
            answer = _answer(call)
            try:
                pipe.send(answer)
                if isinstance(answer, Raised) and isinstance(answer.error, SpentProcessError):
                    return  # Nothing that comes later could be relied on.
            except (BrokenPipeError, ConnectionResetError):
                raise
            # It cannot be pickled, which is found out before any of it is sent.
            except Exception as error:
                pipe.send(Raised(RuntimeError(repr(error)), ""))


def initialize(preferred: str, folder: Path | None = None, compiled: Path | None = None) -> None:
    """Give this process folders for its files, and limit its memory.

    Args:
        preferred: The device that is going to be used, as `profiling.measure.device.find` takes it.
        folder: For temporary files, the system's own unless given.
        compiled: For what `torch.compile` makes, unless the variable of torch's own names another.
    """
    if compiled is not None:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(compiled))
    if folder is not None:
        _use_folder(folder)
    _print_to_stderr()
    from profiling.measure import device

    # An accelerator's driver maps far more address space than it uses: under a limit it would not
    # start.
    if not device.find(preferred).devices[0].is_accelerator:
        _limit_memory()


def initialize_lessons(folder: Path) -> None:
    """Prepare this process to run lessons on the CPU, beside the worker that measures.

    Args:
        folder: As for `initialize`.
    """
    _use_folder(folder)
    _print_to_stderr()
    _step_behind()
    import torch

    # Their tensors are tiny, and what is measured meanwhile needs the processor.
    torch.set_num_threads(1)
    _limit_memory(share=_LESSONS_SHARE)


def initialize_playground(memory_bytes: int, folder: Path) -> None:
    """Limit this process to a folder, one thread, and so much more memory than it has now."""
    tempfile.tempdir = str(folder)
    _print_to_stderr()
    import torch

    # Else the first run would import it, in the time that its code has.
    from profiling.measure import stepper as stepper

    torch.set_num_threads(1)
    _limit_memory(memory_bytes)


def initialize_trace(folder: Path, share: float, behind: bool) -> None:
    """Prepare this process to hold one trace.

    Args:
        folder: For its temporary files.
        share: The share of what memory is free that it may take.
        behind: Whether it is to have the processor only when nothing else needs it.
    """
    tempfile.tempdir = str(folder)
    _print_to_stderr()
    if behind:
        _step_behind()
    _limit_memory(share=share)


def _use_folder(folder: Path) -> None:
    """Have temporary files in a folder, and delete what a worker that was killed has left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    tempfile.tempdir = str(folder)


def _step_behind() -> None:
    """Lower the priority of this process, so that what is being measured goes before it."""
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        psutil.Process().nice(_BEHIND)


def _keep_shared() -> None:
    """Leave what is imported out of collections, which write to every object that they visit.

    Modules are never garbage, and memory that a worker writes to is no longer shared.
    """
    gc.collect()
    gc.freeze()


def _end_when_told() -> None:
    """Let this process end at once when it is told to, or when the server is gone or in need."""
    # An interrupt from the keyboard is for the server, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A handler in Python would have to wait for the operator that is being computed.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:  # A forked process has none here, and is ended by the system.
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()
    with contextlib.suppress(OSError):  # Linux alone has it.
        # Of all processes this one is to go if the machine's memory does not suffice.
        Path("/proc/self/oom_score_adj").write_text("1000")


def _end_after(sentinel: Any) -> None:
    """End this process when the one that started it has ended; takes no time until then."""
    wait([sentinel])
    os._exit(1)


def _begin(start: Start) -> None:
    # A fork server has the variables and the folder of the time when it was started itself.
    os.environ.clear()
    os.environ.update(start.environ)
    tempfile.tempdir = None
    with contextlib.suppress(OSError):
        os.chdir(start.folder)
    call = start.initialize
    call.function(*call.args, **call.kwargs)


def _answer(call: Call) -> Any:
    try:
        return call.function(*call.args, **call.kwargs)
    except Exception as error:
        return Raised(_lost(error) or error, traceback.format_exc())
    except BaseException as error:  # What ends a program is not to end the server's.
        return Raised(RuntimeError(repr(error)), traceback.format_exc())


def _lost(error: Exception) -> DeviceLostError | None:
    """Return what is to be told instead of an error after which a device answers no more."""
    if isinstance(error, SpentProcessError) or "profiling.measure.failure" not in sys.modules:
        return None
    from profiling.measure.failure import give_memory_back

    try:
        give_memory_back(str(error) or repr(error))
    except DeviceLostError as lost:
        return lost
    return None


def _print_to_stderr() -> None:
    """Keep what a workload prints out of the output that the shell's commands write."""
    sys.stdout = sys.stderr
    os.dup2(2, 1)  # What libraries print knows nothing of sys.stdout.


def _limit_memory(more_bytes: int | None = None, share: float = 1.0) -> None:
    """Make an allocation that does not fit fail with an error instead of ending processes.

    Args:
        more_bytes: How much more may be allocated; most of what is free unless given.
        share: The share of that.
    """
    if sys.platform != "linux":  # Elsewhere such a limit is not there or does not hold.
        return
    import resource

    from profiling.measure.device import available_bytes

    process = psutil.Process()
    free = available_bytes() * (1 - _RESERVED_SHARE) * share
    limit = int(process.memory_info().data + min(free, more_bytes or free))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
