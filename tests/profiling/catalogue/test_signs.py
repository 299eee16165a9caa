"""Code that is read and never run: what in it cuts, changes or keeps a graph."""

from __future__ import annotations

import pytest

from profiling.catalogue import LESSONS
from profiling.catalogue.signs import KINDS, MAX_LETTERS, parse, plain, signs
from profiling.model.words import LANGUAGES, table

_LOOP = "for x in loader:\n    "


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("h = encoder(x).detach()", [("encoder(x).detach()", "detach")]),
        ("state.detach_(); y = state", [("state.detach_()", "detach_inplace")]),
        ("c = out.data", [("out.data", "data")]),
        ("w.data -= lr * w.grad", [("w.data", "changed_data")]),
        ("w.data.sub_(lr * g)", [("w.data.sub_(lr * g)", "changed_data"), ("w.data", "data")]),
        ("with torch.no_grad():\n    y = f(x)", [("torch.no_grad()", "no_grad")]),
        ("@torch.no_grad()\ndef f(x):\n    return x", [("torch.no_grad()", "no_grad")]),
        ("@torch.no_grad\ndef f(x):\n    return x", [("torch.no_grad", "no_grad")]),
        (
            "with torch.inference_mode(), a:\n    pass",
            [("torch.inference_mode()",) * 1 + ("inference_mode",)],
        ),
        ("with torch.inference_mode(False):\n    pass", []),
        (
            "with torch.set_grad_enabled(False):\n    pass",
            [("torch.set_grad_enabled(False)", "grad_mode")],
        ),
        ("torch.set_grad_enabled(True)", []),
        ("a = loss.item()", [("loss.item()", "number")]),
        ("for key in d.items():\n    pass", []),
        ("a = x.cpu().numpy()", [("x.cpu().numpy()", "numpy")]),
        ("y = torch.tensor(losses)", [("torch.tensor(losses)", "rebuilt")]),
        ("y = torch.tensor([1.0, -2.0], requires_grad=True)", []),
        ("i = p.argmax(1)", [("p.argmax(1)", "argmax")]),
        ("q = torch.round(x)", [("torch.round(x)", "round")]),
        ("n = round(x, 2); m = math.floor(x); k = np.sign(x)", []),
        ("a = policy(x).sample()", [("policy(x).sample()", "sample")]),
        ("a = random.sample(xs, 3)", []),
        ("h.add_(1)", [("h.add_(1)", "in_place")]),
        ("w.grad.zero_(); optimizer.zero_grad()", []),
        ("nn.init.zeros_(w); w.requires_grad_(True)", []),
        ("h[:, 0] = 0", [("h[:, 0]", "written_index")]),
        (f"{_LOOP}out[:, t] = h", [("out[:, t]", "written_in_loop")]),
        ("stats['loss'] = 1; stats[f'{k}'] = 2", []),
        ("f = nn.ReLU(inplace=True)", [("nn.ReLU(inplace=True)", "inplace_layer")]),
        (f"{_LOOP}total += loss", [("total += loss", "total")]),
        (f"{_LOOP}total += loss.item()", [("loss.item()", "number")]),
        (f"{_LOOP}total += loss.detach()", [("loss.detach()", "detach")]),
        (f"{_LOOP}total += float(loss)", []),
        ("loss += penalty", []),
        (f"{_LOOP}losses.append(loss)", [("losses.append(loss)", "collected")]),
        (f"{_LOOP}names.append(name)", []),
        (
            "loss.backward(retain_graph=True)",
            [("loss.backward(retain_graph=True)", "retain_graph")],
        ),
        (
            "loss.backward(create_graph=True)",
            [("loss.backward(create_graph=True)", "create_graph_backward")],
        ),
        (
            "g = grad(loss, w, create_graph=True)",
            [("grad(loss, w, create_graph=True)", "create_graph")],
        ),
        (
            "r = a.b - a.b.detach()",
            [("a.b - a.b.detach()", "minus_detach"), ("a.b.detach()", "detach")],
        ),
        ("r = new - old.detach()", [("old.detach()", "detach")]),
        ("ids = model.generate(x)", [("model.generate(x)", "library_method")]),
        ("ids = tokenizer.encode(text); b = name.encode()", []),
        ("best = model.state_dict()", [("model.state_dict()", "state_dict")]),
        ("best = copy.deepcopy(model.state_dict())", []),
        ("p.requires_grad = False", [("p.requires_grad = False", "freeze")]),
        ("loss.requires_grad = True", [("loss.requires_grad = True", "requires_grad")]),
        ("x.requires_grad = True", []),
        (
            "y = checkpoint(f, x, use_reentrant=True)",
            [("checkpoint(f, x, use_reentrant=True)", "reentrant")],
        ),
        (
            "w = torch.randn(3, requires_grad=True) * 0.01",
            [("torch.randn(3, requires_grad=True) * 0.01", "moved_leaf")],
        ),
        (
            "w = torch.ones(3, requires_grad=True).to(device)",
            [("torch.ones(3, requires_grad=True).to(device)", "moved_leaf")],
        ),
        ("w = (torch.randn(3) * 0.01).requires_grad_(); y = x.to(device)", []),
        (
            "y = torch.where(x > 0, x.sqrt(), 0.0)",
            [("torch.where(x > 0, x.sqrt(), 0.0)", "masked_late")],
        ),
        ("y = torch.where(x.norm() > 0, x, 0.0); i = np.where(x > 0, x.sqrt(), 0)", []),
        (
            "optimizer.zero_grad(set_to_none=False)",
            [("optimizer.zero_grad(set_to_none=False)", "zeros")],
        ),
        ("optimizer.zero_grad(set_to_none=True)", []),
    ],
)
def test_signs_are_where_they_stand(code: str, expected: list[tuple[str, str]]) -> None:
    assert [(sign.code, sign.kind) for sign in signs(code)] == expected


