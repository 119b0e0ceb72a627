"""Programs declared by packaging metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint import metadata

if TYPE_CHECKING:
    from pathlib import Path


def test_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project.scripts]\na = "pkg.cli:main"\n[project.gui-scripts]\nb = "pkg.gui:main [extra]"\n'
        '[project.entry-points."some.group"]\nc = "pkg.plugin"\n[tool.poetry.scripts]\nd = "pkg.other:main"\n'
    )
    assert metadata.entry_points(tmp_path) == ("pkg.cli:main", "pkg.gui:main", "pkg.plugin", "pkg.other:main")


def test_setup_cfg(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text(
        "[options.entry_points]\nconsole_scripts =\n    a = pkg.cli:main\n    b=pkg.b : run\n"
    )
    assert metadata.entry_points(tmp_path) == ("pkg.cli:main", "pkg.b:run")


def test_files_that_cannot_be_read_declare_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    (tmp_path / "setup.cfg").write_bytes(b"\xff\xfe[")
    assert metadata.entry_points(tmp_path) == ()


def test_odd_types_declare_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('project = "x"\n[tool]\npoetry = 3\n')
    assert metadata.entry_points(tmp_path) == ()
