"""The command explain."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click

from profiling.analysis.diagnosis import Diagnosis, diagnose, told
from profiling.cli.common import WRITABLE_FILE, json_option, print_json
from profiling.engine.watched import Script, find_interpreter, run_watched
from profiling.model.errors import InputError, short
from profiling.model.watch import is_watch, load_watch
from profiling.model.words import DEFAULT, LANGUAGES, translator
from profiling.output import explanation, json_data
from profiling.watch.record import Watch


@click.command("explain")
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENTS]")
@click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Training steps after which the script is ended; 0 runs it to its end.",
)
@click.option("--module", is_flag=True, help="SCRIPT is a module's name, as for python -m.")
@click.option(
    "--python",
    metavar="PATH",
    default=sys.executable,
    show_default="this one",
    help="The interpreter of the script's own environment, with torch 2.8 or newer.",
)
@click.option("--no-values", is_flag=True, help="Do not look for gradients of zeros: faster.")
@click.option(
    "--record",
    type=WRITABLE_FILE,
    help="Keep the record in this file, which explain and the page open.",
)
@click.option(
    "--out",
    "file",
    type=WRITABLE_FILE,
    help="Write the report as an HTML file, too.",
)
@click.option("--lang", type=click.Choice(LANGUAGES), default=DEFAULT, show_default=True)
@click.option(
    "--fail-on",
    type=click.Choice(["problem"]),
    help="End with exit code 1 if there is a problem.",
)
@json_option
def explain(
    script: str,
    arguments: tuple[str, ...],
    steps: int,
    module: bool,
    python: str,
    no_values: bool,
    record: Path | None,
    file: Path | None,
    lang: str,
    fail_on: str | None,
    as_json: bool,
) -> int:
    """Run a training script and say where its gradients go.

    SCRIPT is run as Python would run it, with its own arguments after --, or it is a record that
    --record has kept. Exit codes are the script's own.
    """
    if not module and _is_record(Path(script)):
        if arguments or record:
            options = "--record" if record else "ARGUMENTS"
            raise InputError("error.explain_only_script", file=short(script), options=options)
        code, watch = 0, load_watch(Path(script))
    else:
        if not module:
            _check_script(Path(script))
        wanted = Script(
            script, arguments, module, find_interpreter(python), steps, not no_values, as_json
        )
        code, watch = _run(wanted, record)
    diagnosis = diagnose(watch)
    _print(diagnosis, lang, as_json=as_json)
    if file is not None:
        _write(diagnosis, lang, file, as_json=as_json)
    return code or int(fail_on == "problem" and bool(diagnosis.problems))


def _is_record(path: Path) -> bool:
    return path.is_file() and (path.suffix == ".json" or is_watch(path))


def _check_script(path: Path) -> None:
    if path.is_dir():
        raise InputError("error.explain_folder", file=short(path))
    try:
        path.open("rb").close()
    except (OSError, ValueError):
        raise InputError("error.run_missing", file=short(path)) from None


def _run(script: Script, keep: Path | None) -> tuple[int, Watch]:
    """Run a script, keep its record if that is wanted, and return its exit code and the record."""
    kept = None if keep is None else keep.absolute()
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="detach-lab-") as folder:
        record = Path(folder) / "watch.json"
        try:
            return run_watched(script, record)
        finally:
            if kept is not None and record.exists():
                shutil.copyfile(record, kept)


def _print(diagnosis: Diagnosis, lang: str, *, as_json: bool) -> None:
    if as_json:
        print_json(json_data.explanation(diagnosis, translator(lang)))
    else:
        print(told(diagnosis, lang))


def _write(diagnosis: Diagnosis, lang: str, file: Path, *, as_json: bool) -> None:
    file.write_text(explanation.file(diagnosis, translator(lang)), encoding="utf-8")
    if not as_json:
        print(translator(lang)("explain.wrote", file=file))
