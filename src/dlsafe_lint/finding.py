"""What the linter found: plain, frozen, serialisable data that is cached, printed and sent between processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StartMethod = Literal["fork", "spawn", "forkserver"]
START_METHODS: tuple[StartMethod, ...] = ("fork", "spawn", "forkserver")

Applicability = Literal["safe", "unsafe"]
"""``safe``: the program's meaning stays and no comment is lost. ``unsafe``: everything else."""

Confidence = Literal["certain", "likely", "possible"]
"""``certain``: provable from the code. ``likely``: one assumption, the usual one. ``possible``: opt-in."""
CONFIDENCES: tuple[Confidence, ...] = ("possible", "likely", "certain")
"""From the weakest to the strongest."""


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """A stretch of text: lines and columns from 1, columns in characters, the end exclusive."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the characters ``start`` to ``end`` (offsets into the decoded text, end exclusive) by ``text``.

    With ``cell`` they are offsets into the source of that cell of a notebook.
    """

    start: int
    end: int
    text: str
    cell: int = 0


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of one file that removes one finding.

    Attributes:
        title: imperative, without a full stop ("Move `import torch` into the functions that use it").
        edits: in order, not overlapping.
        applicability: ``safe`` fixes are applied by ``--fix``, the others by ``--unsafe-fixes`` only.
        defines: module-level names that the fix introduces; two fixes that introduce the same name are never
            applied in the same round.
        may_unbind: module-level names that the fix removes on purpose.
    """

    title: str
    edits: tuple[Edit, ...]
    applicability: Applicability
    defines: tuple[str, ...] = ()
    may_unbind: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """Another place that belongs to a finding: one hop of its chain of evidence.

    Attributes:
        path: absolute path of the file.
        line: from 1.
        message: what is there ("`train` iterates the loader").
        cell: in a notebook, the cell whose line it is, from 1; see `Finding`.
    """

    path: str
    line: int
    message: str
    cell: int = 0


@dataclass(frozen=True, slots=True)
class Breakage:
    """What happens under one start method ("spawn", "TypeError: cannot pickle '_io.BufferedReader' object")."""

    start_method: StartMethod
    what: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to report.

    Attributes:
        code: "DLS101".
        message: one line, what is wrong; identifiers in backticks.
        path: absolute path of the file.
        range: what the reader must change.
        breaks: per start method, what happens; empty where the start method does not matter (DLS401, DLS5xx).
        help: what to write instead.
        confidence: how sure the rule is.
        fix: the change that removes it, or None.
        related: the chain of evidence, hop by hop.
        last_line: last line of the first statement that the range touches; suppression comments on the lines from
            ``range.start_line`` to here apply. 0 stands for ``range.end_line``.
        first_line: first line of that statement. 0 stands for ``range.start_line``.
        cell: in a notebook, the cell whose lines are meant, from 1, text cells counted. 0 for other files, and until
            the run is over: up to then all cells are one text.
    """

    code: str
    message: str
    path: str
    range: Range
    breaks: tuple[Breakage, ...] = ()
    help: str = ""
    confidence: Confidence = "certain"
    fix: Fix | None = None
    related: tuple[Place, ...] = ()
    first_line: int = 0
    last_line: int = 0
    cell: int = 0

    @property
    def sort_key(self) -> tuple[str, int, Range, str, str]:
        """Orders findings as they are printed: by file, place, code."""
        return (self.path, self.cell, self.range, self.code, self.message)


def named(path: str, cell: int) -> str:
    """Name what the lines of a finding are counted in: a file, or a cell of a notebook as ruff names it.

    Args:
        path: the file.
        cell: the cell, 0 for a file that is no notebook.
    """
    return f"{path}:cell {cell}" if cell else path
