"""Starts the page and serves it."""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from profiling.engine.engine import Engine
    from profiling.engine.playground import Playground

# What is heavy is imported where it is needed: bad options are refused before, and on ZeroGPU
# the package `spaces` must come before Gradio.


def serve(
    host: str,
    port: int,
    device: str,
    workloads: Sequence[str] = (),
    frameworks: Sequence[str] = (),
    *,
    playground: bool = False,
    mcp: bool = False,
) -> int:
    """Serve the page until interrupted.

    Args:
        host: The address to listen on.
        port: The port to listen on.
        device: What to measure on at first.
        workloads: Files of workloads to offer.
        frameworks: Interpreters that have other frameworks, to run these instead of showing what
            was recorded.
        playground: Whether to run code that is typed into the page.
        mcp: Whether to serve the API as tools for agents.

    Returns:
        0 after an interrupt.

    Raises:
        InputError: A workload breaks a rule, an interpreter is missing, the playground may not be
            offered here, or a package is missing.
        OSError: The address or the temporary folder cannot be used.
    """
    _check(host, workloads, frameworks, playground=playground, mcp=mcp)
    # Nothing made while starting is garbage, and looking for some takes a tenth of the time.
    gc.disable()
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        engine = _engine(device)
    except OSError as error:
        raise OSError(f"cannot write to the temporary folder: {error}") from error
    from profiling.engine.playground import Playground

    # What visitors upload and download goes when everything else goes.
    os.environ.setdefault("GRADIO_TEMP_DIR", str(engine.page_folder))
    runner = Playground() if playground else None
    try:
        return _serve(engine, runner, host, port, frameworks, serves_agents=mcp)
    except KeyboardInterrupt:
        return 0
    finally:
        engine.close()
        if runner is not None:
            runner.close()


def _check(
    host: str, workloads: Sequence[str], frameworks: Sequence[str], *, playground: bool, mcp: bool
) -> None:
    from profiling import catalogue
    from profiling.engine.frameworks import find_python
    from profiling.model.errors import InputError

    for spec in workloads:
        catalogue.register(spec)
    for python in frameworks:
        find_python(python)
    if playground and not _is_private(host):
        raise InputError("error.playground_host")
    if mcp and importlib.util.find_spec("mcp") is None:
        raise InputError("error.mcp_missing")


def _is_private(host: str) -> bool:
    """Whether nobody but this machine's own users can reach the page."""
    from demos.page.guards.routes import LOCAL_HOSTS

    shared = os.environ.get("GRADIO_SHARE", "").lower() in ("1", "true")
    return host in LOCAL_HOSTS and not shared and "SPACE_ID" not in os.environ


def _engine(device: str) -> Engine:
    from profiling.engine.zerogpu import ZeroGpu, on_zero_gpu

    # On ZeroGPU `spaces` comes first: it must be there before Gradio is and before CUDA is touched.
    lender = ZeroGpu() if on_zero_gpu() else None
    from profiling.engine.engine import Engine

    return Engine(device, lender=lender, lessons_apart=True)


def _serve(
    engine: Engine,
    playground: Playground | None,
    host: str,
    port: int,
    frameworks: Sequence[str],
    *,
    serves_agents: bool,
) -> int:
    from demos.page.common import machine_words
    from demos.page.guards import request_log
    from demos.page.page import build, launch_options
    from profiling.model.errors import DetachLabError
    from profiling.model.words import translator

    request_log.to_stderr()
    text = translator("en")
    page = build(engine, playground)
    try:
        page.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            **launch_options(runs_code=playground is not None, serves_agents=serves_agents),
        )
    except OSError as error:
        raise OSError(f"cannot listen on {host}:{port}: {error}") from error
    gc.freeze()
    gc.enable()
    print(f"Detach Lab: {page.local_url}", flush=True)
    try:
        environment = engine.environment()
        if environment is not None:
            print(machine_words(engine, environment, text), flush=True)
            engine.prepare()
    except DetachLabError as error:
        print(text(error.key, **error.values), file=sys.stderr, flush=True)
    if frameworks:
        from profiling.engine.frameworks import run_beside

        # The worker is ready by now, so that nobody waits for it longer.
        run_beside(
            (sys.executable, *frameworks),
            lambda error: print(text(error.key, **error.values), file=sys.stderr, flush=True),
        )
    page.block_thread()
    return 0
