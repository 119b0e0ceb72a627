"""What `dlsafe-lint startup` says a program loads is what it loads when it is run, before and after the fix.

All modules of the project and all slow libraries are compared, in projects that import them in many ways.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dlsafe_lint import cli

if TYPE_CHECKING:
    from pathlib import Path

SLOW = ("slowlib", "slowtoo")
TELL = "import atexit, sys\natexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
PARSES = """
if __name__ == "__main__":
    import argparse
    argparse.ArgumentParser().parse_args()
    print(main())
"""


class Project(NamedTuple):
    """Sources by path; which program to run, and how; what it loads of the slow libraries before and after the fix."""

    files: dict[str, str]
    before: tuple[str, ...]
    after: tuple[str, ...]
    entry: str = "run.py"
    command: tuple[str, ...] = ("run.py",)


NET = "import slowlib\nclass Net(slowlib.Base):\n    size = 3\n"
TABLE = "import slowtoo\ndef read():\n    return slowtoo.VALUE\n"

PROJECTS = {
    "a chain": Project(
        {"run.py": f"import net\nimport table\ndef main():\n    return net.Net.size, table.read()\n{PARSES}"},
        ("slowlib", "slowtoo"),
        (),
    ),
    "one of two libraries stays": Project(
        {
            "run.py": "import net\nimport table\nclass Mine(net.Net): ...\n"
            f"def main():\n    return Mine.size, table.read()\n{PARSES}"
        },
        ("slowlib", "slowtoo"),
        ("slowlib",),
    ),
    "what is switched off or for others": Project(
        {
            "run.py": f"""
import sys
from typing import TYPE_CHECKING
FAST = True
if TYPE_CHECKING:
    import net
if sys.version_info < (3, 0):
    import table
elif not FAST:
    import slowlib
if False:
    import net
import quick
def main():
    return quick.NAME
def unused():
    import table
    import slowtoo
    return table, slowtoo
{PARSES}""",
            "quick.py": "NAME = 'quick'\nif __name__ == '__main__':\n    import net\n",
        },
        (),
        (),
    ),
    "calls that import": Project(
        {
            "run.py": f"""
import importlib
import slowtoo
tools = importlib.import_module("pkg.tools")
def load():
    import quick
    return quick
quick = load()
def main():
    return tools.NAME, quick.NAME, slowtoo.VALUE
{PARSES}""",
            "quick.py": "NAME = 'quick'\n",
            "pkg/__init__.py": "",
            "pkg/tools.py": "from .names import *\n",
            "pkg/names.py": "NAME = 'tools'\n",
            "pkg/other.py": "import slowlib\n",
        },
        ("slowtoo",),
        (),
    ),
    "a package that passes names on": Project(
        {
            "run.py": f"from pkg import log\ndef main():\n    return log()\n{PARSES}",
            "pkg/__init__.py": "from .logs import log\nfrom .model import Net\n__all__ = ['Net', 'log']\n",
            "pkg/logs.py": "def log():\n    return 'logged'\n",
            "pkg/model.py": NET,
        },
        ("slowlib",),
        (),
    ),
    "packages around": Project(
        {
            "top/__init__.py": "from . import first\n",
            "top/first.py": "import quick\n",
            "top/mid/__init__.py": "from ..first import quick\nfrom .deep import leaf as tip\n",
            "top/mid/deep/__init__.py": "",
            "top/mid/deep/leaf.py": "import table\ndef f():\n    return table.read()\n",
            "quick.py": "",
            "run.py": f"import top.mid.deep.leaf as leaf\ndef main():\n    return leaf.f()\n{PARSES}",
        },
        ("slowtoo",),
        (),
    ),
    "a package is run": Project(
        {
            "tool/__init__.py": "from .settings import NAME\n",
            "tool/settings.py": "NAME = 'tool'\n",
            "tool/work.py": NET,
            "tool/__main__.py": f"from . import NAME\nfrom .work import Net\ndef main():\n"
            f"    return NAME, Net.size\n{PARSES}",
        },
        ("slowlib",),
        (),
        "tool/__main__.py",
        ("-m", "tool"),
    ),
    "annotations and a cycle": Project(
        {
            "run.py": "import slowlib\nfrom one import one\n"
            f"def main(x: slowlib.Base | None = None) -> int:\n    return one()\n{PARSES}",
            "one.py": "import two\ndef one():\n    return two.two()\n",
            "two.py": "import one\nimport table\ndef two():\n    return len([one, table.read()])\n",
        },
        ("slowlib", "slowtoo"),
        (),
    ),
    "folders without __init__": Project(
        {
            "space/part.py": "import slowtoo\nVALUE = slowtoo.VALUE\n",
            "space/inner/leaf.py": "from space import part\ndef f():\n    return part.VALUE\n",
            "run.py": f"from space.inner import leaf\ndef main():\n    return leaf.f()\n{PARSES}",
        },
        ("slowtoo",),
        (),
    ),
}
"""Every project also has net.py, which needs slowlib at once, and table.py, which needs slowtoo later."""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the slow libraries, which are found by what is run."""
    folder = tmp_path / "library"
    folder.mkdir()
    for name in SLOW:
        (folder / f"{name}.py").write_text("VALUE = 7\nclass Base: ...\n")
    (folder / "sitecustomize.py").write_text(TELL)  # -X importtime is blind for importlib.import_module
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return folder


def laid_out(root: Path, files: dict[str, str]) -> None:
    settings = f"[tool.dlsafe-lint]\nselect = ['DLS5']\nextend-heavy-modules = {list(SLOW)}\n"
    for path, text in {"pyproject.toml": settings, "net.py": NET, "table.py": TABLE, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def measured(root: Path, command: tuple[str, ...]) -> tuple[set[str], set[str]]:
    """Run a program for its help; return the project's modules that it loads, and the slow libraries."""
    arguments = [sys.executable, *command, "--help"]
    done = subprocess.run(arguments, cwd=root, capture_output=True, text=True, timeout=60, check=True)
    names = set(done.stderr.split())
    files = {f"{name.replace('.', '/')}{end}" for name in names for end in (".py", "/__init__.py")}
    return {file for file in files if (root / file).is_file()}, names & set(SLOW)


def printed(root: Path, command: tuple[str, ...]) -> str:
    done = subprocess.run([sys.executable, *command], cwd=root, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def predicted(entry: str, when: str, capsys: pytest.CaptureFixture[str]) -> tuple[set[str], set[str]]:
    """Return what the command says a program loads before or after the fix: modules but for itself, libraries."""
    capsys.readouterr()
    assert cli.main(["startup", entry, "--output-format", "json"]) == 0
    (program,) = json.loads(capsys.readouterr().out)["programs"]
    return set(program[when]["modules"]) - {entry}, {each["name"] for each in program[when]["slow"]}


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("project", PROJECTS.values(), ids=PROJECTS)
def test_what_is_said_is_what_is_loaded(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "project"
    laid_out(root, {path: textwrap.dedent(text) for path, text in project.files.items()})
    monkeypatch.chdir(root)
    result = printed(root, project.command)
    modules, libraries = measured(root, project.command)
    assert libraries == set(project.before)
    assert predicted(project.entry, "before", capsys) == (modules, libraries)
    expected = predicted(project.entry, "after", capsys)

    cli.main(["check", "--fix", "--unsafe-fixes", "--no-cache", "."])
    modules, libraries = measured(root, project.command)
    assert libraries == set(project.after)
    assert expected == (modules, libraries)
    assert predicted(project.entry, "before", capsys) == (modules, libraries)
    assert cli.main(["check", "--no-cache", "."]) == 0
    assert printed(root, project.command) == result
