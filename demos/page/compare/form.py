"""The form of the tab Compare: what to compare, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import gradio as gr

from demos.page import common
from demos.page.links import BUDGET_RANGE_S, FIRST_WORKLOAD, PARAMETER, Comparison
from profiling import catalogue
from profiling.catalogue import BRANCHES, WorkloadEntry
from profiling.catalogue.source import Parameter
from profiling.engine import plan
from profiling.model.errors import InputError
from profiling.model.run import DEVICES, DTYPES, Request
from profiling.model.words import DEFAULT, Text, table


class Form:
    """What to compare.

    Attributes:
        inputs: Components in the order of `request`'s arguments.
        shown: Holds the workload that is described.
        described: Components that depend on the workload.
    """

    def __init__(self, device: str, labels: gr.I18n) -> None:
        """Place the components.

        Args:
            device: The device that is chosen at first.
            labels: Says a key in the browser's language.
        """
        entry = catalogue.workload(FIRST_WORKLOAD)
        entries = [catalogue.workload(name) for name in catalogue.workloads()]
        branches = dict.fromkeys((*BRANCHES, *(name for each in entries for name in each.branches)))
        parameters = {name: it for each in entries for name, it in each.parameters.items()}
        titles = [(_title(each, labels), each.name) for each in entries]
        self.workload = gr.Dropdown(titles, value=FIRST_WORKLOAD, label=labels("compare.workload"))
        self.about = gr.HTML(elem_id="compare-about")
        self.branches = gr.CheckboxGroup(
            list(branches), value=list(entry.usual), label=labels("compare.branches")
        )
        self.sizes = gr.Textbox(
            ", ".join(map(str, entry.sizes)), label=labels(f"compare.sizes.{entry.size}")
        )
        with gr.Row():
            self.dtype = gr.Dropdown(list(DTYPES), value=DTYPES[0], label=labels("compare.dtype"))
            self.device = gr.Dropdown(list(DEVICES), value=device, label=labels("compare.device"))
        with gr.Row():
            self.parameters = {
                name: _field(name, parameter, labels) for name, parameter in parameters.items()
            }
        self.budget = _budget(labels)
        self.twice = gr.Checkbox(
            False, label=labels("compare.twice"), info=labels("compare.twice_about")
        )
        self.force = gr.Checkbox(
            False, label=labels("compare.force"), info=labels("compare.force_about")
        )
        with gr.Row():
            self.run = _button(labels("compare.run"), "primary", "compare-run")
            self.stop = _button(labels("compare.stop"), "stop", "compare-stop")
        self.shown = gr.State("")
        numbers = self.parameters.values()
        self.inputs = [
            *(self.workload, self.branches, self.sizes, self.dtype, self.device),
            *(self.budget, self.twice, self.force, *numbers),
        ]
        self.described = [self.shown, self.about, self.branches, self.sizes, *numbers]

    @property
    def names(self) -> list[str]:
        """What a link calls the inputs."""
        return [
            *("workload", "branches", "sizes", "dtype", "device", "budget", "twice", "force"),
            *(f"{PARAMETER}{name}" for name in self.parameters),
        ]

    def describe(self, comparison: Comparison, text: Text) -> dict[Any, Any]:
        """Return updates of `described` for a comparison's workload, set as it says."""
        request = comparison.request
        entry = catalogue.workload(request.workload)
        about = entry.about if entry.file else text(f"workload.{entry.name}.about")
        sizes = ", ".join(map(str, request.sizes))
        label = _word(text, f"compare.sizes.{entry.size}", entry.size)
        chosen = list(request.branches or entry.usual)
        return {
            self.shown: entry.name,
            self.about: common.render("workload.html", text, entry=entry, about=about),
            self.branches: gr.update(choices=self.offered(entry.name), value=chosen),
            self.sizes: gr.update(value=sizes, label=label),
            **{
                field: _number(entry.parameters.get(name), request.parameters.get(name))
                for name, field in self.parameters.items()
            },
        }

    def fill(self, comparison: Comparison, text: Text) -> dict[Any, Any]:
        """Return updates of `described` and `inputs` that set the whole form."""
        request = comparison.request
        return {
            **self.describe(comparison, text),
            self.workload: request.workload,
            self.dtype: request.dtype,
            self.device: request.device,
            self.budget: request.budget_s,
            self.twice: comparison.twice,
            self.force: request.force,
        }

    def offered(self, workload: str = FIRST_WORKLOAD) -> list[str]:
        """Return the branches that a workload has."""
        entry = catalogue.workload(workload)
        return [branch for branch in entry.branches if branch not in entry.absent]

    def request(
        self,
        workload: str,
        branches: list[str],
        sizes: str,
        dtype: str,
        device: str,
        budget_s: float,
        twice: bool,
        force: bool,
        *parameters: float | None,
    ) -> Request:
        """Read the form.

        Raises:
            InputError: Something in it is not of its kind, or cannot be run.
        """
        entry = catalogue.workload(workload)
        order = dict.fromkeys((*entry.branches, *branches))
        chosen = tuple(branch for branch in order if branch in branches)
        numbers = dict(zip(self.parameters, parameters, strict=True))
        used = {name: number for name, number in numbers.items() if name in entry.parameters}
        for name, number in used.items():
            if number is None:
                raise InputError("error.parameter_text", text=f"{name}=")
        request = Request(
            workload=workload,
            branches=(*chosen, *chosen[:1]) if twice else chosen,
            sizes=plan.parse_sizes(sizes),
            dtype=dtype,
            device=device,
            parameters={name: int(number or 0) for name, number in used.items()},
            budget_s=budget_s,
            force=force,
        )
        plan.check(request)
        return request


def _budget(labels: gr.I18n) -> gr.Slider:
    low, high = BUDGET_RANGE_S
    label = labels("compare.budget")
    return gr.Slider(low, high, value=2.0, step=0.2, label=label, elem_id="compare-budget")


def _button(label: Any, variant: Literal["primary", "stop"], place: str) -> gr.Button:
    return gr.Button(label, variant=variant, elem_id=place, min_width=80)


def _word(say: Callable[[str], Any], key: str, otherwise: str) -> Any:
    """Say a key, or something else where there is no such key, as for a workload of one's own."""
    return say(key) if key in table(DEFAULT) else otherwise


def _title(entry: WorkloadEntry, labels: gr.I18n) -> Any:
    return _word(labels, f"workload.{entry.name}.title", entry.title)


def _field(name: str, parameter: Parameter, labels: gr.I18n) -> gr.Number:
    label = _word(labels, f"parameter.{name}", name)
    return gr.Number(parameter.default, precision=0, label=label, min_width=80)


def _number(parameter: Parameter | None, value: int | None) -> dict[str, Any]:
    """Return the update of a parameter's field: a value, its default, or gone."""
    if parameter is None:
        return gr.update(visible=False, value=None)
    return gr.update(visible=True, value=parameter.default if value is None else value)
