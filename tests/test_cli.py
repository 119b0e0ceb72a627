from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import dlsafe_lint
from dlsafe_lint import cli, files, linter, rules

if TYPE_CHECKING:
    from collections.abc import Sequence

LAMBDA = """\
from torch.utils.data import DataLoader


def main(dataset):
    for batch in DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch[0]):
        print(batch)
"""
UNUSED = "x = 1  # dlsafe: ignore[DLS101]\n"
BROKEN = "def f(:\n"
COMMAND = (sys.executable, "-m", "dlsafe_lint")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "DLSAFE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)


def lint(*arguments: str | bytes, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command as its users do."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, encoding="utf-8", check=False, timeout=120, **options
    )


def status(*arguments: str) -> int:
    return cli.main([*arguments, "--no-cache"])


def on_terminal(command: Sequence[str], *, stream: str = "stdout") -> str:
    """Run a command with a terminal for stdout or stderr, and return what appears on it."""
    import pty

    leader, follower = pty.openpty()
    streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: follower}
    with subprocess.Popen(command, env={**os.environ, "TERM": "xterm"}, **streams) as process:
        os.close(follower)
        output = b""
        try:
            while chunk := os.read(leader, 65536):
                output += chunk
        except OSError:  # Linux says so when the other end is closed
            pass
        process.wait(timeout=60)
    os.close(leader)
    return output.decode()


class TestExitCodes:
    def test_clean(self, project: Path) -> None:
        write(project, a="x = 1\n")
        result = lint()
        assert (result.returncode, result.stdout, result.stderr) == (0, "All checks passed in 1 file.\n", "")

    def test_findings(self, project: Path) -> None:
        write(project, a=LAMBDA, b="x = 1\n")
        result = lint("--output-format", "concise")
        assert result.returncode == 1
        assert re.match(r"a\.py:5:\d+: DLS201 ", result.stdout)
        assert result.stderr == ""
        assert lint("b.py").returncode == 0
        assert lint("--exit-zero").returncode == 0
        assert lint("--ignore", "DLS2").returncode == 0
        assert lint("--select", "DLS1,DLS4", "--select=DLS5").returncode == 0

    def test_bad_usage(self, project: Path) -> None:
        write(project, a="x = 1\n")
        for arguments, said in {
            ("nosuch.py",): "'nosuch.py' does not exist",
            ("--select", "DLS20"): "",
            ("--select", "DLS299"): 'no rule "DLS299" (did you mean `DLS20',
            ("--ignore", "E501"): 'no rule "E501"',
            ("--nosuch",): "No such option",
            ("--output-format", "xml"): "'xml' is not one of",
            ("--config", "nosuch.toml"): "'nosuch.toml' does not exist",
            ("rule", "DLS102x"): "(did you mean `DLS102`?)",
        }.items():
            result = lint(*arguments)
            assert said in result.stderr
            assert result.stdout == "" if said else result.returncode == 0
            assert result.returncode == (2 if said else 0)
            assert "Traceback" not in result.stderr

    def test_bad_settings(self, project: Path) -> None:
        write(project, a="x = 1\n")
        (project / "pyproject.toml").write_text("[tool.dlsafe-lint]\nselct = []\n")
        result = lint()
        assert result.returncode == 2
        assert "unknown key `selct` (did you mean `select`?)" in result.stderr
        (project / "pyproject.toml").write_text("[tool.dlsafe-lint\n")
        assert lint().returncode == 2

    def test_nothing_to_check(self, project: Path) -> None:
        (project / "README.md").write_text("# x\n")
        result = lint("README.md")
        assert result.returncode == 0
        assert result.stderr.splitlines() == [
            "warning: README.md: passed over: not a Python file",
            "warning: no Python files to check",
        ]
        assert lint().returncode == 0


