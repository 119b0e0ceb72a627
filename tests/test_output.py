"""What the formats print, character by character."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest

from dlsafe_lint.finding import Breakage, Edit, Finding, Fix, Place, Range
from dlsafe_lint.output import FORMATS, Format, Totals, printable, relative, render

ROOT = Path("/project").absolute()
DATA, TRAIN, FIT = (str(ROOT / name) for name in ("src/data.py", "train.py", "engine/fit.py"))
TEXTS = {
    DATA: "import h5py\n\nclass Slides(Dataset):\n    def __init__(self, path):\n        self.file = h5py.File(path)\n",
    TRAIN: "import torch\n\ndef main():\n    fit(loader)\n\nmain()\n",
    FIT: "def fit(loader):\n    for batch in loader:\n        step(batch)\n",
}

HANDLE = Finding(
    code="DLS101",
    message="`Slides` keeps an open `h5py.File` in `self.file`",
    path=DATA,
    range=Range(5, 9, 5, 36),
    breaks=(
        Breakage("fork", "wrong bytes, silently"),
        Breakage("spawn", "TypeError: cannot pickle"),
        Breakage("forkserver", "TypeError: cannot pickle"),
    ),
    help="open the file on first use, in each process",
    fix=Fix("Open `self.file` on first use", (Edit(100, 103, "x\n"),), "unsafe", defines=("os",)),
)
GUARD = Finding(
    code="DLS301",
    message="workers are started while the file is imported",
    path=TRAIN,
    range=Range(6, 1, 6, 7),
    breaks=(Breakage("spawn", "RuntimeError: bootstrapping"),),
    help='put it under `if __name__ == "__main__":`',
    confidence="likely",
    fix=Fix("Put it under a guard", (Edit(0, 1, ""),), "safe", may_unbind=frozenset({"b", "a"})),
    related=(
        Place(TRAIN, 6, "`train` calls `main`"),
        Place(TRAIN, 4, "`main` calls `fit`"),
        Place(FIT, 2, "`fit` iterates the loader"),
        Place(str(ROOT / "gone.py"), 1234, "somewhere else"),
    ),
    first_line=6,
    last_line=7,
)
BROKEN = Finding("DLS000", "it can't be decoded", str(ROOT / "bad.py"), Range(1, 1, 1, 1))


def show(output_format: Format, *findings: Finding, totals: Totals | None = None, **options: bool) -> str:
    return render(output_format, findings, texts=TEXTS, totals=totals or Totals(files=3), cwd=ROOT, **options)


def block(source: str, *where: int) -> list[str]:
    """The marked source lines that the full format shows for a range of a text."""
    path = str(ROOT / "x.py")
    finding = Finding("DLS101", "message", path, Range(*where))
    lines = render("full", [finding], texts={path: source}, totals=Totals(files=1), cwd=ROOT).split("\n")
    assert lines[0] == "DLS101 message"
    assert lines[1].endswith(f"--> x.py:{where[0]}:{where[1]}")
    return lines[2 : lines.index("")]


# --- concise ---------------------------------------------------------------------------------------------------------


def test_concise_is_one_line_a_finding_and_nothing_else() -> None:
    native = str(Path("src/data.py"))
    assert show("concise", HANDLE, GUARD, totals=Totals(3, 1, 1, ("warning",))) == (
        f"{native}:5:9: DLS101 `Slides` keeps an open `h5py.File` in `self.file`\n"
        "train.py:6:1: DLS301 workers are started while the file is imported\n"
    )


def test_concise_is_silent_when_clean() -> None:
    assert show("concise") == ""


# --- full ------------------------------------------------------------------------------------------------------------


def test_full_shows_source_breakage_chain_and_advice() -> None:
    data, fit = Path("src/data.py"), Path("engine/fit.py")
    assert (
        show("full", HANDLE, GUARD, BROKEN)
        == f"""\
DLS101 `Slides` keeps an open `h5py.File` in `self.file`
 --> {data}:5:9
  |
5 |         self.file = h5py.File(path)
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = fork: wrong bytes, silently
  = spawn, forkserver: TypeError: cannot pickle
  = help: open the file on first use, in each process
  = fix: Open `self.file` on first use (unsafe)

DLS301 [*] workers are started while the file is imported
    --> train.py:6:1
     |
   6 | main()
     | ^^^^^^
     |
     = spawn: RuntimeError: bootstrapping
     |
    ::: train.py:6: `train` calls `main`
    ::: train.py:4: `main` calls `fit`
   4 |     fit(loader)
    ::: {fit}:2: `fit` iterates the loader
   2 |     for batch in loader:
    ::: gone.py:1234: somewhere else
     |
     = help: put it under `if __name__ == "__main__":`
     = fix: Put it under a guard

