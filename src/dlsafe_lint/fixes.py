"""Fixes as text: the edits between two texts, applying those that get along, and what a fixed text must satisfy."""

from __future__ import annotations

import builtins
import io
import re
import symtable
import tokenize
import warnings
from bisect import bisect_left, insort
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.finding import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlsafe_lint.finding import Fix

_MOST_CHANGED_LINES = 400
"""Two texts further apart than this get one edit for everything between their first and last difference."""

_GIVEN_NAMES = frozenset(dir(builtins)) | {"__annotations__", "__builtins__", "__cached__", "__file__", "__path__"}
"""What a module can use without binding it."""

_PRAGMA = re.compile(r"#\s*(noqa(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?|type:\s*ignore(\[[^]]*\])?)\s*$")
"""A comment that tells a tool something about its own line and says nothing to a reader."""

_UNREADABLE = (SyntaxError, tokenize.TokenError, ValueError, RecursionError, MemoryError)
"""How the standard library says that a text is no program, or none that it can read."""


def edits_between(before: str, after: str) -> tuple[Edit, ...]:
    """Finds the edits that turn one text into another.

    The lines that differ are found with Myers' algorithm, then each edit is narrowed to the characters that differ. An
    edit never starts or ends inside a word: the edits of two fixes, applied side by side, can't mix two names into a
    third.

    Args:
        before: any text.
        after: any text.

    Returns:
        The edits in order, none empty, none touching the next. Applied to ``before`` they give ``after``.
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    edits = []
    line = offset = 0
    for old_start, old_end, new_start, new_end in _changed_lines(old, new):
        offset += sum(map(len, old[line:old_start]))
        removed, added = "".join(old[old_start:old_end]), "".join(new[new_start:new_end])
        start, end = _narrow(removed, added)
        edits.append(Edit(offset + start, offset + len(removed) - end, added[start : len(added) - end]))
        line = old_end
        offset += len(removed)
    return tuple(edits)


def apply(text: str, fixes: Sequence[Fix]) -> tuple[str, list[int]]:
    """Applies the fixes that don't get into each other's way, the earlier ones first.

    A fix is applied whole or not at all. It waits (for the next round, computed from the new text) if it overlaps a fix
    that was applied, if both make the very same edit, or if both define a name that is the same. Edits that only touch
    don't overlap; insertions at the same place keep the order of their fixes.

    Args:
        text: what the fixes' offsets refer to.
        fixes: the most important first.

    Returns:
        The new text, and the indices of the fixes that are in it. A fix without edits never is.
    """
    taken: list[Edit] = []
    defined: set[str] = set()
    applied: list[int] = []
    for index, fix in enumerate(fixes):
        if not fix.edits or not defined.isdisjoint(fix.defines) or any(_is_in_the_way(taken, e) for e in fix.edits):
            continue
        for edit in fix.edits:
            insort(taken, edit, key=_span)
        defined.update(fix.defines)
        applied.append(index)

    pieces: list[str] = []
    position = 0
    for edit in taken:
        pieces += text[position : edit.start], edit.text
        position = edit.end
    return "".join((*pieces, text[position:])), applied


def check(
    before: str,
    after: str,
    *,
    may_unbind: frozenset[str] = frozenset(),
    may_drop_comments: bool = False,
    of_notebook: bool = False,
) -> str | None:
    """Tells whether a fixed text is one that we may write.

    It must compile, bind every module-level name that it bound before, look up no name that is bound nowhere, rebind no
    name that the module took from elsewhere, and keep every comment (a bare ``# noqa: F401`` goes with its line). The
    compiler's own symbol tables say which names those are. A text in a grammar newer than the running Python's is
    checked in the words of an older one.

    Args:
        before: the text without the fix.
        after: the text with it.
        may_unbind: module-level names that the fix removes on purpose (an import that moves into functions). Whoever
            still looks one up is reported all the same.
        may_drop_comments: the fix removes comments on purpose.
        of_notebook: it is the text of a notebook, which may await outside of functions, and import from `__future__`
            anywhere.

    Returns:
        None if the text is fine, otherwise what is wrong with it.
    """
    try:
        old = _names(before, of_notebook=of_notebook)
    except _UNREADABLE as error:
        from dlsafe_lint.newer_grammar import lower

        if not (lowered := lower(before)):
            return f"it does not parse even without the fix: {_first_line(error)}"
        if not (fixed := lower(after)):
            return "it no longer parses"
        before, after = lowered[0], fixed[0]
        try:
            old = _names(before, of_notebook=of_notebook)
        except _UNREADABLE as error:
            return f"it can't be checked: {_first_line(error)}"
    try:
        new = _names(after, of_notebook=of_notebook)
    except _UNREADABLE as error:
        from dlsafe_lint.newer_grammar import lower

        lowered = lower(after)
        if lowered is None or not lowered[1]:  # only `lazy import` may come from a fix
            return f"it no longer parses: {_first_line(error)}"
        after = lowered[0]
        new = _names(after, of_notebook=of_notebook)

    if wrong := next(_wrong_names(old, new, may_unbind), None):
        return wrong
    if may_drop_comments or not _lines_with_hash(before) - _lines_with_hash(after):
        return None
    try:
        lost = _comments(before) - _comments(after)
    except _UNREADABLE as error:
        return f"its comments can't be read: {_first_line(error)}"
    return f"the comment `{min(lost)}` is lost" if lost else None


def _changed_lines(old: list[str], new: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """The hunks (old start, old end, new start, new end) between which the lines are the same."""
    head = _common_length(old, new)
    tail = _common_length(old[head:][::-1], new[head:][::-1])
    old_end, new_end = len(old) - tail, len(new) - tail
    x = y = head
    for run_x, run_y, length in _same_lines(old[head:old_end], new[head:new_end]):
        if (x, y) != (head + run_x, head + run_y):
            yield x, head + run_x, y, head + run_y
        x, y = head + run_x + length, head + run_y + length
    if (x, y) != (old_end, new_end):
        yield x, old_end, y, new_end


def _common_length(old: Sequence[str], new: Sequence[str]) -> int:
    """How many items at the start are the same."""
    return next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _same_lines(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    """The runs (old start, new start, length) of equal lines, by the fewest removed and added lines.

    This is E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986. difflib takes seconds on a generated
    file of similar lines or, with its heuristic for popular lines, matches none of them.
    """
    # Per diagonal (old index minus new index): the furthest old index, and the runs on the way there, last one first.
    reached: dict[int, tuple[int, _Runs | None]] = {1: (0, None)}
    for distance in range(_MOST_CHANGED_LINES + 1):
        for diagonal in range(-distance, distance + 1, 2):
            if diagonal == -distance or (diagonal != distance and reached[diagonal - 1][0] < reached[diagonal + 1][0]):
                x, runs = reached[diagonal + 1]
            else:
                x, runs = reached[diagonal - 1]
                x += 1
            start = x
            while x < len(old) and x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            if x > start:
                runs = _Runs(start, start - diagonal, x - start, runs)
            if x >= len(old) and x - diagonal >= len(new):
                return list(_unwound(runs))[::-1]
            reached[diagonal] = x, runs
    return []


class _Runs(NamedTuple):
    x: int
    y: int
    length: int
    earlier: _Runs | None


def _unwound(runs: _Runs | None) -> Iterator[tuple[int, int, int]]:
    while runs:
        yield runs.x, runs.y, runs.length
        runs = runs.earlier


def _narrow(removed: str, added: str) -> tuple[int, int]:
    """How many characters at the start and at the end of two different texts can stay, words kept whole."""
    if not removed or not added:
        return 0, 0
    start = _common_length(removed, added)
    while start and (_is_inside(removed, start) or _is_inside(added, start)):
        start -= 1
    end = _common_length(removed[start:][::-1], added[start:][::-1])
    while end and (_is_inside(removed, len(removed) - end) or _is_inside(added, len(added) - end)):
        end -= 1
    return start, end


def _is_inside(text: str, offset: int) -> bool:
    """Whether a word or a line break spans the offset."""
    around = text[max(offset - 1, 0) : offset + 1]
    return len(around) == 2 and (around == "\r\n" or f"_{around}".isidentifier())


def _is_in_the_way(taken: Sequence[Edit], edit: Edit) -> bool:
    """Whether the edit is among those taken or overlaps one; they don't overlap each other and are in order."""
    if edit in taken:
        return True
    after = bisect_left(taken, (edit.start, edit.end), key=_span)
    return any(e.start < edit.end and edit.start < e.end for e in taken[max(after - 1, 0) : after + 1])


def _span(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end


class _Names(NamedTuple):
    """What a module's text says about names.

    Attributes:
        bound: the module-level names that it binds.
        looked_up: the names looked up among the module's names or the builtins, with the number of scopes that do so.
    """

    bound: frozenset[str]
    looked_up: Counter[str]


def _wrong_names(old: _Names, new: _Names, may_unbind: frozenset[str]) -> Iterator[str]:
    for name in sorted(old.bound - new.bound - may_unbind):
        yield f"the module no longer binds `{name}`"
    for name in sorted(new.looked_up.keys() - new.bound):
        # An undefined name may have been there before: a star import binds names that nobody sees here. Scopes are
        # counted, not named: a lambda that becomes a function takes its undefined names along.
        fine = 0 if name in old.bound else old.looked_up[name]
        if new.looked_up[name] > fine and (name in old.bound or name not in _GIVEN_NAMES):
            yield f"it uses `{name}`, which is bound nowhere"
    for name in sorted(new.bound - old.bound):
        if old.looked_up[name]:
            yield f"it binds `{name}`, which meant something else before"


def _names(text: str, *, of_notebook: bool) -> _Names:
    source = text.removeprefix("\ufeff")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes: not ours to report
        if not of_notebook:  # says more than the symbol table: `return` outside of a function, ...
            compile(source, "<fixed>", "exec", dont_inherit=True)
        module = symtable.symtable(source, "<fixed>", "exec")
    bound: set[str] = set()
    looked_up: Counter[str] = Counter()
    tables = [module]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            name = symbol.get_name()
            if table is module or symbol.is_global():
                if symbol.is_assigned() or symbol.is_imported():
                    bound.add(name)
                if symbol.is_referenced():
                    looked_up[name] += 1
    return _Names(frozenset(bound), looked_up)


def _lines_with_hash(text: str) -> Counter[str]:
    """If none of these is missing no comment can be: cheaper than reading every token of a text."""
    return Counter(line.strip() for line in text.splitlines() if "#" in line)


def _comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text.removeprefix("\ufeff"), newline=None).readline)
    return Counter(
        token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT and not is_pragma(token.string)
    )


def is_pragma(comment: str) -> bool:
    """Tells whether a comment only tells a tool something about its own line: ``# noqa: F401``, ``# type: ignore``."""
    return _PRAGMA.match(comment) is not None


def _first_line(error: BaseException) -> str:
    where = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) and error.lineno else str(error)
    return where.partition("\n")[0] or type(error).__name__
