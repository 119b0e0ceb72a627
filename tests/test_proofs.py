"""The fixtures tell the truth: each reported program fails as it says, and its repaired twin works.

Every case is run with real torch (or plain multiprocessing) under each start method for which it claims something.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import claims
from claims import FIXTURES, START_METHODS, Claims, Kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
SLOW = 120.0
"""Seconds after which a program that must end counts as hanging, on a machine that is busy."""
HANG = 8.0
"""Seconds after which a program that must hang is believed to, once it has said what is wrong."""
RACES = 5
"""Runs that a program gets to show what goes wrong by chance; on an idle machine the first one nearly always does."""
ENVIRONMENT = {
    **os.environ,
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": str(HERE / "start_method"),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "WANDB_MODE": "disabled",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True)
class Run:
    """What a program did; `code` is None where it had to be killed."""

    code: int | None
    stdout: str
    stderr: str


def ends(wait: Callable[[float], bool], outcome: str, stderr: Path) -> bool:
    """Wait for a program as long as it takes to believe that it hangs, and tell whether it ended.

    Args:
        wait: tells whether the program ends within so many seconds.
        outcome: what it is claimed to do.
        stderr: what it writes. A busy machine may take long to load torch; the time counts from the text of the claim.
    """
    kind, _, text = outcome.partition(": ")
    if kind != "hangs":
        return wait(SLOW)
    started = time.monotonic()
    while not _stands_in(text, stderr.read_text()) and time.monotonic() < started + SLOW:
        if wait(0.1):
            return True
    return wait(HANG)


def run_cold(arguments: tuple[str, ...], folder: Path, start_method: str, outcome: str, temporary: Path) -> Run:
    """Run `python ARGUMENTS`, claimed to do `outcome`, in `folder`, with its `src/` on the path."""
    environment = {
        **ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join([ENVIRONMENT["PYTHONPATH"], str(folder / "src")]),
        "TMPDIR": str(temporary),
        "DLSAFE_PROOF_START_METHOD": start_method,
    }
    stdout, stderr = temporary / "stdout", temporary / "stderr"
    with stdout.open("w") as out, stderr.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )

        def wait(seconds: float) -> bool:
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            return process.returncode is not None

        try:
            ended = ends(wait, outcome, stderr)
        finally:
            _kill(process.pid)
            code = process.wait()
    return Run(code if ended else None, stdout.read_text(), stderr.read_text())


class Warm:
    """An interpreter that has loaded torch already (see warm_interpreter.py)."""

    def __init__(self) -> None:
        # Unbuffered, so that `select` sees every line that has not been read.
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "warm_interpreter.py")],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def run(self, program: Path, start_method: str, outcome: str, temporary: Path) -> Run:
        """Run `python PROGRAM`, claimed to do `outcome`, in the folder of the program."""
        requests, answers = self.process.stdin, self.process.stdout
        assert requests is not None
        assert answers is not None
        stdout, stderr = temporary / "stdout", temporary / "stderr"
        stdout.touch()
        stderr.touch()
        request = {
            "program": str(program),
            "folder": str(program.parent),
            "start_method": start_method,
            "environment": {"TMPDIR": str(temporary), "DLSAFE_PROOF_START_METHOD": start_method},
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        requests.write(json.dumps(request).encode() + b"\n")
        pid = int(answers.readline())
        ended = ends(lambda seconds: bool(select.select([answers], [], [], seconds)[0]), outcome, stderr)
        _kill(pid)
        code = int(answers.readline())
        return Run(code if ended else None, stdout.read_text(), stderr.read_text())

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def _kill(group: int) -> None:
    """End what a program left behind."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder with a short name: a path to a socket in it has 108 characters at most."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """One warm interpreter for all programs."""
    interpreter = Warm()
    yield interpreter
    interpreter.close()


def run(case: Path, found: Claims, start_method: str, outcome: str, warm: Warm, temporary: Path) -> Run:
    """Run the program of a case as its claims say; it must do `outcome`."""
    is_notebook = found.program.suffix == ".ipynb"
    if not found.run and not is_notebook and re.search(r"(import|from) torch", _text(case)):
        return warm.run(found.program, start_method, outcome, temporary)
    arguments = found.run or (str(found.program),)
    if is_notebook:
        arguments = (str(HERE / "run_notebook.py"), *arguments)
    return run_cold(arguments, _folder(case), start_method, outcome, temporary)


def _text(case: Path) -> str:
    return "".join(map(claims.code_of, claims.modules(case)))


def _folder(case: Path) -> Path:
    return case if case.is_dir() else case.parent


def _stands_in(text: str, stderr: str) -> bool:
    return re.search(".*".join(re.escape(part) for part in text.split("...")), stderr) is not None


