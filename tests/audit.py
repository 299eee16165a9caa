"""Looks the installed packages up in the advisory database: ``make audit``.

The exit code is 0 if nothing is known against them, 1 if something is, 2 if nothing could be asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def main() -> int:
    """Ask pip-audit and print what it says, in a line a weakness."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        packages = []
    asked = [each for each in packages if "skip_reason" not in each]
    if not asked:
        print("audit: no package could be looked up; is the advisory database in reach?")
        print(done.stderr[-500:])
        return 2
    for line in weaknesses(asked):
        print(line)
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    print(
        f"audit: {len(asked)} packages looked up, not known there: {', '.join(skipped) or 'none'}"
    )
    return int(bool(weaknesses(asked)))


def weaknesses(packages: list[dict[str, Any]]) -> list[str]:
    """Return a line for each weakness: package, version, advisory, versions that mend it."""
    return [
        f"{each['name']} {each['version']}: {known['id']}, mended in {known['fix_versions']}"
        for each in packages
        for known in each["vulns"]
    ]


if __name__ == "__main__":
    sys.exit(main())
