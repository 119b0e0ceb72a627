"""The linter finds nothing in itself: it starts workers, too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def lint(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dlsafe_lint", "check", "--no-cache", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_project_is_clean() -> None:
    result = lint("--output-format", "json")
    document = json.loads(result.stdout)
    assert document["findings"] == []
    assert document["warnings"] == []
    assert result.returncode == 0
    ours = [path for folder in ("src", "tests", "docs") for path in (ROOT / folder).rglob("*.py")]
    assert document["summary"]["files"] >= len(ours) > 40


def test_the_fixtures_are_not_part_of_it_unless_named() -> None:
    result = lint("fixtures/DLS201/collate_fn.py", "--output-format", "concise")
    assert "DLS201" in result.stdout
    assert result.returncode == 1
