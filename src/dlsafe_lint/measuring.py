"""Measures what importing takes: runs the user's imports in fresh interpreters. Only ever used on explicit request."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.import_times import Loaded, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dlsafe_lint.analysis.starting import Step

_MARK = "dlsafe-lint measures: "

_PROGRAM = """\
import os, sys, time
sys.path[:1] = {search!r}[:1]
sys.path += {search!r}[1:]
sys.argv = [{file!r}]
names = sys.modules["__main__"].__dict__
names.update(__file__={file!r}, __package__={package!r})
fixed = {{os.path.realpath(path): compile(text, path, "exec", dont_inherit=True) for path, text in {texts!r}.items()}}
loader = sys.modules["_frozen_importlib_external"].SourceLoader
if fixed:
    def get_code(self, name, original=loader.get_code):
        found = fixed.get(os.path.realpath(getattr(self, "path", "")))
        return original(self, name) if found is None else found
    loader.get_code = get_code
steps = [compile(step, {file!r}, "exec", dont_inherit=True) for step in {steps!r}]

def tell(*words, tell=os.write, mark={mark!r}):
    tell(2, ("\\n" + mark + " ".join(map(str, words)) + "\\n").encode("utf-8", "backslashreplace"))

def run(steps, names, tell, clock=time.perf_counter, cpu=time.process_time, end=os._exit):
    tell("begin")
    began, used = clock(), cpu()
    for number, step in enumerate(steps):
        try:
            exec(step, names)
        except BaseException as error:
            tell("failed", number, type(error).__name__ + ":", *str(error).split())
    tell("end", clock() - began, cpu() - used)
    end(0)

run(steps, names, tell)
"""
"""What an interpreter runs: it imports nothing that a bare interpreter has not loaded, so that nothing is hidden.

Fixed files are compiled before the clock starts, as the others are usually found compiled.
"""


class Plan(NamedTuple):
    """What is to be imported.

    Attributes:
        name: the program's name, for people.
        file: the file that is run.
        package: the package that its relative imports start from, "" for none.
        search: the folders in which modules are looked up: the first one before all others, the rest after them.
        steps: its import statements, in order.
        texts: by path, what some files of the project would hold: they are imported as if they did. Nothing of the
            project is written or copied, so that modules find what lies beside them.
    """

    name: str
    file: str
    package: str
    search: tuple[str, ...]
    steps: tuple[Step, ...]
    texts: Mapping[str, str]


class Measured(NamedTuple):
    """What was measured.

    Attributes:
        tree: the program and what it loads, of the run with the median time.
        seconds: the median time of all imports.
        cpu: seconds of CPU of that run: the steadier figure on a busy machine.
        runs: the seconds of each run.
        failures: what could not be imported, one line each; the figures are without it.
    """

    tree: Loaded
    seconds: float
    cpu: float
    runs: tuple[float, ...]
    failures: tuple[str, ...]


class MeasuringError(Exception):
    """The imports could not be measured; says why."""


def measure(plan: Plan, *, python: str, runs: int, limit: float) -> Measured:
    """Run a program's imports, not the program, in fresh interpreters.

    Args:
        plan: what to import.
        python: the interpreter.
        runs: how many times; the median counts.
        limit: seconds that each run may take.

    Raises:
        MeasuringError: the interpreter can't be run, takes longer, or ends before the imports are done.
    """
    program = _PROGRAM.format(
        search=list(plan.search),
        file=plan.file,
        package=plan.package or None,
        texts=dict(plan.texts),
        steps=[step.text for step in plan.steps],
        mark=_MARK,
    )
    with tempfile.TemporaryDirectory(prefix="dlsafe-lint-") as folder:
        script = Path(folder, "imports.py")
        script.write_text(program, encoding="utf-8", newline="\n")
        found = [_read(plan, _run(python, script, Path(folder, "stderr"), limit)) for _ in range(runs)]
    found.sort(key=lambda each: each.seconds)
    middle = found[(len(found) - 1) // 2]
    return middle._replace(runs=tuple(each.seconds for each in found))


def _run(python: str, script: Path, output: Path, limit: float) -> tuple[int, str]:
    """Return the exit code and what was printed to standard error."""
    with output.open("wb") as stream:
        try:
            process = subprocess.Popen(
                [python, "-X", "importtime", str(script)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                start_new_session=True,  # what the imports start is stopped with them
            )
        except OSError as error:
            raise MeasuringError(f"{python} can't be run: {error.strerror}") from None
        with _stopped(process):
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                raise MeasuringError(f"importing took more than {limit:g} s and was stopped") from None
    return code, output.read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def _stopped(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop a process, and on POSIX what it has started, when the block is left."""
    try:
        yield
    finally:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _read(plan: Plan, ended: tuple[int, str]) -> Measured:
    code, text = ended
    _, begin, rest = text.partition(f"{_MARK}begin\n")
    inside, end, figures = rest.partition(f"{_MARK}end ")
    if not begin or not end:
        last = next((line for line in reversed(text.splitlines()) if line.strip() and "import time:" not in line), "")
        what = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise MeasuringError(f"the interpreter ended with {what} before the imports were done: {last.strip()}")
    seconds, cpu = (float(figure) for figure in figures.split()[:2])
    inner = parse(inside)
    total = max(round(seconds * 1e6), sum(each.total for each in inner))
    tree = Loaded(plan.name, total - sum(each.total for each in inner), total, inner)
    return Measured(tree, seconds, cpu, (seconds,), tuple(_failures(plan, inside)))


def _failures(plan: Plan, text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith(f"{_MARK}failed "):
            number, _, error = line.removeprefix(f"{_MARK}failed ").partition(" ")
            step = plan.steps[int(number)]
            if not step.may_fail:
                yield f"{step.path}:{step.line}: `{step.text}` failed: {error}"
