"""How a file reads once some of its statements stand under the main guard: text, line by line.

What moves keeps its comments and blank lines, and all lines are indented alike but those in a string. What stays keeps
every character.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GUARD = 'if __name__ == "__main__":'

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_STRINGS: tuple[type[cst.CSTNode], ...] = tuple(
    getattr(cst, name) for name in ("SimpleString", "FormattedString", "TemplatedString") if hasattr(cst, name)
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement with what stands above it; of a line that is cut, some of its statements.

    Attributes:
        index: its place among the pieces.
        node: the line in the module's body.
        above: the blank lines and comments above it.
        code: its own lines.
        inside: which of these start inside a string.
    """

    index: int
    node: cst.SimpleStatementLine | cst.BaseCompoundStatement
    above: list[str]
    code: list[str]
    inside: frozenset[int]

    @property
    def defines(self) -> bool:
        """Whether it is a function or class."""
        return isinstance(self.node, (cst.FunctionDef, cst.ClassDef))


class Layout(NamedTuple):
    """Where the pieces of a file go.

    Attributes:
        stays: what stays at module level, in order.
        first: what goes to the very front of the guard, in order.
        guarded: what goes under the guard, in order; guards among it become one.
        at: the guard stands before what stays and has a higher index.
        head: the line of a function that is made of it (``def main():``), "" for none.
    """

    stays: list[Piece]
    first: list[Piece]
    guarded: list[Piece]
    at: float
    head: str = ""


def pieces(module: cst.Module, cuts: Sequence[Sequence[int]]) -> list[Piece]:
    """Cut a module into its statements.

    Args:
        module: the module.
        cuts: for each line of the module's body: the small statements at which a new piece begins.
    """
    strings = _lines_in_strings(module)
    found: list[Piece] = []
    line = len(module.header) + 1
    for node, starts in zip(module.body, cuts, strict=True):
        text = _LINES.findall(module.code_for_node(node))
        count = len(node.leading_lines)
        above, code = text[:count], text[count:]
        if starts and isinstance(node, cst.SimpleStatementLine):
            for start, end in itertools.pairwise([0, *starts, len(node.body)]):
                part = _LINES.findall(module.code_for_node(_part(node, start, end)))
                found.append(Piece(len(found), node, above, part, frozenset()))
                above = []
        else:
            inside = frozenset(at for at in range(len(code)) if line + count + at in strings)
            found.append(Piece(len(found), node, above, code, inside))
        line += len(text)
    return found


def can_be_cut(line: cst.SimpleStatementLine) -> bool:
    """Tell whether each statement of a line is on one line of the file."""
    return len(_LINES.findall(cst.Module([]).code_for_node(line.with_changes(leading_lines=[])))) == 1


