"""Makes the record of a session: everything in it by number, within bounds."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from types import CodeType
from typing import Any

import torch

from . import record
from .backward import Change, GraphNode, Pass
from .flow import Node, Operation
from .memory import Holding
from .session import Session
from .sites import LIBRARY, UNKNOWN, USER, Site, definition, kind
from .training import Parameter

# Text of a file, in characters; longer ones are shown without.
_MOST_TEXT = 400_000
_MOST_FILES = 40
_MOST_HOOKS = 20
# Asked before the script runs: it may start a process, and touches the filters of warnings.
_PLATFORM = platform.platform()


def build(
    session: Session,
    script: Iterable[str] = (),
    failure: record.Failure | BaseException | None = None,
    complete: bool = True,
) -> record.Watch:
    """Return the record of what a session has seen so far.

    Args:
        session: The session.
        script: The command that was run.
        failure: The error that ended it.
        complete: Whether the script has ended.
    """
    return _Builder(session).watch(tuple(script), failure, complete)


class _Builder:
    """Numbers files, sites, operations and nodes as they are met."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._files: dict[str, int] = {}
        self._own: dict[str, bool] = {}
        self._sites: dict[Site, int] = {}
        self._site_records: list[record.Site] = []
        self._operations: dict[int, int] = {}
        self._operation_records: list[record.Operation] = []
        self._kept_operations: list[Operation] = []
        self._nodes: dict[int, int] = {}
        self._stand_ins: dict[int, list[Parameter]] = {}

    def watch(self, script: tuple[str, ...], failure: Any, complete: bool) -> record.Watch:
        session = self._session
        flow = session.flow
        for each in session.parameters.all:
            if each.stands_for is not None:
                self._stand_ins.setdefault(each.stands_for.number, []).append(each)
        kept = self._telling_nodes()
        self._nodes = {node.id: number for number, node in enumerate(kept)}
        nodes = tuple(self._node(each) for each in kept)
        passes = session.passes.kept
        number_of = {id(each): number for number, each in enumerate(passes)}
        last = max((each.clock for each in passes), default=None)
        found = failure if not isinstance(failure, BaseException) else self.failure(failure)
        parts: dict[str, Any] = {
            "module_hook_sites": self._sites_of(session.module_hooks[:_MOST_HOOKS]),
            "parameters": tuple(self._parameter(each, last) for each in session.parameters.all),
            "optimizers": tuple(
                record.Optimizer(each.name, self._site(each.site), each.steps)
                for each in session.optimizers.all
            ),
            "backward": tuple(self._backward(each, number_of) for each in passes),
            "changes": tuple(self._change(each) for each in session.passes.changes),
            "growth": tuple(
                record.Growth(self._known(site), each.iterations, each.span + 1, each.held)
                for site, each in session.memory.growing.items()
            ),
            "held": tuple(
                self._held(site, each, forward_only)
                for forward_only, all_of_kind in (
                    (False, session.memory.held),
                    (True, session.memory.kept),
                )
                for site, each in all_of_kind.items()
            ),
        }
        return record.Watch(
            script=script,
            environment=_environment(),
            counts=self._counts(),
            nodes=nodes,
            operations=tuple(self._operation_records),
            sites=tuple(self._site_records),
            files=tuple(self._file(path) for path in self._files),
            failure=found,
            stopped=session.stopped,
            complete=complete,
            compiled=session.compiled,
            dropped=flow.dropped,
            notes=tuple(session.notes),
            **parts,
        )

    def failure(self, error: BaseException) -> record.Failure:
        """Describe the error that ended a script."""
        code, line = None, 0
        library: tuple[CodeType | None, int] = (None, 0)
        trace = error.__traceback__
        where = "elsewhere"
        while trace is not None:
            here = trace.tb_frame.f_code
            if kind(here) == USER:
                code, line = here, trace.tb_lineno
                library = (None, 0)
            elif library[0] is None and kind(here) == LIBRARY:
                library = (here, trace.tb_lineno)
            if here.co_name == "_engine_run_backward":
                where = "backward"
            elif here.co_name in ("forward", "_call_impl", "__torch_function__"):
                where = "forward"
            trace = trace.tb_next
        site = None
        if code is not None:
            site = self._site(Site(code, line, library[0], library[1], None, False))
        inference = None
        if "nference tensor" in str(error):
            off = [
                each.off_site for each in self._kept_operations if each.inference and each.off_site
            ]
            inference = self._site(off[-1]) if off else None
        return record.Failure(type(error).__name__, str(error), site, where, inference)

    # Parts

    def _telling_nodes(self) -> list[Node]:
        """Return the nodes that a diagnosis can ask about.

        These are what a loss was computed from, and what was computed from parameters whose
        gradient did not arrive. An evaluation of a model that trains is left out.
        """
        session = self._session
        nodes = session.flow.nodes
        users: dict[int, list[int]] = {}
        for node in nodes.values():
            for each in node.sources:
                users.setdefault(each, []).append(node.id)
        lacking = {each.number for each in session.parameters.all if _lacks(each)}
        own = [node.id for node in nodes.values() if node.parameter is not None]
        down = [each for each in own if _number(nodes[each].parameter) in lacking]
        up = [*own, *(root for each in session.passes.kept for root in each.roots)]
        for change in session.passes.changes:
            up.append(change.saver.id)
        found = _closure(up, lambda each: (*nodes[each].sources, *nodes[each].kept), nodes)
        found |= _closure(down, lambda each: users.get(each, ()), nodes)
        return [node for number, node in nodes.items() if number in found]

    def _counts(self) -> record.Counts:
        session = self._session
        ended = session.ended or time.monotonic()
        return record.Counts(
            backward=session.passes.count,
            steps=session.steps,
            iterations=session.flow.iteration,
            operations=session.operations,
            tensors=session.flow.tensors,
            seconds=round(ended - session.began, 3),
        )

    def _node(self, node: Node) -> record.Node:
        parameter: Parameter | None = node.parameter
        return record.Node(
            kind=node.kind,
            clock=node.id,
            iteration=node.iteration,
            operation=self._operation(node.operation),
            sources=self._node_numbers(node.sources),
            kept=self._node_numbers(node.kept),
            parameter=None if parameter is None else _number(parameter),
            dtype=node.dtype,
            shape=node.shape,
            requires_grad=node.requires_grad,
            differentiable=node.differentiable,
        )

    def _node_numbers(self, ids: Iterable[int]) -> tuple[int, ...]:
        return tuple(self._nodes[each] for each in ids if each in self._nodes)

    def _operation(self, operation: Operation | None) -> int | None:
        if operation is None:
            return None
        number = self._operations.get(id(operation))
        if number is None:
            number = self._operations[id(operation)] = len(self._operation_records)
            self._kept_operations.append(operation)
            self._operation_records.append(
                record.Operation(
                    name=operation.name,
                    site=self._known(operation.site),
                    iteration=operation.iteration,
                    grad=operation.grad,
                    inference=operation.inference,
                    off_site=self._site(operation.off_site),
                    function=operation.function,
                    function_site=self._site(operation.function_site),
                    backward_site=self._definition(operation.backward),
                    in_place=operation.in_place,
                    copying=operation.copying,
                    takes_numbers=operation.takes_numbers,
                    saved=operation.saved,
                )
            )
        return number

    def _parameter(self, each: Parameter, last: int | None) -> record.Parameter:
        tensor = each.tensor()
        if tensor is not None:
            each.requires_grad = tensor.requires_grad
        used = [each, *self._stand_ins.get(each.number, ())]
        first_uses = [p.first_use_with_grad for p in used if p.first_use_with_grad is not None]
        # The flat parameter is what an optimizer of FSDP holds.
        held = each.flat or each
        return record.Parameter(
            names=tuple(each.names),
            module=each.module,
            shape=each.shape,
            bytes=each.bytes,
            requires_grad=each.requires_grad,
            is_parameter=each.is_parameter,
            alive=tensor is not None,
            frozen_site=self._site(each.frozen_site),
            optimizers=tuple(sorted(held.optimizers)),
            arrivals=each.arrivals,
            asked=each.asked,
            used_by_hand=each.used_by_hand,
            arrived_nonzero=each.arrived_nonzero,
            arrived_zero=each.arrived_zero,
            steps=held.steps,
            steps_with_gradient=held.steps_with_gradient if each.arrivals else 0,
            cleared_site=self._site(each.cleared_site),
            hook_sites=self._sites_of(each.hook_sites),
            only_evaluated=each.only_evaluated,
            uses_with_grad=sum(p.uses_with_grad for p in used),
            uses_without_grad=sum(p.uses_without_grad for p in used),
            used_after_backward=last is not None and bool(first_uses) and min(first_uses) > last,
        )

    def _backward(self, each: Pass, number_of: dict[int, int]) -> record.Backward:
        graph = list(each.graph.values()) if each.zeros else []
        at = {node.key: number for number, node in enumerate(graph)}
        return record.Backward(
            kind=each.kind,
            site=self._known(each.site),
            clock=each.clock,
            iteration=each.iteration,
            roots=self._node_numbers(each.roots),
            leaves=tuple(dict.fromkeys(_number(leaf) for leaf in each.leaves.values())),
            inputs=None if each.inputs is None else tuple(_number(p) for p in each.inputs),
            create_graph=each.create_graph,
            stepped=tuple(sorted(each.stepped)),
            error=each.error,
            reuses=tuple(
                record.Reuse(self._at(node), self._at(freed), number_of[id(by)])
                for node, freed, by in each.reuses
                if id(by) in number_of
            ),
            graph=tuple(self._graph_node(node, at) for node in graph),
        )

    def _graph_node(self, each: GraphNode, at: dict[int, int]) -> record.GraphNode:
        return record.GraphNode(
            name=each.name,
            custom=each.custom,
            node=self._at(each.node),
            to=tuple(None if key is None else at.get(key) for key in each.to),
            leaves=tuple(None if leaf is None else _number(leaf) for leaf in each.leaves),
            received=each.received,
            sent=tuple(each.sent),
            hook_sites=self._sites_of(each.hook_sites),
        )

    def _at(self, node: Node | None) -> int | None:
        return None if node is None else self._nodes.get(node.id)

    def _change(self, each: Change) -> record.Change:
        saver = each.saver.operation
        return record.Change(
            saver="" if saver is None else saver.name,
            node=self._at(each.saver),
            saver_site=self._known(UNKNOWN if saver is None else saver.site),
            writer=each.name,
            writer_sites=self._sites_of(each.sites),
            through=each.through,
            saved_version=each.saved_version,
            version=each.version,
            backward_site=self._known(each.at.site),
            raised=each.raised,
        )

    def _held(self, site: Site, each: Holding, forward_only: bool) -> record.Held:
        puts = []
        for path, line in each.puts:
            place = record.Place(self._path(path, True), line)
            self._site_records.append(record.Site(place))
            puts.append(len(self._site_records) - 1)
        names = tuple(dict.fromkeys(holder.name for holder in each.holders))
        return record.Held(self._known(site), each.iterations, names, tuple(puts), forward_only)

    # Sites and files

    def _sites_of(self, sites: Iterable[Site]) -> tuple[int, ...]:
        return tuple(self._known(each) for each in dict.fromkeys(sites))

    def _site(self, site: Site | None) -> int | None:
        return None if site is None else self._known(site)

    def _definition(self, code: CodeType | None) -> int | None:
        """Return the site of the first line of a person's own function."""
        if code is None or kind(code) != USER:
            return None
        return self._known(definition(code))

    def _known(self, site: Site) -> int:
        number = self._sites.get(site)
        if number is None:
            found = record.Site(
                own=self._place(site.code, site.line),
                library=self._place(site.library, site.library_line),
                decorated=None
                if site.decorated is None
                else self._place(site.decorated, site.decorated.co_firstlineno),
            )
            number = self._sites[site] = len(self._site_records)
            self._site_records.append(found)
        return number

    def _place(self, code: CodeType | None, line: int) -> record.Place | None:
        if code is None:
            return None
        return record.Place(self._path(code.co_filename, kind(code) == USER), line, code.co_name)

    def _path(self, path: str, own: bool) -> int:
        self._own.setdefault(path, own)
        return self._files.setdefault(path, len(self._files))

    def _file(self, path: str) -> record.File:
        own = self._own[path]
        text = _text(path) if own and self._files[path] < _MOST_FILES else None
        return record.File(path, own, text)


