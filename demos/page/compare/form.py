"""The form of the Compare tab: what to compare, and the settings of the measurement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import gradio as gr

from demos.page import common
from demos.page.links import FIRST_WORKLOAD, PARAMETER, Comparison
from profiling import catalogue
from profiling.catalogue import BRANCHES, WorkloadEntry
from profiling.catalogue.source import Parameter
from profiling.engine import plan
from profiling.engine.plan import PAGE_SETTINGS
from profiling.model.errors import InputError
from profiling.model.request import Choice, Choices, DeviceChoice, Flag, Number, Request, Setting
from profiling.model.words import DEFAULT, Text, table

_Kind = type[Choice | Choices | Number | Flag]


class Form:
    """The components that define a comparison.

    Attributes:
        workload: Dropdown of all workloads.
        about: Description of the selected workload.
        parameters: Number fields of the workloads' own parameters, by name.
        shown: State with the name of the workload that is described.
        inputs: Components whose values `request` takes, in this order.
        names: Names of the inputs in a link.
        described: Components that depend on the workload and that `describe` updates.
    """

    def __init__(self, device: str, labels: gr.I18n) -> None:
        """Create the components.

        Args:
            device: Kind of device that is selected initially.
            labels: Texts of components.
        """
        entry = catalogue.workload(FIRST_WORKLOAD)
        entries = [catalogue.workload(name) for name in catalogue.workloads()]
        branches = dict.fromkeys((*BRANCHES, *(name for each in entries for name in each.branches)))
        parameters = {name: it for each in entries for name, it in each.parameters.items()}
        titles = [(_title(each, labels), each.name) for each in entries]
        self.workload = gr.Dropdown(titles, value=FIRST_WORKLOAD, label=labels("compare.workload"))
        with gr.Row():
            self.run = _button(labels("compare.run"), "primary", "compare-run")
            # There is something to stop once a comparison has begun.
            self.stop = _button(labels("compare.stop"), "stop", "compare-stop", interactive=False)
        self.about = gr.HTML(elem_id="compare-about")
        self._branches = gr.CheckboxGroup(
            list(branches), value=list(entry.usual), label=labels("compare.branches")
        )
        self._sizes = gr.Textbox(
            ", ".join(map(str, entry.sizes)), label=labels(f"compare.sizes.{entry.size}")
        )
        controls = _controls(Choices, labels) | _controls(DeviceChoice, labels, device=device)
        with gr.Accordion(labels("compare.more"), open=False, elem_id="compare-more"):
            controls |= _controls(Choice, labels)
            with gr.Row():
                self.parameters = {
                    name: _field(name, parameter, labels) for name, parameter in parameters.items()
                }
            controls |= _controls(Number, labels)
            twice = _checkbox("compare.twice", labels)
            controls |= _controls(Flag, labels)
        self.shown = gr.State("")
        self._inputs = {
            "workload": self.workload,
            "branches": self._branches,
            "sizes": self._sizes,
            **{setting.word: controls[setting.word] for setting in PAGE_SETTINGS.values()},
            "twice": twice,
            **{f"{PARAMETER}{name}": field for name, field in self.parameters.items()},
        }
        self.names = list(self._inputs)
        self.inputs = list(self._inputs.values())
        self.described = [
            *(self.shown, self.about, self._branches, self._sizes),
            *self.parameters.values(),
        ]

    def describe(self, comparison: Comparison, text: Text) -> dict[Any, Any]:
        """Return updates of `described` for the workload of a comparison and its inputs."""
        request = comparison.request
        entry = catalogue.workload(request.workload)
        about = entry.about if entry.file else text(f"workload.{entry.name}.about")
        sizes = ", ".join(map(str, request.sizes))
        label = _word(text, f"compare.sizes.{entry.size}", entry.size)
        chosen = list(request.branches or entry.usual)
        return {
            self.shown: entry.name,
            self.about: common.render("workload.html", text, entry=entry, about=about),
            self._branches: gr.update(choices=self.offered(entry.name), value=chosen),
            self._sizes: gr.update(value=sizes, label=label),
            **{
                field: _number(entry.parameters.get(name), request.parameters.get(name))
                for name, field in self.parameters.items()
            },
        }

    def fill(self, comparison: Comparison, text: Text) -> dict[Any, Any]:
        """Return updates of `described` and `inputs` that set the form to a comparison."""
        request = comparison.request
        settings = {
            self._inputs[setting.word]: _shown(setting, getattr(request, name))
            for name, setting in PAGE_SETTINGS.items()
        }
        return {
            **self.describe(comparison, text),
            self.workload: request.workload,
            self._inputs["twice"]: comparison.twice,
            **settings,
        }

    def offered(self, workload: str = FIRST_WORKLOAD) -> list[str]:
        """Return the branches of a workload that can be measured, in display order."""
        entry = catalogue.workload(workload)
        return [branch for branch in entry.branches if branch not in entry.absent]

    def request(self, *values: Any) -> Request:
        """Return the comparison that the form defines.

        Args:
            values: Values of `inputs`.

        Raises:
            InputError: A value cannot be parsed or is out of range.
        """
        given = dict(zip(self._inputs, values, strict=True))
        entry = catalogue.workload(given["workload"])
        order = dict.fromkeys((*entry.branches, *given["branches"]))
        chosen = tuple(branch for branch in order if branch in given["branches"])
        # The file of a registered workload may have gained some since the form was created.
        offered = [name for name in self.parameters if name in entry.parameters]
        numbers = {name: given[f"{PARAMETER}{name}"] for name in offered}
        for name, number in numbers.items():
            if number is None:
                raise InputError("error.parameter_text", text=f"{name}=")
        request = Request(
            workload=entry.name,
            branches=(*chosen, *chosen[:1]) if given["twice"] else chosen,
            sizes=plan.parse_sizes(given["sizes"]),
            parameters={name: int(number) for name, number in numbers.items()},
            **{
                name: _value(setting, given[setting.word])
                for name, setting in PAGE_SETTINGS.items()
            },
        )
        plan.check(request)
        return request


def _controls(kind: _Kind, labels: gr.I18n, **first: str) -> dict[str, Any]:
    """Create the controls of all settings of a kind; return them by name.

    Args:
        kind: The kind of setting.
        labels: Texts of components.
        first: Initial values that differ from the defaults, by setting.
    """
    return {
        setting.word: _control(setting, first.get(name, setting.default), labels)
        for name, setting in PAGE_SETTINGS.items()
        if type(setting) is kind
    }


def _control(setting: Setting, value: Any, labels: gr.I18n) -> Any:
    label = labels(setting.label)
    match setting:
        case DeviceChoice():
            # Which of several it is can be written behind the name.
            return gr.Dropdown(
                list(setting.choices), value=value, label=label, allow_custom_value=True
            )
        case Choices():
            return gr.CheckboxGroup(list(setting.choices), value=list(value), label=label)
        case Choice():
            return gr.Dropdown(list(setting.choices), value=value, label=label)
        case Number():
            return gr.Slider(
                setting.low,
                setting.high,
                value=value,
                step=setting.step,
                label=label,
                elem_id=f"compare-{setting.word}",
            )
    return _checkbox(setting.label, labels)


def _shown(setting: Setting, value: Any) -> Any:
    """Return a setting's value as its control takes it."""
    return list(value) if isinstance(setting, Choices) else value


