"""Starts the page: on this machine, or as a Hugging Face Space."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from profiling.engine.engine import Engine
    from profiling.engine.playground import Playground

# A spawned worker imports this file too, so nothing heavy may be imported at its top level.


def main(arguments: list[str] | None = None) -> int:
    """Serve the page until interrupted.

    Returns:
        The exit code: 0 after an interrupt, 1 if the address cannot be used, 2 if a workload of
        one's own breaks a rule, the playground may not be offered or a package is missing.
    """
    # Nothing made while starting is garbage, and looking for some takes a tenth of the time.
    gc.disable()
    flags = _flags(arguments)
    if not _accept(flags):
        return 2
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        engine = _engine(flags.device)
    except OSError as error:
        print(f"error: cannot write to the temporary folder: {error}", file=sys.stderr)
        return 1
    from profiling.engine.playground import Playground

    # What visitors upload and download goes when everything else goes.
    os.environ.setdefault("GRADIO_TEMP_DIR", str(engine.page_folder))
    playground = Playground() if flags.playground else None
    try:
        return _serve(engine, playground, flags)
    except KeyboardInterrupt:
        return 0
    finally:
        engine.close()
        if playground is not None:
            playground.close()


def _engine(device: str) -> Engine:
    from profiling.engine.lending import ZeroGpu, on_zero_gpu

    # On ZeroGPU `spaces` comes first: it must be there before Gradio is and before CUDA is touched.
    lender = ZeroGpu() if on_zero_gpu() else None
    from profiling.engine.engine import Engine

    return Engine(device, lender=lender)


def _flags(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="app.py", description="Serve Detach Lab.")
    everywhere = "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1"
    host = os.environ.get("GRADIO_SERVER_NAME", everywhere)
    port = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    parser.add_argument("--host", default=host, help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=port, help="port (default %(default)s)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument(
        "--workload",
        action="append",
        default=[],
        metavar="FILE.py[:NAME]",
        help="offer a workload of your own; may be repeated",
    )
    parser.add_argument(
        "--playground",
        action="store_true",
        help="add a tab that runs code typed into the page on this machine; for this machine only",
    )
    parser.add_argument(
        "--mcp",
        action="store_true",
        help="serve the API as tools for agents too; needs gradio[mcp]",
    )
    return parser.parse_args(arguments)


def _accept(flags: argparse.Namespace) -> bool:
    from profiling import catalogue
    from profiling.model.errors import InputError
    from profiling.model.words import translator

    try:
        for spec in flags.workload:
            catalogue.register(spec)
        if flags.playground and not _is_private(flags.host):
            raise InputError("error.playground_host")
        if flags.mcp and importlib.util.find_spec("mcp") is None:
            raise InputError("error.mcp_missing")
    except InputError as error:
        print(f"error: {translator('en')(error.key, **error.values)}", file=sys.stderr)
        return False
    return True


def _is_private(host: str) -> bool:
    """Whether nobody but this machine's own users can reach the page."""
    from demos.page.guards.routes import LOCAL_HOSTS

    shared = os.environ.get("GRADIO_SHARE", "").lower() in ("1", "true")
    return host in LOCAL_HOSTS and not shared and "SPACE_ID" not in os.environ


def _serve(engine: Engine, playground: Playground | None, flags: argparse.Namespace) -> int:
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
            server_name=flags.host,
            server_port=flags.port,
            prevent_thread_lock=True,
            quiet=True,
            **launch_options(runs_code=playground is not None, serves_agents=flags.mcp),
        )
    except OSError as error:
        print(f"error: cannot listen on {flags.host}:{flags.port}: {error}", file=sys.stderr)
        return 1
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
    page.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
