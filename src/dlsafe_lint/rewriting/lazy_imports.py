"""Imports that run when they are needed, as LibCST: in functions, in a module ``__getattr__``, for type checkers only.

What is made here is code as a person would write it; whether it may take the place of other code is not decided here.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import libcst as cst

from dlsafe_lint.rewriting.lazy_property import comments, line_length

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

Line: TypeAlias = cst.SimpleStatementLine | cst.BaseCompoundStatement
ImportStatement: TypeAlias = cst.Import | cst.ImportFrom

_BLANK = cst.EmptyLine(indent=False)
_WIDTH = 88
MANY = 4
"""From so many modules on, a module ``__getattr__`` looks up in a table where a name is."""

_IMPORTLIB = "from importlib import import_module"


class Name(NamedTuple):
    """A name that a package imports when it is asked for.

    Attributes:
        name: what the package calls it.
        module: the module that it comes from, as an import statement has it: ".train", "pkg.train".
        attr: what it is in that module, "" where it is the module itself.
        above: the comments that stand above its import.
        behind: the comment at the end of its import, "" if there is none.
    """

    name: str
    module: str
    attr: str
    above: tuple[str, ...] = ()
    behind: str = ""


# --- import statements ---


def aliases(statement: ImportStatement) -> Sequence[cst.ImportAlias]:
    """Return the names of an import statement, none for a star import."""
    return () if isinstance(statement.names, cst.ImportStar) else statement.names


def bound(alias: cst.ImportAlias) -> str:
    """Return the name that an alias binds: ``import a.b`` binds ``a``."""
    return alias.evaluated_alias or alias.evaluated_name.partition(".")[0]


def with_names(statement: ImportStatement, kept: Sequence[cst.ImportAlias]) -> ImportStatement | None:
    """Return an import with some of its names; None where a comment would be lost.

    The last one gets the comma and the line end of the last one before.
    """
    last = aliases(statement)[-1]
    changed = statement.with_changes(names=_ending_like(kept, last))
    return changed if comments(changed) == comments(statement) else None


def only(statement: ImportStatement, wanted: Collection[cst.ImportAlias]) -> ImportStatement:
    """Return an import of some of the names, on one line where that is short enough."""
    plain = [alias.with_changes(comma=cst.MaybeSentinel.DEFAULT) for alias in wanted]
    reduced = statement.with_changes(names=plain)
    if isinstance(reduced, cst.ImportFrom):
        reduced = reduced.with_changes(lpar=None, rpar=None)
        if len(cst.Module([]).code_for_node(reduced)) > _WIDTH:
            reduced = _one_name_a_line(reduced)
    return reduced


def _one_name_a_line(statement: cst.ImportFrom) -> cst.ImportFrom:
    def line(more: str) -> cst.ParenthesizedWhitespace:
        return cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(more))

    names = [
        alias.with_changes(comma=cst.Comma(whitespace_after=line("" if alias is aliases(statement)[-1] else "    ")))
        for alias in aliases(statement)
    ]
    return statement.with_changes(names=names, lpar=cst.LeftParen(line("    ")), rpar=cst.RightParen())


def _ending_like(kept: Sequence[cst.ImportAlias], last: cst.ImportAlias) -> Sequence[cst.ImportAlias]:
    return kept if last is kept[-1] else [*kept[:-1], kept[-1].with_changes(comma=last.comma)]


# --- what a package exports ---


def without_exports(statements: Iterable[cst.CSTNode], names: Collection[str]) -> dict[cst.CSTNode, cst.CSTNode | None]:
    """Return what becomes of the statements that put names into ``__all__`` when the names no longer belong there.

    Lists, tuples and sets count wherever they stand in an assignment, ``+=``, ``extend`` or ``append``. Where a comment
    would be lost the name stays, which does no harm: ``import *`` then loads the submodule.

    Args:
        statements: the module's statements.
        names: what goes.

    Returns:
        What takes the place of displays; None for a statement that goes altogether.
    """
    changed: dict[cst.CSTNode, cst.CSTNode | None] = {}
    for statement in statements:
        match statement:
            case (
                cst.Assign(targets=[cst.AssignTarget(target=cst.Name("__all__"))], value=value)
                | cst.AugAssign(target=cst.Name("__all__"), value=value)
                | cst.AnnAssign(target=cst.Name("__all__"), value=value)
            ) if value is not None:
                _without(value, names, changed)
                if isinstance(statement, cst.AugAssign) and _is_empty(changed.get(value)):
                    changed[statement] = None
            case cst.Expr(
                cst.Call(
                    func=cst.Attribute(value=cst.Name("__all__"), attr=cst.Name(method)), args=[cst.Arg(value=value)]
                )
            ):
                if method in ("append", "add", "remove") and _is_string(value, names):
                    changed[statement] = None
                elif method in ("extend", "update"):
                    _without(value, names, changed)
                    if _is_empty(changed.get(value)):
                        changed[statement] = None
    return changed


def _is_empty(node: cst.CSTNode | None) -> bool:
    """Whether a display has no elements left."""
    return isinstance(node, cst.Call) or (isinstance(node, (cst.List, cst.Tuple)) and not node.elements)


def _without(node: cst.BaseExpression, names: Collection[str], changed: dict[cst.CSTNode, cst.CSTNode | None]) -> None:
    """Take strings out of the displays that an expression is made of."""
    if isinstance(node, cst.BinaryOperation):
        _without(node.left, names, changed)
        _without(node.right, names, changed)
    if not isinstance(node, (cst.List, cst.Tuple, cst.Set)):
        return
    kept = [each for each in node.elements if not _is_string(each.value, names)]
    if len(kept) == len(node.elements):
        return
    made: cst.BaseExpression
    if not kept:
        made = cst.parse_expression("set()") if isinstance(node, cst.Set) else node.with_changes(elements=[])
    else:
        comma = node.elements[-1].comma
        if isinstance(node, cst.Tuple) and len(kept) == 1 and not isinstance(comma, cst.Comma):
            comma = cst.Comma()
        if kept[-1] is not node.elements[-1]:
            kept[-1] = kept[-1].with_changes(comma=comma)
        made = node.with_changes(elements=kept)
    if comments(made) == comments(node):
        changed[node] = made


def _is_string(node: cst.BaseExpression, names: Collection[str]) -> bool:
    return isinstance(node, cst.SimpleString) and node.evaluated_value in names


# --- functions ---


def importing(body: cst.BaseSuite, imports: Sequence[cst.SimpleStatementLine]) -> cst.IndentedBlock:
    """Return the body of a function with imports at its start, after the docstring."""
    if isinstance(body, cst.SimpleStatementSuite):
        rest = cst.SimpleStatementLine(body.body, trailing_whitespace=body.trailing_whitespace, leading_lines=[_BLANK])
        return cst.IndentedBlock([*imports, rest])
    assert isinstance(body, cst.IndentedBlock)
    body = with_docstring_alone(body)
    start = int(has_docstring(body.body))
    before, after = body.body[:start], body.body[start:]
    made = (
        imports_before(imports, after[0]) if after else [imports[0].with_changes(leading_lines=[_BLANK]), *imports[1:]]
    )
    return body.with_changes(body=[*before, *made, *after[1:]])


def imports_before(
    imports: Sequence[cst.SimpleStatementLine], line: cst.BaseStatement, *, apart: bool = False, below: bool = False
) -> list[cst.BaseStatement]:
    """Put imports before a line of a function: a blank line after them unless more imports follow.

    Args:
        imports: what comes first.
        line: what they are put before.
        apart: whether there has to be a blank line above them.
        below: whether there has to be one after them even if more imports follow.
    """
    leading = list(line.leading_lines) if isinstance(line, (cst.SimpleStatementLine, cst.BaseCompoundStatement)) else []
    blanks = _blanks(leading)
    above, rest = leading[:blanks], leading[blanks:]
    if apart and not above:
        above = [_BLANK]
    more = isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], (cst.Import, cst.ImportFrom))
    return [
        imports[0].with_changes(leading_lines=[*above, *imports[0].leading_lines]),
        *imports[1:],
        line.with_changes(leading_lines=rest if more and not rest and not below else [_BLANK, *rest]),
    ]


def has_docstring(body: Sequence[cst.BaseStatement]) -> bool:
    """Tell whether the body of a function or module begins with a docstring."""
    match body[:1]:
        case [cst.SimpleStatementLine(body=[cst.Expr(cst.SimpleString() | cst.ConcatenatedString()), *_])]:
            return True
    return False


def with_docstring_alone(body: cst.IndentedBlock) -> cst.IndentedBlock:
    """Return the body of a function with its docstring on a line of its own, whatever stands behind it."""
    first = body.body[0] if has_docstring(body.body) else None
    if not isinstance(first, cst.SimpleStatementLine) or len(first.body) == 1:
        return body
    docstring = cst.SimpleStatementLine([first.body[0].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)])
    rest = first.with_changes(body=first.body[1:], leading_lines=[])
    return body.with_changes(body=[docstring.with_changes(leading_lines=first.leading_lines), rest, *body.body[1:]])


def _blanks(lines: Sequence[cst.EmptyLine]) -> int:
    """How many blank lines come first."""
    return next((index for index, line in enumerate(lines) if line.comment), len(lines))


# --- PEP 562 ---


def module_getattr(module: cst.Module, names: Sequence[Name], *, typed: bool) -> cst.FunctionDef:
    """Make the module ``__getattr__`` that imports names when they are asked for (PEP 562).

    Args:
        module: the module that it is for.
        names: what it offers.
        typed: whether it has type hints.
    """
    indent = module.default_indent
    lines = [
        f"def __getattr__(name{': str) -> object' if typed else ')'}:",
        *(indent + line for line in _branches(module, names, "name")),
        f'{indent}raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")',
    ]
    return _function(module, lines)


def with_branches(module: cst.Module, function: cst.FunctionDef, names: Sequence[Name]) -> cst.FunctionDef | None:
    """Return a module ``__getattr__`` that offers more names; None where it does not end in a ``raise``."""
    body = function.body
    if not isinstance(body, cst.IndentedBlock) or len(function.params.params) != 1:
        return None
    *lines, last = body.body
    if not isinstance(last, cst.SimpleStatementLine) or not isinstance(last.body[-1], cst.Raise):
        return None
    param = function.params.params[0].name.value
    text = ["def _():", *(module.default_indent + line for line in _branches(module, names, param))]
    more = _function(module, text).body.body
    return function.with_changes(body=body.with_changes(body=[*lines, *more, last]))


def module_dir(module: cst.Module, names: Sequence[Name], *, exported: bool, typed: bool) -> cst.FunctionDef:
    """Make the module ``__dir__`` that lists names although they have not been imported.

    Args:
        module: the module that it is for.
        names: what its ``__getattr__`` offers.
        exported: whether all of them are in its ``__all__``.
        typed: whether it has type hints.
    """
    indent = module.default_indent
    quoted = [f'"{each.name}"' for each in names]
    listed = "*__all__" if exported else ", ".join(quoted)
    lines = [f"def __dir__(){' -> list[str]' if typed else ''}:"]
    one_line = f"{indent}return sorted({{*globals(), {listed}}})"
    if len(one_line) <= line_length(module):
        lines.append(one_line)
    else:
        lines += [f"{indent}return sorted(", f"{indent * 2}{{", f"{indent * 3}*globals(),"]
        lines += [f"{indent * 3}{each}," for each in quoted]
        lines += [f"{indent * 2}}}", f"{indent})"]
    return _function(module, lines)


def _branches(module: cst.Module, names: Sequence[Name], param: str) -> list[str]:
    """Return the lines of a ``__getattr__`` that import names: one ``if`` for those of a module, one per other name.

    Names of many modules are in a table.

    A submodule is never imported by ``from . import``: that asks the package for the name and ends up here again.
    """
    indent = module.default_indent
    lines: list[str] = []
    plain = [each for each in names if each.attr == each.name and not each.above and not each.behind]
    if len({each.module for each in plain}) >= MANY:
        lines += _table(module, plain, param)
        names = [each for each in names if each not in plain]
    together = sorted(names, key=lambda each: _key(names, each))
    for _, group in groupby(together, key=lambda each: _key(names, each)):
        these = list(group)
        first = these[0]
        for each in these:
            lines += each.above
        behind = {each.behind: None for each in these if each.behind}
        if len(these) == 1 and first.attr:
            lines.append(f'if {param} == "{first.name}":')
            comment = f"  {first.behind}" if first.behind else ""
            lines += [f"{indent}from {first.module} import {first.attr}{comment}", "", f"{indent}return {first.attr}"]
            continue
        lines += behind
        argument = f'"{first.module}"'
        if len(these) > 1:
            lines += _asks(module, [each.name for each in these], param)
            argument = argument if first.attr else f'f"{_parent(first)}{{{param}}}"'
        else:
            lines.append(f'if {param} == "{first.name}":')
        argument += ", __name__" if first.module.startswith(".") else ""
        found = f"import_module({argument})"
        if first.attr:
            found = f"getattr({found}, {param})"
        lines += [f"{indent}{_IMPORTLIB}", "", f"{indent}return {found}"]
    return lines


def _table(module: cst.Module, names: Sequence[Name], param: str) -> list[str]:
    """Return the lines that look up in which module a name is."""
    indent = module.default_indent
    argument = (
        f"modules[{param}], __name__" if any(each.module.startswith(".") for each in names) else f"modules[{param}]"
    )
    return [
        "modules = {",
        *(f'{indent}"{each.name}": "{each.module}",' for each in names),
        "}",
        f"if {param} in modules:",
        f"{indent}{_IMPORTLIB}",
        "",
        f"{indent}return getattr(import_module({argument}), {param})",
    ]


def _key(names: Sequence[Name], name: Name) -> tuple[int, str]:
    """Return a key that brings together, in order, what comes out of one module or package under its own name."""
    if name.attr == name.name:
        same = [index for index, each in enumerate(names) if each.module == name.module and each.attr == each.name]
        return same[0], ""
    if not name.attr and _parent(name):
        same = [index for index, each in enumerate(names) if not each.attr and _parent(each) == _parent(name)]
        return same[0], _parent(name)
    return names.index(name), name.name


def _parent(name: Name) -> str:
    """Return the package of a module with the dot behind it; "" where the module is called something else here."""
    return name.module.removesuffix(name.name) if name.module.endswith(f".{name.name}") else ""


def _asks(module: cst.Module, names: Sequence[str], param: str) -> list[str]:
    quoted = [f'"{name}"' for name in names]
    indent = module.default_indent
    one_line = f"if {param} in ({', '.join(quoted)}):"
    if len(indent + one_line) <= line_length(module):
        return [one_line]
    return [f"if {param} in (", *(f"{indent}{each}," for each in quoted), "):"]


def _function(module: cst.Module, lines: Sequence[str]) -> cst.FunctionDef:
    text = "".join(f"{line}{module.default_newline}" if line.strip() else module.default_newline for line in lines)
    return cst.ensure_type(cst.parse_statement(text, module.config_for_parsing), cst.FunctionDef)


def appended(module: cst.Module, functions: Sequence[cst.FunctionDef]) -> cst.Module:
    """Return a module with functions at its end, two blank lines apart."""
    made = [each.with_changes(leading_lines=[_BLANK, _BLANK]) for each in functions]
    if not module.body and not module.header:
        made[0] = made[0].with_changes(leading_lines=())
    return module.with_changes(body=[*module.body, *made])


# --- type checkers ---


def for_type_checkers(module: cst.Module, lines: Sequence[cst.SimpleStatementLine]) -> cst.Module | None:
    """Return a module that imports something for type checkers only.

    A block under ``TYPE_CHECKING`` that is there is used. Otherwise one is put after the imports at the module's start.

    Returns:
        None where ``TYPE_CHECKING`` can't be imported: the name means something else.
    """
    body = list(module.body)
    for index, line in enumerate(body):
        if isinstance(line, cst.If) and _asks_type_checking(line.test) and isinstance(line.body, cst.IndentedBlock):
            inside = [each for each in line.body.body if not _is_pass(each)]
            body[index] = line.with_changes(body=line.body.with_changes(body=[*inside, *lines]))
            return module.with_changes(body=body)
    test = _type_checking(body)
    if test is None:
        body, start = _importing_type_checking(module, body)
        test = "TYPE_CHECKING"
        if start < 0:
            return None
    block = cst.If(cst.parse_expression(test), cst.IndentedBlock(list(lines)), leading_lines=[_BLANK])
    at = _after_imports(body)
    if at < len(body):
        body[at] = _set_apart_from_above(body[at])
    body.insert(at, block)
    return module.with_changes(body=body)


def with_future_annotations(module: cst.Module) -> cst.Module:
    """Return a module with ``from __future__ import annotations``, before or among its other such imports."""
    body = list(module.body)
    at = int(has_docstring(body))
    made = cst.ensure_type(cst.parse_statement("from __future__ import annotations"), cst.SimpleStatementLine)
    after = body[at] if at < len(body) else None
    if isinstance(after, cst.SimpleStatementLine) and _is_import(after) and _is_future(after):
        body[at] = after.with_changes(leading_lines=[])
        body.insert(at, made.with_changes(leading_lines=after.leading_lines))
        return module.with_changes(body=body)
    if after is not None:
        body[at] = _set_apart_from_above(after)
    if at or (module.header and module.header[-1].comment):
        made = made.with_changes(leading_lines=[_BLANK])
    body.insert(at, made)
    return module.with_changes(body=body)


def before_imports(module: cst.Module, made: cst.SimpleStatementLine) -> cst.Module:
    """Return a module with a line before its first import, after its docstring and its ``__future__`` imports."""
    body = list(module.body)
    at = int(has_docstring(body))
    while at < len(body):
        line = body[at]
        if not (isinstance(line, cst.SimpleStatementLine) and _is_import(line) and _is_future(line)):
            break
        at += 1
    if at < len(body):
        body[at] = _set_apart_from_above(body[at])
    if at or (module.header and module.header[-1].comment):
        made = made.with_changes(leading_lines=[_BLANK])
    return module.with_changes(body=[*body[:at], made, *body[at:]])


def _asks_type_checking(test: cst.BaseExpression) -> bool:
    match test:
        case cst.Name("TYPE_CHECKING") | cst.Attribute(value=cst.Name(), attr=cst.Name("TYPE_CHECKING")):
            return True
    return False


def _is_pass(line: cst.BaseStatement) -> bool:
    match line:
        case cst.SimpleStatementLine(body=[cst.Pass()], leading_lines=[], trailing_whitespace=trailing):
            return trailing.comment is None
    return False


def _type_checking(body: Sequence[cst.BaseStatement]) -> str | None:
    """Return how a module calls ``typing.TYPE_CHECKING``, None where it does not import it at its start."""
    for line in body[: _after_imports(body)]:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            for alias in aliases(statement) if isinstance(statement, (cst.Import, cst.ImportFrom)) else ():
                bound = alias.evaluated_alias or alias.evaluated_name
                if isinstance(statement, cst.ImportFrom):
                    if _module_of(statement) == "typing" and alias.evaluated_name == "TYPE_CHECKING":
                        return bound
                elif alias.evaluated_name == "typing":
                    return f"{bound}.TYPE_CHECKING"
    return None


def _module_of(statement: cst.ImportFrom) -> str:
    """Return the module of a ``from`` import with its dots."""
    name = cst.Module([]).code_for_node(statement.module) if statement.module else ""
    return "." * len(statement.relative) + name


def _importing_type_checking(module: cst.Module, body: list[Line]) -> tuple[list[Line], int]:
    """Import ``TYPE_CHECKING`` at a module's start; -1 where the name means something else already."""
    if re.search(r"\bTYPE_CHECKING\b", module.code):
        return body, -1
    end = _after_imports(body)
    for index, line in enumerate(body[:end]):
        match line:
            case cst.SimpleStatementLine(body=[cst.ImportFrom(lpar=None) as statement]) if _module_of(
                statement
            ) == "typing" and aliases(statement):
                names = [*aliases(statement)]
                comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
                names[-1] = names[-1].with_changes(comma=comma)
                names.append(cst.ImportAlias(cst.Name("TYPE_CHECKING")))
                names = _sorted(names)
                body[index] = line.with_changes(body=[statement.with_changes(names=names)])
                return body, index
    first = next((index for index, line in enumerate(body[:end]) if _is_foreign_import(line)), end)
    made = cst.ensure_type(cst.parse_statement("from typing import TYPE_CHECKING"), cst.SimpleStatementLine)
    before = body[first - 1] if first else None
    joins = isinstance(before, cst.SimpleStatementLine) and _is_import(before) and not _is_future(before)
    if not joins and (first or module.header):
        made = made.with_changes(leading_lines=[_BLANK])
    if first < end:
        body[first] = _set_apart_from_above(body[first])
    body.insert(first, made)
    return body, first


