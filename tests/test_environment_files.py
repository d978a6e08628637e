"""One list of dependencies: pyproject.toml says it, the other files are held against it."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()


def declared(*more: str) -> dict[str, str]:
    """Name → version bounds of every dependency and of `more`, development tools included."""
    entries = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"], *more]
    found = [Requirement(entry) for entry in entries]
    return {canonicalize_name(entry.name): str(entry.specifier) for entry in found}


def of_conda() -> dict[str, str]:
    listed = list(ENVIRONMENT["dependencies"])
    listed += next(item["pip"] for item in listed if isinstance(item, dict))
    found = {}
    for entry in (entry for entry in listed if isinstance(entry, str)):
        name, bounds = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?\s*(.*)", entry).groups()
        found[canonicalize_name(name)] = bounds
    return found


def test_conda_users_get_the_same_environment() -> None:
    conda = of_conda()
    assert conda.pop("python") == PROJECT["project"]["requires-python"]
    assert conda.pop("pip") == ""
    assert conda == declared()


def test_the_lock_pins_every_dependency_within_its_bounds_and_names_no_index() -> None:
    """A package may have several pins, each for some systems."""
    pins = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.+!]+)", LOCK, re.MULTILINE)
    extras = chain(*PROJECT["project"]["optional-dependencies"].values())
    for name, bounds in declared(*extras).items():
        pinned = [version for pin, version in pins if canonicalize_name(pin) == name]
        assert pinned, name
        assert all(SpecifierSet(bounds).contains(version) for version in pinned), name
    assert "://" not in LOCK
    assert "file:" not in LOCK


def test_the_lock_is_universal() -> None:
    for marker in ("sys_platform == 'linux'", "sys_platform == 'darwin'", "python_full_version"):
        assert marker in LOCK
