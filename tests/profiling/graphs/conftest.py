"""What all drawings' tests share."""

from __future__ import annotations

import pytest

from profiling.model.words import Text, translator


@pytest.fixture(scope="session")
def say() -> Text:
    return translator("en")
