"""What no lesson explains or is about finds nothing, however long and odd it is."""

from __future__ import annotations

import pytest

from profiling.catalogue.search import MAX_LETTERS, Fit, find
from profiling.model.errors import InputError
from profiling.model.words import LANGUAGES
from tests.profiling.catalogue.raised import TRACEBACK


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "query",
    [
        "CUDA out of memory",
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 23.69 "
        "GiB total capacity; 20.51 GiB already allocated; 1.12 GiB free)",
        "hello world",
        "KeyError: 'x'",
        "KeyError: 'state_dict'",
        "Mix 200 g of flour with two eggs and the sugar, add the butter, and bake the cake for 30 "
        "minutes until it is golden. Let it cool before you cut it.",
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x3 and 5x2)",
        "RuntimeError: Expected all tensors to be on the same device, but found at least two "
        "devices, cuda:0 and cpu!",
        "RuntimeError: cannot resize variables that require grad",
        "RuntimeError: CUDA error: device-side assert triggered",
        "RuntimeError: The size of tensor a (3) must match the size of tensor b (4)",
        "ValueError: only one element tensors can be converted to Python scalars",
        "IndexError: index 5 is out of bounds for dimension 0 with size 3",
        "AttributeError: 'NoneType' object has no attribute 'backward'",
        "AttributeError: 'tuple' object has no attribute 'shape'",
        "AttributeError: 'list' object has no attribute 'backward'",
        "TypeError: can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.",
        'RuntimeError: Error(s) in loading state_dict for Net: Missing key(s): "fc.weight".',
        "RuntimeError: expected scalar type Float but found Half",
        "ModuleNotFoundError: No module named 'torch'",
        f"{TRACEBACK}KeyError: 'detach'",
        "how to install python on windows",
        "weather tomorrow in Berlin",
        "lorem ipsum dolor sit amet, consectetur adipiscing elit",
        "今天天气怎么样",
        "蛋糕怎么做",
        "你好世界",
        "привет мир",
        "why how what is the",
        "为什么",
        "x",
        "12345 67890",
        "!!! ??? ...",
        "🙂🙂🙂",
        "\0\ud800",
        "",
        " \t\r\n",
    ],
)
def test_what_no_lesson_is_about_finds_nothing(query: str, language: str) -> None:
    assert find(query, language) == ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM users WHERE id = 1",
        "what learning rate should I use for adam",
        "best learning rate schedule for training a vision transformer from scratch",
        "difference between CrossEntropyLoss and NLLLoss",
        "数据集类别不平衡怎么给损失函数加权重",
    ],
)
def test_what_only_shares_words_is_not_certain(query: str, language: str) -> None:
    assert {hit.fit for hit in find(query, language)} <= {Fit.MAYBE}


@pytest.mark.parametrize(
    "piece",
    ["a", " ", "\n", "🙂", "梯", "(", "([{", ".*+?^${}()|[]\\", "a-", "w ", "İ", "{}"],
)
def test_long_and_odd_queries_find_nothing(piece: str) -> None:
    assert find((piece * MAX_LETTERS)[:MAX_LETTERS], "en") == ()


def test_a_query_that_is_too_long_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        find("a" * (MAX_LETTERS + 1), "en")
    assert refused.value.key == "error.find_too_long"
    assert refused.value.values == {"high": 20_000}
