"""Recommends a way to stop the gradient: a decision table, without measurements.

Tests check the advice on each branch against measured gradients, for every path through the
questions.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Literal

import msgspec

from profiling.model.errors import InputError
from profiling.model.record import Record
from profiling.model.words import translator

# The branches that the advice covers, in display order.
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
# Reasons why a branch gives wrong gradients or raises; the other reasons are costs or risks.
WRONG = frozenset(
    {"trains_module", "stops_before", "leaves_graph", "stops_other"}
    | {"goes_back", "stops_training", "has_no_gradient"}
)

Gradient = Literal["after", "through", "none", "carried", "skipped"]
GRADIENTS: tuple[Gradient, ...] = ("after", "through", "none", "carried", "skipped")


class Answers(Record, frozen=True):
    """Answers about the module whose output is to be detached.

    Attributes:
        gradient: Where a gradient is still needed: only ``"after"`` the module, ``"through"`` it to
            what comes before it, or ``"none"`` if backward never runs on its output. ``"carried"``
            for a state that goes from one training step to the next, as an RNN's, and
            ``"skipped"`` for a gradient that passes an op without one, as rounding.
        only_here: Whether the output is used only here; otherwise another loss trains the module
            through the same output.
        frozen: Whether the module never trains.
        in_place: Whether the output will be modified in place.
    """

    gradient: Gradient = "after"
    only_here: bool = True
    frozen: bool = False
    in_place: bool = False


class Advice(Record, frozen=True):
    """The recommended branches, and why the others are not recommended.

    Attributes:
        situation: Stable key of the row of the table.
        branches: The recommended branches; the first is the baseline of a comparison.
        code: Code to paste: ``module`` computes ``h`` from ``x``; ``cut``, if set, is the detached
            tensor to use.
        workload: The workload in which this situation occurs.
        lesson: The lesson that explains it.
        do: Locale key of the recommendation.
        why: Locale key of the reason.
        others: Locale key of the reason against each other branch of `ADVISED`.
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
    """A row of the table: branches, workload, lesson, and the reasons against other branches."""

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

_CARRIED = {
    "attached": "goes_back",
    **_COPIES,
    "detach_inplace": "same_here",
    "no_grad": "stops_training",
    "inference_mode": "stops_training",
    "frozen": "stops_training",
}
_SKIPPED = {
    "attached": "has_no_gradient",
    **_COPIES,
    "detach_inplace": "difference_alone",
    "no_grad": "difference_alone",
    "inference_mode": "difference_alone",
    "frozen": "has_no_gradient",
}

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
    "carried": _Case(("detach",), "truncated_bptt", "truncated_bptt", _CARRIED),
    "skipped": _Case(("detach",), "straight_through", "straight_through", _SKIPPED),
}

_FREEZE = "module.requires_grad_(False)  # once, before the optimizer is made"


def advise(answers: Answers) -> Advice:
    """Return the advice for some answers.

    Raises:
        InputError: The answers contradict each other.

    Example:
        >>> advise(Answers("after", only_here=False)).branches
        ('detach',)
    """
    if not _is_consistent(answers):
        raise InputError("error.advisor_contradiction")
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
    """Return all combinations of answers that do not contradict each other."""
    either = (True, False)
    every = (Answers(*each) for each in product(GRADIENTS, either, either, either))
    return tuple(filter(_is_consistent, every))


def read_answers(values: dict[str, Any]) -> Answers:
    """Convert and check answers from a script or a link.

    Raises:
        InputError: A value is invalid.
    """
    try:
        return msgspec.convert(values, Answers)
    except msgspec.ValidationError:
        raise InputError("error.advisor_answers", allowed=", ".join(GRADIENTS)) from None


def advise_plain(
    gradient: str, only_here: bool, frozen: bool, in_place: bool, language: str = "en"
) -> dict[str, Any]:
    """Return advice as plain values with texts in a language, for scripts.

    Returns:
        The fields of `Advice`, with sentences instead of keys.

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
    others = {branch: text(key) for branch, key in advice.others.items()}
    return plain | {
        "do": text(advice.do),
        "why": text(advice.why),
        "branches": list(advice.branches),
        "others": others,
    }


def _is_consistent(answers: Answers) -> bool:
    return answers.only_here or not answers.frozen


def _situation(answers: Answers) -> str:
    if answers.gradient in ("carried", "skipped"):
        return answers.gradient
    if answers.gradient == "through":
        return "through_frozen" if answers.frozen else "through"
    written = "_written" if answers.in_place else ""
    if answers.gradient == "none":
        return ("nothing" if answers.only_here else "kept") + written
    if not answers.only_here:
        return "shared" + written
    return "alone_frozen" if answers.frozen else "alone"


def _code(situation: str, answers: Answers) -> list[str]:
    """Return the lines to paste: they compute `cut`, or only `h` if nothing else uses it."""
    if situation == "carried":
        cut = "h = h.detach()  # after backward; an LSTM's: tuple(each.detach() for each in h)"
        return ["h = module(x, h)", cut, *_written("h", answers)]
    if situation == "skipped":
        value = "value = h.round()  # or any other op without a gradient"
        cut = "cut = h + (value - h).detach()"
        return ["h = module(x)", value, cut, *_written("cut", answers)]
    if situation.startswith("through"):
        # The module's last op may have saved its result, which must not be modified.
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
