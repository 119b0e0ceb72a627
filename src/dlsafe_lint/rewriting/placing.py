"""Where functions that are made of a file's own code go, and what becomes of the places that they leave."""

from __future__ import annotations

import itertools
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import libcst as cst

from dlsafe_lint.rewriting.captures import File, scope_at
from dlsafe_lint.rule import Draft

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dlsafe_lint.finding import Applicability
    from dlsafe_lint.rule import Replacement

Line: TypeAlias = cst.SimpleStatementLine | cst.BaseCompoundStatement

_BLANK = cst.EmptyLine(indent=False)
_RULED = re.compile(r"([-=#*~_+/])\1\1")
"""What a comment has that separates one section of a file from another."""


@dataclass(slots=True)
class Change:
    """What a lift does to a file.

    Attributes:
        top: the statement of the module's body before which the functions go.
        functions: what goes there, in order; comments above each are its own.
        replacements: what takes the place of expressions.
        gone: lines that are taken out of bodies.
        instead: what takes the place of ``top``.
        methods: what goes behind a method of a class.
        defines: the names that it brings into the module, and in words what no other fix may do at the same time.
        unbinds: the names of the module that it takes away, since nobody needs them there.
        imports_partial: whether ``functools`` must be imported.
    """

    top: Line
    functions: list[cst.FunctionDef | cst.ClassDef] = field(default_factory=list)
    replacements: dict[cst.CSTNode, cst.CSTNode] = field(default_factory=dict)
    gone: list[Line] = field(default_factory=list)
    instead: cst.FunctionDef | None = None
    methods: dict[cst.FunctionDef, cst.FunctionDef] = field(default_factory=dict)
    defines: list[str] = field(default_factory=list)
    unbinds: list[str] = field(default_factory=list)
    imports_partial: bool = False