def happened(outcome: str, prints: tuple[str, ...], seen: Run) -> bool:
    """Tell whether a run was the outcome that was claimed."""
    right = tuple(seen.stdout.splitlines()) == prints
    kind, _, text = outcome.partition(": ")
    match kind:
        case "works":
            return seen.code == 0 and right and "Traceback" not in seen.stderr
        case "wrong data":
            return seen.code == 0 and not right and "Traceback" not in seen.stderr
        case "hangs":
            return seen.code is None and _stands_in(text, seen.stderr)
        case "child dies":
            return seen.code == 0 and not right and _stands_in(text, seen.stderr)
        case "warns":
            return seen.code == 0 and right and _stands_in(text, seen.stderr)
        case _:
            return seen.code not in (0, None) and _stands_in(outcome, seen.stderr)


def check(outcome: str, prints: tuple[str, ...], seen: Run) -> None:
    """Fail unless a run was the outcome that was claimed."""
    if not happened(outcome, prints, seen):
        pytest.fail(f"claimed: {outcome}\nexit {seen.code}\n{seen.stdout}\n{seen.stderr[-4000:]}", pytrace=False)


def attempts(method: str, outcome: str) -> Iterator[tuple[Path, bool]]:
    """Yield a new folder for each run that a claim may take, and whether it is the last one.

    Forked workers that move each other's file offset do so by chance: such a program may need more than one run to show
    it. What must work, hang or fail under the other start methods has one.
    """
    count = RACES if method == "fork" and outcome != "works" and not outcome.startswith("hangs") else 1
    for number in range(count):
        with tempfile.TemporaryDirectory() as name:
            yield Path(name), number == count - 1


def _name(case: Path) -> str:
    return case.relative_to(FIXTURES).as_posix()


CASES = [(case, found) for case in claims.cases() if (found := claims.read(case))]
KINDS = [kinds for case in claims.cases() for kinds in claims.kinds(case)]
# What `python -m` warns of, it warns of under every start method: one is enough.
WARNING = [(case, found) for case, found in CASES if found.outcomes.get("always", "").startswith("warns")]
STARTING = [(case, found) for case, found in CASES if found.outcomes and (case, found) not in WARNING]
LOADING = [(case, found) for case, found in CASES if found.loads]
FAILING = [
    pytest.param(case, found, method, outcome, id=f"{_name(case)}-{method}")
    for case, found in STARTING
    for method in START_METHODS
    if (outcome := found.outcomes.get(method, found.outcomes.get("always")))
]
# A twin that several cases share is run for the first of them.
TWINS = {(found.twin, found.prints): (case, found) for case, found in reversed(STARTING)}
REPAIRED = [
    pytest.param(case, found, method, id=f"{_name(twin)}-{method}")
    for (twin, _), (case, found) in sorted(TWINS.items())
    for method in START_METHODS
]


def test_every_program_compiles() -> None:
    """Except what is there because it does not, or is newer than this Python; and no twin has a marker left."""
    for path in sorted(FIXTURES.rglob("*.py")):
        text = path.read_bytes()
        if path.parent.name != "DLS000" and not path.name.startswith("newer_grammar"):
            compile(text, str(path), "exec", dont_inherit=True)
        if ".fixed" in str(path.relative_to(FIXTURES)):
            assert b"# expect:" not in text, path


@pytest.mark.parametrize(("case", "found", "method", "outcome"), FAILING)
def test_the_case_fails_as_it_says(case: Path, found: Claims, method: str, outcome: str, warm: Warm) -> None:
    """And works under the start methods that it says it works under."""
    for folder, last in attempts(method, outcome):
        seen = run(case, found, method, outcome, warm, folder)
        if last or happened(outcome, found.prints, seen):
            check(outcome, found.prints, seen)
            break


def claims_of_twin(case: Path, found: Claims) -> tuple[Path, Claims]:
    """The working program of a case, and how to run it; it must print what the case should have printed."""
    repaired = found.twin
    assert repaired.exists(), f"{case} has neither a .fixed nor a _repaired twin"
    own = claims.read(repaired) or found
    relative = own.program.relative_to(repaired if own is not found else case)
    return repaired, dataclasses.replace(
        found,
        program=repaired / relative,
        run=_renamed(own.run or found.run, case, repaired),
        then=_renamed(own.then or found.then, case, repaired),
    )


def _renamed(arguments: tuple[str, ...], case: Path, repaired: Path) -> tuple[str, ...]:
    """A fixed twin is a copy: what its docstring says about running it names the case."""
    return tuple(repaired.name if argument == case.name else argument for argument in arguments)


