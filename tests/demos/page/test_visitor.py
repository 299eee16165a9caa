"""The language of a visitor, as the server knows it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from demos.page.common import language, words


def request(cookie: str | None = None, accepts: str | None = None) -> Any:
    cookies = {} if cookie is None else {"lang": cookie}
    headers = {} if accepts is None else {"accept-language": accepts}
    return SimpleNamespace(cookies=cookies, headers=headers)


@pytest.mark.parametrize(
    ("cookie", "accepts", "spoken"),
    [
        ("zh", "en-US,en;q=0.9", "zh"),
        ("en", "zh-CN,zh;q=0.9", "en"),
        (None, "zh-TW,zh;q=0.9,en;q=0.8", "zh"),
        (None, "zh", "zh"),
        (None, "en-GB", "en"),
        (None, "fr-FR,zh;q=0.5", "en"),
        ("<script>", "", "en"),
        (None, None, "en"),
    ],
)
def test_the_cookie_counts_then_the_browser_then_english(
    cookie: str | None, accepts: str | None, spoken: str
) -> None:
    assert language(request(cookie, accepts)) == spoken


def test_a_call_without_a_request_speaks_english() -> None:
    assert language(None) == "en"
    assert words(None)("tab.compare") == "Compare"
