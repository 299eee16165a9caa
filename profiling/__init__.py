"""How a gradient cut is measured and drawn: records, measuring, engine, traces, tables, charts."""

import sys

__version__ = "0.5.0"

if sys.version_info >= (3, 15):
    # Python 3.15 has a standard-library package of this name (PEP 799); ours would shadow it.
    raise ImportError("Detach Lab supports Python 3.10 to 3.14.")
