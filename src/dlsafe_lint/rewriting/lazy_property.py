"""A handle that is opened on first use in each process, as LibCST: the property, the state, what closes it, the import.

What is made here is code as a person would write it; whether it may take the place of other code is not decided here.
"""

from __future__ import annotations

import sys
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dlsafe_lint.facts import ModuleFacts

_PROPERTY = """\
@property
def {attr}({self}):
{i}if {self}.{helper} is None or {self}.{helper}[0] != {getpid}():
{i}{i}{dropped} = None
{i}{i}{self}.{helper} = {getpid}(), _
{i}return {self}.{helper}[1]
"""
_STATE = """\
def __getstate__({self}){type}:
{i}return {state}
"""
_CLOSING = """\
if {self}.{helper} is not None:
{i}_
{i}{self}.{helper} = None
"""
_BLANK = cst.EmptyLine(indent=False)
_LINE_LENGTHS = (88, 120)
"""Between these, a line may be as long as the longest of the file."""


class Import(NamedTuple):
    """How a module calls ``os.getpid``, and what must change so that it can.

    Attributes:
        getpid: "os.getpid".
        replacements: what becomes of the line at which ``import os`` is put.
    """

    getpid: str
    replacements: Mapping[cst.CSTNode, cst.FlattenSentinel[cst.CSTNode]]


def line_length(module: cst.Module) -> int:
    """Return how long a line of the file may become."""
    shortest, longest = _LINE_LENGTHS
    return min(max(chain([shortest], map(len, module.code.splitlines()))), longest)


def property_of(
    module: cst.Module,
    name: str,
    helpers: Sequence[str],
    receiver: str,
    getpid: str,
    opening: cst.BaseExpression,
    annotation: cst.Annotation | None,
    above: Sequence[cst.EmptyLine],
    trailing: cst.TrailingWhitespace,
    imports: Sequence[cst.SimpleStatementLine] = (),
) -> cst.FunctionDef:
    """Make the property that opens a handle on first use in each process.

    Args:
        module: the module that it is for.
        name: the attribute that it takes the place of.
        helpers: the attribute that keeps process id and handle, and those that keep what is taken from the handle:
            they must not keep an old one open either.
        receiver: what methods of the class call their object.
        getpid: how the module calls ``os.getpid``.
        opening: what opens the handle.
        annotation: the type of the handle.
        above: the comments for the line that opens it.
        trailing: the end of the line that opened it so far, with its comment.
        imports: what the constructor imported for it.
    """
    dropped = " = ".join(f"{receiver}.{helper}" for helper in helpers)
    made = _function(module, _PROPERTY, attr=name, helper=helpers[0], self=receiver, getpid=getpid, dropped=dropped)
    if isinstance(opening, cst.Tuple) and not opening.lpar:
        opening = opening.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    placeholder = next(each for each in _inside(made) if isinstance(each, cst.Name) and each.value == "_")
    line = next(
        each for each in _inside(made) if isinstance(each, cst.SimpleStatementLine) and placeholder in _inside(each)
    )
    assign = line.deep_replace(placeholder, opening)
    if isinstance(assign, cst.SimpleStatementLine):
        assign = _fitting(module, assign, depth=3).with_changes(leading_lines=above, trailing_whitespace=trailing)
    returns = None
    if annotation is not None:
        blank = cst.SimpleWhitespace(" ")
        returns = annotation.with_changes(whitespace_before_indicator=blank, whitespace_after_indicator=blank)
    made = cst.ensure_type(made.deep_replace(line, assign), cst.FunctionDef)
    if imports:
        made = _importing(made, imports)
    return made.with_changes(returns=returns, leading_lines=[_BLANK])


def _importing(made: cst.FunctionDef, imports: Sequence[cst.SimpleStatementLine]) -> cst.FunctionDef:
    """Return the property with imports where it opens: they must not run for each use."""
    block = next(each for each in _inside(made) if isinstance(each, cst.If)).body
    first, *rest = block.body
    lines = [each.with_changes(leading_lines=()) for each in imports]
    first = cst.ensure_type(first, cst.SimpleStatementLine).with_changes(leading_lines=[_BLANK])
    return cst.ensure_type(made.deep_replace(block, block.with_changes(body=[*lines, first, *rest])), cst.FunctionDef)


def state(module: cst.Module, receiver: str, helpers: Sequence[str], values: str = "") -> cst.FunctionDef:
    """Make the ``__getstate__`` that leaves handles out; with its type, where that of the values is given."""
    entries = [f"**{receiver}.__dict__", *(f'"{helper}": None' for helper in helpers)]
    one_line = "{" + ", ".join(entries) + "}"
    if len(module.default_indent.expandtabs(4)) * 2 + len(f"return {one_line}") > line_length(module):
        inner = "\n" + module.default_indent * 2
        one_line = "{" + inner + f",{inner}".join(entries) + ",\n" + module.default_indent + "}"
    made = _function(module, _STATE, self=receiver, state=one_line, type=f" -> dict[str, {values}]" if values else "")
    return made.with_changes(leading_lines=[_BLANK])


