"""Short names of kernels, by the structure of their C++ names; distinct within a trace.

`void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>,
at::detail::Array<char*, 3>>(int, …)` becomes
`vectorized_elementwise_kernel<CUDAFunctor_add<float>>`: return type, parameters, namespaces,
numbers and what only moves data are left out, and a template
around a functor gives way to it. If two names of a trace become equal, more of both is kept.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

# A name is at most this long where its structure allows it.
LIMIT = 80
# More of a name tells nothing, and hostile ones are endless.
_MOST_PARSED = 2**12
_DEEPEST = 5
_MOST_WORDS = 8
_WORD_LIMIT = 32
_FOLD = "…"

_TOKEN = re.compile(
    r"""operator\s*(?:\(\)|\[\]|<=>|<<=?|>>=?|->\*?|&&|\|\||\+\+|--|[-+*/%^&|~!=<>]=?)
    |\(anonymous\ namespace\)|'lambda\d*'|::|->|<<|[\w$~.]+|\s+|[<>(){}\[\],]|.""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES = {">": "<", ")": "(", "}": "{", "]": "["}
_QUALIFIERS = {"const", "volatile", "noexcept"}
_ANONYMOUS = "(anonymous namespace)"
# A function of this name says nothing: cutlass calls all of its kernels so.
_NAMELESS = {"Kernel", "Kernel2", "device_kernel", "kernel"}
_SCALARS = {
    *("bool", "char", "short", "int", "long", "unsigned", "signed", "float", "double", "void"),
    *("half", "Half", "BFloat16", "__half", "__half2", "__nv_bfloat16", "__hip_bfloat16"),
    *("half_t", "bfloat16_t", "tfloat32_t", "complex", "int8_t", "uint8_t", "int32_t", "int64_t"),
    *("uint32_t", "uint64_t", "size_t", "Float8_e4m3fn", "Float8_e5m2", "auto"),
}
# How a kernel addresses, loads and stores, not what it computes.
_MOVERS = re.compile(
    r"[aA]rray|TensorListMetadata|\w*OffsetCalculator|(?:Load|Store)With(?:out)?Cast|integral_constant|enable_if"
    r"|\w*PolicyHub|\w*Policy\d*|\w*Traits|\w*TileState|NullType|Params"
)
_NUMBER = re.compile(r"-?\d[\w.+-]*|true|false|\(.*")
_LAMBDA = re.compile(r"\{|'lambda|\$_\d|operator\b")
_TENSILE = re.compile(r"(Cijk(?:_[A-Z][a-z]+)+(?:_[A-Z]{1,4}\d?)+?)(?=_)\w*?_(MT\d+x\d+x\d+)")
_MANGLED = re.compile(r"_ZN?K?(?=\d)")
# A parenthesis after a space is no list of parameters: Memcpy HtoD (Pageable -> Device).
_IS_CPP = re.compile(r"[<{]|::|\S\(")
_WORD = re.compile(r"[A-Za-z0-9.]+")


@dataclass
class _Part:
    """One part of a qualified name: ``f<args>(parameters)``."""

    text: str = ""
    args: list[_Name] | None = None
    parameters: list[_Name] | None = None
    after: str = ""


@dataclass
class _Name:
    """A qualified name, or another expression between two commas."""

    parts: list[_Part] = field(default_factory=lambda: [_Part()])


_Test = Callable[[_Name], bool]


