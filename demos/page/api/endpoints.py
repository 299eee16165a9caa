"""The endpoints. Their docstrings are what the API page and agents read.

Gradio reads of an argument's description its first line. Those of a comparison's settings are where
these are declared, in `profiling.model.request`.
"""

from collections.abc import Iterator
from typing import Any, Literal

from gradio import FileData
from gradio.events import api

from demos.page.api.checked import checked, uploaded
from profiling import catalogue
from profiling.analysis.analysis import Analysis
from profiling.catalogue import advisor, search
from profiling.catalogue.advisor import Gradient
from profiling.engine import plan
from profiling.engine.engine import Engine, Progress
from profiling.model.errors import InputError
from profiling.model.lesson import LessonRequest
from profiling.model.request import Request
from profiling.model.words import Language, translator
from profiling.output import json_data
from profiling.traces.operators import MOST_ROWS, Selection, filter_rows, kernels, operator_groups
from profiling.traces.table import Trace, trace_fault

Sort = Literal["self_s", "total_s", "mean_s", "count", "device_s", "allocated_bytes"]
Group = Literal["name", "shapes", "stack"]
Answer = dict[str, Any]


def create_api(engine: Engine) -> None:
    """Add the endpoints to the page that is being built.

    Args:
        engine: What runs and measures.
    """
    does = _Endpoints(engine)
    for measuring in (does.lesson, does.compare, does.trace_ops):
        api(checked(measuring), concurrency_id="worker", concurrency_limit=1)
    for reading in (does.catalogue, does.find, does.advise):
        api(checked(reading))


class _Endpoints:
    """What each endpoint does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def catalogue(self, lang: Language = "en") -> Answer:
        """List every lesson and every workload (training step) with its branches and parameters.

        Call it first to learn the names that lesson and compare take.

        Args:
            lang: Language of titles.

        Returns:
            lessons: title by name
            workloads: by name, about, size (what it counts), sizes, branches, absent, parameters
        """
        return json_data.everything(translator(lang))

    def find(self, query: str, lang: Language = "en") -> Answer:
        """Find the lessons that explain a PyTorch error message, or that are about some words.

        Paste the whole traceback or log. Then run what was found with lesson, which shows the
        error or the lost gradient as it happens and the code that is right.

        Args:
            query: An error message with what was printed around it, or words of a question.
            lang: Language of titles and rules, and of the words that are looked for first.

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
        """Say which way to cut a gradient fits a module's result, what to write and why.

        Answers detach, clone().detach(), no_grad, inference_mode, detach_ or requires_grad_(False)
        by four questions. Nothing is measured; compare measures the branches on the workload named.

        Args:
            gradient: Where it is still needed: after the module, through it, or none at all.
            only_here: Whether this forward is run for this use alone, not for another loss too.
            frozen: Whether the module never trains.
            in_place: Whether the result will be written in place.
            lang: Language of all sentences.

        Returns:
            branches: what is advised, best first
            code: what to paste
            do and why: what to write, in a few words, and the reason
            others: why not, for each other way to cut
            workload and lesson: where it can be measured, and what explains it
        """
        return advisor.advise_plain(gradient, only_here, frozen, in_place, lang)

    def lesson(
        self,
        name: str,
        values: list[float] | None = None,
        op: str | None = None,
        lang: Language = "en",
    ) -> Answer:
        """Run a small PyTorch lesson on detach, no_grad or autograd and judge its claims.

        Each lesson is one fact or pitfall, run for real and watched statement by statement: values,
        gradients, flags, version counters and the backward graph after each line, the error word
        for word if one was raised, and for each claim whether it holds and why. Names come from
        catalogue, or from find for an error message.

        Args:
            name: The lesson, such as "detach_then_zero".
            values: 1 to 16 numbers to run it with instead of its own, for lessons that take some.
            op: sigmoid, tanh, exp, relu, square or mul2 instead of its own, likewise.
            lang: Language of all sentences.

        Returns:
            title, question and rule: what it asks, and what to remember
            verdicts: holds, holds_partly or wrong, by claim
            claims: what each says, its verdict, why, and its checks
            parts: steps of each function (line, tensors, values, printed, graph) and its error
            request: what it ran with
        """
        numbers = None if values is None else tuple(values)
        return json_data.lesson(
            self._engine.lesson(LessonRequest(name, numbers, op)), translator(lang)
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
        fastest, needs the least memory and gives the right gradients, with 95% intervals. Takes
        about budget_s seconds a size and some more for memory and trace; others wait meanwhile.
        Names come from catalogue. What comes before the answer has the status measuring.

        Args:
            workload: The training step, such as "frozen_backbone".
            branches: Ways to cut the gradient; all that the workload has unless given.
            sizes: At most 12 batch sizes (or what the workload counts); its own unless given.
            parameters: The workload's own, such as {"depth": 8}; others keep their defaults.
            with_run: Whether to add the whole run as in run.json, raw samples and code included.
            lang: Language of all sentences.
            **settings: How to measure.

        Returns:
            status: done
            findings: a sentence for each size
            summary: rows by branch and size: seconds, ratio and interval, bytes, gradients_right
            environment and id: where it was measured
            run: everything, if asked for
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
        """Sum up the operators and GPU kernels of a torch.profiler trace (.json or .json.gz).

        Answers where the time went and what allocated memory. What comes before the answer has the
        status reading.

        Args:
            file: The trace, as torch.profiler's export_chrome_trace writes it.
            sort: The column with the most first; kernels have no self_s and keep total_s.
            group: What is one row: a name, or name with input shapes, or name with Python stack.
            limit: At most so many rows of each table, 1 to 300.
            filter: Words that must all be in a row's name, shapes or stack.
            lang: Language of the notices.

        Returns:
            status: done
            ops and ops_found: the first rows of operators, and how many there are
            kernels and kernels_found: the same of what ran on a GPU
            name, events, end_s, start_unix_s, kinds, ranks: what the trace is
            notices: what to know of this trace
        """
        if not 1 <= limit <= MOST_ROWS:
            raise InputError("error.limit_range", high=MOST_ROWS)
        path = uploaded(file)
        try:
            for step in self._engine.read_trace(path):
                if step.trace is None:
                    yield {"status": "reading", "share": step.share}
                else:
                    tables = _tables(step.trace, sort, group, limit, filter)
                    head = json_data.trace(path.name, step.trace, translator(lang))
                    yield {"status": "done", **head, **tables}
        except Exception as error:
            raise trace_fault(error) from error


def _measuring(progress: Progress) -> Answer:
    run, cell = progress.run, progress.cell
    return {
        "status": "measuring",
        "size": None if cell is None else cell.size,
        "done": 0 if run is None else len(run.results),
        "total": None if run is None else len(run.cells),
        "elapsed_s": round(progress.elapsed_s, 1),
    }


def _tables(trace: Trace, sort: str, group: str, limit: int, words: str) -> Answer:
    tables = operator_groups(trace.events, group), kernels(trace.events)
    selections = [filter_rows(table, words, sort) for table in tables]
    return json_data.operators(
        *(Selection(each.table.head(limit), each.found) for each in selections)
    )