def reset(
    module: cst.Module, receiver: str, helper: str, annotation: cst.Annotation | None = None
) -> cst.SimpleStatementLine:
    """Make the line that says that nothing is open; with the handle's type where that is known."""
    if annotation is None:
        made = _parsed(module, "{self}.{helper} = None\n", self=receiver, helper=helper)
    else:
        kind = module.code_for_node(annotation.annotation)
        made = _parsed(
            module, "{self}.{helper}: tuple[int, {kind}] | None = None\n", self=receiver, helper=helper, kind=kind
        )
    return cst.ensure_type(made, cst.SimpleStatementLine)


def keeping(module: cst.Module, receiver: str, attr: str, value: str) -> cst.SimpleStatementLine:
    """Make the line that keeps what is needed to open a handle later."""
    made = _parsed(module, "{self}.{attr} = {value}\n", self=receiver, attr=attr, value=value)
    return cst.ensure_type(made, cst.SimpleStatementLine)


def opened(module: cst.Module, receiver: str, helper: str) -> cst.BaseExpression:
    """Make the expression for the handle that is open, where one is: ``self._file[1]``."""
    return cst.parse_expression(f"{receiver}.{helper}[1]", module.config_for_parsing)


def closing(
    module: cst.Module,
    receiver: str,
    helper: str,
    line: cst.SimpleStatementLine | cst.For,
    after: cst.SimpleStatementLine | None,
) -> cst.If:
    """Make the statement that closes a handle if one is open.

    Args:
        module: the module that it is for.
        receiver: what the method calls its object.
        helper: the attribute that keeps process id and handle.
        line: the statement that closes it.
        after: the line that sets it to None, None if there is none so far.
    """
    made = cst.ensure_type(_parsed(module, _CLOSING, self=receiver, helper=helper), cst.If)
    body = [line.with_changes(leading_lines=()), after or reset(module, receiver, helper)]
    return made.with_changes(body=made.body.with_changes(body=body), leading_lines=line.leading_lines)


def _parsed(module: cst.Module, template: str, **parts: str) -> cst.SimpleStatementLine | cst.BaseCompoundStatement:
    text = template.format(i=module.default_indent, **parts).replace("\n", module.default_newline)
    return cst.parse_statement(text, module.config_for_parsing)


def _function(module: cst.Module, template: str, **parts: str) -> cst.FunctionDef:
    return cst.ensure_type(_parsed(module, template, **parts), cst.FunctionDef)


def _inside(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    stack = [node]
    while stack:
        at = stack.pop()
        yield at
        stack.extend(at.children)


def comments(node: cst.CSTNode) -> list[str]:
    """Return the comments in a node."""
    return sorted(each.value for each in _inside(node) if isinstance(each, cst.Comment))


def _fitting(module: cst.Module, line: cst.SimpleStatementLine, depth: int) -> cst.SimpleStatementLine:
    """Return the assignment of a tuple on several lines if one line is too long for it."""
    text = module.code_for_node(line).rstrip()
    width = len(module.default_indent.expandtabs(4)) * depth
    if "\n" in text or width + len(text) <= line_length(module):
        return line
    assign = line.body[0]
    if not isinstance(assign, cst.Assign) or not isinstance(assign.value, cst.Tuple):
        return line

    def broken(*, further: bool) -> cst.ParenthesizedWhitespace:
        indent = module.default_indent if further else ""
        return cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(indent))

    first, second = assign.value.elements
    if isinstance(second.value, cst.IfExp):
        second = second.with_changes(value=second.value.with_changes(lpar=(), rpar=()))
    value = assign.value.with_changes(
        lpar=[cst.LeftParen(whitespace_after=broken(further=True))],
        rpar=[cst.RightParen()],
        elements=[
            first.with_changes(comma=cst.Comma(whitespace_after=broken(further=True))),
            second.with_changes(comma=cst.Comma(whitespace_after=broken(further=False))),
        ],
    )
    return line.with_changes(body=[assign.with_changes(value=value)])


def assigned(
    node: cst.CSTNode,
) -> tuple[cst.BaseExpression | None, cst.BaseExpression | None, cst.Annotation | None]:
    """Return target, value and annotation of an assignment to one target."""
    match node:
        case cst.Assign([cst.AssignTarget(target)], value):
            return target, value, None
        case cst.AnnAssign(target, annotation, value):
            return target, value, annotation
    return None, None, None


def is_attribute(node: cst.CSTNode | None, attr: str) -> bool:
    """Whether a node is that attribute of a variable."""
    return isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name) and node.attr.value == attr


def code(node: cst.CSTNode) -> str:
    """Return a node as text."""
    return cst.Module([]).code_for_node(node)


# --- import os ---


