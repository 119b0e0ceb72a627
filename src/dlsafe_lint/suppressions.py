"""Comments that silence findings: `# dlsafe: ignore[DLS101] reason`, and what others write as `# noqa`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dlsafe_lint.finding import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dlsafe_lint.finding import Finding

Kind = Literal["line", "file", "noqa"]

# A bare noqa, or one that names a code of ours; most noqas are about other linters.
_WORTH_A_LOOK = re.compile(r"dlsafe:|#\s*noqa(?!\s*:\s*[A-Z]+\d)|#\s*noqa\s*:[^\n\r#]*\bDLS", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
# A comment or a string: what tokenize finds, but ten times faster, in files that can't be tokenized as well, and the
# same under each version of Python. A quote nested in an f-string (3.12) passes for its end, the next for a beginning.
_COMMENT_OR_STRING = re.compile(
    r"""
    (?P<comment> \# [^\r\n]* )
    | "{3} (?: [^"\\]+ | \\. | "(?!"") )* (?: "{3} | \\? \Z )
    | '{3} (?: [^'\\]+ | \\. | '(?!'') )* (?: '{3} | \\? \Z )
    | " (?: [^"\\\r\n]+ | \\\r\n | \\. )* "?
    | ' (?: [^'\\\r\n]+ | \\\r\n | \\. )* '?
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_LINE = re.compile(r"(?:\r\n|\r|\n)[ \t\f]*#[^\r\n]*")
# One comment may hold several: "# dlsafe: ignore[DLS101]  # type: ignore". "see issue #12" is not the start of another.
_PART = re.compile(r"(?<!\S)#+(?=\s*[^\W\d])")
_OURS = re.compile(r"#+\s*dlsafe:\s*(?P<rest>.*)", re.DOTALL)
_WELL_FORMED = re.compile(r"(?P<verb>ignore(?:-file)?)\s*\[(?P<codes>[^\]]*)\]")
_NOQA = re.compile(r"#+\s*noqa(?:\s*:\s*(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?(?!\w)", re.IGNORECASE)
_CODE = re.compile(r"DLS\d{3}")
_OF_OTHERS = re.compile(r"#\s*(?:type:\s*ignore|noqa|pylint:|pyright:|mypy:|ruff:)", re.IGNORECASE)


