"""A script is run as Python would run it, with the options that Python was given."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from profiling.watch.script import main


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ({}, True),
        ({"safe_path": True}, False),
        ({"isolated": True}, False),
    ],
)
def test_its_folder_is_on_the_path_unless_python_leaves_it_out(
    flags: dict[str, bool], found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "train.py"
    script.write_text("raise SystemExit(__import__('sys').path[0])")
    flags = {"safe_path": False, "isolated": False, **flags}
    monkeypatch.setattr(sys, "flags", SimpleNamespace(**flags))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    record = tmp_path / "watch.json"
    with pytest.raises(SystemExit) as ended:
        main([str(record), "0", "values", "script", str(script)])
    assert (ended.value.code == str(tmp_path.resolve())) is found
    assert record.exists()