def getpid(module: cst.Module, facts: ModuleFacts) -> Import | None:
    """Find out how a module can call ``os.getpid``.

    An import that is there is used, whatever it calls the module or the function. Otherwise ``import os`` is put where
    a person would put it: into the first block of imports from the standard library, in its order, or before the first
    import as a block of its own.

    Returns:
        None where the name is taken or there is no import to put another one to.
    """
    top = facts.scopes[0]
    for name, bindings in top.bindings.items():
        if len(bindings) != 1 or bindings[0].how != "import" or bindings[0].block != top.body:
            if name == "os" and not all(each.how == "import" and each.block == top.body for each in bindings):
                return None
            if name != "os":
                continue
        statement = facts.imports[bindings[0].target]
        for imported in statement.names:
            if statement.is_from:
                from_os = statement.module == "os" and not statement.level and imported.name == "getpid"
                if from_os and (imported.asname or imported.name) == name:
                    return Import(name, {})
            elif (imported.name == "os" and (imported.asname or "os") == name) or (
                name == "os" and imported.asname is None and imported.name.startswith("os.")
            ):
                return Import(f"{name}.getpid", {})
    if "os" in top.bindings:
        return None
    replacements = _import_os(module)
    return Import("os.getpid", replacements) if replacements else None


def _import_os(module: cst.Module) -> dict[cst.CSTNode, cst.FlattenSentinel[cst.CSTNode]]:
    blocks = _blocks(module)
    if not blocks:
        return {}
    line = cst.SimpleStatementLine([cst.Import([cst.ImportAlias(cst.Name("os"))])])
    standard = next((block for block in blocks if any(_is_standard(each) for each in block)), None)
    if standard is None:
        first = blocks[0][0]
        if not _is_first(module, first) and not _leading_blanks(first.leading_lines):
            return _put_before(line, first)  # right below `from __future__`, in a file that sets nothing apart
        above = list(first.leading_lines)
        has_comment = any(each.comment for each in above)
        blanks = [] if has_comment and _is_first(module, first) else _leading_blanks(above)
        new = line.with_changes(leading_lines=blanks)
        moved = first.with_changes(leading_lines=[_BLANK, *above[len(_leading_blanks(above)) :]])
        return {first: cst.FlattenSentinel([new, moved])}
    plain = [each for each in standard if isinstance(each.body[0], cst.Import)]
    if not plain:
        return _put_before(line, standard[0])  # `from` imports only: sorted by kind, or by name, it is the first
    own = [each for each in plain if _is_standard(each)]
    for ordered in (plain, own):
        names = [_name(each).lower() for each in ordered]
        if ordered and names == sorted(names):
            later = next((each for each in ordered if _name(each).lower() > "os"), None)
            return _put_before(line, later) if later is not None else _put_after(line, ordered[-1])
    return _put_after(line, (own or plain)[-1])


def _put_before(
    line: cst.SimpleStatementLine, other: cst.SimpleStatementLine
) -> dict[cst.CSTNode, cst.FlattenSentinel[cst.CSTNode]]:
    line = line.with_changes(leading_lines=other.leading_lines)
    return {other: cst.FlattenSentinel([line, other.with_changes(leading_lines=())])}


def _put_after(
    line: cst.SimpleStatementLine, other: cst.SimpleStatementLine
) -> dict[cst.CSTNode, cst.FlattenSentinel[cst.CSTNode]]:
    return {other: cst.FlattenSentinel([other, line])}


def _blocks(module: cst.Module) -> list[list[cst.SimpleStatementLine]]:
    """Return the imports at the top of a module, without ``from __future__``, as blocks between blank lines."""
    found: list[list[cst.SimpleStatementLine]] = []
    for index, each in enumerate(module.body):
        if not isinstance(each, cst.SimpleStatementLine):
            break
        small = each.body[0]
        if not isinstance(small, (cst.Import, cst.ImportFrom)):
            if index == 0 and isinstance(small, cst.Expr):
                continue  # the docstring
            break
        if _name(each) == "__future__":
            continue
        if not found or _leading_blanks(each.leading_lines):
            found.append([])
        found[-1].append(each)
    return found


def _is_first(module: cst.Module, line: cst.SimpleStatementLine) -> bool:
    return module.body[0] is line


def _leading_blanks(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Return the blank lines that come first."""
    found = []
    for line in lines:
        if line.comment is not None:
            break
        found.append(line)
    return found


def _name(line: cst.SimpleStatementLine) -> str:
    """Return the module that an import line names first; for a relative import "."."""
    small = line.body[0]
    node: cst.CSTNode | None = None
    if isinstance(small, cst.Import):
        node = small.names[0].name
    elif isinstance(small, cst.ImportFrom):
        node = None if small.relative else small.module
    parts = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return "."
    return ".".join([node.value, *reversed(parts)])


def _is_standard(line: cst.SimpleStatementLine) -> bool:
    return _name(line).partition(".")[0] in sys.stdlib_module_names
