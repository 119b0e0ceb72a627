"""What a project says about itself beside its code: its programs, its typed packages. Nothing of the project is run."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable


def entry_points(root: Path) -> tuple[str, ...]:
    """Return the programs that pyproject.toml and setup.cfg declare, each as "package.module:function".

    Console scripts, GUI scripts and every other group of entry points count (Python packaging: entry points
    specification). A file that can't be read declares nothing; reporting it is not this function's business.

    Args:
        root: the project's folder.
    """
    found = [*_from_pyproject(root / "pyproject.toml"), *_from_setup_cfg(root / "setup.cfg")]
    return tuple(dict.fromkeys(reference for _, reference in found))


def commands(root: Path) -> dict[str, str]:
    """Return the programs of `entry_points` by the names under which they are installed ("train": "pkg.cli:main").

    Args:
        root: the project's folder.
    """
    return dict([*_from_setup_cfg(root / "setup.cfg"), *_from_pyproject(root / "pyproject.toml")])


def typed_packages(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the folders of packages that promise type hints to those who use them (PEP 561).

    Args:
        paths: the project's files, with "/" as separator.
    """
    folders = (path.rpartition("/")[0] for path in paths if path.endswith("/__init__.py"))
    return tuple(sorted(folder for folder in folders if Path(folder, "py.typed").exists()))


def _from_pyproject(path: Path) -> list[tuple[str, str]]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    project = _table(content.get("project"))
    poetry = _table(_table(content.get("tool")).get("poetry"))
    tables = [
        _table(project.get("scripts")),
        _table(project.get("gui-scripts")),
        *(_table(group) for group in _table(project.get("entry-points")).values()),
        _table(poetry.get("scripts")),
        *(_table(group) for group in _table(poetry.get("plugins")).values()),
    ]
    return [(name, _reference(value)) for table in tables for name, value in table.items() if isinstance(value, str)]


def _from_setup_cfg(path: Path) -> list[tuple[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return []
    if not parser.has_section("options.entry_points"):
        return []
    found = []
    for group in parser["options.entry_points"].values():
        for line in group.splitlines():
            name, equals, reference = line.partition("=")
            if equals:
                found.append((name.strip(), _reference(reference)))
    return found


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _reference(value: str) -> str:
    """Return "pkg.module:attribute" without blanks and extras ("pkg.cli:main [extra]")."""
    return value.partition("[")[0].replace(" ", "")
