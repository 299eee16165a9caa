"""Finds a Chromium for the browser tests; as a script it says which, or fails if there is none."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

# The first has no window, and opens a page in a tenth of the time.
_NAMES = (
    *("chromium-headless-shell", "chromium", "chromium-browser"),
    *("google-chrome", "google-chrome-stable"),
)


def find_chromium() -> str | None:
    """Return the path of an installed Chromium: the system's, or Playwright's own."""
    for name in _NAMES:
        path = shutil.which(name)
        if path is not None:
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


if __name__ == "__main__":
    found = find_chromium()
    print(f"Chromium: {found}" if found else "no Chromium yet")
    sys.exit(found is None)
