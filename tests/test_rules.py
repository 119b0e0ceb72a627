"""Every rule's documentation is true: its example gives exactly its finding, what to use instead gives none."""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING

import pytest

from dlsafe_lint import linter, rules
from dlsafe_lint.config import Config
from dlsafe_lint.rules import CODES

if TYPE_CHECKING:
    from pathlib import Path

    from dlsafe_lint.rule import Rule

HEADINGS = ["Why is this bad?", "Example", "Use instead", "Fix safety", "References"]
RULES = {rule.code: rule for rule in rules.load()}
FILE = re.compile(r"^# ([\w/]+\.(?:py|ipynb))\n", re.MULTILINE)


def documentation(rule: type[Rule]) -> str:
    """Return the docstring without its indentation."""
    return inspect.cleandoc(rule.__doc__ or "") + "\n"


def block(rule: type[Rule], heading: str) -> str:
    """Return the code under a heading, "" if there is none."""
    match = re.search(rf"^## {heading}\n.*?```python\n(.*?)```", documentation(rule), re.MULTILINE | re.DOTALL)
    return match[1] if match else ""


def write(text: str, folder: Path) -> list[Path]:
    """Write an example: one file, or several that start with a comment of their path."""
    parts = FILE.split(text)
    named = dict(zip(parts[1::2], parts[2::2], strict=True)) if len(parts) > 1 else {"example.py": text}
    paths = []
    for name, content in named.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for parent in path.relative_to(folder).parents:
            if str(parent) != ".":
                (folder / parent / "__init__.py").touch()
        text = content.rstrip("\n") + "\n" if content.strip() else ""
        if path.suffix == ".ipynb":
            text = json.dumps({"cells": [{"cell_type": "code", "metadata": {}, "source": text, "outputs": []}]})
        path.write_text(text, "utf-8")
        paths.append(path)
    return paths


def lint(folder: Path, *, fix: bool = False) -> linter.Report:
    """Lint an example; what is only possible counts, too."""
    return linter.run([folder], Config(min_confidence="possible"), root=folder, fix=fix, unsafe=fix, cache=False)


def test_codes_and_rules_agree() -> None:
    assert list(CODES) == sorted(CODES)
    assert {code: rule.name for code, rule in RULES.items()} == CODES


@pytest.mark.parametrize("code", CODES)
def test_the_documentation_has_its_headings_in_order(code: str) -> None:
    text = documentation(RULES[code])
    found = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert found == [heading for heading in HEADINGS if heading in found]
    assert set(HEADINGS[:3]) <= set(found)
    assert text.partition("\n")[0].strip().endswith(".")


@pytest.mark.parametrize("code", CODES)
def test_the_example_gives_this_code_and_no_other(code: str, tmp_path: Path) -> None:
    write(block(RULES[code], "Example"), tmp_path)
    assert {each.code for each in lint(tmp_path).findings} == {code}


@pytest.mark.parametrize("code", CODES)
def test_what_to_use_instead_gives_nothing(code: str, tmp_path: Path) -> None:
    write(block(RULES[code], "Use instead"), tmp_path)
    assert not lint(tmp_path).findings


@pytest.mark.parametrize("code", CODES)
def test_the_fix_turns_the_example_into_what_to_use_instead(code: str, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    write(block(RULES[code], "Example"), before)
    wanted = write(block(RULES[code], "Use instead"), after)
    fixable = any(each.fix for each in lint(before).findings)
    assert fixable == ("## Fix safety" in documentation(RULES[code]))
    if fixable:
        lint(before, fix=True)
        for path in wanted:
            assert (before / path.relative_to(after)).read_text("utf-8") == path.read_text("utf-8")