def short_name(name: str) -> str:
    """Return the short name of a kernel, as far as it does not depend on other kernels.

    Example:
        >>> short_name("void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, "
        ...            "at::native::MeanOps<float, float> > >(at::native::ReduceOp<float>)")
        'reduce_kernel<MeanOps<float>>'
    """
    return _forms(name)(False)


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Return a short name for each name; different names have different short names.

    Args:
        names: The names of the kernels that are shown together, as those of one trace.
    """
    forms = {name: _forms(name) for name in dict.fromkeys(names)}
    least = {name: form(False) for name, form in forms.items()}
    found = dict(least)
    for name in [name for group in _same(least) for name in group]:
        found[name] = forms[name](True)
    taken = Counter(found.values())
    for group in _same(found):
        for name, words in zip(group, _differences(group), strict=True):
            found[name] = _free(f"{least[name]} [{words}]" if words else least[name], taken)
    return found


def _same(found: dict[str, str]) -> list[list[str]]:
    """Return the groups of names with the same short name."""
    groups = defaultdict(list)
    for name, short in found.items():
        groups[short].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _free(wanted: str, taken: Counter[str]) -> str:
    """Return a name that is not taken, with a number if needed, and take it."""
    found = wanted
    while taken[found]:
        # Counts how often it was wanted, so that no number is tried twice.
        taken[wanted] += 1
        found = f"{wanted} #{taken[wanted]}"
    taken[found] += 1
    return found


def _differences(names: list[str]) -> list[str]:
    """Return for each name the words that not all of them have, as few as tell them apart."""
    words = [_WORD.findall(name) for name in names]
    common = Counter(words[0])
    for each in words[1:]:
        common &= Counter(each)
    own = []
    for each in words:
        left = common.copy()
        kept = []
        for word in each:
            if left[word] > 0:
                left[word] -= 1
            else:
                kept.append(word if len(word) <= _WORD_LIMIT else f"{word[:_WORD_LIMIT]}{_FOLD}")
        own.append(kept)
    texts = [" ".join(kept[:1]) for kept in own]
    for count in range(1, _MOST_WORDS + 1):
        texts = [" ".join(kept[:count]) for kept in own]
        if len(set(texts)) == len(texts):
            break
    return texts


def _forms(name: str) -> Callable[[bool], str]:
    """Return a function that gives the short name without or with its numbers."""
    plain = " ".join(name.split()) or "?"
    tensile = _TENSILE.match(plain)
    if tensile is not None:
        return lambda numbers: "_".join(tensile.groups())
    mangled = _MANGLED.match(plain)
    if mangled is not None:
        return lambda numbers: _folded_words(_last_identifier(plain, mangled.end()))
    if not _IS_CPP.search(plain):
        return lambda numbers: _folded_words(plain)
    parsed = _parse(plain[:_MOST_PARSED])
    return lambda numbers: _rendered(parsed, numbers=numbers) or _folded_words(plain)


def _last_identifier(mangled: str, place: int) -> str:
    """Return the name of the function in an Itanium mangled name: each part has its length."""
    found = mangled
    while digits := re.match(r"\d{1,4}", mangled[place : place + 4]):
        begin = place + digits.end()
        place = begin + int(digits.group())
        found = mangled[begin:place] or found
    return found


def _folded_words(name: str) -> str:
    """Fold the middle of a name that is too long, between words."""
    if len(name) <= LIMIT:
        return name
    half = (LIMIT - len(_FOLD)) // 2
    head, tail = name[:half], name[-half:]
    # A cut inside a word would read as another one.
    head = head[: head.rfind("_") + 1] or head
    at = tail.find("_")
    tail = tail[at:] if at >= 0 else tail
    return f"{head}{_FOLD}{tail}"


def _parse(text: str) -> _Name:
    """Parse a C++ name; what is not balanced or cut off is read as far as it goes."""
    stack: list[tuple[str, list[_Name]]] = [("", [_Name()])]
    opened: Counter[str] = Counter()
    is_spaced = False
    for token in _TOKEN.findall(text):
        kind, names = stack[-1]
        name = names[-1]
        part = name.parts[-1]
        if token.isspace():
            is_spaced = True
            continue
        if token == "::":
            name.parts.append(_Part())
        elif token in "<({[" and not (token == "<" and (not part.text or part.args is not None)):
            inner = [_Name()]
            if token == "<":
                part.args = inner
            elif token == "(" and part.parameters is None:
                part.parameters = inner
            elif token == "{":
                part.text += "{"
                part.parameters = inner
            stack.append((token, inner))
            opened[token] += 1
        elif token in _CLOSES and opened[_CLOSES[token]] and (token != ">" or kind == "<"):
            # A "<" that nothing closes was an operator.
            while stack[-1][0] != _CLOSES[token]:
                opened[stack.pop()[0]] -= 1
            opened[stack.pop()[0]] -= 1
        elif token == "," and kind:
            names.append(_Name())
        elif token in _QUALIFIERS:
            pass
        elif part.args is None and part.parameters is None:
            if not kind and is_spaced and part.text:
                # What comes before a space was the return type.
                names[-1] = _Name([_Part(token)])
            else:
                part.text += f" {token}" if is_spaced and part.text else token
        elif not kind and is_spaced:
            names[-1] = _Name([_Part(token)])
        else:
            part.after += token
        is_spaced = False
    return stack[0][1][0]


def _rendered(name: _Name, *, numbers: bool) -> str:
    """Return a name with as many levels of templates as fit."""
    for depth in range(_DEEPEST, 0, -1):
        for keeps in (_is_type_or(numbers), _is_functor):
            found = _show(name, keeps, depth)
            if len(found) <= LIMIT:
                return found
    first = _show(_first_functor(name), _is_functor, 1)
    return first if len(first) <= LIMIT else _folded_words(_show(name, _is_functor, 0))


def _first_functor(name: _Name) -> _Name:
    """Return a name with only the first functor of its last part's arguments."""
    part = _named_part(name)
    if part is None:
        return name
    args = list(filter(_is_functor, part.args or []))[:1]
    return _Name([_Part(part.text, args or None)])


