"""What every command prints through."""

from __future__ import annotations

import sys

import click
import msgspec
from rich.console import Console

from profiling.model.words import translator

say = translator("en")
out = Console(highlight=False)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def print_json(data: object) -> None:
    """Print records or plain data as indented JSON."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n")
