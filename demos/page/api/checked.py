"""Turns a method into an API endpoint: checks arguments, returns plain data, reports errors."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import gradio as gr
import msgspec
from gradio.utils import get_upload_folder, is_in_or_equal
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from profiling.engine.plan import SETTINGS
from profiling.model.errors import DetachLabError, InputError, short
from profiling.model.request import FIELDS, Choice, Choices, DeviceChoice, Setting
from profiling.model.words import DEFAULT, LANGUAGES, Text, translator
from profiling.output.json_data import plain

# Where arguments have names; Gradio raises these when it puts them in order.
_PATH = "/gradio_api/call/v2/"
_MOST_LETTERS = 200
_RAISED = (TypeError, KeyError)
Handler = Callable[..., Any]

_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD
# The argument of a handler that stands for all declared settings.
_SETTINGS = "settings"

_log = logging.getLogger(__name__)


def exception_handlers() -> dict[Any, Any]:
    """Return the app's handlers of the errors that Gradio raises for wrong argument names."""
    return dict.fromkeys(_RAISED, _refuse)


async def _refuse(request: Request, error: Exception) -> Response:
    if not request.url.path.startswith(_PATH):
        raise error
    # What follows the first sentence leads to a page that a script does not see.
    reason = str(error).partition(". ")[0]
    sentence = translator(DEFAULT)("error.arguments", reason=reason[:_MOST_LETTERS])
    return JSONResponse({"error": sentence}, status_code=422)


def checked(handler: Handler) -> Handler:
    """Return an endpoint that checks its arguments and calls a handler.

    Arguments are converted to the handler's type hints; None selects the default. The argument
    `lang` sets the language of errors. The argument ``**settings`` is replaced by one argument for
    each declared setting of a comparison.

    Args:
        handler: Returns or yields plain data or records. If it yields, the last item is the answer
            and the others report progress.

    Returns:
        A function for `gradio.api`. It raises `gradio.Error` with one sentence for any error.
    """
    signature = _signature(handler)

    def arguments(given: tuple[Any, ...]) -> dict[str, Any]:
        named = signature.bind_partial(*given).arguments
        found = {}
        for name, parameter in signature.parameters.items():
            value = named.get(name)
            has_default = parameter.default is not inspect.Parameter.empty
            # Agents send null for what they leave out.
            is_left_out = value is None and has_default
            hint = parameter.annotation
            found[name] = parameter.default if is_left_out else _read(name, value, hint)
        return found

    def once(request: gr.Request, *given: Any) -> Any:
        with _said(_words(signature, given)):
            return _answer(handler(**arguments(given)), request)

    def in_steps(request: gr.Request, *given: Any) -> Iterator[Any]:
        with _said(_words(signature, given)):
            for step in handler(**arguments(given)):
                yield _answer(step, request)

    endpoint = in_steps if inspect.isgeneratorfunction(handler) else once
    return _dressed(endpoint, handler, signature)


def uploaded(file: Any) -> Path:
    """Return the path of an uploaded file.

    Raises:
        InputError: The path is not in Gradio's folder of uploads.
    """
    path = file.get("path") if isinstance(file, dict) else None
    if not isinstance(path, str) or "\0" in path or not is_in_or_equal(path, get_upload_folder()):
        raise InputError("error.not_uploaded")
    return Path(path)


def _signature(handler: Handler) -> inspect.Signature:
    """Return a handler's signature, with ``**settings`` replaced by the declared settings."""
    signature = inspect.signature(handler, eval_str=True)
    arguments = {**signature.parameters}
    if arguments.pop(_SETTINGS, None) is None:
        return signature
    arguments |= {name: _argument(setting) for name, setting in SETTINGS.items()}
    # What there was from the start comes first, for scripts that go by position.
    fields = sorted(FIELDS, key=lambda name: isinstance(SETTINGS.get(name), Choices))
    order = dict.fromkeys((*(name for name in fields if name in arguments), *arguments))
    return signature.replace(parameters=[arguments[name] for name in order])


def _argument(setting: Setting) -> inspect.Parameter:
    # A device may have an index besides.
    hint: Any = type(setting.default)
    if isinstance(setting, Choice) and not isinstance(setting, DeviceChoice):
        hint = Literal[setting.choices]
    if isinstance(setting, Choices):
        names: Any = Literal[setting.choices]
        hint = tuple[names, ...]
    return inspect.Parameter(setting.name, _POSITIONAL, default=setting.default, annotation=hint)


def _documented(handler: Handler) -> str:
    """Return a handler's docstring, with ``**settings`` replaced by the declared settings."""
    lines = [f"    {name}: {setting.help}" for name, setting in SETTINGS.items()]
    text = inspect.getdoc(handler) or ""
    return re.sub(rf"^ *\*\*{_SETTINGS}:.*$", "\n".join(lines), text, flags=re.MULTILINE)


def _dressed(endpoint: Handler, handler: Handler, signature: inspect.Signature) -> Handler:
    """Give an endpoint its handler's name, docstring and signature, with the request added."""
    functools.update_wrapper(endpoint, handler)
    request = inspect.Parameter("request", _POSITIONAL, annotation=gr.Request)
    parameters = [request, *signature.parameters.values()]
    # What is documented is one answer, also where steps come before it.
    endpoint.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=dict[str, Any]
    )
    endpoint.__annotations__ = {each.name: each.annotation for each in parameters}
    endpoint.__doc__ = _documented(handler)
    return endpoint


def _answer(found: Any, request: gr.Request) -> Any:
    """Return plain data; for agents as JSON text, since Gradio would send them a Python repr."""
    if request.headers.get("x-gradio-user") == "mcp":
        return msgspec.json.encode(found).decode()
    return plain(found)


def _words(signature: inspect.Signature, given: tuple[Any, ...]) -> Text:
    said = signature.bind_partial(*given).arguments.get("lang")
    return translator(said if isinstance(said, str) else None)


@contextlib.contextmanager
def _said(text: Text) -> Iterator[None]:
    """Convert any error to a `gradio.Error` with one sentence, as plain text for scripts."""
    try:
        yield
    except DetachLabError as error:
        raise gr.Error(text(error.key, **error.values), print_exception=False) from None
    except Exception:
        _log.exception("a request could not be answered")
        raise gr.Error(text("error.api_failed"), print_exception=False) from None


def _read(name: str, value: Any, hint: Any) -> Any:
    if hint is gr.FileData:
        return value  # `uploaded` reads it.
    if name == "lang" and value not in LANGUAGES:
        raise InputError(
            "error.unknown_language", name=short(str(value)), allowed=_listed(LANGUAGES)
        )
    try:
        return msgspec.convert(value, hint)
    except (msgspec.ValidationError, RecursionError):
        if typing.get_origin(hint) is Literal:
            allowed = _listed(typing.get_args(hint))
            raise InputError("error.argument_choice", name=name, allowed=allowed) from None
        raise InputError("error.argument", name=name, expected=_written(hint)) from None


def _written(hint: Any) -> str:
    """Return a type as Python source, without an optional None.

    Example:
        >>> _written(list[int] | None), _written(str)
        ('list[int]', 'str')
    """
    return hint.__name__ if isinstance(hint, type) else str(hint).removesuffix(" | None")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
