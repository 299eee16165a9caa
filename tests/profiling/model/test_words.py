from __future__ import annotations

import pytest

from profiling.model.words import LANGUAGES, lenient, translator


@pytest.mark.parametrize("language", LANGUAGES)
def test_known_keys_are_said_as_ever(language: str) -> None:
    text = translator(language)
    said = lenient(text)
    assert said("status.ok") == text("status.ok")
    values = {"size": "8", "unit": "rows", "dtype": "float32", "device": "cpu"}
    assert said("finding.where", **values) == text("finding.where", **values)


@pytest.mark.parametrize("language", LANGUAGES)
def test_unknown_keys_and_missing_values_give_the_keys_last_part(language: str) -> None:
    said = lenient(translator(language))
    assert said("size.apples") == "apples"
    assert said("workload.theirs.absent.detach") == "detach"
    assert said("error.will_not_fit", surprise=1) == "will_not_fit"
    assert said("") == ""
