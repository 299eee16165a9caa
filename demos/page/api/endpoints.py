"""The API endpoints. Their docstrings are their documentation, for people and agents.

Gradio uses only the first line of an argument's description. The settings of a comparison are
described where they are declared, in `profiling.model.request`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

from gradio import FileData
from gradio.events import api

from demos.page.api.checked import checked, uploaded
from demos.page.common import ON_LESSONS, ON_WORKER
from demos.page.trace.common import OPENING
from profiling import catalogue
from profiling.analysis.analysis import Analysis
from profiling.catalogue import advisor, search
from profiling.catalogue.advisor import Gradient
from profiling.catalogue.frameworks import SCENARIOS
from profiling.engine import plan
from profiling.engine.engine import Engine, Progress
from profiling.engine.traces import trace_fault
from profiling.model.errors import InputError, unknown
from profiling.model.lesson import LessonRequest
from profiling.model.request import AUTO, Request
from profiling.model.words import Language, translator
from profiling.output import json_data, trace_views
from profiling.traces.operators import MOST_ROWS

Sort = Literal["self_s", "total_s", "mean_s", "count", "device_s", "allocated_bytes"]
Group = Literal["name", "shapes", "stack"]
Answer = dict[str, Any]


def create_api(engine: Engine) -> None:
    """Add the endpoints to the page that is being built.

    Args:
        engine: Engine that runs lessons and comparisons.
    """
    does = _Endpoints(engine)
    api(checked(does.compare), **ON_WORKER)
    for looking in (does.lesson, does.explain_record):
        api(checked(looking), **ON_LESSONS)
    api(checked(does.trace_ops), **OPENING)
    for reading in (does.catalogue, does.find, does.advise, does.frameworks):
        api(checked(reading))


class _Endpoints:
    """Handlers of the endpoints."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def catalogue(self, lang: Language = "en") -> Answer:
        """List every lesson and every workload (training step) with its branches and parameters.

        Call it first: it returns the names that lesson and compare accept.

        Args:
            lang: Language of titles.

        Returns:
            lessons: title by name
            workloads: by name, about, size (what it counts), sizes, branches, absent, parameters
        """
        return json_data.everything(translator(lang))

    def find(self, query: str, lang: Language = "en") -> Answer:
        """Find the lessons that explain a PyTorch error message or match some words.

        Pass the whole traceback or log. Then run a lesson that was found with lesson: it shows
        where the error occurs or the gradient is lost, and the correct code.

        Args:
            query: An error message with its surrounding output, or words of a question.
            lang: Language of titles and rules, and of the texts that are searched first.

        Returns:
            found: lessons, best first, each with lesson (name), fit, title, question and rule
        """
        return json_data.found(search.find(query, lang), translator(lang))

    def advise(
        self,
        gradient: Gradient = "after",
        only_here: bool = True,
        frozen: bool = False,
        in_place: bool = False,
        lang: Language = "en",
    ) -> Answer:
        """Recommend a way to cut the gradient at a module's output, with code and the reason.

        Chooses among detach, clone().detach(), no_grad, inference_mode, detach_ and
        requires_grad_(False). Measures nothing; compare measures the branches on the workload.

        Args:
            gradient: Where it is still needed: after the module, through it, or none at all;
                carried for a state that goes on to the next step; skipped for a gradient that
                passes an op without one.
            only_here: Whether this forward is used only here, and not by another loss as well.
            frozen: Whether the module is never trained.
            in_place: Whether the output will be modified in place.
            lang: Language of all sentences.

        Returns:
            branches: recommended branches, best first
            code: code to paste
            do and why: the recommendation in a few words, and the reason
            others: for each other branch, why it is not recommended
            workload and lesson: a workload to measure it on, and a lesson that explains it
        """
        return advisor.advise_plain(gradient, only_here, frozen, in_place, lang)

    def frameworks(self, scenario: str, lang: Language = "en") -> Answer:
        """Compare what a detached gradient comes to in PyTorch, TensorFlow, JAX and others.

        Tells how a framework answers where no gradient arrives: an error, None or zeros. Runs
        nothing: a result is a recorded one unless the page was started with its framework.

        Args:
            scenario: Name of the lesson that shows it, such as "backward_through_detached".
            lang: Language of all sentences.

        Returns:
            title: the lesson's title
            cells: framework, version, live, code, outcome, values, after and text, by framework
            rule: what the frameworks show together, if these results do
        """
        if scenario not in SCENARIOS:
            raise unknown("error.unknown_scenario", scenario, SCENARIOS)
        return json_data.frameworks(scenario, translator(lang))

    def lesson(
        self,
        name: str,
        values: list[float] | None = None,
        op: str | None = None,
        device: str = AUTO,
        lang: Language = "en",
    ) -> Answer:
        """Run a small PyTorch lesson on detach, no_grad or autograd and judge its claims.

        Each lesson is one fact or pitfall. It is executed and recorded line by line: values,
        gradients, flags, version counters and the backward graph after each line, the exact error
        if one is raised, and for each claim whether it holds and why. Get names from catalogue, or
        from find for an error message.

        Args:
            name: Name of the lesson, such as "detach_then_zero".
            values: 1 to 16 numbers that replace the lesson's inputs, if it has any.
            op: sigmoid, tanh, exp, relu, square or mul2; replaces the lesson's op, if it has one.
            device: What to run on: auto (the page's own device), or one by name, as cuda or cpu.
            lang: Language of all sentences.

        Returns:
            title, question and rule: its title, its question, and the rule to remember
            verdicts: holds, holds_partly or wrong, by claim
            claims: text, verdict, reason and checks of each claim
            parts: steps of each function (line, tensors, values, printed, graph) and its error
            request: the lesson, the inputs that were used, and the device that it ran on
            device_reason: why it runs on the CPU only, if it does
        """
        numbers = None if values is None else tuple(values)
        return json_data.lesson(
            self._engine.lesson(LessonRequest(name, numbers, op, device)), translator(lang)
        )

    def compare(
        self,
        workload: str,
        branches: list[str] | None = None,
        sizes: list[int] | None = None,
        parameters: dict[str, int] | None = None,
        with_run: bool = False,
        lang: Language = "en",
        **settings: Any,
    ) -> Iterator[Answer]:
        """Measure ways to cut a gradient (branches) in a real PyTorch training step, over sizes.

        Answers which of detach, no_grad, clone().detach(), requires_grad_(False) and others is
        fastest, uses the least memory and gives the correct gradients, with 95% intervals. Takes
        about budget_s seconds per size, and more for memory and traces; other requests wait. Get
        names from catalogue. Until the answer, progress is reported with the status measuring.

        Args:
            workload: Name of the training step, such as "frozen_backbone".
            branches: Ways to cut the gradient; by default all of the workload.
            sizes: At most 12 batch sizes (or what the workload counts); by default its own.
            parameters: Parameters of the workload, such as {"depth": 8}; others keep their default.
            with_run: Whether to return the whole run as in run.json, with raw samples and code.
            lang: Language of all sentences.
            **settings: How to measure.

        Returns:
            status: done
            findings: a sentence for each size and mode
            modes: for each size, what every mode but eager changes, in sentences
            summary: rows by branch, size and mode: seconds, ratio, interval, bytes, gradients_right
            environment and id: the machine, and the id of the run
            run: the whole run, if with_run is true
        """
        entry = catalogue.workload(workload)
        asked = Request(
            workload=workload,
            branches=entry.branches if branches is None else tuple(branches),
            sizes=entry.sizes if sizes is None else tuple(sizes),
            parameters=parameters or {},
            **settings,
        )
        last = None
        try:
            for last in self._engine.compare(asked):
                yield _measuring(last)
            if last is None or last.run is None:
                raise InputError("error.size_count", high=plan.MAX_SIZES)
            run = {"run": last.run} if with_run else {}
            analysis = Analysis(last.run, self._engine.run_folder(last.run))
            yield {"status": "done", **json_data.run(analysis, translator(lang)), **run}
        finally:
            if last is not None and last.run is not None:
                self._engine.discard(last.run)

    def trace_ops(
        self,
        file: FileData,
        sort: Sort = "self_s",
        group: Group = "name",
        limit: int = 20,
        filter: str = "",
        lang: Language = "en",
    ) -> Iterator[Answer]:
        """Summarize the operators and GPU kernels of a torch.profiler trace (.json or .json.gz).

        Answers where time is spent and which operators allocate memory. Until the answer, progress
        is reported with the status reading.

        Args:
            file: The trace, as written by torch.profiler's export_chrome_trace.
            sort: Column to sort by, largest first; kernels have no self_s and keep total_s.
            group: Rows are grouped by name, by name and input shapes, or by name and Python stack.
            limit: Maximum number of rows of each table, 1 to 300.
            filter: Words that must all occur in a row's name, shapes or stack.
            lang: Language of the notices.

        Returns:
            status: done
            ops and ops_found: the first rows of operators, and the number of all rows
            kernels and kernels_found: the same for GPU work
            gpus, gaps, ranges, collectives, forward_backward, each also with _found: time and
                waiting of each GPU, its idle times, GPU time by named range, communication, and
                forward operators with their backward
            summary: the main facts of the GPUs, as data and as sentences
            name, events, end_s, start_unix_s, kinds, ranks: properties of the trace
            notices: remarks on this trace
        """
        if not 1 <= limit <= MOST_ROWS:
            raise InputError("error.limit_range", high=MOST_ROWS)
        path, asked = uploaded(file), (sort, group, limit, filter)
        try:
            for step in self._engine.open_trace(path):
                if step.trace is None:
                    yield {"status": "reading", "share": step.share}
                    continue
                with contextlib.closing(step.trace):
                    found = step.trace.ask(trace_views.rows, lang, path.name, *asked)
                yield {"status": "done", **found}
        except Exception as error:
            raise trace_fault(error) from error

    def explain_record(self, file: FileData, lang: Language = "en") -> Answer:
        """Explain which parameters of a watched training script get no gradient, and at which line.

        Also graphs that grow from step to step, tensors changed after they were saved for backward,
        and what each line saves. A record is made in a shell, by
        python -m profiling explain train.py --record watch.json; nothing of it is run here.

        Args:
            file: The record.
            lang: Language of all sentences.

        Returns:
            findings: problems first, each with cause, level, text, instead, lines and parameters
            parameters: the name of each, state of its gradient, and index of its finding
            gradients, error and remarks: what is said of the whole
            saved: bytes that lines save for backward in one iteration, the most first
            script, counts, environment, stopped, complete: properties of the record
        """
        found = self._engine.explain(uploaded(file))
        return json_data.explanation(found, translator(lang))


def _measuring(progress: Progress) -> Answer:
    run, cell = progress.run, progress.cell
    return {
        "status": "measuring",
        "size": None if cell is None else cell.size,
        "done": 0 if run is None else len(run.results),
        "total": None if run is None else len(run.cells),
        "elapsed_s": round(progress.elapsed_s, 1),
    }
