"""How the page imports Gradio."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.harness.running import run

_LOOKING = """
import inspect, sys
opened = []
sys.addaudithook(lambda event, found: opened.append(str(found[0])) if event == "open" else None)
getfile = inspect.getfile
import demos.page
from gradio.components import textbox
print(inspect.getfile is getfile, inspect.getfile(textbox.Textbox) == textbox.__file__)
print([each for each in opened if each.endswith(".pyi")])
print(any(each.endswith("textbox.py") or "textbox" in each for each in opened))
"""


def test_gradio_writes_no_stubs_of_its_components() -> None:
    done = run([sys.executable, "-c", _LOOKING], Path(__file__).parents[3])
    assert done.stdout.decode().split("\n") == ["True True", "[]", "True", ""], done.stderr.decode()
