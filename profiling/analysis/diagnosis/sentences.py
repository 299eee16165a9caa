"""A diagnosis in words: what the shell, the page and files say of it.

A record may come from anybody, so what it quotes is cut to what fits a line and can be printed.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from profiling.analysis.diagnosis.lessons import CAUSES
from profiling.analysis.diagnosis.model import PROBLEM, Diagnosis, Fate, Finding, Line
from profiling.model.units import Unit
from profiling.model.words import Text

# A name or a message, in characters.
_MOST_NAME = 80
_MOST_MESSAGE = 300
# Names that are written out of one module, and modules of one finding.
_MOST_NAMES = 3
_MOST_MODULES = 3
# Placeholders that are filled with a word where nothing is known.
_UNKNOWN = {
    "name": "explain.operation",
    "saver": "explain.operation",
    "writer": "explain.operation",
    "names": "explain.something",
}
_NUMBERS = ("span", "count", "iteration", "saved_version", "version")


def plain(text: object, most: int = _MOST_NAME) -> str:
    r"""Return a text in one line, without what would steer a terminal, and cut to a length.

    Example:
        >>> plain("model\n.weight\x1b[2J"), plain("x" * 9, 5)
        ('model .weight [2J', 'xxxx…')
    """
    found = "".join(each if each.isprintable() else " " for each in str(text)[: 4 * most]).strip()
    return found if len(found) <= most else f"{found[: most - 1]}…"


def sentence(finding: Finding, say: Text) -> str:
    """Return what is wrong, as a clause after the names of the parameters."""
    values = {key: say(word) for key, word in _UNKNOWN.items()} | dict.fromkeys(_NUMBERS, 0)
    values |= {key: plain(value) for key, value in finding.values.items() if value != ""}
    if finding.values.get("steers") and finding.cause != "bool":
        found = say("explain.steers")
    elif finding.cause == "graph_leak" and "names" in finding.values:
        found = say("explain.held", **values)
    else:
        found = say(f"explain.cause.{_known(finding)}", **values)
    return say("explain.likely", text=found) if finding.likely else found


def instead(finding: Finding, say: Text) -> str:
    """Return what to write instead."""
    if finding.values.get("steers"):
        return say("explain.instead.bool")
    return say(f"explain.instead.{_known(finding)}")


def role(line: Line, say: Text, paths: dict[str, str] | None = None) -> str:
    """Return what a line has to do with a finding.

    Args:
        line: The line.
        say: Translator.
        paths: Short paths by path, for a line of a library below it.
    """
    return inside(say(f"explain.role.{line.role}"), line, say, paths or {})


def inside(text: str, line: Line, say: Text, paths: dict[str, str]) -> str:
    """Return a text with the line of a library that a line has called, if any.

    Args:
        text: The text.
        line: The line.
        say: Translator.
        paths: Short paths by path.
    """
    if line.inside is None:
        return text
    path, number = line.inside
    return say("explain.inside", text=text, place=f"{plain(paths.get(path, path))}:{number}")


def names(finding: Finding, diagnosis: Diagnosis, say: Text) -> str:
    """Return the parameters of a finding, such as ``encoder.0.{weight, bias}``."""
    parameters = diagnosis.watch.parameters
    return grouped_names([plain(parameters[each].names[0]) for each in finding.parameters], say)


def grouped_names(found: Sequence[str], say: Text) -> str:
    """Return names by their module, many as a number.

    Example:
        >>> from profiling.model.words import translator
        >>> say = translator("en")
        >>> grouped_names(["net.0.weight", "net.0.bias", "scale"], say)
        'net.0.{weight, bias}, scale'
        >>> grouped_names([f"net.{n}.weight" for n in range(12)] + ["head.bias"], say)
        'net.{12 parameters}, head.bias'
    """
    modules = _by_prefix(found, lambda name: name.rpartition(".")[0])
    if len(modules) > _MOST_MODULES:
        modules = _by_prefix(found, lambda name: name.partition(".")[0] if "." in name else "")
    parts = [_module(members, say) for members in modules.values()]
    shown = parts[: _MOST_MODULES + 1]
    rest = sum(len(each) for each in list(modules.values())[len(shown) :])
    return ", ".join([*shown, *([say("explain.names.more", count=rest)] if rest else [])])


def counts(diagnosis: Diagnosis, say: Text) -> str:
    """Return how much was watched, and whether that was ended early."""
    watch = diagnosis.watch
    key = "explain.counts" if watch.optimizers else "explain.counts.no_optimizer"
    found = say(
        key,
        backward=f"{watch.counts.backward:,}",
        steps=f"{watch.counts.steps:,}",
        tensors=f"{watch.counts.tensors:,}",
        seconds=f"{watch.counts.seconds:.1f} s",
    )
    if watch.stopped != "steps":
        return found
    stopped = say("explain.stopped", steps=f"{watch.counts.steps:,}")
    return say("explain.between").join([found, stopped])


def remarks(diagnosis: Diagnosis, say: Text) -> list[str]:
    """Return what limits the diagnosis: a script that was killed, troubles of the watcher."""
    watch = diagnosis.watch
    found = []
    if not watch.complete:
        found.append(say("explain.incomplete", count=watch.counts.iterations))
    if watch.compiled:
        found.append(say("explain.compiled"))
    if watch.notes:
        first = plain(watch.notes[0], _MOST_MESSAGE)
        found.append(say("explain.trouble", count=len(watch.notes), text=first))
    return found


def nothing_watched(diagnosis: Diagnosis, say: Text) -> str:
    """Return the sentence for a script that ended before it called torch; empty if it did not."""
    watch = diagnosis.watch
    if watch.counts.operations or watch.counts.backward:
        return ""
    failure = watch.failure
    if failure is not None and failure.type in ("SyntaxError", "IndentationError", "TabError"):
        return say("explain.syntax", file=plain(watch.script[0] if watch.script else "–"))
    return say("explain.nothing")


def failure(diagnosis: Diagnosis, say: Text) -> str:
    """Return the error that ended the script; empty if there was none."""
    found = diagnosis.watch.failure
    if found is None:
        return ""
    if found.type == "KeyboardInterrupt":
        return say("explain.interrupted")
    first = next((line for line in found.text.splitlines() if line.strip()), "")
    text = f"{plain(found.type)}: {plain(first, _MOST_MESSAGE)}".removesuffix(": ")
    return say("explain.headed", heading=say("explain.heading.error"), text=text)


def gradients(diagnosis: Diagnosis, say: Text) -> str:
    """Return how many parameters got a gradient, after its heading."""
    fates = diagnosis.fates
    trained = [each for each in fates if each.state != "frozen"]
    if not trained:
        parts = [say("explain.gradients.none_trained")]
    elif not diagnosis.watch.backward and diagnosis.watch.failure is None:
        parts = [say("explain.gradients.no_backward")]
    else:
        number = Counter(_kind(each, diagnosis) for each in trained)
        parts = []
        if number["unknown"] < len(trained):
            parts = [say("explain.gradients.arrives", count=number["arrives"], total=len(trained))]
        unknown = "unknown" if diagnosis.watch.failure else "too_large"
        kinds = {"missing": "missing", "zero": "zero", "meant": "meant", "unknown": unknown}
        parts += [
            say(f"explain.gradients.{key}", count=number[kind])
            for kind, key in kinds.items()
            if number[kind]
        ]
    if len(trained) < len(fates):
        parts.append(say("explain.gradients.frozen", count=len(fates) - len(trained)))
    return say(
        "explain.headed",
        heading=say("explain.heading.gradient"),
        text=say("explain.between").join(parts),
    )


def size(count: int) -> str:
    """Return a number of bytes in a unit that fits it, to a tenth.

    Example:
        >>> size(300), size(2048), size(13_841_203)
        ('300 B', '2.0 KiB', '13.2 MiB')
    """
    units = (Unit("GiB", 2**30), Unit("MiB", 2**20), Unit("KiB", 2**10))
    unit = next((each for each in units if count >= each.factor), None)
    return f"{count} B" if unit is None else f"{count / unit.factor:.1f} {unit.symbol}"


def short_paths(paths: Iterable[str], folder: Path | None = None) -> dict[str, str]:
    """Return paths as they are shown: relative to a folder, else as short as tells them apart.

    Args:
        paths: Paths as Python knows them.
        folder: The folder; the current one unless given.

    Example:
        >>> short_paths(["/a/net/blocks.py", "/b/blocks.py", "/b/x.py"], Path("/b"))
        {'/a/net/blocks.py': 'net/blocks.py', '/b/blocks.py': 'blocks.py', '/b/x.py': 'x.py'}
    """
    start = (Path.cwd() if folder is None else folder).as_posix().rstrip("/") + "/"
    found: dict[str, str] = {}
    elsewhere: dict[str, list[str]] = {}
    for each in dict.fromkeys(paths):
        posix = each.replace("\\", "/")
        if posix.startswith(start):
            found[each] = posix.removeprefix(start)
        else:
            elsewhere[each] = [part for part in posix.split("/") if part] or [each]
    length = 1
    left = list(elsewhere)
    while left:
        ends = {each: "/".join(elsewhere[each][-length:]) for each in left}
        often = Counter([*ends.values(), *found.values()])
        done = [e for e in left if often[ends[e]] == 1 or length >= len(elsewhere[e])]
        found |= {each: ends[each] for each in done}
        left = [each for each in left if each not in done]
        length += 1
    return dict(sorted(found.items()))


def lines_of(diagnosis: Diagnosis) -> list[Line]:
    """Return all lines that a diagnosis names."""
    return [
        *(line for finding in diagnosis.findings for line in finding.lines),
        *(each.line for each in diagnosis.saved),
    ]


def paths_of(lines: Iterable[Line]) -> list[str]:
    """Return the paths of some lines, and of what lies below them."""
    found = []
    for each in lines:
        found.append(each.path)
        if each.inside is not None:
            found.append(each.inside[0])
    return found


def _known(finding: Finding) -> str:
    return finding.cause if finding.cause in CAUSES else "unknown"


def _kind(fate: Fate, diagnosis: Diagnosis) -> str:
    if fate.state != "none":
        return fate.state
    finding = None if fate.finding is None else diagnosis.findings[fate.finding]
    return "missing" if finding is not None and finding.level == PROBLEM else "meant"


def _by_prefix(found: Sequence[str], prefix: Callable[[str], str]) -> dict[str, list[str]]:
    modules: dict[str, list[str]] = defaultdict(list)
    for each in found:
        modules[prefix(each)].append(each)
    return modules


def _module(members: list[str], say: Text) -> str:
    """Return the names of a module, as few as they fit."""
    if len(members) == 1:
        return members[0]
    prefix = _common(members)
    ends = [each[len(prefix) :] for each in members]
    short = len(ends) <= _MOST_NAMES and not any("." in each for each in ends)
    if not short and not prefix:
        return f"{members[0]}, {say('explain.names.more', count=len(members) - 1)}"
    inside = ", ".join(ends) if short else say("explain.names.count", count=len(members))
    return f"{prefix}{{{inside}}}" if prefix else inside


def _common(members: list[str]) -> str:
    """Return the modules that all names begin with, with the last dot."""
    parts = [re.split(r"(?<=\.)", each)[:-1] for each in members]
    prefix = ""
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        prefix += level[0]
    return prefix
