"""Reads a piece of code, without running it, for what cuts, changes or keeps a graph.

Reading knows neither types nor values: `h.add_(1)` is a change in place of whatever `h` is. What
really happened to a gradient is told by `profiling.watch`, which runs the code.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from profiling.model.record import Record

Effect = Literal["cuts", "changes", "keeps", "notes"]

# Longest text that is read.
MAX_LETTERS = 20_000
_FENCE = re.compile(r"\A\s*```\w*\n(?P<code>.*?)(?:\n```\s*)?\Z", re.S)
_PROMPTS = re.compile(r"^(?:>>> |\.\.\. |In \[\d+\]: )", re.M)
# Raised for text that is no code, or nested too deeply to be any.
_NOT_CODE = (SyntaxError, ValueError, RecursionError, MemoryError)


class Sign(Record, frozen=True):
    """A place in the code.

    Attributes:
        line: Its line, from 1.
        start: Its first column, from 0.
        end: The column after its last one on that line.
        code: The code there.
        kind: What it is, as in the locale key ``sign.KIND``.
        effect: Whether it cuts a gradient, changes a tensor in place, keeps a graph alive, or is
            worth a note.
        lesson: The lesson that shows what it does.
    """

    line: int
    start: int
    end: int
    code: str
    kind: str
    effect: Effect
    lesson: str


class _Kind(NamedTuple):
    effect: Effect
    lesson: str


KINDS: dict[str, _Kind] = {
    "detach": _Kind("cuts", "detach_untouched"),
    "detach_inplace": _Kind("cuts", "detach_or_detach_inplace"),
    "data": _Kind("cuts", "data_or_detach"),
    "no_grad": _Kind("cuts", "no_grad_kills_the_stem"),
    "inference_mode": _Kind("cuts", "inference_tensor_in_training"),
    "grad_mode": _Kind("cuts", "no_grad_and_threads"),
    "number": _Kind("cuts", "rebuilt_from_numbers"),
    "numpy": _Kind("cuts", "numpy_in_forward"),
    "rebuilt": _Kind("cuts", "rebuilt_from_numbers"),
    "argmax": _Kind("cuts", "argmax_as_loss"),
    "round": _Kind("cuts", "straight_through"),
    "sample": _Kind("cuts", "sample_or_rsample"),
    "freeze": _Kind("notes", "freeze_and_finetune"),
    "requires_grad": _Kind("notes", "nothing_requires_grad"),
    "changed_data": _Kind("changes", "data_or_detach"),
    "in_place": _Kind("changes", "changed_after_saved"),
    "written_index": _Kind("changes", "leaf_in_place"),
    "written_in_loop": _Kind("changes", "write_in_a_loop"),
    "inplace_layer": _Kind("changes", "changed_after_saved"),
    "total": _Kind("keeps", "total_loss_grows"),
    "collected": _Kind("keeps", "total_loss_grows"),
    "retain_graph": _Kind("keeps", "second_backward"),
    "create_graph": _Kind("keeps", "double_backward"),
    "create_graph_backward": _Kind("keeps", "create_graph_cycle"),
    "minus_detach": _Kind("notes", "surrogate_loss"),
    "library_method": _Kind("notes", "library_no_grad"),
    "state_dict": _Kind("notes", "state_dict_is_aliased"),
    "reentrant": _Kind("notes", "checkpoint_frozen_input"),
    "moved_leaf": _Kind("notes", "moved_is_no_leaf"),
    "masked_late": _Kind("notes", "where_sqrt_nan"),
    "zeros": _Kind("notes", "zero_is_a_gradient"),
}

_NUMBERS = {"item", "tolist"}
_REBUILDING = {"tensor", "as_tensor", "from_numpy", "Tensor", "FloatTensor"}
_ARGMAX = {"argmax", "argmin", "argsort", "multinomial"}
_ROUNDING = {"round", "floor", "ceil", "sign", "trunc", "heaviside"}
_ROUNDING_OF = {"torch", "F"}
_NOT_TENSORS = {"math", "np", "numpy", "random", "rng"}
_MODES = {
    "no_grad": "no_grad",
    "inference_mode": "inference_mode",
    "set_grad_enabled": "grad_mode",
}
# End in an underscore and change no values that backward may need.
_NOT_VALUES = {"requires_grad_", "detach_", "share_memory_"}
_FILLING = re.compile(r"^(?:init|nn\.init|torch\.nn\.init)\.")
_MOVING = {"to", "cuda", "cpu", "half", "float", "double", "bfloat16", "type"}
# Have a derivative that is infinite or NaN somewhere.
_STEEP = {"sqrt", "rsqrt", "log", "log2", "log10", "pow", "norm", "acos", "asin", "reciprocal"}
_LOSS = re.compile(r"loss|cost|objective|penalty", re.I)
_OUTPUT = re.compile(r"loss|out|pred|logits|hidden|feat|state|embed|score|\bh\b|\by\b", re.I)
# Libraries of models run these under `no_grad`; strings and tokenizers have them too.
_LIBRARY_METHODS = {"generate", "encode"}
_MODEL = re.compile(r"model|encoder|bert|gpt|llm|\bnet\b", re.I)
_CUTTING = {"detach", "item", "tolist", "numpy", "float"}


def parse(text: str) -> ast.Module | None:
    """Return the syntax tree of a text if it is code, also of a part of a function; else None.

    A single name or call is taken for words, as people also ask for ``detach()``.
    """
    if len(text) > MAX_LETTERS:
        return None
    try:
        tree = ast.parse(plain(text))
    except _NOT_CODE:
        return None
    return None if all(map(_may_be_words, tree.body)) else tree


def plain(text: str) -> str:
    """Return code without the marks that come with copying it: fences, prompts, indentation."""
    fenced = _FENCE.match(text)
    code = fenced["code"] if fenced else text
    return textwrap.dedent(_PROMPTS.sub("", code)).strip("\n")


def signs(text: str) -> tuple[Sign, ...]:
    """Return what cuts, changes or keeps a graph in a piece of code, in order.

    Args:
        text: Code as `parse` takes it.

    Returns:
        The places; none in a text that is no code.
    """
    tree = parse(text)
    if tree is None:
        return ()
    lines = plain(text).split("\n")
    try:
        found = {
            _sign(kind, at, lines)
            for node, loops in _walk(tree)
            for look in _LOOKS
            for kind, at in look(node, loops)
        }
    except RecursionError:  # Only what is made up nests so deeply.
        return ()
    return tuple(sorted(found, key=lambda sign: (sign.line, sign.start, sign.kind)))


def _may_be_words(statement: ast.stmt) -> bool:
    """Whether a statement may be words: a name, ``detach()``, or ``KeyError: name``."""
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    value = getattr(statement, "value", None)
    has_arguments = isinstance(value, ast.Call) and bool(value.args or value.keywords)
    return isinstance(statement, ast.Expr) and not has_arguments


def _walk(tree: ast.Module) -> Iterator[tuple[ast.AST, int]]:
    """Yield each node with the number of loops around it, without recursion."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, loops = waiting.pop()
        yield node, loops
        inner = loops + isinstance(node, (ast.For, ast.AsyncFor, ast.While))
        waiting += [(each, inner) for each in ast.iter_child_nodes(node)]


