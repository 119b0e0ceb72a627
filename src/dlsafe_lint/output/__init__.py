"""Findings as text: one module per format, all taking the same and returning what is to be printed."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dlsafe_lint.comparison import Comparison
    from dlsafe_lint.finding import Finding

Format = Literal["concise", "full", "json"]
FORMATS: tuple[Format, ...] = ("concise", "full", "json")


StartupFormat = Literal["text", "json", "svg", "html"]
STARTUP_FORMATS: tuple[StartupFormat, ...] = ("text", "json", "svg", "html")


class Totals(NamedTuple):
    """What a run did apart from its findings.

    Attributes:
        files: files that were checked.
        suppressed: findings that a comment or the configuration silences.
        fixed: findings that were fixed in this run.
        warnings: what did not go as it should, one line each.
    """

    files: int
    suppressed: int = 0
    fixed: int = 0
    warnings: tuple[str, ...] = ()


def render(
    output_format: Format,
    findings: Sequence[Finding],
    *,
    texts: Mapping[str, str],
    totals: Totals,
    cwd: Path,
    color: bool = False,
) -> str:
    """Writes findings down.

    Args:
        output_format: one of `FORMATS`.
        findings: in the order in which they are to appear.
        texts: the text of the files that findings and their evidence are in, by absolute path. A file that is not
            in it is named without showing its lines.
        totals: for the closing count.
        cwd: paths below it are shown relative to it.
        color: whether the text may contain ANSI colours; json never does.

    Returns:
        Lines to print, each with its line end; nothing at all if there is nothing to say.
    """
    match output_format:
        case "concise":
            from dlsafe_lint.output.concise import render as write
        case "full":
            from dlsafe_lint.output.full import render as write
        case "json":
            from dlsafe_lint.output.json import render as write
    return write(findings, texts=texts, totals=totals, cwd=cwd, color=color)


def render_startup(
    output_format: StartupFormat, comparisons: Sequence[Comparison], *, cwd: Path, color: bool = False
) -> str:
    """Writes down what programs load when they start.

    Args:
        output_format: one of `STARTUP_FORMATS`.
        comparisons: the programs, in the order in which they are to appear.
        cwd: paths below it are shown relative to it.
        color: whether text may contain ANSI colours.

    Returns:
        What is to be printed, with its line end.
    """
    match output_format:
        case "text":
            from dlsafe_lint.output import startup_text

            return startup_text.render(comparisons, cwd=cwd, color=color)
        case "json":
            from dlsafe_lint.output import startup_json

            return startup_json.render(comparisons, cwd=cwd)
        case "svg":
            from dlsafe_lint.output import startup_svg

            return startup_svg.render(comparisons)
        case "html":
            from dlsafe_lint.output import startup_html, startup_svg

            return startup_html.render(comparisons, [startup_svg.render([each]) for each in comparisons], cwd=cwd)


def relative(path: str, cwd: Path) -> str:
    """The path as a user in ``cwd`` writes it: relative below it, absolute elsewhere."""
    return str(Path(path).relative_to(cwd)) if Path(path).is_relative_to(cwd) else path


def printable(text: str) -> str:
    """The text without anything that moves a terminal's cursor, reorders its line or can't be encoded.

    File names and source code may hold escape sequences and bidirectional controls (CVE-2021-42574).
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_control(c) else c for c in text)


def _is_control(character: str) -> bool:
    match unicodedata.category(character):
        case "Cc" | "Cs" | "Zl" | "Zp":
            return True
        case "Cf":
            return unicodedata.bidirectional(character) in {
                "LRE",
                "RLE",
                "PDF",
                "LRO",
                "RLO",
                "LRI",
                "RLI",
                "FSI",
                "PDI",
            }
    return False
