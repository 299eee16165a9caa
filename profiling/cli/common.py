"""What the commands share: words, output, options and the engine."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console

from profiling import catalogue
from profiling.catalogue import WorkloadEntry
from profiling.engine.cluster import Cluster
from profiling.engine.engine import Engine
from profiling.engine.plan import SETTINGS
from profiling.measure.device import CHOICES
from profiling.model.errors import InputError, short
from profiling.model.words import translator

Command = TypeVar("Command", bound=Callable[..., Any])

say = translator("en")
out = Console(highlight=False)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
parameter_option = click.option(
    "--set",
    "parameters",
    multiple=True,
    metavar="NAME=NUMBER",
    help="A parameter of the workload, such as depth=8; may be repeated.",
)


class _DeviceType(click.ParamType):  # type: ignore[type-arg] # an older click has no such
    """A device as a request names it."""

    name = "device"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            SETTINGS["device"].check(value)
        except InputError as error:
            self.fail(say(error.key, **error.values), param, ctx)
        return value


class _WritableFile(click.ParamType):  # type: ignore[type-arg] # an older click has no such
    """A file that can be written, which is found out before anything runs."""

    name = "file"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        path = Path(value)
        existed = path.exists()
        try:
            path.open("ab").close()
            if not existed:
                path.unlink()
        except (OSError, ValueError) as error:
            raise _unwritable(path, error) from None
        return path


class _WritableFolder(click.ParamType):  # type: ignore[type-arg] # an older click has no such
    """A folder that can be written to or made, which is found out before anything runs."""

    name = "folder"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        path = Path(value)
        try:
            made = [each for each in (path, *path.parents) if not each.exists()]
            path.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
            for each in made:
                each.rmdir()
        except (OSError, ValueError) as error:
            raise _unwritable(path, error) from None
        return path


WRITABLE_FILE, WRITABLE_FOLDER = _WritableFile(), _WritableFolder()


def _unwritable(path: Path, error: OSError | ValueError) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InputError("error.cannot_write", file=short(path), reason=reason)


def device_option(help: str) -> Callable[[Command], Command]:
    """Return the option for a device.

    Args:
        help: What it is for.
    """
    choices = "|".join(CHOICES)
    return click.option(
        "--device",
        type=_DeviceType(),
        default=CHOICES[0],
        show_default=True,
        metavar=f"[{choices}]",
        help=f"{help} cuda:1 is the second of several.",
    )


def print_json(data: object) -> None:
    """Print records or plain data as indented JSON."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n")


def find_workload(text: str) -> WorkloadEntry:
    """Return the workload of that name, or the one in that file, which is registered.

    Raises:
        InputError: There is no such workload, or its file breaks a rule.
    """
    return catalogue.register(text) if catalogue.is_spec(text) else catalogue.workload(text)


def read_parameters(texts: Iterable[str]) -> dict[str, int]:
    """Read a workload's parameters, each as ``"depth=8"``.

    Raises:
        InputError: One is not of that form.
    """
    return dict(map(_parameter, texts))


@contextlib.contextmanager
def open_engine(
    preferred: str, time_limit_s: float | None = None, cluster: str | None = None
) -> Iterator[Engine]:
    """Start an engine; its worker and files end with the command.

    Args:
        preferred: The device to prefer.
        time_limit_s: Seconds that a cell may take; the engine's own limit unless given.
        cluster: Address of a Dask scheduler whose machines measure; this one unless given.

    Raises:
        InputError: There is no cluster at that address.
    """
    options: dict[str, Any] = {} if time_limit_s is None else {"time_limit_s": time_limit_s}
    with contextlib.ExitStack() as stack:
        if cluster is not None:
            options["cluster"] = stack.enter_context(contextlib.closing(Cluster(cluster)))
        yield stack.enter_context(contextlib.closing(Engine(preferred, **options)))


def _parameter(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), int(value)
    except ValueError:
        raise InputError("error.parameter_text", text=text) from None
