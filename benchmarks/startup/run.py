"""Measure the headline: how long a training runner takes to say --help, as it was, fixed, and changed by hand.

    python benchmarks/startup/run.py            # five runs each; writes README.md and what the picture is drawn from
    python benchmarks/startup/run.py --runs 2 --no-write

before/ is the runner; by_hand/ is what a person makes of it who moves its imports; the third tree is made here, by
`dlsafe-lint --fix` on a copy of before/. Runs of the trees take turns, so that what else the machine does hits all of
them. CPU time (user and system) is given beside the clock's: on a busy machine it is the one to compare.

Exits with 1 if the best run of the fixed tree takes more than 1.1 times the best of the one changed by hand.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint import config, explaining
from dlsafe_lint.rules import CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dlsafe_lint.import_times import Loaded

HERE = Path(__file__).resolve().parent
TREES = ("before", "fixed", "by_hand")
WORDS = {"before": "as it was", "fixed": "after `dlsafe-lint --fix`", "by_hand": "changed by hand"}
PROGRAMS = ("train.py", "evaluate.py")
LIBRARIES = ("torch", "lightning", "transformers", "wandb", "hydra-core")
MOST_BY_HAND = 1.1
LEAST_FELT = 0.05
"""Seconds that make a difference: of 60 ms a tenth is less than what two runs of the same program differ by."""

WORKERS = ("train.py", "dry_run=true", "data.workers=4", "data.start_method=spawn")
TABLE = re.compile(r"(?<=<!-- measured -->\n).*(?=<!-- end of measured -->\n)", re.DOTALL)
LEAST_SHOWN = 0.002
"""Share of a program's time that a module must take to be kept for the picture."""


class Run(NamedTuple):
    """One run: seconds by the clock, CPU seconds of it and its own processes, MB at its peak, what it printed."""

    clock: float
    cpu: float
    memory: float
    printed: str


_LAUNCH = """\
import os, sys, time
began = time.perf_counter()
_, status, used = os.wait4(os.posix_spawn(sys.executable, [sys.executable, *sys.argv[2:]], os.environ), 0)
clock = time.perf_counter() - began
with open(sys.argv[1], "w") as file:
    print(clock, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, file=file)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process between this one and the program: a new process counts its parent's memory as its own peak."""