def _sorted(names: Sequence[cst.ImportAlias]) -> list[cst.ImportAlias]:
    """Return names in their order if all but the last one are: constants first, then classes, then others."""

    def key(alias: cst.ImportAlias) -> tuple[int, str]:
        name = alias.evaluated_name
        return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name

    if [*names[:-1]] != sorted(names[:-1], key=key):
        return [*names]
    commas = [name.comma for name in names]
    return [name.with_changes(comma=comma) for name, comma in zip(sorted(names, key=key), commas, strict=True)]


def _set_apart_from_above(line: Line) -> Line:
    blanks = _blanks(line.leading_lines)
    return line if blanks else line.with_changes(leading_lines=[_BLANK, *line.leading_lines])


def _is_import(line: cst.BaseStatement) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and all(
        isinstance(each, (cst.Import, cst.ImportFrom)) for each in line.body
    )


def _is_future(line: cst.SimpleStatementLine) -> bool:
    return isinstance(line.body[0], cst.ImportFrom) and _module_of(line.body[0]) == "__future__"


def _is_foreign_import(line: cst.BaseStatement) -> bool:
    """Whether an import is not of the standard library."""
    for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
        names = [_module_of(statement)] if isinstance(statement, cst.ImportFrom) else []
        if isinstance(statement, cst.Import):
            names = [alias.evaluated_name for alias in statement.names]
        if any(name.partition(".")[0] not in sys.stdlib_module_names for name in names):
            return True
    return False


def _after_imports(body: Sequence[cst.BaseStatement]) -> int:
    """Return the index behind the docstring and the imports at a module's start."""
    index = int(has_docstring(body))
    while index < len(body) and _is_import(body[index]):
        index += 1
    return index
