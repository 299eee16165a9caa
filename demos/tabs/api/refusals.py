"""Answers requests whose arguments do not fit, which Gradio itself would call its own failure."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from demos.locales import DEFAULT, translator

# Where arguments have names; Gradio raises these when it puts them in order.
_PATH = "/gradio_api/call/v2/"
_MOST_LETTERS = 200
_RAISED = (TypeError, KeyError)


def exception_handlers() -> dict[Any, Any]:
    """Return what the app is to do with errors that a request's arguments raise."""
    return dict.fromkeys(_RAISED, _refuse)


async def _refuse(request: Request, error: Exception) -> Response:
    if not request.url.path.startswith(_PATH):
        raise error
    # What follows the first sentence leads to a page that a script does not see.
    reason = str(error).partition(". ")[0]
    sentence = translator(DEFAULT)("error.arguments", reason=reason[:_MOST_LETTERS])
    return JSONResponse({"error": sentence}, status_code=422)
