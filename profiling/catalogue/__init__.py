"""Lists lessons and workloads, read from the text of their files without importing torch.

The page and the shell list and show them before the worker has imported torch, and the page's
process never imports torch; only the worker imports and runs the files. Workloads that were
registered by the user of this process are listed as well.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import msgspec

from profiling.catalogue import source
from profiling.catalogue.source import Function, Namespace, Parameter, read
from profiling.model.content import CONTENT
from profiling.model.errors import InputError, short, unknown
from profiling.model.lesson import ClaimResult
from profiling.model.words import DEFAULT, table

_SUFFIX = ".py"


def _read_names(package: str, constant: str) -> tuple[str, ...]:
    """Read a tuple of names from the ``__init__.py`` of a content package."""
    space = _read(package, "__init__")
    names: tuple[str, ...] = ast.literal_eval(space.constants[constant].node)
    return names


def _read(package: str, name: str) -> Namespace:
    path = CONTENT / package / f"{name}.py"
    return read(path, path.relative_to(CONTENT.parent).as_posix())


# The lessons of each topic, and all lessons, in display order.
TOPICS = {
    topic: _read_names(f"lessons/{topic}", "LESSONS") for topic in _read_names("lessons", "TOPICS")
}
LESSONS = tuple(name for names in TOPICS.values() for name in names)
# The built-in workloads, and their branches, in display order.
WORKLOADS = _read_names("workloads", "WORKLOADS")
BRANCHES = _read_names("workloads", "BRANCHES")

# Branches of built-in workloads that are not selected by default.
_RARE = ("detach_clone", "detach_inline", "detach_kept", "detach_inplace", "inference_mode")

# Specs of registered workloads, by name.
_registered: dict[str, str] = {}

# Ops that a lesson can be run with; the text is shown and is evaluated by the worker.
OPS = {
    "sigmoid": "torch.sigmoid",
    "tanh": "torch.tanh",
    "exp": "torch.exp",
    "relu": "torch.relu",
    "square": "torch.square",
    "mul2": "lambda t: t * 2",
}


class Source(msgspec.Struct, frozen=True):
    """The source code of a function.

    Attributes:
        text: The lines of the function.
        first_line: Number of its first line in the file.
        file: Path of the file, relative to the project, or as the user gave it.
    """

    text: str
    first_line: int
    file: str


class LessonEntry(msgspec.Struct, frozen=True):
    """A lesson, as its file defines it.

    Attributes:
        topic: One of `TOPICS`.
        parts: Code by function: ``lesson``, or ``wrong`` and ``right``.
        values: Default input values; None if it takes none.
        op: Default op; None if it takes none.
        errors: Error messages that it explains, with ``{}`` for parts that vary.
        device: The only device that it runs on; empty if it runs on any. `device_reason` is the
            locale key of the reason.
        measured: The workload that measures its case; empty if there is none.
    """

    name: str
    topic: str
    parts: dict[str, Source]
    values: tuple[float, ...] | None
    op: str | None
    errors: tuple[str, ...] = ()
    device: str = ""
    measured: str = ""

    @property
    def device_reason(self) -> str:
        """The locale key of the reason why it runs on one device only."""
        return f"lesson.{self.name}.device"

    def verdict_reason(self, claim: ClaimResult) -> str:
        """Return the locale key of the reason for a claim's verdict.

        A lesson gives a reason for each verdict that it was seen with. Another device, torch or
        input may lead to another verdict, which has words of its own.
        """
        verdict = claim.verdict.value
        key = f"lesson.{self.name}.why.{claim.claim}.{verdict}"
        return key if key in table(DEFAULT) else f"lesson.unexpected.{verdict}"


class WorkloadEntry(msgspec.Struct, frozen=True):
    """A workload, as its file defines it.

    Attributes:
        size: What its size counts, such as ``"elements"`` or ``"batch"``.
        sizes: Sizes to choose from by default.
        branches: All branches in display order, including absent ones.
        absent: Branches that do not apply to it; `absent_reason` is the locale key of the reason.
        raises: Branches that are expected to raise, and a part of the error message.
        sources: Code of each branch that runs: its preparation, if any, and its step.
        reference: Code of the correct gradients; None if gradients are not checked.
        looped: Whether a step leaves no state behind, so that a time sample may contain many steps.
        file: Spec of a registered workload; empty for a built-in one.
        title: First line of a registered workload's docstring; empty for a built-in one, whose
            title is in the locales.
        about: The rest of that docstring.
    """

    name: str
    size: str
    sizes: tuple[int, ...]
    parameters: dict[str, Parameter]
    branches: tuple[str, ...]
    absent: tuple[str, ...]
    raises: dict[str, str]
    sources: dict[str, Source]
    reference: Source | None
    looped: bool = False
    file: str = ""
    title: str = ""
    about: str = ""

    @property
    def usual(self) -> tuple[str, ...]:
        """The branches compared by default: all of a registered workload."""
        rare = () if self.file else (*_RARE, *self.absent)
        return tuple(branch for branch in self.branches if branch not in rare)

    def source(self, branch: str) -> Source:
        """Return the code of a branch.

        Raises:
            InputError: There is no such branch; a registered file may have changed.
        """
        if branch not in self.sources:
            allowed = ", ".join(self.branches)
            raise InputError("error.unknown_branch", name=short(branch), allowed=allowed)
        return self.sources[branch]

    def absent_reason(self, branch: str) -> str:
        """Return the locale key of the reason why a branch is absent."""
        return f"workload.{self.name}.absent.{branch}"

    def expected_reason(self, branch: str, message: str) -> str | None:
        """Return the locale key of the reason why a branch raises; None if this was unexpected.

        Args:
            branch: The branch.
            message: What it raised.
        """
        expected = self.raises.get(branch)
        if expected is None or expected not in message:
            return None
        return "error.own_expected" if self.file else f"workload.{self.name}.raises.{branch}"


@functools.cache
def lesson(name: str) -> LessonEntry:
    """Read a lesson's file.

    Raises:
        InputError: There is no lesson of that name.
    """
    if name not in LESSONS:
        raise unknown("error.unknown_lesson", name, LESSONS)
    topic = next(topic for topic, names in TOPICS.items() if name in names)
    space = _read(f"lessons/{topic}", name)
    constants = {key: ast.literal_eval(each.node) for key, each in space.constants.items()}
    values = constants.get("VALUES")
    return LessonEntry(
        name=name,
        topic=topic,
        parts={each: _source(space, space.functions[each]) for each in source.parts(space)},
        values=None if values is None else tuple(float(value) for value in values),
        op=constants.get("OP"),
        errors=tuple(constants.get("ERRORS", ())),
        device=constants.get("DEVICE", ""),
        measured=constants.get("MEASURED", ""),
    )


def workloads() -> tuple[str, ...]:
    """Return the names of all workloads, built-in ones first."""
    return (*WORKLOADS, *_registered)


def workload(name: str, file: str = "") -> WorkloadEntry:
    """Read a workload's file; a registered file is read each time because it may have changed.

    Args:
        name: One of `workloads`.
        file: Spec of a workload that another process registered.

    Raises:
        InputError: There is no workload of that name, or its file is invalid.
    """
    spec = file or _registered.get(name)
    if spec is not None:
        return _registered_entry(spec)
    if name not in WORKLOADS:
        raise unknown("error.unknown_workload", name, workloads())
    return _built_in_entry(name)


def is_spec(text: str) -> bool:
    """Return whether a text is the spec of a file, rather than the name of a workload."""
    return _SUFFIX in text


def register(spec: str) -> WorkloadEntry:
    """Add a user's own workload to the workloads of this process.

    Args:
        spec: ``path/file.py``, or ``path/file.py:NAME`` for a class in it.

    Raises:
        InputError: The file cannot be read or is invalid, or the name is taken.
    """
    entry = _registered_entry(spec)
    if entry.name in WORKLOADS or _registered.get(entry.name, spec) != spec:
        raise InputError("error.own_taken", file=spec, name=entry.name)
    _registered[entry.name] = spec
    return entry


def split(spec: str) -> tuple[Path, str | None]:
    """Split the spec of a workload into its file and the name of the class in it, or None.

    Raises:
        InputError: It does not name a Python file.

    Example:
        >>> split("steps.py:Distil")[1]
        'Distil'
    """
    file, colon, name = (spec, "", "") if spec.endswith(_SUFFIX) else spec.rpartition(":")
    if not file.endswith(_SUFFIX):
        raise InputError("error.own_not_python", file=spec)
    return Path(file), name if colon else None


@functools.cache
def _built_in_entry(name: str) -> WorkloadEntry:
    space = _read("workloads", name)
    defined = source.branches(space)
    constants = source.constants(space, defined)
    return WorkloadEntry(
        name=name,
        branches=tuple(each for each in BRANCHES if each in defined or each in constants.absent),
        sources={each: _branch_source(space, each) for each in BRANCHES if each in defined},
        reference=_source(space, space.functions["reference"]),
        **constants._asdict(),
    )


def _registered_entry(spec: str) -> WorkloadEntry:
    path, class_name = split(spec)
    space = read(path, str(path), class_name)
    name = class_name or path.stem
    if not source.is_name(name):
        raise InputError("error.own_name", place=space.place(), name=short(name))
    defined = source.branches(space)
    constants = source.constants(space, defined)
    if constants.absent:
        raise source.constant_error(space, "ABSENT")
    title, _, about = space.doc.partition("\n")
    reference = space.functions.get("reference")
    return WorkloadEntry(
        name=name,
        branches=defined,
        sources={each: _branch_source(space, each) for each in defined},
        reference=None if reference is None else _source(space, reference),
        file=spec,
        title=title or name,
        about=about.strip(),
        **constants._asdict(),
    )


def _source(space: Namespace, function: Function) -> Source:
    return Source(function.text, function.first_line, space.file)


def _branch_source(space: Namespace, branch: str) -> Source:
    """Return the code of a branch: its preparation, if any, and its step."""
    step = space.functions[branch]
    prepare = space.functions.get(source.preparation(branch))
    if prepare is None:
        return _source(space, step)
    return Source(f"{prepare.text}\n\n\n{step.text}", prepare.first_line, space.file)
