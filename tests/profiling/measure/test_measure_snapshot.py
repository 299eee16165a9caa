from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from profiling.measure.graph import graph
from profiling.measure.snapshot import (
    SHOWN_VALUES,
    ObjectNumbers,
    Snapshots,
    named_tensors,
    numbers,
)


def noted(snapshots: Snapshots, **named: torch.Tensor) -> dict[str, tuple[int, int | None]]:
    """Return the numbers of memory and of the version counter by name."""
    return {each.name: (each.storage, each.counter) for each in snapshots.tensors(named)}


def test_views_and_detached_share_memory_and_counter() -> None:
    a = torch.zeros(4, requires_grad=True)
    out = a.exp()
    found = noted(Snapshots(), a=a, out=out, c=out.detach(), view=out[:2], copy=out.clone())
    assert found["out"] == found["c"] == found["view"]
    assert len({found["a"][0], found["out"][0], found["copy"][0]}) == 3


def test_data_shares_memory_but_not_the_counter() -> None:
    out = torch.zeros(4)
    found = noted(Snapshots(), out=out, raw=out.data)
    assert found["out"][0] == found["raw"][0]
    assert found["out"][1] != found["raw"][1]


def test_looking_leaves_every_version_as_it_was() -> None:
    out = torch.zeros(4)
    out.add_(1)
    c, raw = out.detach(), out.data
    raw.add_(1)
    before = [each._version for each in (out, c, raw)]
    noted(Snapshots(), out=out, c=c, raw=raw)
    assert [each._version for each in (out, c, raw)] == before == [1, 1, 1]


def test_numbers_stay_while_a_tensor_lives_and_are_given_once() -> None:
    snapshots = Snapshots()
    a = torch.zeros(4)
    first = noted(snapshots, a=a)
    assert noted(snapshots, a=a, b=torch.ones(4))["a"] == first["a"]
    del a
    gc.collect()
    later = [noted(snapshots, a=torch.zeros(4))["a"] for _ in range(5)]
    assert len({number for number, _ in [first["a"], *later]}) == 6


def test_a_counter_keeps_its_number_when_its_first_name_goes() -> None:
    snapshots = Snapshots()
    out = torch.zeros(4)
    c = out.detach()
    before = noted(snapshots, out=out, c=c)
    assert noted(snapshots, c=c)["c"] == before["c"]


def test_numbers_of_objects_are_never_given_again() -> None:
    numbered = ObjectNumbers()
    seen = {numbered[torch.zeros(1)] for _ in range(20)}
    assert len(seen) == 20


def test_an_array_has_the_memory_of_its_tensor() -> None:
    snapshots = Snapshots()
    t = torch.zeros(3)
    array = t.numpy()
    (state,) = snapshots.tensors({"t": t})
    (value,) = snapshots.values({"array": array})
    assert (value.storage, value.text) == (state.storage, "[0.0, 0.0, 0.0]")
    (other,) = snapshots.values({"other": np.ones(2)})
    assert other.storage is None
    back = torch.from_numpy(array)
    assert snapshots.tensors({"back": back})[0].storage == state.storage


def test_what_is_noted_of_a_tensor() -> None:
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    out = a * 2
    out.sum().backward()
    leaf, result = Snapshots().tensors({"a": a, "out": out})
    assert (leaf.shape, leaf.dtype, leaf.values, leaf.grad) == (
        (2,),
        "float32",
        (1.0, 2.0),
        (2.0, 2.0),
    )
    assert (leaf.is_leaf, leaf.requires_grad, leaf.grad_fn, leaf.storage_bytes) == (
        True,
        True,
        None,
        8,
    )
    assert (result.is_leaf, result.grad_fn, result.grad) == (False, "MulBackward0", None)


def test_the_mode_a_tensor_was_made_in_is_remembered() -> None:
    snapshots = Snapshots()
    with torch.no_grad():
        quiet = torch.ones(1) * 2
        snapshots.tensors({"quiet": quiet})
    with torch.inference_mode():
        inference = torch.ones(1) * 2
        snapshots.tensors({"quiet": quiet, "inference": inference})
    one, two = snapshots.tensors({"quiet": quiet, "inference": inference})
    assert (one.made_in, two.made_in) == ("no_grad", "inference")
    assert (two.version, two.counter) == (None, None)


def test_names_of_tensors_in_modules_and_containers() -> None:
    layer = torch.nn.BatchNorm1d(1)
    names = {"layer": layer, "kept": [torch.ones(1), 3], "by": {"k": torch.ones(1)}, "n": 3}
    assert [name for name, _ in named_tensors(names)] == [
        "layer.weight",
        "layer.bias",
        "layer.running_mean",
        "layer.running_var",
        "layer.num_batches_tracked",
        "kept[0]",
        "by['k']",
    ]


def test_values_are_short_and_plain() -> None:
    names = {
        "text": "x" * 999,
        "many": list(range(99)),
        "error": RuntimeError("no"),
        "module": torch.nn.Linear(1, 1),
        "function": print,
        "size": torch.Size([2, 3]),
        "nothing": None,
    }
    found = {each.name: each.text for each in Snapshots().values(names)}
    assert set(found) == {"text", "many", "error", "size", "nothing"}
    assert len(found["text"]) <= 500
    assert found["many"] == "[0, 1, 2, 3, 4, 5, ...]"
    assert (found["error"], found["nothing"]) == ("RuntimeError: no", "None")
    assert found["size"] == "torch.Size([2, 3])"


def test_only_the_first_numbers_and_only_real_ones() -> None:
    assert numbers(torch.arange(99.0)) == tuple(map(float, range(SHOWN_VALUES)))
    assert numbers(torch.ones(2, dtype=torch.complex64)) == ()
    assert numbers(torch.ones(2, device="meta")) == ()
    assert numbers(torch.ones(2).to_sparse()) == ()
    assert numbers(torch.tensor([True, False])) == (1.0, 0.0)


def test_a_sparse_tensor_has_no_memory_of_its_own() -> None:
    (state,) = Snapshots().tensors({"s": torch.ones(2).to_sparse()})
    assert (state.storage, state.storage_bytes) == (0, 0)


def test_a_view_that_refuses_to_tell_is_noted_all_the_same() -> None:
    w = torch.ones(2, 2, requires_grad=True)
    with torch.no_grad():
        row = w[0]
        row.zero_()
    with pytest.raises(RuntimeError, match="view was created in no_grad mode"):
        row.is_leaf  # noqa: B018
    (state,) = Snapshots().tensors({"row": row})
    assert (state.values, state.grad_fn, state.is_leaf) == ((0.0, 0.0), None, False)
    assert [node.names for node in graph({"row": row}).nodes] == [("row",)]