def _number(parameter: Parameter) -> int:
    """Return the number of a parameter, or of the one that it stands for."""
    return (parameter.stands_for or parameter).number


def _lacks(parameter: Parameter) -> bool:
    """Return whether a diagnosis may ask what became of a parameter's gradient."""
    zeros = parameter.arrived_nonzero is False
    return zeros or record.waits(parameter) or not record.has_arrived(parameter)


def _closure(
    starts: Iterable[int], following: Callable[[int], Iterable[int]], among: Container[int]
) -> set[int]:
    """Return some nodes and all that follow from them."""
    found = {each for each in starts if each in among}
    stack = list(found)
    while stack:
        for each in following(stack.pop()):
            if each in among and each not in found:
                found.add(each)
                stack.append(each)
    return found


def _text(path: str) -> str | None:
    """Return the source of a file, or of a cell of a notebook."""
    import linecache

    try:
        text = Path(path).read_bytes().decode("utf-8", "replace")
    except OSError:
        text = "".join(linecache.getlines(path))
    return text if text and len(text) <= _MOST_TEXT else None


def _environment() -> record.Environment:
    devices = ["cpu"]
    if torch.cuda.is_available():
        devices += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return record.Environment(
        torch=torch.__version__,
        python=".".join(map(str, sys.version_info[:3])),
        platform=_PLATFORM,
        devices=tuple(devices),
    )
