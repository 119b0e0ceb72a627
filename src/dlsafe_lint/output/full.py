"""The default: each finding with its source, what breaks, why we think so and what to do; a count at the end."""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click

from dlsafe_lint.finding import named
from dlsafe_lint.output import printable, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from dlsafe_lint.finding import Breakage, Finding, Range
    from dlsafe_lint.output import Totals

    Style = Callable[[str], str]

_WIDEST = 120
"""Columns of a source line that are shown."""
_LEAD = 40
"""Columns kept to the left of the range where a line is too long to be shown from its start."""
_MOST_LINES = 6
"""Lines of a range that are shown."""
_TAB = 4


class _Styles(NamedTuple):
    code: Style
    mark: Style
    frame: Style
    label: Style
    strong: Style


_PLAIN = _Styles(str, str, str, str, str)
_COLORED = _Styles(
    code=partial(click.style, fg="red", bold=True),
    mark=partial(click.style, fg="cyan"),
    frame=partial(click.style, fg="blue", bold=True),
    label=partial(click.style, fg="yellow", bold=True),
    strong=partial(click.style, bold=True),
)


def render(
    findings: Sequence[Finding],
    *,
    texts: Mapping[str, str],
    totals: Totals,
    cwd: Path,
    color: bool,
) -> str:
    """Writes a block for each finding and a closing count. See `dlsafe_lint.output.render`."""
    styles = _COLORED if color else _PLAIN
    lines_of = _Lines(texts)
    blocks = ["\n".join(_block(finding, lines_of, cwd, styles)) + "\n" for finding in findings]
    return "\n".join((*blocks, _closing(findings, totals) + "\n"))