def run(tree: Path, *command: str) -> Run:
    """Run a program of a tree in a fresh interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder, "figures")
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(figures), *command]
        done = subprocess.run(
            launch,
            cwd=tree,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} in {tree} failed:\n{done.stdout}")
        clock, cpu, memory = map(float, figures.read_text(encoding="ascii").split())
    return Run(clock, cpu, memory, done.stdout)


def rounds(trees: dict[str, Path], count: int, *command: str) -> dict[str, list[Run]]:
    """Run a program in each tree, in turns."""
    found: dict[str, list[Run]] = {name: [] for name in trees}
    for _ in range(count):
        for name, tree in trees.items():
            done = run(tree, *command)
            print(f"{' '.join(command)}: {name} {done.clock:.2f} s, CPU {done.cpu:.2f} s", file=sys.stderr)
            found[name].append(done)
    return found


def first_batch(done: Run) -> float:
    """Return how long a run waited for the first batch of its loader."""
    found = re.search(r"first batch of \d+ after ([\d.]+) s", done.printed)
    assert found, done.printed
    return float(found[1])


def table(rows: list[tuple[str, dict[str, list[Run]], Callable[[Run], float], str]]) -> Iterator[str]:
    """Yield a table of medians: a row for each question, with the ratio of the first tree to the others."""
    yield "| | " + " | ".join(WORDS[name] for name in TREES) + " | fixed is | by hand is |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for what, runs, figure, unit in rows:
        before, fixed, by_hand = (statistics.median(figure(each) for each in runs[name]) for name in TREES)
        shown = " | ".join(
            f"{value:.2f} {unit}" if value < 100 else f"{value:.0f} {unit}" for value in (before, fixed, by_hand)
        )
        yield f"| {what} | {shown} | {before / fixed:.1f} times less | {before / by_hand:.1f} times less |"


def _is_slower(runs: dict[str, list[Run]], figure: Callable[[Run], float]) -> bool:
    # the best runs: what else the machine does only ever adds to them
    fixed, by_hand = (min(figure(each) for each in runs[name]) for name in ("fixed", "by_hand"))
    return fixed > MOST_BY_HAND * by_hand and fixed - by_hand > LEAST_FELT


def as_text(tree: Loaded, runs: int) -> str:
    """Write a tree as ``-X importtime`` does, without what takes hardly any time."""
    lines = [f"median of {runs} runs", "import time: self [us] | cumulative | imported package"]
    least = LEAST_SHOWN * tree.total

    def write(each: Loaded, depth: int) -> None:
        shown = [inner for inner in each.inner if inner.total >= least]
        for inner in shown:
            write(inner, depth + 1)
        own = each.total - sum(inner.total for inner in shown)
        lines.append(f"import time: {own:9} | {each.total:10} | {'  ' * depth}{each.name}")

    write(tree, 0)
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--worker-runs", type=int, default=3)
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()

    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        trees = {name: Path(folder, name) for name in TREES}
        for name, tree in trees.items():
            shutil.copytree(HERE / ("before" if name == "fixed" else name), tree)
        fixing = [sys.executable, "-m", "dlsafe_lint", "--fix", "--no-cache", "--select", "DLS5", str(trees["fixed"])]
        fixed = subprocess.run(fixing, capture_output=True, text=True, check=False)
        print(fixed.stdout + fixed.stderr, file=sys.stderr)
        again = subprocess.run(fixing, capture_output=True, text=True, check=False)
        if again.returncode or "Fixed" in again.stdout:
            raise SystemExit(f"fixing again still finds something:\n{again.stdout}{again.stderr}")
        for tree in trees.values():
            subprocess.run([sys.executable, "-m", "compileall", "-q", str(tree)], check=True)
        helps = {program: rounds(trees, options.runs, program, "--help") for program in PROGRAMS}
        workers = rounds(trees, options.worker_runs, *WORKERS)
        same = {
            program: {re.findall(r"loss [\d.]+", run(tree, program).printed)[-1] for tree in trees.values()}
            for program in PROGRAMS
        }
        settings = config.load(None, tuple(CODES), folder=trees["before"])
        measuring = explaining.Measuring(sys.executable, 3, 600)
        explained = explaining.explain(settings, root=trees["before"], wanted=PROGRAMS[0], measuring=measuring)

    rows: list[tuple[str, dict[str, list[Run]], Callable[[Run], float], str]] = []
    for program, runs in helps.items():
        rows += [
            (f"`python {program} --help`, time", runs, lambda each: each.clock, "s"),
            (f"`python {program} --help`, CPU", runs, lambda each: each.cpu, "s"),
            (f"`python {program} --help`, memory", runs, lambda each: each.memory, "MB"),
        ]
    rows += [
        ("4 spawned workers, time to the first batch", workers, first_batch, "s"),
        ("the run that starts them, CPU of all processes", workers, lambda each: each.cpu, "s"),
    ]
    text = "\n".join(table(rows)) + "\n"
    agree = all(len(losses) == 1 for losses in same.values())
    text += (
        f"\nWhat the programs print when they run for real is {'the same' if agree else 'NOT THE SAME'} in all trees"
    )
    text += f" ({', '.join(sorted(loss for losses in same.values() for loss in losses))}).\n"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    text += (
        f"\nMeasured on {datetime.datetime.now(tz=datetime.timezone.utc):%Y-%m-%d}: {platform.system()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {libraries}. Medians of {options.runs} runs of "
        f"`--help`, of {options.worker_runs} with workers. Load of the machine before "
        f"and after: {load:.1f}, {os.getloadavg()[0]:.1f}.\n"
    )
    print(text)
    if not options.no_write:
        readme = HERE / "README.md"
        readme.write_text(TABLE.sub(lambda _: text, readme.read_text("utf-8")), encoding="utf-8", newline="\n")
        (comparison,) = explained.comparisons
        for name, measured in zip(("before", "after"), comparison.measured or (), strict=True):
            path = HERE / f"train.{name}.importtime"
            path.write_text(as_text(measured.tree, len(measured.runs)), encoding="utf-8", newline="\n")
    slower = [what for what, runs, figure, unit in rows if unit == "s" and _is_slower(runs, figure)]
    for what in slower:
        print(f"slower than {MOST_BY_HAND} times the one changed by hand: {what}", file=sys.stderr)
    return 1 if slower or not agree else 0


if __name__ == "__main__":
    sys.exit(main())
