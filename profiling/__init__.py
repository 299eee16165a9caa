"""How a gradient cut is measured and drawn: records, measuring, engine, traces, tables, charts."""

import os
import sys
from pathlib import Path

__version__ = "0.5.0"

if sys.version_info >= (3, 15):
    # Python 3.15 has a standard library package of this name (PEP 799), which cProfile and torch
    # import and this one hides. What that one has, `sampling` and `tracing`, is found here as well.
    __path__.append(str(Path(os.__file__).with_name("profiling")))