class _Lines:
    """The lines of the files, each file split when it is first asked for."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._lines: dict[str, list[str]] = {}

    def get(self, path: str, first: int, last: int) -> list[str]:
        """The lines from ``first`` to ``last``, both from 1, or none of them if the file doesn't have them all.

        Of a notebook the path names a cell.
        """
        if path not in self._lines:
            # The line ends that Python knows; str.splitlines knows more (form feeds, Unicode's separators).
            self._lines[path] = re.split(r"\r\n|\r|\n", self._texts.get(path, ""))
        lines = self._lines[path]
        return lines[first - 1 : last] if path in self._texts and 1 <= first <= last <= len(lines) else []


def _block(finding: Finding, lines_of: _Lines, cwd: Path, styles: _Styles) -> Iterator[str]:
    place = finding.range
    name = named(finding.path, finding.cell)
    source = lines_of.get(name, place.start_line, place.end_line)
    margin = len(str(max(place.end_line, *(hop.line for hop in finding.related), 0)))

    def framed(sign: str, text: str, number: int | str = "") -> str:
        return f"{styles.frame(f'{number:>{margin}}{sign}')} {text}".rstrip()

    def note(label: str, text: str) -> str:
        return framed(" =", f"{styles.label(label)}: {printable(text)}")

    def at(path: str, cell: int, line: int) -> str:
        return f"{printable(named(relative(path, cwd), cell))}:{line}"

    breaks = [note(", ".join(methods), what) for what, methods in _methods_by_outcome(finding.breaks).items()]
    chain = []
    shown = {(name, place.start_line + index) for index in range(len(source))}
    for hop in finding.related:
        chain.append(framed(":::", f"{at(hop.path, hop.cell, hop.line)}: {printable(hop.message)}"))
        if (named(hop.path, hop.cell), hop.line) not in shown:
            shown.add((named(hop.path, hop.cell), hop.line))
            lines = lines_of.get(named(hop.path, hop.cell), hop.line, hop.line)
            chain += [framed(" |", _excerpt(_cells(line), 0, 0)[0], hop.line) for line in lines]
    advice = [note("help", finding.help)] if finding.help else []
    if finding.fix:
        unsafe = " (unsafe)" if finding.fix.applicability == "unsafe" else ""
        advice.append(note("fix", finding.fix.title + unsafe))

    mark = f"{styles.mark('[*]')} " if finding.fix and finding.fix.applicability == "safe" else ""
    yield f"{styles.code(finding.code)} {mark}{styles.strong(printable(finding.message))}"
    yield framed("-->", f"{at(finding.path, finding.cell, place.start_line)}:{place.start_column}")
    marked = [framed(" |", text, number) for number, text in _underlined(source, place, styles)]
    for section in (marked, breaks, chain, advice) if chain else (marked, breaks + advice):
        if section:
            yield framed(" |", "")
            yield from section


def _methods_by_outcome(breaks: Sequence[Breakage]) -> dict[str, list[str]]:
    """The start methods that break in the same way together."""
    methods: dict[str, list[str]] = {}
    for breakage in breaks:
        methods.setdefault(breakage.what, []).append(breakage.start_method)
    return methods


def _closing(findings: Sequence[Finding], totals: Totals) -> str:
    sentences = []
    if totals.fixed:
        sentences.append(f"Fixed {_count(totals.fixed, 'error')}.")
    if findings:
        files = _count(len({f.path for f in findings}), "file")
        remaining = " remaining" if totals.fixed else ""
        sentences.append(f"Found {_count(len(findings), 'error')}{remaining} in {files}.")
    elif not totals.fixed:
        sentences.append(f"All checks passed in {_count(totals.files, 'file')}.")
    safe = sum(f.fix is not None and f.fix.applicability == "safe" for f in findings)
    unsafe = sum(f.fix is not None and f.fix.applicability == "unsafe" for f in findings)
    if safe and unsafe:
        sentences.append(f"{safe} fixable with --fix, {unsafe} more with --unsafe-fixes.")
    elif safe:
        sentences.append(f"{safe} fixable with --fix.")
    elif unsafe:
        sentences.append(f"{unsafe} fixable with --unsafe-fixes.")
    if totals.suppressed:
        sentences.append(f"{totals.suppressed} suppressed.")
    return " ".join(sentences)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


# --- source lines ----------------------------------------------------------------------------------------------------


def _underlined(source: Sequence[str], place: Range, styles: _Styles) -> Iterator[tuple[int | str, str]]:
    """The lines of the range with marks: (line number or nothing, what stands behind the frame)."""
    if not source:
        return
    rows = [_cells(line) for line in source]
    start, end = place.start_column - 1, place.end_column - 1
    if len(rows) > 1 and end <= 0:  # the line break of the line before is the last character
        rows.pop()
        end = len(rows[-1])

    if len(rows) == 1:
        text, column, width = _excerpt(rows[0], start, end)
        yield place.start_line, text
        yield "", " " * column + styles.code("^" * width)
        return

    bar = styles.code("|")
    begins_line = not "".join(rows[0][:start]).strip()
    text, column, _ = _excerpt(rows[0], start, start)
    if begins_line:
        yield place.start_line, f"{styles.code('/')} {text}"
    else:
        yield place.start_line, f"  {text}"
        yield "", " " + styles.code("_" * (column + 1) + "^")
    last = len(rows) - 1
    for index in range(1, len(rows)):
        if len(rows) > _MOST_LINES and _MOST_LINES - 2 <= index < last:
            if index == last - 1:
                yield "", f"{bar} ..."
            continue
        yield place.start_line + index, f"{bar} {_excerpt(rows[index], 0, 0)[0]}"
    _, column, width = _excerpt(rows[last], 0, end)
    yield "", bar + styles.code("_" * (column + width) + "^")


def _cells(line: str) -> list[str]:
    """What a terminal shows for each character of a line."""
    cells = list(printable(line.replace("\t", " ")))
    if "\t" in line:
        column = 0
        for index, character in enumerate(line):
            if character == "\t":
                cells[index] = " " * (_TAB - column % _TAB)
            column += _width(cells[index : index + 1])
    return cells


def _width(cells: Sequence[str]) -> int:
    """How many columns of a terminal they take: two for East Asian wide characters, none for combining ones."""
    text = "".join(cells)
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(c) in {"Mn", "Me", "Cf"} else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _excerpt(cells: Sequence[str], start: int, end: int) -> tuple[str, int, int]:
    """The part of a line that is worth showing: its text, and the column and width of ``start`` to ``end`` in it."""
    start, end = min(start, len(cells)), min(end, len(cells))
    column, width = _width(cells[:start]), _width(cells[start:end])
    first = 0
    if _width(cells) > _WIDEST and column + width > _WIDEST:
        while column > _LEAD:
            column -= _width(cells[first : first + 1])
            first += 1
    shown, room = [], _WIDEST
    for cell in cells[first:]:
        room -= _width((cell,))
        if room < 0:
            break
        shown.append(cell)
    before, after = "…" if first else "", "…" if first + len(shown) < len(cells) else ""
    column = min(column + len(before), _WIDEST)
    text = f"{before}{''.join(shown)}{after}"
    return text, column, max(1, min(width, _width((text,)) - column))
