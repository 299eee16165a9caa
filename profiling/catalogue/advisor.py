"""Which way to cut a gradient fits a situation: a decision table, with nothing measured in it.

What it says of each branch is put to the test against measured gradients, path by path.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Literal

import msgspec

from profiling.model.errors import InputError
from profiling.model.run import Record
from profiling.model.words import translator

# The branches that the advice is about, in display order.
ADVISED = (
    "attached",
    "detach",
    "clone_detach",
    "detach_clone",
    "detach_inplace",
    "no_grad",
    "inference_mode",
    "frozen",
)
# Reasons that say a branch gives wrong gradients or raises; the others say what it costs or risks.
WRONG = frozenset({"trains_module", "stops_before", "leaves_graph", "stops_other"})

Gradient = Literal["after", "through", "none"]
GRADIENTS: tuple[Gradient, ...] = ("after", "through", "none")


class Answers(Record, frozen=True):
    """What a person says of the module whose result is to be cut off.

    Attributes:
        gradient: Where a gradient is still needed: ``"after"`` the module only, ``"through"`` it to
            what comes before it, or ``"none"``, as backward never runs on what is made of it.
        only_here: Whether this forward is run for this use alone; otherwise another loss trains the
            module through the same result.
        frozen: Whether the module never trains.
        in_place: Whether the result will be written in place.
    """

    gradient: Gradient = "after"
    only_here: bool = True
    frozen: bool = False
    in_place: bool = False


class Advice(Record, frozen=True):
    """What to write, and why nothing else.

    Attributes:
        situation: Stable key of the row of the table.
        branches: What is advised; the first is what the others are compared with.
        code: What to paste: ``module`` makes ``h`` from ``x``; ``cut`` is the part to use, if any.
        workload: The training step in which this situation occurs.
        lesson: The lesson that explains it.
        do: Locale key of what to write, in a few words.
        why: Locale key of the reason.
        others: Locale key of why not, for each other branch of `ADVISED`.
    """

    situation: str
    branches: tuple[str, ...]
    code: str
    workload: str
    lesson: str
    do: str
    why: str
    others: dict[str, str]


class _Case(Record, frozen=True):
    """A row of the table: the branches, where they are run and explained, and why no others."""

    branches: tuple[str, ...]
    workload: str
    lesson: str
    others: dict[str, str]


_COPIES = {"clone_detach": "copies", "detach_clone": "copies"}
_THROUGH = {
    "attached": "trains_module",
    "detach": "stops_before",
    "clone_detach": "stops_before",
    "detach_clone": "stops_before",
    "detach_inplace": "stops_before",
    "no_grad": "stops_before",
    "inference_mode": "stops_before",
}
_SHARED = {
    "attached": "trains_module",
    **_COPIES,
    "detach_inplace": "leaves_graph",
    "no_grad": "runs_again",
    "inference_mode": "runs_again",
    "frozen": "stops_other",
}
_WRITTEN = {"detach": "shares_memory", "clone_detach": "clone_first"}
_ALONE = {
    "attached": "trains_module",
    "detach": "recorded_for_nothing",
    **_COPIES,
    "detach_inplace": "recorded_for_nothing",
    "inference_mode": "not_saved",
}
_NOTHING = {
    "attached": "keeps_graph",
    "detach": "recorded_for_nothing",
    **_COPIES,
    "detach_inplace": "recorded_for_nothing",
    "frozen": "easily_forgotten",
}
_KEPT = _SHARED | {"attached": "keeps_graph"}

_TABLE = {
    "through_frozen": _Case(("frozen",), "frozen_middle", "no_grad_kills_the_stem", _THROUGH),
    "through": _Case(("frozen",), "gan_generator", "gan_generator_step", _THROUGH),
    "shared": _Case(("detach",), "side_branch", "side_branch", _SHARED),
    "shared_written": _Case(
        ("detach_clone",), "side_branch", "detach_then_zero", _SHARED | _WRITTEN
    ),
    "alone_frozen": _Case(("frozen", "no_grad"), "frozen_backbone", "freeze_and_finetune", _ALONE),
    "alone": _Case(
        ("no_grad",), "target_network", "target_network", _ALONE | {"frozen": "to_be_undone"}
    ),
    "nothing": _Case(
        ("inference_mode",),
        "evaluation_logging",
        "inference_tensor_in_training",
        _NOTHING | {"no_grad": "counts_versions"},
    ),
    "nothing_written": _Case(
        ("no_grad",),
        "evaluation_logging",
        "inference_mode_inside",
        _NOTHING | {"inference_mode": "refuses_writing"},
    ),
    "kept": _Case(("detach",), "loss_logging", "total_loss_grows", _KEPT),
    "kept_written": _Case(
        ("detach_clone",), "feature_cache", "clone_detach_order", _KEPT | _WRITTEN
    ),
}

_FREEZE = "module.requires_grad_(False)  # once, before the optimizer is made"


def advise(answers: Answers) -> Advice:
    """Look up what to write.

    Example:
        >>> advise(Answers("after", only_here=False)).branches
        ('detach',)
    """
    situation = _situation(answers)
    case = _TABLE[situation]
    return Advice(
        situation=situation,
        branches=case.branches,
        code="\n".join(_code(situation, answers)),
        workload=case.workload,
        lesson=case.lesson,
        do=f"advisor.do.{situation}",
        why=f"advisor.why.{situation}",
        others={
            branch: f"advisor.not.{case.others[branch]}"
            for branch in ADVISED
            if branch not in case.branches
        },
    )


def every_answer() -> tuple[Answers, ...]:
    """Return every path through the questions."""
    either = (True, False)
    return tuple(Answers(*each) for each in product(GRADIENTS, either, either, either))


def read_answers(values: dict[str, Any]) -> Answers:
    """Check answers that came from a script or a link.

    Raises:
        InputError: A value is not one that can be given.
    """
    try:
        return msgspec.convert(values, Answers)
    except msgspec.ValidationError:
        raise InputError("error.advisor_answers", allowed=", ".join(GRADIENTS)) from None


def advise_plain(
    gradient: str, only_here: bool, frozen: bool, in_place: bool, language: str = "en"
) -> dict[str, Any]:
    """Advise in plain values and a language's own words, for scripts.

    Returns:
        The fields of `Advice`, with sentences in the place of keys.

    Raises:
        InputError: As for `read_answers`.
    """
    text = translator(language)
    given = {
        "gradient": gradient,
        "only_here": only_here,
        "frozen": frozen,
        "in_place": in_place,
    }
    advice = advise(read_answers(given))
    plain: dict[str, Any] = msgspec.to_builtins(advice)
    said = {"do": text(advice.do), "why": text(advice.why)}
    others = {branch: text(key) for branch, key in advice.others.items()}
    return plain | said | {"branches": list(advice.branches), "others": others}


def _situation(answers: Answers) -> str:
    if answers.gradient == "through":
        return "through_frozen" if answers.frozen else "through"
    written = "_written" if answers.in_place else ""
    if answers.gradient == "none":
        return ("nothing" if answers.only_here else "kept") + written
    if not answers.only_here:
        return "shared" + written
    return "alone_frozen" if answers.frozen else "alone"


def _code(situation: str, answers: Answers) -> list[str]:
    """Return lines to paste: they make `cut`, or `h` alone where nothing else needs it."""
    if situation.startswith("through"):
        # What the module's last op saved must not be written.
        result = "h = module(x).clone()" if answers.in_place else "h = module(x)"
        if answers.frozen:
            return [_FREEZE, result, *_written("h", answers)]
        around = "module.requires_grad_(False)", "module.requires_grad_(True)"
        return [around[0], result, around[1], *_written("h", answers)]
    if not answers.only_here:
        cut = "h.detach().clone()" if answers.in_place else "h.detach()"
        return ["h = module(x)", f"cut = {cut}", *_written("cut", answers)]
    mode = "inference_mode" if situation == "nothing" else "no_grad"
    first = [_FREEZE] if situation == "alone_frozen" else []
    return [*first, f"with torch.{mode}():", "    h = module(x)", *_written("h", answers)]


def _written(name: str, answers: Answers) -> list[str]:
    return [f"{name}.mul_(2)  # what you write in place"] if answers.in_place else []