def _value(setting: Setting, given: Any) -> Any:
    """Return a setting's value from that of its control; several choices in their own order."""
    if isinstance(setting, Choices):
        return tuple(name for name in setting.choices if name in given)
    return given


def _checkbox(key: str, labels: gr.I18n) -> gr.Checkbox:
    about = f"{key}_about"
    return gr.Checkbox(False, label=labels(key), info=labels(about))


def _button(
    label: Any, variant: Literal["primary", "stop"], place: str, *, interactive: bool = True
) -> gr.Button:
    return gr.Button(label, variant=variant, elem_id=place, min_width=80, interactive=interactive)


def _word(say: Callable[[str], Any], key: str, otherwise: str) -> Any:
    """Return the text of a key, or `otherwise` if it has none, as for a user's own workload."""
    return say(key) if key in table(DEFAULT) else otherwise


def _title(entry: WorkloadEntry, labels: gr.I18n) -> Any:
    return _word(labels, f"workload.{entry.name}.title", entry.title)


def _field(name: str, parameter: Parameter, labels: gr.I18n) -> gr.Number:
    label = _word(labels, f"parameter.{name}", name)
    return gr.Number(parameter.default, precision=0, label=label, min_width=80)


def _number(parameter: Parameter | None, value: int | None) -> dict[str, Any]:
    """Return the update of a parameter's field; it is hidden if the workload lacks it."""
    if parameter is None:
        return gr.update(visible=False, value=None)
    return gr.update(visible=True, value=parameter.default if value is None else value)
