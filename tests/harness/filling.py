"""Fills the disk under a running page and makes room again."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.harness.asking import compare, is_own, told
from tests.harness.breaking import visiting
from tests.harness.launching import App

DISK_BYTES = 8 * 2**20
# Bytes left free: nothing can be written at all, then a part of what is written is.
FREE_BYTES = (0, 20_000, 80_000)


@contextlib.contextmanager
def small_disk(size: int) -> Iterator[Path]:
    """Mount a disk of so many bytes, which root alone may.

    Raises:
        PermissionError: It may not be mounted here.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = f"size={size}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True
        )
        if done.returncode:
            raise PermissionError(done.stderr.decode())
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


async def disk_full(app: App, disk: Path) -> list[str]:
    """Fill the disk of a server's files at three depths, and make it free again."""
    faults = []
    async with visiting(app) as visitor:
        for free in FREE_BYTES:
            filler = disk / "filler"
            filler.write_bytes(bytes(shutil.disk_usage(disk).free - free))
            answer = await compare(visitor, 8)
            if "Cannot write files here" not in answer.text:
                answer = await visitor.ask("save_archive")
            if "Cannot write files here" not in answer.text:
                faults.append(f"{free} bytes free, told: {told(answer) or answer.text}")
            faults += [f"{free} bytes free, left: {each}" for each in disk.rglob("*.part")]
            filler.unlink()
            answer = await compare(visitor, 8)
            if not await is_own(visitor, "compare", 8, answer):
                faults.append(f"the run after {free} bytes free: {told(answer)}")
    return faults
