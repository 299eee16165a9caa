"""Errors and words find the lessons that explain them, and nothing else does."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest

from profiling import catalogue
from profiling.catalogue import LESSONS
from profiling.catalogue.search import MAX_LETTERS, Field, Fit, Hit, find
from profiling.catalogue.search.patterns import Letters
from profiling.model.words import LANGUAGES, table
from tests.profiling.catalogue.raised import CAUSES, COPIES, TRACEBACK, message

NO_GRAD_FN = "element 0 of tensors does not require grad and does not have a grad_fn"
CHANGED = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [torch.cuda.HalfTensor [512, 10]], which is output 0 of AsStridedBackward0, is at "
    "version 12; expected version 11 instead. Hint: the backtrace further above shows the "
    "operation that failed to compute its gradient. Good luck!"
)
SECOND_TIME = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)
said = functools.cache(message)


def names(query: str, language: str = "en") -> list[str]:
    return [hit.lesson for hit in find(query, language)]


def explaining(text: str) -> set[str]:
    return {name for name in LESSONS if text in catalogue.lesson(name).errors}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_torch_raises_finds_its_lesson_first(language: str) -> None:
    for cause, (_, first) in CAUSES.items():
        hit, *others = find(said(cause), language)
        assert (hit.lesson, hit.fit) == (first, Fit.WHOLE), cause
        assert hit.letters >= max((other.letters for other in others), default=0), cause


@pytest.mark.parametrize(
    "kind",
    [
        *("torch.cuda.FloatTensor", "torch.cuda.BFloat16Tensor", "torch.mps.FloatTensor"),
        *("torch.xpu.HalfTensor", "torch.DoubleTensor", "labFloatType", "CUDAFloatType"),
    ],
)
def test_an_error_is_found_whatever_the_device_that_raised_it(kind: str) -> None:
    plain = said("changed in place")
    assert plain.count("torch.FloatTensor") == 1
    there = plain.replace("torch.FloatTensor", kind)
    for copy, change in COPIES.items():
        assert names(change(there)) == names(change(plain)), copy
    assert {hit.fit for hit in find(there, "en")} == {Fit.WHOLE}
    # Of a leaf it is not said which op's output it is: cuDNN saves the weights themselves.
    of_a_leaf = re.sub(r", which is output 0 of \w+,", "", there)
    assert of_a_leaf != there
    assert names(of_a_leaf) == names(there)
    assert {hit.fit for hit in find(of_a_leaf, "en")} == {Fit.PART}


def test_a_copy_of_a_message_finds_what_the_message_finds() -> None:
    # A name in quotes has to be right: another one makes another error.
    lost = {("tuple", "mistyped"), ("tuple", "mistyped in a traceback")}
    first = {
        (cause, copy): next(iter(names(change(said(cause)))), "")
        for cause in CAUSES
        for copy, change in COPIES.items()
    }
    wrong = {(cause, copy) for (cause, copy), found in first.items() if found != CAUSES[cause][1]}
    assert wrong == lost


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_of_a_lesson_finds_it(language: str) -> None:
    for text in {text for name in LESSONS for text in catalogue.lesson(name).errors}:
        found = find(text.replace("{}", "7"), language)
        assert explaining(text) <= {hit.lesson for hit in found}, text
        assert {hit.fit for hit in found if hit.lesson in explaining(text)} == {Fit.WHOLE}, text


@pytest.mark.parametrize(
    ("query", "first"),
    [
        # Other shapes, dtypes, devices and hints.
        (CHANGED, "detach_then_zero"),
        (CHANGED.partition(":")[0], "detach_then_zero"),
        (CHANGED.replace(", which is output 0 of AsStridedBackward0,", ""), "detach_then_zero"),
        # A weight is at version 1 until an optimizer's first step.
        (CHANGED.replace("12;", "2;").replace("11", "1"), "step_before_backward"),
        ("The differentiated Tensor at index 12 appears to not have been used", "grad_of_unused"),
        (NO_GRAD_FN.replace("0", "1"), "backward_through_detached"),
        (f"ValueError: could not train\n\nRuntimeError: {NO_GRAD_FN}", "backward_through_detached"),
        # Older wordings.
        (NO_GRAD_FN.replace("tensors", "variables"), "backward_through_detached"),
        (
            "Trying to backward through the graph a second time, but the buffers have already been "
            "freed. Specify retain_graph=True when calling backward the first time.",
            "second_backward",
        ),
        (
            "Can't call numpy() on Variable that requires grad. Use var.detach().numpy() instead.",
            "numpy_needs_detach",
        ),
        (
            "a leaf Variable that requires grad has been used in an in-place operation.",
            "leaf_in_place",
        ),
        (
            "Only Variables created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment",
            "deepcopy_of_non_leaf",
        ),
        (
            "One of the differentiated Tensors appears to not have been used in the graph. "
            "Set allow_unused=True if this is the desired behavior.",
            "grad_of_unused",
        ),
        (
            "A view was created in no_grad mode and its base or another view of its base has been "
            "modified inplace with grad mode enabled.",
            "view_made_in_no_grad",
        ),
        # Pieces.
        ("modified by an inplace operation", "detach_then_zero"),
        ("... not require grad and does not have a grad_fn", "backward_through_detached"),
        ("RuntimeError: Trying to backward through the gra", "second_backward"),
        # What surrounds it tells which of the lessons is nearest.
        (f"in my GAN\n{TRACEBACK}RuntimeError: {NO_GRAD_FN}", "gan_generator_step"),
        (
            f"    d_loss = discriminator(fake)\nRuntimeError: {SECOND_TIME}",
            "gan_discriminator_step",
        ),
        (f"RuntimeError: {SECOND_TIME}\n\nIt is an LSTM.", "lstm_state_is_a_tuple"),
        (
            f"    out = checkpointing(block, x)\nRuntimeError: {NO_GRAD_FN}",
            "checkpoint_frozen_input",
        ),
        (f"    await train()  # asyncio\nRuntimeError: {NO_GRAD_FN}", "no_grad_and_asyncio"),
        (f"    loss.backward(retain_graph=True)\nRuntimeError: {CHANGED}", "truncated_bptt"),
        (f"    x = F.relu(x, inplace=True)\nRuntimeError: {CHANGED}", "changed_after_saved"),
        (f"    out[:, t] = cell(out[:, t - 1])\nRuntimeError: {CHANGED}", "write_in_a_loop"),
        (f"    z = Normal(mu, std).sample()\nRuntimeError: {NO_GRAD_FN}", "sample_or_rsample"),
        (f"    ids = model.generate(x)\nRuntimeError: {NO_GRAD_FN}", "library_no_grad"),
    ],
)
def test_other_messages_find_their_lesson_first(query: str, first: str) -> None:
    for language in LANGUAGES:
        assert names(query, language)[0] == first


def test_two_errors_find_the_lessons_of_both() -> None:
    query = f"{said('numpy')}\n\nDuring handling of it another occurred:\n\n{said('deepcopy')}"
    of_numpy = {"numpy_needs_detach", "numpy_in_forward"}
    assert set(names(query)) == {*of_numpy, "deepcopy_of_non_leaf"}


def test_of_two_errors_the_longer_comes_first_whatever_is_around() -> None:
    found = names(f"in my GAN\n{NO_GRAD_FN}\n\n{CHANGED}")
    assert found[0] == "detach_then_zero"
    assert "gan_generator_step" in found


def test_frames_of_libraries_tell_nothing_of_the_topic() -> None:
    for place, first in (
        ("/me/gan", "gan_generator_step"),
        ("/lib/site-packages/gan", "backward_through_detached"),
        ("/usr/dist-packages/gan", "backward_through_detached"),
    ):
        frame = f'  File "{place}/step.py", line 3, in gan\n    return discriminator(fake)\n'
        assert names(f"{TRACEBACK}{frame}RuntimeError: {NO_GRAD_FN}")[0] == first


def test_a_longer_error_comes_before_one_that_it_contains() -> None:
    leaf, view = said("leaf in place"), said("view of leaf in place")
    (of_leaf,), (of_view,) = find(leaf, "en"), find(view, "en")
    assert of_leaf.marks[0].text in of_view.marks[0].text
    assert of_leaf.letters < of_view.letters


def test_similar_is_not_looked_for_where_something_fits() -> None:
    assert {hit.fit for hit in find(said("inference in place"), "en")} == {Fit.WHOLE}
    assert {hit.fit for hit in find(COPIES["mistyped"](said("hook")), "en")} == {Fit.SIMILAR}


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("gradient None", "non_leaf_has_no_grad"),
        ("My gradient is None, why?", "non_leaf_has_no_grad"),
        ("deepcopy", "deepcopy_of_non_leaf"),
        ("pickle", "pickled_non_leaf"),
        ("double backward", "double_backward"),
        ("straight through estimator", "straight_through"),
        ("LSTM hidden state", "lstm_state_is_a_tuple"),
        ("clone().detach() or detach().clone()", "clone_detach_order"),
        ("state_dict of the best model", "state_dict_is_aliased"),
        ("frozen BatchNorm", "frozen_batchnorm_drifts"),
        ("total_loss grows memory", "total_loss_grows"),
        ("checkpointin", "checkpoint_frozen_input"),
        ("生成器", "gan_generator_step"),
        ("截断反向传播", "truncated_bptt"),
        ("叶子张量怎么原地修改", "leaf_in_place"),
        ("多线程 no_grad", "no_grad_and_threads"),
    ],
)
def test_words_find_the_lesson_that_is_about_them(query: str, first: str) -> None:
    for language in LANGUAGES:
        hit, *_ = find(query, language)
        assert (hit.lesson, hit.fit) == (first, Fit.WORDS)


def test_what_people_ask_finds_its_lesson_among_the_first_three() -> None:
    """Most of the time: a few of these tell more of their story than of their question."""
    asked = json.loads((Path(__file__).parent / "questions.json").read_text("utf-8"))
    missed = [
        question
        for question, lessons in asked.items()
        if not {*lessons} & {*names(question, "zh" if "的" in question else "en")[:3]}
    ]
    assert len(asked) > 200
    assert len(missed) <= 0.08 * len(asked), missed


def test_words_are_looked_for_in_the_language_first() -> None:
    for language in LANGUAGES:
        for mark in (mark for hit in find("deepcopy", language) for mark in hit.marks):
            if mark.field not in (Field.NAME, Field.ERROR, Field.CODE):
                assert mark.text in table(language).values()


@pytest.mark.parametrize("word", ["retain_graph", "为什么 梯度 没有", "None"])
def test_several_lessons_have_a_word(word: str) -> None:
    found = find(word, "zh")
    assert len(found) > 2
    assert [hit.nearness for hit in found] == sorted((hit.nearness for hit in found), reverse=True)


def test_an_error_at_the_end_of_much_else_is_found() -> None:
    for other in ("element ", "梯度", "one of the variables needed for "):
        query = (other * MAX_LETTERS)[: MAX_LETTERS - 100] + "\n" + NO_GRAD_FN
        (start, end) = find(query, "en")[0].marks[0].query
        assert query[start:end] == NO_GRAD_FN


def only(hits: tuple[Hit, ...], lesson: str) -> Hit:
    (hit,) = (hit for hit in hits if hit.lesson == lesson)
    return hit


def test_a_mark_says_where_an_error_stands_and_which_pattern_it_fits() -> None:
    query = f"{TRACEBACK}RuntimeError: {CHANGED}"
    (mark,) = only(find(query, "zh"), "saves_nothing").marks
    assert query[slice(*mark.query)] == CHANGED.partition(". Hint")[0]
    assert mark.field is Field.ERROR
    assert mark.text in catalogue.lesson("saves_nothing").errors
    assert mark.text[slice(*mark.place)] == mark.text.rstrip(".")


def test_marks_say_where_words_stand() -> None:
    query = "Which deep-copy? DeepCopy!"
    marks = only(find(query, "en"), "deepcopy_of_non_leaf").marks
    assert [query[slice(*mark.query)] for mark in marks] == ["deep-copy"]
    assert [mark.text[slice(*mark.place)] for mark in marks] == ["deepcopy"]
    assert {mark.field for mark in marks} == {Field.TITLE}
    assert marks[0].text == table("en")["lesson.deepcopy_of_non_leaf.title"]


def test_every_mark_lies_in_its_text_and_has_letters_in_it() -> None:
    queries = ["gradient None in-place", "梯度没有了吗", *map(said, CAUSES)]
    queries += [copy(said(cause)) for cause in CAUSES for copy in COPIES.values()]
    for query in queries:
        for mark in (mark for hit in find(query, "zh") for mark in hit.marks):
            assert len(Letters(query[slice(*mark.query)])) > 0
            assert len(Letters(mark.text[slice(*mark.place)])) > 0
            assert 0 <= mark.query[0] < mark.query[1] <= len(query)
            assert 0 <= mark.place[0] < mark.place[1] <= len(mark.text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fit_and_field_has_its_word(language: str) -> None:
    words = set(table(language))
    assert {f"find.fit.{fit.value}" for fit in Fit} <= words
    assert {f"find.field.{field.value}" for field in Field} <= words
