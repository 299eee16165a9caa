"""The repository is a Hugging Face Space: its front matter and what it installs there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from huggingface_hub import RepoCard, SpaceHardware
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from PIL import Image

_ROOT = Path(__file__).resolve().parents[1]
_ZERO_GPU_TORCH = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")
_COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def _front_matter() -> dict[str, Any]:
    fields: dict[str, Any] = RepoCard((_ROOT / "README.md").read_text("utf-8")).data.to_dict()
    return fields


def _requirements() -> dict[str, Requirement]:
    lines = (_ROOT / "requirements.txt").read_text("utf-8").splitlines()
    parsed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {each.name: each for each in parsed}


def test_the_front_matter_says_how_to_run_it() -> None:
    fields = _front_matter()
    assert fields["sdk"] == "gradio"
    assert fields["python_version"] == "3.12"
    project = (_ROOT / "pyproject.toml").read_text("utf-8")
    supported = re.search(r'requires-python = "(.*)"', project)
    assert supported is not None
    assert fields["python_version"] in SpecifierSet(supported.group(1))
    assert (_ROOT / fields["app_file"]).is_file()
    assert fields["suggested_hardware"] in {each.value for each in SpaceHardware}


def test_the_front_matter_shows_it() -> None:
    fields = _front_matter()
    assert fields["title"] == "Detach Lab"
    assert {fields["colorFrom"], fields["colorTo"]} <= _COLORS
    assert 0 < len(fields["short_description"]) <= 60
    assert len(set(fields["tags"])) == len(fields["tags"]) >= 3
    # The Hub takes a full URL only; what it leads to is a file of this repository.
    address = re.fullmatch(
        r"https://huggingface\.co/spaces/[\w-]+/[\w-]+/resolve/main/(.+)", fields["thumbnail"]
    )
    assert address is not None
    with Image.open(_ROOT / address.group(1)) as image:
        assert (image.width, image.height) == (1200, 630)


def test_the_requirements_agree_with_the_sdk_and_with_every_torch_of_zero_gpu() -> None:
    requirements = _requirements()
    version = _front_matter()["sdk_version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert version in requirements["gradio"].specifier
    for torch in _ZERO_GPU_TORCH:
        assert torch in requirements["torch"].specifier
    # The Space brings its own, in the version that fits its hardware.
    assert "spaces" not in requirements


def test_the_requirements_name_no_place_and_no_build() -> None:
    text = (_ROOT / "requirements.txt").read_text("utf-8")
    assert not re.search(r"^-|://|\+(cu|cpu)", text, re.M)


def test_pip_is_asked_about_the_oldest_and_the_newest_torch_of_zero_gpu() -> None:
    oldest, newest = (
        torch.rpartition(".")[0] for torch in _ZERO_GPU_TORCH[:: len(_ZERO_GPU_TORCH) - 1]
    )
    assert f"for torch in {oldest} {newest}; do" in (_ROOT / "Makefile").read_text("utf-8")
