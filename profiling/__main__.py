"""``python -m profiling``."""

import sys

from profiling.cli import main

# A spawned worker imports this module too, under another name.
if __name__ == "__main__":
    sys.exit(main())
