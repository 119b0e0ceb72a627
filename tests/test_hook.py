"""The pre-commit hooks, installed by the real pre-commit from the working tree, in a real git repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = ("src", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")

CONFIG = """\
repos:
  - repo: {tool}
    rev: {revision}
    hooks:
      - id: dlsafe-lint
      - id: dlsafe-lint-fix
        stages: [manual]
      - id: dlsafe-lint-all
        stages: [manual]
"""

LAMBDA = """\
from torch.utils.data import DataLoader


def main(dataset):
    for batch in DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch[0]):
        print(batch)


if __name__ == "__main__":
    main(range(8))
"""

FIXED = """\
from torch.utils.data import DataLoader


def collate_fn(batch):
    return batch[0]


def main(dataset):
    for batch in DataLoader(dataset, num_workers=2, collate_fn=collate_fn):
        print(batch)


if __name__ == "__main__":
    main(range(8))
"""

LOOP = """\
from torch.utils.data import DataLoader


def run(dataset):
    loader = DataLoader(dataset, num_workers=2)
    print(len(loader))
"""

SCRIPT = """\
from loop import run

run(range(8))
"""


class Repository(NamedTuple):
    """A git repository of somebody who uses the hooks."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )
        return subprocess.CompletedProcess(command, result.returncode, result.stdout + result.stderr, "")

    def git(self, *arguments: str) -> str:
        result = self.run("git", *arguments)
        assert result.returncode == 0, result.stdout
        return result.stdout.strip()

    def commit(self) -> subprocess.CompletedProcess[str]:
        """Commits whatever is staged, through the installed hook."""
        return self.run("git", "commit", "--message", "A change")

    def hook(self, name: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "pre_commit", "run", "--hook-stage", "manual", name)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(text, encoding="utf-8", newline="\n")


def environment(home: Path) -> dict[str, str]:
    """Nothing of the machine's git configuration, nor of a git, a pre-commit or a PYTHONPATH that runs this test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT", "PYTHON"))}
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        kept |= {f"{name}_NAME": "A. Tester", f"{name}_EMAIL": "tester@example.org"}
    return {
        **kept,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
        "NO_COLOR": "1",
    }


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, str]]:
    """The working tree as a git repository from which pre-commit can install."""
    home = tmp_path_factory.mktemp("tool")
    folder = home / "dlsafe-lint"
    folder.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / name, folder / name)
    repository = Repository(folder, environment(home))
    repository.git("init", "--quiet")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "The tool")
    return folder, repository.git("rev-parse", "HEAD"), repository.environment


@pytest.fixture
def repository(tool: tuple[Path, str, dict[str, str]], tmp_path: Path) -> Repository:
    """A clean repository with the hook installed; the hook's environment is built once for all tests."""
    folder, revision, variables = tool
    repository = Repository(tmp_path, variables)
    repository.git("init", "--quiet")
    config = CONFIG.format(tool=folder.as_posix(), revision=revision)
    (tmp_path / ".pre-commit-config.yaml").write_text(config, encoding="utf-8")
    installed = repository.run(sys.executable, "-m", "pre_commit", "install", "--install-hooks")
    assert installed.returncode == 0, installed.stdout
    repository.write(train="print(1)\n", loop=LOOP, script=SCRIPT)
    repository.git("add", "--all")
    first = repository.commit()
    assert first.returncode == 0, first.stdout
    return repository


def test_a_bad_file_is_refused_then_fixed_then_accepted(repository: Repository) -> None:
    repository.write(train=LAMBDA)
    repository.git("add", "train.py")
    refused = repository.commit()
    assert refused.returncode != 0
    assert "DLS201" in refused.stdout
    assert "train.py:5:" in refused.stdout
    assert repository.git("rev-list", "--count", "HEAD") == "1"

    fixing = repository.hook("dlsafe-lint-fix")
    assert fixing.returncode != 0, "pre-commit calls a hook that changes files a failure"
    assert "files were modified by this hook" in fixing.stdout
    assert (repository.folder / "train.py").read_text(encoding="utf-8") == FIXED

    repository.git("add", "train.py")
    accepted = repository.commit()
    assert accepted.returncode == 0, accepted.stdout
    assert repository.git("rev-list", "--count", "HEAD") == "2"
    assert repository.git("status", "--porcelain") == ""


def test_a_finding_that_a_change_causes_in_another_file_is_reported(repository: Repository) -> None:
    repository.write(loop=LOOP.replace("print(len(loader))", "print(list(loader))"))
    repository.git("add", "loop.py")
    refused = repository.commit()
    assert refused.returncode != 0
    assert "script.py:3:1" in refused.stdout
    assert "DLS301" in refused.stdout
    assert "loop.py:6: reported because" in refused.stdout


def test_a_finding_that_a_change_has_nothing_to_do_with_is_not_reported(repository: Repository) -> None:
    repository.write(old=LAMBDA)
    repository.git("add", "old.py")
    repository.git("commit", "--quiet", "--no-verify", "--message", "An old sin")
    repository.write(train="print(2)\n")
    repository.git("add", "train.py")
    accepted = repository.commit()
    assert accepted.returncode == 0, accepted.stdout


def test_notebooks_are_left_out_unless_the_hook_is_given_them(repository: Repository) -> None:
    notebook = json.dumps({"cells": [{"cell_type": "code", "source": LAMBDA}], "metadata": {}, "nbformat": 4})
    (repository.folder / "train.ipynb").write_text(notebook, encoding="utf-8")
    repository.git("add", "train.ipynb")
    accepted = repository.commit()
    assert accepted.returncode == 0, accepted.stdout

    config = repository.folder / ".pre-commit-config.yaml"
    text = config.read_text(encoding="utf-8")
    hook = "- id: dlsafe-lint\n"
    config.write_text(text.replace(hook, f"{hook}        types_or: [python, jupyter]\n"), encoding="utf-8")
    (repository.folder / "train.ipynb").write_text(notebook + "\n", encoding="utf-8")
    repository.git("add", "--all")
    refused = repository.commit()
    assert refused.returncode != 0
    assert "train.ipynb:cell 1:5:" in refused.stdout


def test_the_fixing_hook_writes_only_what_it_was_given(repository: Repository) -> None:
    repository.write(other=LAMBDA)
    repository.git("add", "other.py")
    repository.git("commit", "--quiet", "--no-verify", "--message", "An old sin")
    repository.write(train=LAMBDA)
    repository.git("add", "train.py")
    assert repository.hook("dlsafe-lint-fix").returncode != 0
    assert (repository.folder / "train.py").read_text(encoding="utf-8") == FIXED
    assert (repository.folder / "other.py").read_text(encoding="utf-8") == LAMBDA


def test_the_hook_for_everything_always_runs(repository: Repository) -> None:
    clean = repository.hook("dlsafe-lint-all")
    assert clean.returncode == 0, clean.stdout
    assert "Passed" in clean.stdout
    repository.write(train=LAMBDA)
    repository.git("add", "train.py")
    repository.git("commit", "--quiet", "--no-verify", "--message", "Nothing is staged any more")
    bad = repository.hook("dlsafe-lint-all")
    assert bad.returncode != 0
    assert "train.py:5:" in bad.stdout


def test_the_index_is_what_counts(repository: Repository) -> None:
    """pre-commit stashes what is not staged: a sin that stays in the working tree is none of the commit's."""
    repository.write(train="print(3)\n")
    repository.git("add", "train.py")
    repository.write(train=LAMBDA)
    accepted = repository.commit()
    assert accepted.returncode == 0, accepted.stdout
    assert (repository.folder / "train.py").read_text(encoding="utf-8") == LAMBDA
