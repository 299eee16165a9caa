"""Runs a script and writes the record of its training steps: ``python watch RECORD STEPS script``.

It runs under any interpreter that has torch, with the script's own arguments, folder and
``__main__``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_NAME = "detach_lab_watch"


def _main() -> None:
    """Load this folder as a package of a name of its own, and run the script."""
    folder = Path(__file__).resolve().parent
    # The folder is on the path because this file is run; its modules must not hide the script's.
    sys.path[:] = [each for each in sys.path if Path(each).resolve() != folder or not each]
    spec = importlib.util.spec_from_file_location(
        _NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)
    from importlib import import_module

    import_module(f"{_NAME}.script").main(sys.argv[1:])


if __name__ == "__main__":
    _main()
