"""The linter says of every fixture exactly what is marked there, and fixes it into exactly its fixed twin."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import claims
from claims import FIXTURES, START_METHODS
from dlsafe_lint import config, linter
from dlsafe_lint.finding import named
from dlsafe_lint.rules import CODES

MARKER = re.compile(rb"  # expect: ([A-Z0-9, ]+?)(?=\r?$)", re.MULTILINE)
Expected = set[tuple[str, int, str]]
"""File (of a notebook with its cell), line, code."""


def all_cases() -> list[Path]:
    """Every case, without the fixed twins."""
    found = {claims.case_of(path) for path in FIXTURES.rglob("*") if path.is_file() and path.parent != FIXTURES}
    cases = (case for case in found if case.is_dir() or case.suffix in (".py", ".ipynb"))
    return sorted(case for case in cases if not case.name.endswith((".fixed", ".fixed.py")))


def lay_out(case: Path, folder: Path) -> tuple[Path, Expected]:
    """Copy a case without its markers into a folder; return the copy and what the markers said."""
    target = folder / case.name
    expected: Expected = set()
    if case.is_dir():
        shutil.copytree(case, target, ignore=shutil.ignore_patterns("__pycache__"))
        paths = sorted(path for path in target.rglob("*") if path.is_file())
    else:
        shutil.copy(case, target)
        paths = [target]
    for path in paths:
        name, content = path.relative_to(folder).as_posix(), path.read_bytes()
        if path.suffix == ".ipynb":
            notebook = json.loads(content)
            for number, cell in enumerate(notebook["cells"], 1):
                source = "".join(cell["source"]).encode()
                expected |= marked(source, named(name, number))
                cell["source"] = MARKER.sub(b"", source).decode().splitlines(keepends=True)
            path.write_text(json.dumps(notebook, indent=1) + "\n", "utf-8")
        else:
            expected |= marked(content, name)
            path.write_bytes(MARKER.sub(b"", content))
    return target, expected


def marked(content: bytes, name: str) -> Expected:
    """Return what the markers of a file or cell say."""
    return {
        (name, number, code.strip().decode())
        for number, line in enumerate(content.splitlines(), 1)
        for match in MARKER.finditer(line)
        for code in match[1].split(b",")
    }


def lint(target: Path, *, fix: bool = False) -> linter.Report:
    """Lint a case as a project of its own."""
    root = target if target.is_dir() else target.parent
    pyproject = root / "pyproject.toml"
    settings = config.load(pyproject if pyproject.exists() else None, tuple(CODES))
    return linter.run([target], settings, root=root, fix=fix, unsafe=fix, cache=False)


def said(report: linter.Report, folder: Path) -> Expected:
    """Return what was reported in the form of the markers."""
    return {
        (named(Path(each.path).relative_to(folder).as_posix(), each.cell), each.range.start_line, each.code)
        for each in report.findings
    }


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.relative_to(FIXTURES).as_posix())
def test_what_is_marked_and_nothing_else_is_reported(case: Path, tmp_path: Path) -> None:
    target, expected = lay_out(case, tmp_path)
    report = lint(target)
    assert said(report, tmp_path) == expected
    assert not report.warnings


TWINS = [(case, twin) for case in all_cases() if (twin := case.with_name(f"{case.stem}.fixed{case.suffix}")).exists()]


@pytest.mark.parametrize(("case", "twin"), TWINS, ids=[case.relative_to(FIXTURES).as_posix() for case, _ in TWINS])
def test_the_fix_writes_the_fixed_twin(case: Path, twin: Path, tmp_path: Path) -> None:
    target, _ = lay_out(case, tmp_path)
    report = lint(target, fix=True)
    assert not report.warnings
    files = [target] if target.is_file() else sorted(path for path in target.rglob("*") if path.is_file())
    for path in files:
        wanted = twin if target.is_file() else twin / path.relative_to(target)
        assert path.read_bytes().decode("utf-8", "replace") == wanted.read_bytes().decode("utf-8", "replace")
    again = lint(target, fix=True)
    assert not again.changes
    assert case.parent.name not in {each.code for each in again.findings}


CLAIMING = [
    case for case in claims.cases() if (found := claims.read(case)) and set(found.outcomes) & set(START_METHODS)
]


@pytest.mark.parametrize("case", CLAIMING, ids=lambda case: case.relative_to(FIXTURES).as_posix())
def test_the_start_methods_are_those_under_which_the_program_fails(case: Path, tmp_path: Path) -> None:
    found = claims.read(case)
    assert found is not None
    target, _ = lay_out(case, tmp_path)
    named = {each.start_method for finding in lint(target).findings for each in finding.breaks}
    for method, outcome in found.outcomes.items():
        if method in START_METHODS:
            assert (method in named) == (outcome != "works"), f"{method}: {outcome}"
