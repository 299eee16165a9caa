"""Starts the page: on this machine, or as a Hugging Face Space."""

from __future__ import annotations

import sys
from collections.abc import Sequence

# A spawned worker imports this file too, so nothing heavy may be imported at its top level.


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until interrupted; `profiling.cli.serve` has the options.

    Returns:
        The exit code: 0 after an interrupt, 1 if the address cannot be used, 2 if an option is
        wrong, a workload breaks a rule, the playground may not be offered or a package is missing.
    """
    from profiling.cli import run
    from profiling.cli.serve import serve

    return run(serve, "app.py", arguments)


if __name__ == "__main__":
    sys.exit(main())