def _show(name: _Name, keeps: _Test, depth: int) -> str:
    part = _named_part(name)
    if part is None:
        return ""
    args = _shown_args(name, part, keeps, depth)
    text = part.text
    if text in _NAMELESS:
        if text != "kernel" and len(args) == 1 and args[0] != _FOLD:
            return args[0]
        outer = [each.text for each in name.parts if each is not part and _is_named(each)]
        text = "::".join([*outer[-1:], text])
    return f"{text}<{', '.join(args)}>" if args else text


def _named_part(name: _Name) -> _Part | None:
    """Return the last part of a name that is not a lambda or an operator of something."""
    parts = [part for part in name.parts if _is_named(part)]
    named = [part for part in parts if not _LAMBDA.match(part.text)] or parts
    return named[-1] if named else None


def _is_named(part: _Part) -> bool:
    return part.text not in ("", _ANONYMOUS)


def _shown_args(name: _Name, part: _Part, keeps: _Test, depth: int) -> list[str]:
    args = part.args or []
    last = name.parts[-1]
    if not args and part is not last:
        # A lambda's parameters tell the dtype that the function around it was called for.
        args = last.parameters or []
        if last.text == "{" and args:
            args = args[0].parts[-1].parameters or []
    if depth <= 0:
        return [_FOLD] if args else []
    shown = [_show(_unwrapped(each), keeps, depth - 1) for each in args if keeps(each)]
    return list(dict.fromkeys(filter(None, shown)))


def _unwrapped(name: _Name) -> _Name:
    """Return the functor in a template whose other arguments are none."""
    for _ in range(_DEEPEST):
        part = _named_part(name)
        functors = list(filter(_is_functor, part.args or [])) if part else []
        if len(functors) != 1:
            break
        name = functors[0]
    return name


def _is_type_or(numbers: bool) -> _Test:
    """Return the test whether an argument is a type, or a number if these are kept."""

    def keeps(name: _Name) -> bool:
        part = _named_part(name)
        if part is None or _NUMBER.match(part.text):
            return numbers
        return not _is_mover(name)

    return keeps


def _is_functor(name: _Name) -> bool:
    part = _named_part(name)
    if part is None or _NUMBER.match(part.text) or _is_mover(name):
        return False
    return part.text.rpartition(" ")[2].rstrip("*& ") not in _SCALARS


def _is_mover(name: _Name) -> bool:
    return any(_MOVERS.fullmatch(each.text) for each in name.parts)