def test_a_place_is_a_line_and_columns_of_characters() -> None:
    (sign,) = signs("名 = 1\nif 名:\n    h = 名字.detach()")
    assert (sign.line, sign.start, sign.end) == (3, 8, 19)
    assert (sign.effect, sign.lesson) == ("cuts", "detach_untouched")


@pytest.mark.parametrize(
    "text",
    [
        "    h = h.detach()\n    return h",
        "```python\nh = h.detach()\nreturn h\n```",
        ">>> h = h.detach()\n>>> return h",
    ],
)
def test_code_is_read_as_people_copy_it(text: str) -> None:
    assert plain(text) == "h = h.detach()\nreturn h"
    assert [sign.kind for sign in signs(text)] == ["detach"]


@pytest.mark.parametrize(
    "text",
    [
        "why is my gradient None?",
        "detach()",
        "clone().detach()",
        "no_grad",
        "gradient, memory",
        "RuntimeError: element",
        "KeyError: 'x'",
        "显存一直增长",
        "Traceback (most recent call last):\n  File",
        "",
        "x = 1\n" * MAX_LETTERS,
    ],
)
def test_words_and_errors_are_no_code(text: str) -> None:
    assert parse(text) is None
    assert signs(text) == ()


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "-",
        "not ",
        "a.",
        "a + ",
        "[0",
        "lambda: ",
        "f'{",
        "\0",
        "\ud800 = 1;",
        "if a:\n ",
        "a if b else ",
    ],
)
def test_what_is_nested_without_end_is_read_or_refused(piece: str) -> None:
    text = "x = " + piece * ((MAX_LETTERS - 8) // len(piece)) + "1"
    assert signs(text) == ()


def test_each_kind_leads_to_a_lesson_and_has_its_words() -> None:
    assert {kind.lesson for kind in KINDS.values()} <= set(LESSONS)
    for language in LANGUAGES:
        said = {key.removeprefix("sign.") for key in table(language) if key.startswith("sign.")}
        assert said == set(KINDS)