DLS000 it can't be decoded
 --> bad.py:1:1

Found 3 errors in 3 files. 1 fixable with --fix, 1 more with --unsafe-fixes.
"""
    )


@pytest.mark.parametrize(
    ("findings", "totals", "expected"),
    [
        ([], Totals(14), "All checks passed in 14 files."),
        ([], Totals(1, suppressed=2), "All checks passed in 1 file. 2 suppressed."),
        ([], Totals(3, fixed=2), "Fixed 2 errors."),
        ([BROKEN], Totals(3), "Found 1 error in 1 file."),
        ([GUARD, GUARD], Totals(3), "Found 2 errors in 1 file. 2 fixable with --fix."),
        ([HANDLE], Totals(3), "Found 1 error in 1 file. 1 fixable with --unsafe-fixes."),
        ([BROKEN, HANDLE], Totals(3, 1, 1), (
            "Fixed 1 error. Found 2 errors remaining in 2 files. 1 fixable with --unsafe-fixes. 1 suppressed."
        )),
    ],
)  # fmt: skip
def test_full_ends_with_a_count(findings: list[Finding], totals: Totals, expected: str) -> None:
    assert show("full", *findings, totals=totals).splitlines()[-1] == expected


def test_tabs_are_expanded_and_the_carets_follow() -> None:
    assert block("\tif x:\n\t\ta =\tf(b)\n", 2, 7, 2, 11) == [
        "  |",
        "2 |         a = f(b)",
        "  |             ^^^^",
    ]


def test_wide_and_combining_characters_take_their_columns() -> None:
    assert block("名前 = e\u0301(x)\n", 1, 6, 1, 11) == [
        "  |",
        "1 | 名前 = e\u0301(x)",
        "  |        ^^^^",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_python_counts_them(end: str) -> None:
    source = end.join(("a", "\fb", "x\x1cy\u2028z\x85", "d", ""))
    assert block(source, 4, 1, 4, 2) == ["  |", "4 | d", "  | ^"]
    assert block(source, 3, 1, 3, 2)[1:] == ["3 | x�y�z�", "  | ^"]


def test_a_range_over_several_lines_has_a_bracket() -> None:
    source = "if x:\n    f(\n        a,\n    )\n"
    assert block(source, 2, 5, 4, 6) == [
        "  |",
        "2 | /     f(",
        "3 | |         a,",
        "4 | |     )",
        "  | |_____^",
    ]


def test_a_range_that_starts_within_its_line() -> None:
    source = "x = f(lambda a: (\n    a\n))\n"
    assert block(source, 1, 7, 3, 2) == [
        "  |",
        "1 |   x = f(lambda a: (",
        "  |  _______^",
        "2 | |     a",
        "3 | | ))",
        "  | |_^",
    ]


def test_a_long_range_is_shortened() -> None:
    source = "f(\n" + "".join(f"    a{i},\n" for i in range(2, 99)) + ")\n"
    assert block(source, 1, 1, 99, 2) == [
        "   |",
        " 1 | / f(",
        " 2 | |     a2,",
        " 3 | |     a3,",
        " 4 | |     a4,",
        "   | | ...",
        "99 | | )",
        "   | |_^",
    ]


def test_a_range_that_ends_with_the_line_break() -> None:
    assert block("a = 1\nb\n", 1, 1, 2, 1) == ["  |", "1 | a = 1", "  | ^^^^^"]


@pytest.mark.parametrize("where", [(1, 6, 1, 6), (1, 6, 1, 99), (1, 50, 1, 60)])
def test_a_range_at_or_behind_the_end_of_the_line_has_one_caret(where: tuple[int, int, int, int]) -> None:
    assert block("a = 1\n", *where) == ["  |", "1 | a = 1", "  |      ^"]


def test_a_range_behind_the_end_of_the_file_shows_no_source() -> None:
    assert block("a = 1\n", 7, 1, 7, 2) == []
    assert block("a = 1\n", 1, 1, 7, 2) == []


def test_a_very_long_line_is_clipped_around_the_range() -> None:
    source = f"x = [{'1, ' * 500}lambda a: a, {'2, ' * 500}]\n"
    start = source.index("lambda") + 1
    _, line, carets = block(source, 1, start, 1, start + len("lambda a: a"))
    assert line.startswith("1 | …")
    assert line.endswith("…")
    assert len(line) < 130
    assert line[carets.index("^") : carets.rindex("^") + 1] == "lambda a: a"
    assert set(carets) == {" ", "|", "^"}


def test_a_very_long_range_is_clipped() -> None:
    source = f"x = [{'1, ' * 500}]\n"
    _, line, carets = block(source, 1, 5, 1, 1500)
    assert line.startswith("1 | x = [1, 1,")
    assert line.endswith("…")
    assert len(carets) <= len(line) < 130


def test_a_very_long_line_that_shows_the_range_from_its_start_is_not_scrolled() -> None:
    source = f"x = [lambda a: a, {'2, ' * 500}]\n"
    _, line, carets = block(source, 1, 6, 1, 17)
    assert line.startswith("1 | x = [lambda a: a, 2")
    assert carets == "  |      " + "^" * 11


# --- json ------------------------------------------------------------------------------------------------------------


def test_json_holds_everything() -> None:
    document = json.loads(show("json", HANDLE, GUARD, totals=Totals(3, 1, 2, ("careful",))))
    assert document["version"] == 1
    assert document["summary"] == {
        "files": 3,
        "findings": 2,
        "by_rule": {"DLS101": 1, "DLS301": 1},
        "fixable": 1,
        "fixable_unsafe": 1,
        "suppressed": 1,
        "fixed": 2,
    }
    assert document["warnings"] == ["careful"]
    handle, guard = document["findings"]
    assert handle == {
        "code": "DLS101",
        "message": "`Slides` keeps an open `h5py.File` in `self.file`",
        "path": str(Path("src/data.py")),
        "cell": None,
        "range": {"start": {"line": 5, "column": 9}, "end": {"line": 5, "column": 36}},
        "statement": {"first_line": 5, "last_line": 5},
        "confidence": "certain",
        "breaks": [
            {"start_method": "fork", "what": "wrong bytes, silently"},
            {"start_method": "spawn", "what": "TypeError: cannot pickle"},
            {"start_method": "forkserver", "what": "TypeError: cannot pickle"},
        ],
        "help": "open the file on first use, in each process",
        "related": [],
        "fix": {
            "title": "Open `self.file` on first use",
            "applicability": "unsafe",
            "edits": [{"cell": None, "start": 100, "end": 103, "text": "x\n"}],
            "defines": ["os"],
            "may_unbind": [],
        },
    }
    assert guard["statement"] == {"first_line": 6, "last_line": 7}
    assert guard["fix"]["may_unbind"] == ["a", "b"]
    assert guard["related"][1] == {"path": "train.py", "cell": None, "line": 4, "message": "`main` calls `fit`"}
    assert json.loads(show("json", BROKEN))["findings"][0]["fix"] is None


def test_json_is_the_same_every_time_and_keeps_its_order() -> None:
    assert show("json", HANDLE, GUARD) == show("json", HANDLE, GUARD)
    assert list(json.loads(show("json"))) == ["version", "findings", "summary", "warnings"]
    assert json.loads(show("json"))["findings"] == []


# --- all -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output_format", FORMATS)
def test_colours_change_nothing_but_colours(output_format: Format) -> None:
    plain = show(output_format, HANDLE, GUARD, BROKEN)
    colored = show(output_format, HANDLE, GUARD, BROKEN, color=True)
    assert "\x1b" not in plain
    assert click.unstyle(colored) == plain
    assert ("\x1b" in colored) == (output_format != "json")


@pytest.mark.parametrize("output_format", ["concise", "full"])
def test_nothing_from_outside_moves_the_cursor_or_adds_a_line(output_format: Format) -> None:
    evil = "\x1b[2J\n\r\u202e\u2066\ud800\x00\u2028"
    path = str(ROOT / f"x{evil}.py")
    finding = Finding("DLS101", f"m{evil}", path, Range(1, 1, 1, 5), help=evil, related=(Place(path, 1, evil),))
    plain = str(ROOT / "x.py")
    harmless = Finding("DLS101", "m", plain, Range(1, 1, 1, 5), help="h", related=(Place(plain, 1, "p"),))
    source = "'\x1b[31m\u202e'\n"
    texts = {path: source, plain: source}
    text = render(output_format, [finding], texts=texts, totals=Totals(1), cwd=ROOT)
    assert re.findall(r"[\x00-\x09\x0b-\x1f\u202e\u2066\ud800\u2028]", text) == []
    assert text.encode()
    other = render(output_format, [harmless], texts=texts, totals=Totals(1), cwd=ROOT)
    assert text.count("\n") == other.count("\n")


def test_text_in_any_script_is_printable() -> None:
    for text in ("plain", "Größe", "数据", "مجموعة", "नमस्ते", "👩\u200d🔬", "e\u0301"):
        assert printable(text) == text


def test_paths_are_relative_below_the_current_directory_only() -> None:
    assert relative(TRAIN, ROOT) == "train.py"
    assert relative(TRAIN, ROOT / "src") == TRAIN
    assert relative(str(ROOT) + "2/a.py", ROOT) == str(ROOT) + "2/a.py"
