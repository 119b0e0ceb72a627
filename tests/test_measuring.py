"""Imports are run in fresh interpreters, and nothing else of the program is."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from dlsafe_lint.analysis.starting import Step
from dlsafe_lint.measuring import Measured, MeasuringError, Plan, measure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("import pkg.slow\n")
    (tmp_path / "pkg" / "slow.py").write_text("import time\ntime.sleep(0.2)\n")
    (tmp_path / "pkg" / "quick.py").write_text(
        "from pathlib import Path\nDATA = Path(__file__).with_name('slow.py').stat()\n"
    )
    return tmp_path


def measured(
    project: Path,
    *steps: str,
    runs: int = 1,
    limit: float = 60,
    package: str = "",
    texts: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> Measured:
    plan = Plan(
        "train.py",
        str(project / "train.py"),
        package,
        (str(project),),
        tuple(Step(step.removesuffix("?"), "train.py", line, step.endswith("?")) for line, step in enumerate(steps, 1)),
        texts or {},
    )
    return measure(plan, python=python, runs=runs, limit=limit)


def names(found: Measured) -> list[str]:
    return [each.name for each in found.tree.walk()]


def test_the_tree_and_its_time(project: Path) -> None:
    found = measured(project, "import pkg")
    assert names(found)[:3] == ["train.py", "pkg", "pkg.slow"]
    (pkg,) = found.tree.inner
    assert 0.2 <= pkg.total / 1e6 <= found.seconds < 30
    assert pkg.own < 0.1e6 < pkg.inner[0].own
    assert found.tree.total == found.tree.own + pkg.total
    assert found.cpu < found.seconds
    assert not found.failures


def test_the_median_run_counts(project: Path) -> None:
    found = measured(project, "import pkg", runs=3)
    assert len(found.runs) == 3
    assert found.seconds == sorted(found.runs)[1]
    assert found.tree.total / 1e6 == pytest.approx(found.seconds, abs=0.01)


def test_relative_imports_know_their_package(project: Path) -> None:
    assert "pkg.quick" in names(measured(project, "from . import quick", package="pkg"))


def test_files_are_imported_as_they_would_be_fixed(project: Path) -> None:
    init = project / "pkg" / "__init__.py"
    found = measured(project, "import pkg", "import pkg.quick", texts={str(init): "import colorsys\n"})
    assert {"colorsys", "pkg.quick"} <= set(names(found))
    assert "pkg.slow" not in names(found)
    assert init.read_text() == "import pkg.slow\n"


def test_what_can_not_be_imported_is_told(project: Path) -> None:
    (project / "exits.py").write_text("raise SystemExit('enough')\n")
    found = measured(project, "import no_such", "import none_such?", "import exits", "import pkg")
    assert found.failures == (
        "train.py:1: `import no_such` failed: ModuleNotFoundError: No module named 'no_such'",
        "train.py:3: `import exits` failed: SystemExit: enough",
    )
    assert "pkg.slow" in names(found)


def test_what_modules_print_does_not_matter(project: Path) -> None:
    text = (
        "import sys\nprint('out')\nprint('import time: no', file=sys.stderr)\nsys.stderr.write('half')\nimport wave\n"
    )
    (project / "loud.py").write_text(text)
    assert {"loud", "wave"} <= set(names(measured(project, "import loud")))


def test_an_import_that_takes_too_long_is_stopped_with_what_it_started(project: Path) -> None:
    started = project / "started"
    (project / "hangs.py").write_text(
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(started)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(MeasuringError, match=r"importing took more than 5 s and was stopped"):
        measured(project, "import hangs", limit=5)
    child = int(started.read_text())
    for _ in range(100):
        if not is_running(child):
            return
        time.sleep(0.1)
    pytest.fail("the child still runs")


def is_running(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as stat:  # noqa: PTH123 - no file of ours
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import os\nos._exit(3)", "exit code 3 before the imports were done"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "signal 9 before the imports were done"),
        ("import os\nos.write(2, b'no GPU\\n')\nos._exit(1)", "done: no GPU"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interpreter_that_dies_is_told(project: Path, text: str, error: str) -> None:
    (project / "dies.py").write_text(text)
    with pytest.raises(MeasuringError, match=error):
        measured(project, "import dies")


def test_an_interpreter_that_is_not_there_is_told(project: Path) -> None:
    with pytest.raises(MeasuringError, match=r"no-python can't be run: No such file"):
        measured(project, "import pkg", python=str(project / "no-python"))