@pytest.mark.parametrize(("case", "found", "method"), REPAIRED)
def test_the_repaired_program_works(case: Path, found: Claims, method: str, warm: Warm, temporary: Path) -> None:
    """Under every start method, and prints what the case should have printed."""
    repaired, twin = claims_of_twin(case, found)
    check("works", twin.prints, run(repaired, twin, method, "works", warm, temporary))


@pytest.mark.parametrize(
    ("kinds", "method"),
    [
        pytest.param(kinds, method, id=f"{_name(kinds.program)}-{method}")
        for kinds in KINDS
        for method in START_METHODS
        if any(method in kind.outcomes for kind in kinds.kinds)
    ],
)
def test_each_kind_fails_as_it_says(kinds: Kinds, method: str, warm: Warm) -> None:
    """One run for all kinds of a program; more only where chance spared one of them."""
    left = {kind.name: kind.outcomes[method] for kind in kinds.kinds if method in kind.outcomes}
    for folder, last in attempts(method, "fails" if set(left.values()) != {"works"} else "works"):
        seen = warm.run(kinds.program, method, "works", folder)
        for name, outcome in tuple(left.items()):
            if last or outcome == "works" or kind_happened(name, outcome, seen):
                check_kind(name, outcome, seen)
                if outcome != "works":
                    del left[name]
        if set(left.values()) <= {"works"}:
            break


@pytest.mark.parametrize(
    ("kinds", "method"),
    [pytest.param(kinds, method, id=f"{_name(kinds.twin)}-{method}") for kinds in KINDS for method in START_METHODS],
)
def test_each_kind_works_once_repaired(kinds: Kinds, method: str, warm: Warm, temporary: Path) -> None:
    """Through one loader that holds all of them, after the parent has read from each."""
    seen = warm.run(kinds.twin, method, "works", temporary)
    for kind in kinds.kinds:
        check_kind(kind.name, "works", seen)


def kind_happened(name: str, outcome: str, seen: Run) -> bool:
    """Tell whether a program printed of a kind what was claimed."""
    said = next(
        (line.removeprefix(f"{name}: ") for line in seen.stdout.splitlines() if line.startswith(f"{name}: ")), ""
    )
    counted = re.fullmatch(r"(\d+) of (\d+) right", said)
    works = counted is not None and counted[1] == counted[2]
    match outcome:
        case "works":
            found = works
        case "wrong data":
            found = counted is not None and not works
        case "fails":
            found = bool(said) and counted is None
        case "wrong data or fails":
            found = bool(said) and not works
        case _:
            found = counted is None and _stands_in(outcome, said)
    return seen.code == 0 and found


def check_kind(name: str, outcome: str, seen: Run) -> None:
    """Fail unless a program printed of a kind what was claimed."""
    if not kind_happened(name, outcome, seen):
        pytest.fail(
            f"{name}, claimed: {outcome}\nexit {seen.code}\n{seen.stdout}\n{seen.stderr[-4000:]}", pytrace=False
        )


@pytest.mark.parametrize(("case", "found"), WARNING, ids=[_name(case) for case, _ in WARNING])
def test_the_package_warns_until_repaired(case: Path, found: Claims, temporary: Path) -> None:
    """`python -m` warns, and fails where warnings are errors; the repaired package does neither."""
    outcome = found.outcomes["always"]
    warning = outcome.removeprefix("warns: ")
    repaired, twin = claims_of_twin(case, found)
    for folder, arguments, expected, strictly_expected in (
        (case, found.run, outcome, warning),
        (repaired, twin.run, "works", "works"),
    ):
        seen = run_cold(arguments, folder, "fork", expected, temporary)
        check(expected, found.prints, seen)
        strictly = ("-W", "error::RuntimeWarning", *arguments)
        check(strictly_expected, found.prints, run_cold(strictly, folder, "fork", strictly_expected, temporary))
    assert "Warning" not in seen.stderr


@pytest.mark.parametrize(("case", "found"), LOADING, ids=[_name(case) for case, _ in LOADING])
def test_the_program_starts_light_once_repaired(case: Path, found: Claims, temporary: Path) -> None:
    """What `run` loads before, it does not load after, and the program's work is still done."""
    repaired, twin = claims_of_twin(case, found)
    for claimed, folder, loaded in ((found, _folder(case), set(found.loads)), (twin, _folder(repaired), set())):
        seen = run_cold(("-X", "importtime", *claimed.run), folder, "fork", "works", temporary)
        assert seen.code == 0, seen.stderr[-4000:]
        times = [line for line in seen.stderr.splitlines() if line.startswith("import time:")]
        assert {line.rpartition("|")[2].strip() for line in times} & set(found.loads) == loaded
    check("works", found.prints, run_cold(twin.then, _folder(repaired), "fork", "works", temporary))