class TestCheck:
    def test_a_path_named_like_a_command(self, project: Path) -> None:
        for name in ("check", "rule"):
            (project / name).mkdir()
            (project / name / "a.py").write_text(BROKEN)
        assert lint("./check").returncode == 1
        assert lint("check", "check").returncode == 1
        assert lint("--", "rule").returncode == 1
        assert lint("--output-format=concise", "rule").stdout.startswith("rule/a.py:1:")

    def test_the_same_with_and_without_the_name(self, project: Path) -> None:
        write(project, a=LAMBDA)
        plain = lint("a.py", "--no-cache")
        named = lint("check", "a.py", "--no-cache")
        assert (plain.returncode, plain.stdout) == (named.returncode, named.stdout) == (1, plain.stdout)

    def test_from_another_folder(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (project / "src").mkdir()
        (project / "src" / "a.py").write_text(BROKEN)
        assert lint("--output-format=concise").stdout.startswith("src/a.py:1:")
        monkeypatch.chdir(project / "src")
        assert lint("--output-format=concise").stdout.startswith("a.py:1:")
        monkeypatch.chdir("/")
        assert lint("--output-format=concise", str(project)).stdout.startswith(str(project / "src" / "a.py")[1:])

    def test_settings_come_from_the_project_or_the_file_given(self, project: Path) -> None:
        write(project, a=LAMBDA)
        (project / "pyproject.toml").write_text("[tool.dlsafe-lint.per-file-ignores]\n'/a.py' = ['DLS2']\n")
        assert lint("a.py").returncode == 0
        (project / "conf").mkdir()
        (project / "conf" / "lint.toml").write_text("")
        assert lint("a.py", "--config", "conf/lint.toml").returncode == 1
        (project / "conf" / "lint.toml").write_text("[tool.dlsafe-lint.per-file-ignores]\n'/a.py' = ['DLS2']\n")
        assert lint("a.py", "--config", "conf/lint.toml").returncode == 0

    def test_force_exclude(self, project: Path) -> None:
        write(project, a=BROKEN)
        (project / "pyproject.toml").write_text("[tool.dlsafe-lint]\nextend-exclude = ['a.py']\n")
        assert lint("a.py").returncode == 1
        result = lint("a.py", "--force-exclude")
        assert (result.returncode, result.stderr) == (0, "warning: no Python files to check\n")

    def test_affected(self, project: Path) -> None:
        write(
            project,
            loop="from torch.utils.data import DataLoader\n\n\ndef run(data):\n"
            "    for batch in DataLoader(data, num_workers=2):\n        print(batch)\n",
            script="from loop import run\n\nrun(range(8))\n",
            other="x = 1\n",
        )
        assert "script.py:3:1: DLS301" in lint("--output-format=concise", "--affected", "loop.py").stdout
        assert lint("loop.py").returncode == 0
        assert lint("--affected", "other.py").returncode == 0

    def test_json(self, project: Path) -> None:
        write(project, a=BROKEN)
        (project / "gone.py").symlink_to("nothing.py")
        result = lint("--output-format", "json")
        document = json.loads(result.stdout)
        assert [each["code"] for each in document["findings"]] == ["DLS000"]
        assert document["summary"]["files"] == 1
        assert "a symbolic link that leads nowhere" in document["warnings"][0]
        assert result.stderr.startswith("warning: gone.py: ")

    def test_a_path_that_is_not_unicode(self, project: Path) -> None:
        (project / os.fsdecode(b"caf\xe9.py")).write_text(BROKEN)
        for form in ("full", "concise", "json"):
            result = lint("--output-format", form)
            assert result.returncode == 1
            assert "DLS000" in result.stdout
        assert lint(b"caf\xe9.py").returncode == 1


class TestFixing:
    def test_fix(self, project: Path) -> None:
        write(project, a=UNUSED)
        assert lint("a.py").returncode == 1
        result = lint("--fix", "a.py")
        assert (result.returncode, (project / "a.py").read_text()) == (0, "x = 1\n")
        assert "Fixed 1" in result.stdout

    def test_only_what_was_given_is_written(self, project: Path) -> None:
        write(project, a=UNUSED, b=UNUSED)
        assert lint("--fix", "a.py").returncode == 0
        assert (project / "b.py").read_text() == UNUSED

    def test_fixes_are_exact_to_the_byte(self, project: Path) -> None:
        before = b"\xef\xbb\xbfs = '\xc3\xa9'\r\nx = 1  # dlsafe: ignore[DLS101]\r\ny = '''\r\n\t'''  \n\x0cz = 1"
        (project / "a.py").write_bytes(before)
        assert lint("--fix").returncode == 0
        assert (project / "a.py").read_bytes() == before.replace(b"  # dlsafe: ignore[DLS101]", b"")

    def test_diff_writes_nothing_and_can_be_applied(self, project: Path) -> None:
        text = f"y = '\x1b[31m\x0c'\r\n{UNUSED}z = 2  # dlsafe: ignore[DLS101]"
        (project / "a.py").write_bytes(text.encode())
        result = lint("--diff")
        assert (project / "a.py").read_bytes() == text.encode()
        assert result.returncode == 1
        assert result.stderr == "Would fix 2 in 1 file; 0 would remain.\n"
        raw = subprocess.run([*COMMAND, "--diff"], capture_output=True, check=False).stdout
        subprocess.run(["git", "apply", "--unsafe-paths", "-p0", "-"], input=raw, check=True)
        assert (project / "a.py").read_bytes() == text.replace("  # dlsafe: ignore[DLS101]", "").encode()
        result = lint("--diff")
        assert (result.returncode, result.stdout) == (0, "")

    def test_a_file_that_cannot_be_written(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(project, a=UNUSED, b=UNUSED)
        real = os.fsync
        calls = []

        def full_once(handle: int) -> None:
            calls.append(handle)
            if len(calls) == 1:
                raise OSError(28, "No space left on device")
            real(handle)

        monkeypatch.setattr(os, "fsync", full_once)
        assert status("--fix") == 2
        assert sorted([(project / "a.py").read_text(), (project / "b.py").read_text()]) == ["x = 1\n", UNUSED]


class TestBadInput:
    """One finding or warning each, the rest linted, the exit code right."""

    def test_all_of_it_at_once(self, project: Path) -> None:
        write(project, good=UNUSED, empty="", deep="x = " + "(" * 2000 + ")" * 2000 + "\n", broken=BROKEN)
        (project / "x.py").mkdir()
        (project / "x.py" / "inner.py").write_text(UNUSED)
        (project / "nul.py").write_bytes(b"x = '\0'\n")
        (project / "latin.py").write_bytes(b"x = '\xe9'\n")
        (project / "bom.py").write_bytes(b"\xef\xbb\xbf" + UNUSED.encode())
        (project / "crlf.py").write_bytes(UNUSED.replace("\n", "\r\n").encode())
        (project / "loop").symlink_to(".")
        (project / "self.py").symlink_to("self.py")
        os.mkfifo(project / "pipe.py")
        (project / "large.py").write_text("x = 1\n" * (2**20 // 6) + UNUSED)
        expected = {name: ["DLS001"] for name in ("good.py", "x.py/inner.py", "bom.py", "crlf.py", "large.py")}
        expected |= {name: ["DLS000"] for name in ("nul.py", "latin.py", "broken.py", "deep.py")}
        result = lint("--output-format", "json")
        assert result.returncode == 1, result.stderr
        findings: dict[str, list[str]] = {}
        for each in json.loads(result.stdout)["findings"]:
            findings.setdefault(each["path"], []).append(each["code"])
        assert findings == expected
        warnings = result.stderr.splitlines()
        assert sorted(warning.partition(": ")[2].partition(":")[0] for warning in warnings) == [
            "loop",
            "pipe.py",
            "self.py",
        ]

    def test_a_file_deleted_during_the_run(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(project, a="x = 1\n", b=UNUSED)
        real = files.read

        def delete_then_read(path: str, *rest: Any) -> Any:
            if path.endswith("a.py"):
                Path(path).unlink()
            return real(path, *rest)

        monkeypatch.setattr(files, "read", delete_then_read)
        result = CliRunner().invoke(cli.commands, ["--no-cache", "--output-format=concise"], standalone_mode=False)
        assert result.return_value == 1
        assert [line.split()[:2] for line in result.stdout.splitlines()] == [
            ["a.py:1:1:", "DLS000"],
            ["b.py:1:8:", "DLS001"],
        ]


class TestRule:
    def test_one(self) -> None:
        result = lint("rule", "dls101")
        assert result.returncode == 0
        assert result.stdout.startswith("# DLS101: open-handle-in-dataset\n\n")
        assert "\n## Why is this bad?\n" in result.stdout

    def test_all(self) -> None:
        result = lint("rule")
        assert result.returncode == 0
        assert re.findall(r"(?m)^(DLS\d+) ([a-z-]+)  +\S", result.stdout) == list(rules.CODES.items())
        assert "Can be fixed." in " ".join(result.stdout.split())


class TestTerminal:
    def test_color_where_it_is_wanted(self, project: Path) -> None:
        write(project, a=BROKEN)
        escape = "\x1b["
        environment = {**os.environ, "TERM": "xterm"}
        assert escape not in lint(env=environment).stdout
        assert escape in lint(env={**environment, "FORCE_COLOR": "1"}).stdout
        assert escape not in lint(env={**environment, "FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
        assert escape in on_terminal(COMMAND)
        assert escape not in on_terminal(["env", "NO_COLOR=1", *COMMAND])
        assert escape not in on_terminal(["env", "TERM=dumb", *COMMAND])

    def test_a_diff_cannot_move_the_cursor_of_a_terminal(self, project: Path) -> None:
        write(project, a=f"y = '\x1b[2J'\n{UNUSED}")
        shown = on_terminal(["env", "NO_COLOR=1", *COMMAND, "--diff"])
        assert "+x = 1\r\n" in shown
        assert "\x1b" not in shown
        assert "\x1b[31m-x = 1" in on_terminal([*COMMAND, "--diff"])

    def test_progress_on_a_terminal_if_it_takes_long(self, project: Path) -> None:
        write(project, a="x = 1\n", b="y = 1\n")
        code = "import sys; from dlsafe_lint import cli; cli._PROGRESS_AFTER = {}; sys.exit(cli.main(['--no-cache']))"
        at_once = [sys.executable, "-c", code.format(-1)]
        assert "Checking" in on_terminal(at_once, stream="stderr")
        assert "Checking" not in on_terminal(["env", "TERM=dumb", *at_once], stream="stderr")
        assert "Checking" not in on_terminal([sys.executable, "-c", code.format(60)], stream="stderr")
        assert subprocess.run(at_once, capture_output=True, check=True).stderr == b""

    def test_who_stops_reading_has_enough(self, project: Path) -> None:
        write(project, a=BROKEN)
        for arguments, expected in {("rule", "DLS101"): 0, ("a.py",): 1, ("--version",): None}.items():
            with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                assert process.stdout is not None
                assert process.stderr is not None
                process.stdout.close()
                assert process.stderr.read() == b""
                assert process.wait() == expected or expected is None

    def test_a_full_disk(self, project: Path) -> None:
        write(project, a=BROKEN)
        with Path("/dev/full").open("w") as full:
            result = subprocess.run(COMMAND, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert result.returncode == 2
        assert result.stderr == "Error: the report can't be written: No space left on device\n"


class TestTrouble:
    def test_interrupt(self) -> None:
        code = (
            # what runs in the background of a shell is started with the signal ignored
            "import signal, sys, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "from dlsafe_lint import cli, linter\n"
            "def run(*args, **options):\n    print('running', flush=True)\n    time.sleep(60)\n"
            "linter.run = run\nsys.exit(cli.main([]))\n"
        )
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as process:  # type: ignore[call-overload]
            assert process.stdout.readline() == "running\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) == 130
            assert process.stderr.read().strip() == ""

    def test_a_bug_of_ours(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.delenv("DLSAFE_DEBUG", raising=False)

        def run(*_args: Any, **_options: Any) -> None:
            raise KeyError("what\nhappened")

        monkeypatch.setattr(linter, "run", run)
        assert cli.main([]) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert re.fullmatch(
            rf"dlsafe-lint {dlsafe_lint.__version__} failed: KeyError: .* \(test_cli\.py:\d+\)\. "
            r"Please report this, with what --verbose prints\.\n",
            output.err,
        )
        assert cli.main(["--verbose"]) == 2
        assert "Traceback" in capsys.readouterr().err
        monkeypatch.setenv("DLSAFE_DEBUG", "1")
        assert cli.main([]) == 2
        assert "Traceback" in capsys.readouterr().err


class TestStart:
    def test_version(self) -> None:
        assert lint("--version").stdout == f"dlsafe-lint {dlsafe_lint.__version__}\n"

    def test_version_and_help_load_nothing_heavy(self) -> None:
        for option in ("--version", "--help"):
            code = f"import sys; from dlsafe_lint.cli import main; main(['{option}']); print(*sys.modules)"
            loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
            assert not {"libcst", "pathspec", "pathlib", "dlsafe_lint.config", "dlsafe_lint.linter"} & set(
                loaded.split()
            )

    def test_version_takes_hardly_longer_than_click(self) -> None:
        def cpu(*arguments: str) -> float:
            import resource

            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        pairs = [(cpu("-m", "dlsafe_lint", "--version"), cpu("-c", "import click")) for _ in range(8)]
        ours, click = (min(times) for times in zip(*pairs, strict=True))
        assert ours < 1.5 * click  # 1.15 where nothing else runs

    def test_help(self) -> None:
        for arguments in (["--help"], ["-h"], ["check", "-h"], ["rule", "--help"]):
            result = lint(*arguments)
            assert result.returncode == 0
            assert result.stdout.startswith("Usage: dlsafe-lint ")