def _sign(kind: str, node: ast.AST, lines: list[str]) -> Sign:
    line = getattr(node, "lineno", 1)
    text = lines[line - 1]
    # The tree counts bytes.
    start = len(text.encode()[: getattr(node, "col_offset", 0)].decode(errors="ignore"))
    last = getattr(node, "end_lineno", line)
    end = len(text)
    if last == line:
        end = len(text.encode()[: getattr(node, "end_col_offset", 0)].decode(errors="ignore"))
    effect, lesson = KINDS[kind]
    return Sign(line, start, end, text[start:end], kind, effect, lesson)


def _name(node: ast.AST) -> str:
    """Return a dotted name such as ``torch.no_grad``; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def _called(node: ast.AST) -> str:
    """Return the last part of a called name; empty for other nodes."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return getattr(function, "attr", getattr(function, "id", ""))


def _owner(call: ast.Call) -> str:
    return _name(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def _flag(call: ast.Call, name: str) -> object:
    """Return the value of a keyword that is written as a constant; None without it."""
    for each in call.keywords:
        if each.arg == name and isinstance(each.value, ast.Constant):
            return each.value.value
    return None


def _is_cut(node: ast.AST) -> bool:
    """Whether a value is taken out of its graph where it stands."""
    return any(
        _called(each) in _CUTTING or (isinstance(each, ast.Attribute) and each.attr == "data")
        for each in ast.walk(node)
    )


def _detached(node: ast.expr) -> ast.expr:
    """Return the expression with ``.detach()`` behind it."""
    return ast.Call(ast.Attribute(node, "detach", ast.Load()), [], [])


def _is_new_leaf(node: ast.AST) -> bool:
    """Whether a call makes a tensor that requires grad."""
    return isinstance(node, ast.Call) and _flag(node, "requires_grad") is True


def _mode(node: ast.AST, loops: int) -> Iterator[tuple[str, ast.AST]]:
    places: list[ast.expr] = []
    if isinstance(node, (ast.With, ast.AsyncWith)):
        places = [item.context_expr for item in node.items]
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        places = list(node.decorator_list)
    elif isinstance(node, ast.Expr):
        places = [node.value] if _called(node.value) == "set_grad_enabled" else []
    for place in places:
        name = _called(place) or _name(place).rpartition(".")[2]
        is_on = isinstance(place, ast.Call) and any(
            isinstance(each, ast.Constant) and each.value is (name == "set_grad_enabled")
            for each in place.args
        )
        if name in _MODES and not is_on:
            yield _MODES[name], place


def _cut(node: ast.AST, loops: int) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Call):
        name, owner = _called(node), _owner(node)
        is_method = isinstance(node.func, ast.Attribute)
        if name == "detach":
            yield "detach", node
        elif name == "detach_":
            yield "detach_inplace", node
        elif name in _NUMBERS and is_method:
            yield "number", node
        elif name == "numpy" and is_method:
            yield "numpy", node
        elif name in _REBUILDING and (owner in ("torch", "") or owner.endswith("torch")):
            if node.args and not _is_literal(node.args[0]):
                yield "rebuilt", node
        elif name in _ARGMAX and is_method:
            yield "argmax", node
        elif name in _ROUNDING and is_method:
            if (owner in _ROUNDING_OF or not node.args) and owner not in _NOT_TENSORS:
                yield "round", node
        elif name == "sample" and is_method and owner.rpartition(".")[2] not in _NOT_TENSORS:
            yield "sample", node
    elif isinstance(node, ast.Attribute):
        is_read = isinstance(node.ctx, ast.Load)
        if node.attr == "data" and is_read and not _name(node.value).endswith("utils"):
            yield "data", node


