"""How long modules took to load, as a tree: what ``python -X importtime`` prints, and how it is drawn."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S[^\r\n]*?) *$")
"""A line of CPython's Python/import.c: own time, time in all (microseconds), name indented by two blanks a level.

What the program prints itself may stand before it on the same line.
"""


class Loaded(NamedTuple):
    """A module, or a whole program, and what was loaded while it was.

    Attributes:
        name: the module's dotted name.
        own: microseconds spent in the module itself.
        total: microseconds spent in it and in what it loaded first.
        inner: what it loaded first, in that order.
        note: what else there is to say about it, where it is imported, say.
    """

    name: str
    own: int
    total: int
    inner: tuple[Loaded, ...] = ()
    note: str = ""

    def walk(self) -> Iterator[Loaded]:
        """Yield the module and everything below it, in the order in which loading began."""
        stack = [self]
        while stack:
            each = stack.pop()
            yield each
            stack += reversed(each.inner)


def parse(text: str) -> tuple[Loaded, ...]:
    """Read what ``-X importtime`` prints.

    A module's line follows those of the modules that it loads, which are indented further. Whatever else stands in the
    text is passed over: the program and its libraries print to the same stream.

    Args:
        text: standard error of the interpreter.

    Returns:
        The modules that nothing else loads.
    """
    waiting: list[tuple[int, Loaded]] = []
    for line in text.splitlines():
        if match := _LINE.search(line):
            own, total, indent, name = match.groups()
            depth = len(indent) // 2
            first = len(waiting)
            while first and waiting[first - 1][0] > depth:
                first -= 1
            inner = tuple(each for _, each in waiting[first:])
            waiting[first:] = [(depth, Loaded(name, int(own), int(total), inner))]
    return tuple(each for _, each in waiting)


def by_library(tree: Loaded) -> dict[str, int]:
    """Return the microseconds that the modules of each top-level package took themselves, the slowest first.

    Args:
        tree: a program; its own name is no library.
    """
    found: dict[str, int] = {}
    for each in tree.walk():
        if each is not tree:
            library = each.name.partition(".")[0]
            found[library] = found.get(library, 0) + each.own
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


class Box(NamedTuple):
    """A rectangle of an icicle chart.

    Attributes:
        loaded: the module.
        start: microseconds from the left.
        row: from 0, the program's.
        parent: the number of the box above it, -1 for the program.
    """

    loaded: Loaded
    start: int
    row: int
    parent: int


MOST_ROWS = 14
"""Rows of a chart; what is loaded further down belongs to the last box that is shown."""


def boxes(tree: Loaded, least: int, rows: int = MOST_ROWS) -> list[Box]:
    """Lay out a tree: every box lies below the one that loads it and within its width.

    Modules that only hand on to others of their own library (``torch`` to ``torch._dynamo`` to …) take one row and not
    a staircase: below a box of the same library, a box that is at least nine tenths as wide is left out.

    Args:
        tree: a program.
        least: microseconds that are too narrow to be seen.
        rows: how many rows there may be.

    Returns:
        The boxes, each after the one above it.
    """
    found: list[Box] = []

    def place(each: Loaded, start: int, row: int, parent: int) -> None:
        above = found[parent].loaded if parent >= 0 else None
        if above is None or not _same_library(each, above) or 10 * each.total < 9 * above.total:
            found.append(Box(each, start, row, parent))
            row, parent = row + 1, len(found) - 1
        for inner in each.inner if row < rows else ():
            if inner.total >= least:
                place(inner, start, row, parent)
            start += inner.total

    place(tree, 0, 0, -1)
    return found


def _same_library(one: Loaded, other: Loaded) -> bool:
    return one.name.partition(".")[0] == other.name.partition(".")[0]
