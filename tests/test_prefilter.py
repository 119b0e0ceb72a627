"""`applies_to` may be too generous, never too strict: forced to true it finds the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claims import FIXTURES
from dlsafe_lint import rules
from test_fixtures import all_cases, lay_out, lint

if TYPE_CHECKING:
    from pathlib import Path

    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project

CASES = all_cases()
PARSED = {"DLS000", "DLS001"}


def _always(facts: ModuleFacts, project: Project) -> bool:  # noqa: ARG001
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.relative_to(FIXTURES).as_posix())
def test_without_the_prefilter_the_findings_are_the_same(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, _ = lay_out(case, tmp_path)
    filtered = lint(target).findings
    for rule in rules.load():
        if rule.code not in PARSED:
            monkeypatch.setattr(rule, "applies_to", _always)
    assert lint(target).findings == filtered