def top_of(file: File, node: cst.CSTNode) -> Line | None:
    """Return the statement of the module's body that holds a node; None where workers never get to it."""
    around = [node, *file.tree.enclosing(node)]
    top = around[-2] if len(around) > 1 else None
    if not isinstance(top, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
        return None
    # behind `if __name__ != "__main__": sys.exit()`
    return None if file.facts.in_block(number_of(file, top), "guard") else top


def number_of(file: File, node: cst.CSTNode) -> int:
    """Return the number of the statement that a node is or stands in."""
    if isinstance(node, cst.SimpleStatementLine):
        node = node.body[0]
    while not isinstance(node, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
        node = file.tree.parents[node]
    return file.tree.numbers[node]


def partial_at(file: File, node: cst.CSTNode, change: Change) -> cst.BaseExpression | None:
    """Return how `functools.partial` is written at a node; None where its name means something else there.

    What the module imports already is used; otherwise the change says that it has to.
    """
    facts = file.facts
    here = scope_at(file, node)
    for name, bindings in facts.scopes[0].bindings.items():
        for binding in bindings:
            if len(bindings) > 1 or binding.how != "import" or facts.statements[binding.statement].scope != 0:
                continue
            statement = facts.imports[binding.target]
            early = binding.statement < number_of(file, change.top)
            if not early or facts.blocks[binding.block].kind != "body" or facts.resolve(name, here) != 0:
                continue
            for each in statement.names:
                bound = each.asname or each.name
                if (statement.module, each.name, bound) == ("functools", "partial", name):
                    return cst.Name(name)
                if (statement.module, statement.level, each.name, bound) == (None, 0, "functools", name):
                    return cst.Attribute(cst.Name(name), cst.Name("partial"))
    if any("functools" in scope.bindings for scope in facts.scopes):
        return None
    change.imports_partial = True
    return cst.Attribute(cst.Name("functools"), cst.Name("partial"))


def draft(file: File, title: str, change: Change, applicability: Applicability) -> Draft:
    """Return the fix that makes a change."""
    tree = file.tree
    module = tree.module.visit(_Editor(change, tree.parents))
    assert isinstance(module, cst.Module)
    body = list(module.body)
    at = list(tree.module.body).index(change.top)
    if change.instead is not None:
        lines = change.top.leading_lines
        body[at] = change.instead.with_changes(leading_lines=_after_two_blanks(lines) if at else lines)
        _set_apart(file, body, at + 1, change)
    elif change.functions:
        made = [each.with_changes(leading_lines=_after_two_blanks(each.leading_lines)) for each in change.functions]
        if at == 0:
            made[0] = made[0].with_changes(leading_lines=made[0].leading_lines[2:])
        elif heading := _heading(body[at].leading_lines):
            # a function that is put into a section stands below its heading
            made[0] = made[0].with_changes(leading_lines=[*heading, *_without_blanks(made[0].leading_lines)])
            body[at] = body[at].with_changes(leading_lines=body[at].leading_lines[len(heading) :])
            change.defines.append(f"the heading above {number_of(file, change.top)}")
        _set_apart(file, body, at, change)
        body[at:at] = made
    if change.imports_partial:
        body = _with_functools(body)
        change.defines.append("functools")
    whole: dict[cst.CSTNode, Replacement] = {tree.module: module.with_changes(body=body)}
    return Draft(title, whole, applicability, tuple(change.defines), frozenset(change.unbinds))


def _set_apart(file: File, body: list[Line], index: int, change: Change) -> None:
    """Put two blank lines above a statement; two fixes that both do so must not be applied together."""
    if index < len(body):
        lines = body[index].leading_lines
        body[index] = body[index].with_changes(leading_lines=_after_two_blanks(lines))
        if len(body[index].leading_lines) != len(lines):
            change.defines.append(f"the lines above {number_of(file, file.tree.module.body[index])}")


def _after_two_blanks(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Return the lines above a statement with two blank ones at their start."""
    return [_BLANK, _BLANK, *_without_blanks(lines)]


def _without_blanks(lines: Iterable[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Return the lines above a statement from the first comment on."""
    return list(itertools.dropwhile(lambda line: line.comment is None, lines))


def _heading(lines: Sequence[cst.EmptyLine]) -> Sequence[cst.EmptyLine]:
    """Return the lines above a statement that are not about it alone, with the blank lines around them.

    These are comments with a blank line below them, and those that draw a line: ``# --- training ---``.
    """
    end = 0
    for index, line in enumerate(lines):
        has_comment_above = any(each.comment for each in lines[:index])
        if _RULED.search(line.comment.value) if line.comment is not None else has_comment_above:
            end = index + 1
    return lines[:end]


class _Editor(cst.CSTTransformer):
    """Makes a change inside the statements of a module; only visits what is on the way to something that changes."""

    def __init__(self, change: Change, parents: Mapping[cst.CSTNode, cst.CSTNode]) -> None:
        super().__init__()
        self.change = change
        self.on_the_way: set[cst.CSTNode] = set()
        for node in (*change.replacements, *change.gone, *change.methods):
            at = parents.get(node)
            while at is not None and at not in self.on_the_way:
                self.on_the_way.add(at)
                at = parents.get(at)

    def on_visit(self, node: cst.CSTNode) -> bool:
        return node in self.on_the_way

    def on_leave(self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT) -> cst.CSTNodeT:
        if original_node in self.change.replacements:
            return self.change.replacements[original_node]  # type: ignore[return-value]
        if isinstance(original_node, cst.IndentedBlock) and isinstance(updated_node, cst.IndentedBlock):
            return self._block(original_node, updated_node)  # type: ignore[return-value]
        return updated_node

    def _block(self, before: cst.IndentedBlock, after: cst.IndentedBlock) -> cst.IndentedBlock:
        """Return a body without the lines that go, and with the methods that come."""
        body: list[cst.BaseStatement] = []
        above: int | None = None
        for old, line in zip(before.body, after.body, strict=True):
            assert isinstance(line, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
            rest = _without_blanks(line.leading_lines)
            blanks = len(line.leading_lines) - len(rest)
            if old in self.change.gone:
                above = max(above or 0, blanks)
                continue
            if above is not None:
                wanted = max(above, blanks) if body else 0
                line = line.with_changes(leading_lines=[*[_BLANK] * wanted, *rest])
                above = None
            body.append(line)
            if isinstance(old, cst.FunctionDef) and old in self.change.methods:
                body.append(self.change.methods[old].with_changes(leading_lines=[_BLANK]))
        return after.with_changes(body=body or [cst.SimpleStatementLine([cst.Pass()])])


# --- imports ---


def _with_functools(
    body: Sequence[cst.SimpleStatementLine | cst.BaseCompoundStatement],
) -> list[cst.SimpleStatementLine | cst.BaseCompoundStatement]:
    """Return a module's body that imports `functools`, where a sorted list of imports has it."""
    new = cst.SimpleStatementLine([cst.Import([cst.ImportAlias(cst.Name("functools"))])])
    start = 0
    while start < len(body) and (_is_docstring(body[start], start) or _module_of(body[start]) == "__future__"):
        start += 1
    end = start
    while end < len(body) and _module_of(body[end]) and (end == start or not _is_apart(body[end])):
        end += 1
    group = body[start:end]
    line = body[start]
    lines = line.leading_lines
    if not any(_module_of(each).partition(".")[0] in sys.stdlib_module_names for each in group):
        # a group of its own, above the comments of the next one
        rest = _without_blanks(lines)
        above = lines[: len(lines) - len(rest)] or [_BLANK] * bool(start)
        apart = [_BLANK, _BLANK] if isinstance(line, (cst.FunctionDef, cst.ClassDef)) else [_BLANK]
        moved = [new.with_changes(leading_lines=above), line.with_changes(leading_lines=[*apart, *rest])]
        return [*body[:start], *moved, *body[start + 1 :]]
    at = next((i for i, each in enumerate(group) if _is_from(each) or _module_of(each) > "functools"), len(group))
    if at == 0:
        moved = [new.with_changes(leading_lines=lines), line.with_changes(leading_lines=[])]
        return [*body[:start], *moved, *body[start + 1 :]]
    return [*body[: start + at], new, *body[start + at :]]


def _is_docstring(line: cst.BaseStatement, index: int) -> bool:
    match line:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()), *_]):
            return index == 0
    return False


def _module_of(line: cst.BaseStatement) -> str:
    """Return what an import statement imports, "" for any other statement."""
    match line:
        case cst.SimpleStatementLine(body=[cst.Import(names=[name, *_])]):
            return name.evaluated_name
        case cst.SimpleStatementLine(body=[cst.ImportFrom(module=cst.Name() | cst.Attribute() as module, relative=[])]):
            return cst.Module([]).code_for_node(module)
        case cst.SimpleStatementLine(body=[cst.ImportFrom()]):
            return "."
    return ""


def _is_from(line: cst.BaseStatement) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], cst.ImportFrom)


def _is_apart(line: cst.SimpleStatementLine | cst.BaseCompoundStatement) -> bool:
    """Whether a blank line or a comment stands above."""
    return bool(line.leading_lines)
