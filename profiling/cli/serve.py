"""The command serve. ``app.py`` is the same command under another name."""

from __future__ import annotations

import importlib
import os
from typing import Any

import click

from profiling import __version__
from profiling.cli.common import device_option

# The page stands above the command line, so it is named here and imported only when it is started.
_PAGE = "demos.page.serve"


def _host() -> str:
    return "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1"


@click.command("serve")
@click.version_option(__version__, prog_name="Detach Lab", message="%(prog)s %(version)s")
@click.option(
    "--host",
    envvar="GRADIO_SERVER_NAME",
    default=_host,
    show_default="127.0.0.1; every address on a Space",
    show_envvar=True,
    help="Address to listen on.",
)
@click.option(
    "--port",
    envvar="GRADIO_SERVER_PORT",
    type=int,
    default=7860,
    show_default=True,
    show_envvar=True,
    help="Port to listen on.",
)
@device_option(help="What to measure on at first.")
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    metavar="FILE.py[:NAME]",
    help="Offer a workload of your own; may be repeated.",
)
@click.option(
    "--frameworks",
    multiple=True,
    metavar="PYTHON",
    help="Run the code for other frameworks with this interpreter's; may be repeated.",
)
@click.option(
    "--playground",
    is_flag=True,
    help="Add a tab that runs code typed into the page; for this machine only.",
)
@click.option("--mcp", is_flag=True, help="Serve the API as tools for agents; needs gradio[mcp].")
def serve(**options: Any) -> int:
    """Serve the page until interrupted."""
    code: int = importlib.import_module(_PAGE).serve(**options)
    return code
