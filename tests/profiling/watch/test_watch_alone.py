"""The watcher's folder works on its own, wherever it was copied to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from profiling import watch
from profiling.analysis.diagnosis import diagnose
from profiling.model.watch import load_watch

_CODE = """
import sys
sys.modules |= dict.fromkeys(("msgspec", "pandas", "click", "rich"))
import torch
from mine import watch

model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 1))
with watch(model) as seen:
    for _ in range(2):
        h = model[0](torch.randn(8, 4)).detach()
        model[1](h).sum().backward()
print(seen)
seen.save("watch.json")
assert not [name for name in sys.modules if name.startswith(("profiling.model", "demos"))]
"""


def test_a_copy_of_the_folder_is_enough(tmp_path: Path) -> None:
    shutil.copytree(Path(watch.__file__).parent, tmp_path / "mine")
    (tmp_path / "train.py").write_text(_CODE)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "train.py"],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 backward, 2 steps, ")
    assert "  no gradient: model.0.weight\n" in done.stdout
    found = diagnose(load_watch(tmp_path / "watch.json"))
    assert [(each.cause, each.lines[0].line) for each in found.problems] == [("detach", 10)]
