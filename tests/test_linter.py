"""The pipeline as a whole: bad input harms nothing else, fixes are exact, results don't depend on the cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dlsafe_lint import files, fixes, linter
from dlsafe_lint.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BAD = """\
from torch.utils.data import DataLoader

loader = DataLoader(range(4), num_workers=2, collate_fn=lambda batch: batch)
"""
FIXED = """\
from torch.utils.data import DataLoader


def collate_fn(batch):
    return batch


loader = DataLoader(range(4), num_workers=2, collate_fn=collate_fn)
"""


def lint(folder: Path, *, config: Config | None = None, **options: bool) -> linter.Report:
    return linter.run([folder], config or Config(), root=folder, **{"cache": False, **options})  # type: ignore[arg-type]


def codes(report: linter.Report) -> list[tuple[str, str]]:
    return [(each.path.rpartition("/")[2], each.code) for each in report.findings]


def _folder_named_like_a_module(folder: Path) -> None:
    (folder / "x.py").mkdir()
    (folder / "x.py" / "inside.py").write_text("a = 1\n")


def _symlink_loop(folder: Path) -> None:
    (folder / "loop").mkdir()
    (folder / "loop" / "again").symlink_to(folder)
    (folder / "self.py").symlink_to(folder / "self.py")


HARMLESS: dict[str, Callable[[Path], object]] = {
    "empty": lambda folder: (folder / "x.py").write_bytes(b""),
    "byte order mark": lambda folder: (folder / "x.py").write_bytes(b"\xef\xbb\xbfa = 1\n"),
    "carriage returns": lambda folder: (folder / "x.py").write_bytes(b"a = 1\r\nb = 2\r\n"),
    "folder": _folder_named_like_a_module,
    "five megabytes": lambda folder: (folder / "x.py").write_text("x = [\n" + "    1234567,\n" * 420_000 + "]\n"),
    "form feed": lambda folder: (folder / "x.py").write_bytes(b"a = 1\n\x0c\nb = 2\n"),
    "latin-1 that says so": lambda folder: (folder / "x.py").write_bytes(b"# coding: latin-1\na = '\xe9'\n"),
}


@pytest.mark.parametrize("shape", HARMLESS)
def test_unusual_files_are_linted_like_any_other(shape: str, tmp_path: Path) -> None:
    HARMLESS[shape](tmp_path)
    (tmp_path / "bad.py").write_text(BAD)
    report = lint(tmp_path)
    assert codes(report) == [("bad.py", "DLS201")]
    assert not report.warnings


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "NUL bytes": lambda path: path.write_bytes(b"a = 1\n\0\n"),
    "latin-1 that does not say so": lambda path: path.write_bytes(b"a = '\xe9'\n"),
    "broken": lambda path: path.write_text("def f(:\n"),
    "nested too deeply": lambda path: path.write_text("x = " + "(" * 2000 + ")" * 2000 + "\n"),
    "nested too deeply for the reader": lambda path: path.write_text("x = " + "-" * 3000 + "1\n"),
    "unknown encoding": lambda path: path.write_bytes(b"# coding: klingon\na = 1\n"),
    "pipe": lambda path: os.mkfifo(path),
    "broken link": lambda path: path.symlink_to(path.with_name("nowhere.py")),
}


@pytest.mark.parametrize("shape", UNREADABLE)
def test_a_file_that_cannot_be_read_is_one_finding_and_the_rest_is_linted(shape: str, tmp_path: Path) -> None:
    UNREADABLE[shape](tmp_path / "x.py")
    (tmp_path / "bad.py").write_text(BAD)
    report = lint(tmp_path)
    complaints = [each for each in codes(report) if each[0] == "x.py"]
    assert ("bad.py", "DLS201") in codes(report)
    assert len(complaints) + len(report.warnings) == 1
    assert all(code == "DLS000" for _, code in complaints)


def test_a_loop_of_links_is_one_warning(tmp_path: Path) -> None:
    _symlink_loop(tmp_path)
    (tmp_path / "bad.py").write_text(BAD)
    report = lint(tmp_path)
    assert codes(report).count(("bad.py", "DLS201")) == 1


def test_a_file_that_vanishes_is_one_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "gone.py").write_text("a = 1\n")
    found = files.find

    def find(*args: object, **kwargs: object) -> files.Found:
        result = found(*args, **kwargs)  # type: ignore[arg-type]
        (tmp_path / "gone.py").unlink()
        return result

    monkeypatch.setattr(files, "find", find)
    assert codes(lint(tmp_path)) == [("bad.py", "DLS201"), ("gone.py", "DLS000")]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"# coding: latin-1\n# \xe9\n"])
def test_a_fix_keeps_line_ends_encoding_and_mode(newline: str, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_bytes(start.replace(b"\n", newline.encode()) + BAD.replace("\n", newline).encode())
    path.chmod(0o751)
    report = lint(tmp_path, fix=True)
    assert (report.fixed, len(report.changes), report.findings) == (1, 1, ())
    assert path.read_bytes() == start.replace(b"\n", newline.encode()) + FIXED.replace("\n", newline).encode()
    assert path.stat().st_mode & 0o777 == 0o751


def test_without_writing_the_change_is_only_told(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    report = lint(tmp_path, fix=True, write=False)
    assert (tmp_path / "bad.py").read_text() == BAD
    assert [(change.before, change.after) for change in report.changes] == [(BAD, FIXED)]


def test_only_the_files_that_were_given_are_fixed(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(BAD)
    linter.run([tmp_path / "one.py"], Config(), root=tmp_path, fix=True, cache=False)
    assert (tmp_path / "one.py").read_text() == FIXED
    assert (tmp_path / "two.py").read_text() == BAD


def test_a_fix_that_would_break_the_file_is_dropped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    monkeypatch.setattr(fixes, "check", lambda *_, **__: "it would break")
    report = lint(tmp_path, fix=True)
    assert (tmp_path / "bad.py").read_text() == BAD
    assert len(report.warnings) == 1
    assert "bug of dlsafe-lint" in report.warnings[0]
    assert len(report.findings) == 1


def test_suppressed_code_is_not_changed(tmp_path: Path) -> None:
    text = BAD.replace("batch)\n", "batch)  # dlsafe: ignore[DLS201] never sent\n")
    (tmp_path / "bad.py").write_text(text)
    report = lint(tmp_path, fix=True)
    assert (tmp_path / "bad.py").read_text() == text
    assert (report.suppressed, report.findings) == (1, ())


def test_a_suppression_of_a_rule_that_is_not_selected_is_not_unused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1  # dlsafe: ignore[DLS201]\n")
    assert not lint(tmp_path, config=Config(select=("DLS0",))).findings
    assert codes(lint(tmp_path)) == [("a.py", "DLS001")]


def test_start_methods_that_cannot_occur_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    assert not lint(tmp_path, config=Config(start_methods=("fork",))).findings
    [finding] = lint(tmp_path, config=Config(start_methods=("fork", "spawn"))).findings
    assert [each.start_method for each in finding.breaks] == ["spawn"]


def test_the_whole_project_is_known_whatever_is_reported_on(tmp_path: Path) -> None:
    (tmp_path / "data.py").write_text("from torch.utils.data import Dataset\nclass Base(Dataset): pass\n")
    (tmp_path / "use.py").write_text(
        "from data import Base\nclass D(Base):\n    def __init__(self, path):\n        self.file = open(path)\n"
    )
    report = linter.run([tmp_path / "use.py"], Config(), root=tmp_path, cache=False)
    assert codes(report) == [("use.py", "DLS101")]
    assert {place.path.rpartition("/")[2] for place in report.findings[0].related} >= {"data.py"}


def test_affected_files_are_reported_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "data.py").write_text("from torch.utils.data import Dataset\nclass Base(Dataset): pass\n")
    (tmp_path / "use.py").write_text(
        "from data import Base\nclass D(Base):\n    def __init__(self, path):\n        self.file = open(path)\n"
    )
    (tmp_path / "bad.py").write_text(BAD)
    report = linter.run([tmp_path / "data.py"], Config(), root=tmp_path, affected=True, cache=False)
    assert codes(report) == [("use.py", "DLS101")]
    assert any("this file was given" in place.message for place in report.findings[0].related)


def test_a_cached_run_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    first = lint(tmp_path, cache=True)
    assert (tmp_path / ".dlsafe_cache").is_dir()
    assert lint(tmp_path, cache=True) == first
    assert lint(tmp_path, cache=False) == first


def test_a_changed_file_or_setting_is_not_answered_from_the_cache(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    assert lint(tmp_path, cache=True).findings
    assert not lint(tmp_path, cache=True, config=Config(ignore=("DLS2",))).findings
    (tmp_path / "bad.py").write_text(FIXED)
    assert not lint(tmp_path, cache=True).findings


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    seen: list[tuple[int, int]] = []
    linter.run(
        [tmp_path], Config(), root=tmp_path, cache=False, progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1][0] == seen[-1][1]