def _part(line: cst.SimpleStatementLine, start: int, end: int) -> cst.SimpleStatementLine:
    body = list(line.body[start:end])
    if end == len(line.body):
        return cst.SimpleStatementLine(body, trailing_whitespace=line.trailing_whitespace)
    body[-1] = body[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
    return cst.SimpleStatementLine(body)


def _lines_in_strings(module: cst.Module) -> set[int]:
    """Return the numbers of the lines, from 1, that start inside a string."""
    positions = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    found: set[int] = set()
    for node, at in positions.items():
        if isinstance(node, _STRINGS):
            found.update(range(at.start.line + 1, at.end.line + 1))
    return found


def is_guard(node: cst.CSTNode) -> bool:
    """Tell whether a statement is a main guard in its plain form, into which other statements can be put."""
    if not isinstance(node, cst.If) or node.orelse is not None:
        return False
    test = cst.Module([]).code_for_node(node.test)
    plain = re.sub(r"[ ()]", "", test).replace("'", '"')
    return plain in ('__name__=="__main__"', '"__main__"==__name__')


def written(module: cst.Module, layout: Layout) -> str:
    """Return the text of a module whose pieces are laid out anew."""
    header, footer = ([module.code_for_node(each) for each in lines] for lines in (module.header, module.footer))
    last = max((*layout.stays, *layout.first, *layout.guarded), key=lambda piece: piece.index)
    gone = [*layout.first, *layout.guarded]
    above = _stacked([each for each in layout.stays if each.index < layout.at], gone)
    below = _stacked([each for each in layout.stays if each.index > layout.at], gone)
    inner: list[str] = []
    if last in layout.guarded and not is_guard(last.node):
        inner, footer = footer, []
    elif last in layout.stays and not below:
        above, footer = [*above, *footer], []
    guard = _guard(module, layout, inner, first=not (header or above))
    text = "".join([*header, *above, *guard, *below, *footer])
    return text if module.has_trailing_newline else re.sub(r"(?:\r\n|\r|\n)\Z", "", text)


def _guard(module: cst.Module, layout: Layout, footer: list[str], *, first: bool) -> list[str]:
    """Return the lines of the guard, those of the function made of what it holds before it."""
    newline = module.default_newline
    apart = [] if first else [newline, newline]
    if layout.guarded and not is_guard(layout.guarded[0].node):
        apart += [
            line for line in itertools.takewhile(lambda line: not line.strip(), layout.guarded[0].above) if "\f" in line
        ]
    own = next((each for each in reversed(layout.guarded) if is_guard(each.node)), None)
    above, head, early, rest, indent = apart, [f"{GUARD}{newline}"], list[str](), list[str](), module.default_indent
    at = len(layout.guarded)
    if own is not None:
        head, early, rest, indent = _opened(module, own)
        at = layout.guarded.index(own)
        neighbour_stays = any(each.index == own.index - 1 for each in layout.stays)
        above = own.above if neighbour_stays else [*apart, *_without_blanks(own.above)]
    front = [line for each in layout.first for line in _moved(module, [each], indent)] + early
    before = _moved(module, layout.guarded[:at], indent, layout.stays)
    after = _moved(module, layout.guarded[at + 1 :], indent, layout.stays)
    if own is not None and rest and not layout.head and len(before) > 1 and _blanks(own.above) and rest[0].strip():
        rest = [newline, *rest]
    if after and rest and layout.guarded[at + 1].above and not layout.guarded[at + 1].above[0].strip():
        after = [newline, *after]
    end = _indented(footer, frozenset(), indent)
    if layout.head:
        body = [f"{layout.head}{newline}", *before, *end]
        return [*apart, *body, *apart, *_without_blanks(above), *head, *front, f"{indent}main(){newline}", *rest]
    return [*above, *head, *front, *before, *rest, *after, *end]


def _moved(module: cst.Module, guarded: Sequence[Piece], indent: str, stays: Sequence[Piece] = ()) -> list[str]:
    """Return the lines of pieces that go under the guard; of a guard among them, what it holds."""
    lines: list[str] = []
    last: Piece | None = None
    for each in guarded:
        code, inside = _dedented(module, each) if is_guard(each.node) else (each.code, each.inside)
        above = (
            _spaced(each, last, stays)
            if last is not None
            else [*itertools.dropwhile(lambda line: not line.strip(), each.above)]
        )
        shifted = frozenset(at + len(above) for at in inside)
        lines += _indented([*above, *code], shifted, indent)
        last = each
    return lines


def _opened(module: cst.Module, guard: Piece) -> tuple[list[str], list[str], list[str], str]:
    """Return the first line of a guard, its leading calls of ``freeze_support``, its other lines, their indentation."""
    node = guard.node
    assert isinstance(node, cst.If)
    body = node.body
    indent = module.default_indent
    if isinstance(body, cst.IndentedBlock):
        indent = body.indent if body.indent is not None else indent
        head, rest = guard.code[:1], guard.code[1:]
    else:
        assert isinstance(body, cst.SimpleStatementSuite)
        inner = cst.SimpleStatementLine(body.body, trailing_whitespace=body.trailing_whitespace)
        block = node.with_changes(leading_lines=[], body=cst.IndentedBlock([inner]))
        lines = _LINES.findall(module.code_for_node(block))
        head, rest = lines[:1], lines[1:]
    first = body.body[0]
    small = first.body if isinstance(first, cst.SimpleStatementLine) else []
    count = 0
    if isinstance(body, cst.IndentedBlock) and len(small) == 1 and freezes(small[0]):
        count = len(first.leading_lines) + 1 if isinstance(first, cst.SimpleStatementLine) else 0
    if len(body.body) == 1 and len(small) == 1 and isinstance(small[0], cst.Pass) and "".join(rest).strip() == "pass":
        rest = []
    return head, rest[:count], rest[count:], indent


def freezes(node: cst.CSTNode) -> bool:
    """Tell whether a statement calls ``freeze_support``."""
    match node:
        case cst.Expr(value=cst.Call(func=cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)))):
            return name == "freeze_support"
    return False


def _dedented(module: cst.Module, guard: Piece) -> tuple[list[str], frozenset[int]]:
    """Return the lines in a guard without their indentation, and which start inside a string."""
    head, early, rest, indent = _opened(module, guard)
    inside = frozenset(at - len(head) for at in guard.inside)
    lines = [*early, *rest]
    return [line if at in inside else line.removeprefix(indent) for at, line in enumerate(lines)], inside


def _stacked(stays: Iterable[Piece], gone: Sequence[Piece]) -> list[str]:
    """Return the lines of what stays.

    Where something between has gone, the longer run of blank lines around it stays; functions and classes are set apart
    from what now stands beside them.
    """
    lines: list[str] = []
    last: Piece | None = None
    for each in stays:
        above = each.above
        if last is not None and last.index != each.index - 1:
            between = [piece.above for piece in gone if last.index < piece.index < each.index]
            count = max((_blanks(one) for one in (above, *between)), default=0)
            if each.defines or last.defines:
                count = max(2, count)
            newline = re.sub(r"[^\r\n]", "", each.code[-1])
            above = [*[newline] * (count - _blanks(above)), *above]
        lines += [*above, *each.code]
        last = each
    return lines


def _blanks(lines: Sequence[str]) -> int:
    """Return how many blank lines others begin with."""
    return len(lines) - len(_without_blanks(lines))


def _spaced(piece: Piece, last: Piece, stays: Sequence[Piece]) -> list[str]:
    """Return what stands above a piece that moves: at most one blank line where it has a new neighbour."""
    if last.index == piece.index - 1:
        return piece.above
    between = [each.above for each in stays if last.index < each.index < piece.index]
    count = min(1, max(_blanks(one) for one in (piece.above, *between)))
    newline = re.sub(r"[^\r\n]", "", last.code[-1])
    return [*[newline] * count, *_without_blanks(piece.above)]


def _without_blanks(lines: Sequence[str]) -> list[str]:
    """Return lines without the blank ones that they begin with; a form feed is none."""
    return list(itertools.dropwhile(lambda line: not line.strip(" \t\r\n"), lines))


def _indented(lines: Sequence[str], inside: frozenset[int], indent: str) -> list[str]:
    """Return lines one level deeper; a form feed stays at the start, behind it Python counts blanks anew."""
    made = []
    for at, line in enumerate(lines):
        if at in inside or not line.strip():
            made.append(line)
        else:
            feeds = len(line) - len(line.lstrip("\f"))
            made.append(f"{line[:feeds]}{indent}{line[feeds:]}")
    return made