def is_for_other_checkers(comment: str) -> bool:
    """Whether a comment tells other linters or type checkers something about its line, and so goes where that goes."""
    return _OF_OTHERS.match(comment) is not None


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment (or the part of one) that silences findings.

    Attributes:
        line: its line, from 1.
        start_column: where it starts, in characters from 1: at its "#".
        end_column: where it ends, exclusive; other parts of the same comment and blanks at the end are not in it.
        codes: what it silences; none: everything for "noqa", nothing for a malformed one.
        kind: "line" for `ignore[...]`, "file" for `ignore-file[...]`, "noqa" for `# noqa`.
        own_line: whether there is no code on its line.
        statement_line: for one on its own line, the line below the comments that it stands among.
        problem: what is wrong with it; "" if it is well formed. A malformed one silences nothing.
    """

    line: int
    start_column: int
    end_column: int
    codes: tuple[str, ...]
    kind: Kind
    own_line: bool
    statement_line: int = 0
    problem: str = ""


def parse(text: str) -> list[Suppression]:
    """Find the suppressions in a text.

    Args:
        text: a Python file, with any line ends; it need not be valid.

    Returns:
        In order of their place. Only `# noqa`s that may be about us are among them.
    """
    if not _WORTH_A_LOOK.search(text):
        return []
    found = []
    line = 1
    counted = 0
    for match in _COMMENT_OR_STRING.finditer(text):
        comment = match["comment"]
        if not comment or not _WORTH_A_LOOK.search(comment):
            continue
        line += sum(1 for _ in _LINE_END.finditer(text, counted, match.start()))
        counted = match.start()
        column = counted - max(text.rfind("\n", 0, counted), text.rfind("\r", 0, counted)) - 1
        own_line = not text[counted - column : counted].strip()
        below = line + _comment_lines(text, match.end()) if own_line else 0
        for start, end in _parts(comment):
            part = comment[start:end].rstrip()
            place = (line, column + start + 1, column + start + len(part) + 1)
            if ours := _OURS.match(part):
                found.append(_ours(ours["rest"], place, own_line=own_line, indented=column > 0, below=below))
            elif noqa := _NOQA.match(part):
                codes = tuple(_CODE.findall((noqa["codes"] or "").upper()))
                if codes or not noqa["codes"]:
                    found.append(Suppression(*place, codes, "noqa", own_line))
    return found


def _comment_lines(text: str, end: int) -> int:
    """Count the lines from a comment, which ends at ``end``, down to the first that is no comment."""
    lines = 1
    while below := _COMMENT_LINE.match(text, end):
        end = below.end()
        lines += 1
    return lines


def _parts(comment: str) -> list[tuple[int, int]]:
    starts = [match.start() for match in _PART.finditer(comment)] or [0]
    return list(zip(starts, [*starts[1:], len(comment)], strict=True))


def _ours(rest: str, place: tuple[int, int, int], *, own_line: bool, indented: bool, below: int) -> Suppression:
    match = _WELL_FORMED.match(rest)
    codes = tuple(dict.fromkeys(filter(None, (code.strip() for code in match["codes"].split(","))))) if match else ()
    wrong = [code for code in codes if not _CODE.fullmatch(code)]
    kind: Kind = "file" if (match["verb"] if match else rest).startswith("ignore-file") else "line"
    problem = ""
    if not match or not codes:
        problem = "a suppression names its rules: `# dlsafe: ignore[DLS101]` or `# dlsafe: ignore-file[DLS101]`"
    elif wrong:
        problem = f"`{wrong[0]}` is not the code of a rule, such as DLS101"
    elif kind == "file" and (indented or not own_line):
        problem = "`# dlsafe: ignore-file` stands on a line of its own, without indentation"
    return Suppression(*place, () if problem else codes, kind, own_line, below, problem)


def apply(
    findings: Iterable[Finding], suppressions: Sequence[Suppression]
) -> tuple[list[Finding], int, list[tuple[Suppression, tuple[str, ...]]]]:
    """Take out the findings of one file that its comments silence.

    A suppression silences findings whose first statement has a line in common with it, or stands right below it (with
    nothing but comments between), and one for the file all of its findings. `# noqa` counts on the lines of the
    statement only.

    Args:
        findings: of one file.
        suppressions: of the same file, from `parse`.

    Returns:
        The findings that are left, how many were silenced, and the suppressions with codes that silenced nothing,
        together with these codes. Malformed ones are among them, without codes; `# noqa` never, others read it too.
        A suppression that names DLS001 is never unused, which is how to keep one that only sometimes matters.
    """
    for_file = [each for each in suppressions if each.kind == "file" and not each.problem]
    by_line: dict[int, list[Suppression]] = {}
    for each in suppressions:
        if each.kind != "file" and not each.problem:
            by_line.setdefault(each.line, []).append(each)
            if each.kind == "line" and each.statement_line:
                by_line.setdefault(each.statement_line, []).append(each)
    used: set[tuple[Suppression, str]] = set()
    kept = []
    silenced = 0
    for finding in findings:
        matching = [each for each in for_file if finding.code in each.codes]
        first = finding.first_line or finding.range.start_line
        last = finding.last_line or finding.range.end_line
        for line in range(first, last + 1):
            for each in by_line.get(line, ()):
                is_above = line == each.statement_line
                if (not is_above or line == first) and (finding.code in each.codes or not each.codes):
                    matching.append(each)
        used.update((each, finding.code) for each in matching)
        if matching:
            silenced += 1
        else:
            kept.append(finding)
    everywhere = any("DLS001" in each.codes for each in for_file)
    unused = []
    for each in suppressions:
        idle = tuple(code for code in each.codes if (each, code) not in used)
        is_kept = everywhere or each.kind == "noqa" or "DLS001" in each.codes
        if each.problem or (idle and not is_kept):
            unused.append((each, idle))
    return kept, silenced, unused


def removal(text: str, suppression: Suppression, codes: Iterable[str]) -> Edit:
    """Make the edit that takes codes out of a suppression, or all of it where none is left.

    Everything else in the same comment stays as it is; a comment of which nothing is left goes with the blanks before
    it, and with its line if it stood alone.

    Args:
        text: the text that the suppression was found in.
        suppression: from `parse`, with codes.
        codes: the codes to take out, all of them or some.
    """
    line_start = _line_start(text, suppression.line)
    start = line_start + suppression.start_column - 1
    end = line_start + suppression.end_column - 1
    line_end = match.start() if (match := _LINE_END.search(text, end)) else len(text)
    leaving = set(codes)
    if set(suppression.codes) - leaving:
        opening = text.index("[", start) + 1
        closing = text.index("]", opening)
        staying = [piece for piece in text[opening:closing].split(",") if piece.strip() not in leaving]
        return Edit(opening, closing, ",".join(staying).strip())
    if text[end:line_end].strip():  # another part follows
        return Edit(start, end + len(text[end:line_end]) - len(text[end:line_end].lstrip()), "")
    before = text[line_start:start].rstrip()
    if before:
        return Edit(line_start + len(before), line_end, "")
    return Edit(line_start, match.end() if match else line_end, "")


def _line_start(text: str, line: int) -> int:
    start = 0
    for _ in range(line - 1):
        match = _LINE_END.search(text, start)
        assert match is not None, "the suppression is not of this text"
        start = match.end()
    return start
