"""Fills the disk under a running page, and prints whether it told of that and went on.

Run, as root: ``python -m benchmarks.full_disk``.
"""

from __future__ import annotations

import asyncio
import sys

from tests.harness.filling import DISK_BYTES, FREE_BYTES, disk_full, small_disk
from tests.harness.launching import running_app


def main() -> None:
    """Print what came of it; the exit code is 1 if anything was not as it should be."""
    with small_disk(DISK_BYTES) as disk, running_app("--device", "cpu", temp=disk) as app:
        faults = asyncio.run(disk_full(app, disk))
    print(f"the disk was full in {len(FREE_BYTES)} ways: {len(faults)} faults", *faults, sep="\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
