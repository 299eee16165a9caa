"""What is written about the project stays true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from profiling import __version__
from profiling.model.words import translator
from profiling.output.run_files import readme

_ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ["requirements.txt", "tests/requirements.txt", "tests/requirements-long.txt"]


def _project(field: str) -> str:
    found = re.search(rf'^{field} = "(.*)"$', (_ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    assert found is not None
    return found.group(1)


def test_csv_documentation_is_what_the_code_says() -> None:
    assert (_ROOT / "docs" / "csv.md").read_text(encoding="utf-8") == readme(translator("en"))


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_every_dependency_has_its_reason(file: str) -> None:
    reasons = (_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    lines = (_ROOT / file).read_text(encoding="utf-8").splitlines()
    for line in lines:
        name = re.match(r"[A-Za-z0-9_-]+", line)
        if name is not None:
            assert f"| `{name.group()}` |" in reasons, name.group()


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_every_dependency_has_bounds(file: str) -> None:
    lines = (_ROOT / file).read_text(encoding="utf-8").splitlines()
    ranges = [line for line in lines if re.match(r"[A-Za-z]", line)]
    assert ranges
    # Packages of types alone never run, and follow what they describe.
    bounded = [line for line in ranges if not re.match(r"types-|[a-z]+-stubs", line)]
    assert [line for line in bounded if not re.search(r">=[\d.]+,<=?[\d.]+(;.*)?$", line)] == []


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*_ROOT.glob("*.md"), *(_ROOT / "docs").glob("*.md")]
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_python_versions_agree() -> None:
    assert _project("requires-python") == ">=3.10,<3.16"
    assert "(3, 10) <= sys.version_info < (3, 16)" in (_ROOT / "Makefile").read_text("utf-8")
    assert "Python 3.10 to 3.15" in (_ROOT / "README.md").read_text("utf-8")


def test_the_changelog_knows_the_version() -> None:
    assert f"## {__version__}\n" in (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