def _is_literal(node: ast.AST) -> bool:
    """Whether only numbers stand in an expression, so that there was never a graph."""
    return not any(
        isinstance(each, (ast.Name, ast.Attribute, ast.Subscript)) for each in ast.walk(node)
    )


def _changed(node: ast.AST, loops: int) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Call):
        name = _called(node)
        if _flag(node, "inplace") is True:
            yield "inplace_layer", node
        if not name.endswith("_") or name.endswith("__") or name in _NOT_VALUES:
            return
        if not isinstance(node.func, ast.Attribute) or _FILLING.match(_name(node.func)):
            return
        owner = node.func.value
        if isinstance(owner, ast.Attribute) and owner.attr == "data":
            yield "changed_data", node
        elif not (isinstance(owner, ast.Attribute) and owner.attr == "grad"):
            yield "in_place", node
    elif isinstance(node, (ast.Assign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            base = target.value if isinstance(target, ast.Subscript) else target
            if isinstance(base, ast.Attribute) and base.attr == "data":
                yield "changed_data", target
            elif isinstance(target, ast.Subscript) and not _is_key(target.slice):
                yield "written_in_loop" if loops else "written_index", target


def _is_key(index: ast.AST) -> bool:
    """Whether an index is that of a dict, which holds tensors and is none."""
    return isinstance(index, ast.JoinedStr) or (
        isinstance(index, ast.Constant) and isinstance(index.value, str)
    )


def _kept(node: ast.AST, loops: int) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        if loops and _LOSS.search(ast.unparse(node.value)) and not _is_cut(node.value):
            yield "total", node
    elif isinstance(node, ast.Call):
        if _flag(node, "retain_graph") is True:
            yield "retain_graph", node
        if _flag(node, "create_graph") is True:
            is_method = _called(node) == "backward"
            yield "create_graph_backward" if is_method else "create_graph", node
        if _flag(node, "use_reentrant") is True:
            yield "reentrant", node
        if loops and _called(node) == "append" and len(node.args) == 1:
            value = node.args[0]
            if _OUTPUT.search(ast.unparse(value)) and not _is_cut(value):
                yield "collected", node


def _noted(node: ast.AST, loops: int) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.BinOp) and (_is_new_leaf(node.left) or _is_new_leaf(node.right)):
        yield "moved_leaf", node
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and _called(node) in _MOVING:
            if _is_new_leaf(node.func.value):
                yield "moved_leaf", node
        elif _called(node) == "where" and _owner(node) == "torch":
            if any(_called(each) in _STEEP for part in node.args[1:] for each in ast.walk(part)):
                yield "masked_late", node
        elif _called(node) == "zero_grad" and _flag(node, "set_to_none") is False:
            yield "zeros", node
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr == "requires_grad":
                is_on = isinstance(node.value, ast.Constant) and node.value.value is True
                is_loss = _LOSS.search(_name(target.value)) is not None
                if is_on and is_loss:
                    yield "requires_grad", node
                elif isinstance(node.value, ast.Constant) and node.value.value is False:
                    yield "freeze", node
        if _called(node.value) == "state_dict":
            yield "state_dict", node.value
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        if ast.dump(node.right) == ast.dump(_detached(node.left)):
            yield "minus_detach", node
    elif isinstance(node, ast.Call) and _called(node) in _LIBRARY_METHODS:
        if _MODEL.search(_owner(node)):
            yield "library_method", node
    elif isinstance(node, ast.Call) and _called(node) == "requires_grad_":
        is_off = any(isinstance(each, ast.Constant) and each.value is False for each in node.args)
        if is_off:
            yield "freeze", node
        elif _LOSS.search(_owner(node)):
            yield "requires_grad", node


_LOOKS: tuple[Callable[[ast.AST, int], Iterator[tuple[str, ast.AST]]], ...] = (
    _mode,
    _cut,
    _changed,
    _kept,
    _noted,
)
