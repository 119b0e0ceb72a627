"""Functions of a module made from lambdas and from functions and classes that stood deeper in the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dlsafe_lint.rewriting.captures import inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dlsafe_lint.rule import Tree

_CONSTANTS = (cst.Integer, cst.Float, cst.SimpleString)


class Handed(NamedTuple):
    """A value that is handed over as an argument: the parameter's name, the value, and the parameter's type."""

    name: str
    value: cst.BaseExpression
    annotation: cst.Annotation | None = None


def is_constant(node: cst.BaseExpression) -> bool:
    """Whether an expression is the same whenever it is evaluated: a number, a string, None, a tuple of such."""
    match node:
        case cst.UnaryOperation(expression=inner):
            return is_constant(inner)
        case cst.Name(value=name):
            return name in ("None", "True", "False")
        case cst.Tuple(elements=elements):
            return all(isinstance(each, cst.Element) and is_constant(each.value) for each in elements)
    return isinstance(node, _CONSTANTS)


# --- lambdas ---


def from_lambda(
    module: cst.Module,
    found: cst.Lambda,
    name: str,
    *,
    handed: Sequence[Handed] = (),
    first: Sequence[cst.SimpleStatementLine] = (),
    receiver: str | None = None,
    trailing: cst.TrailingWhitespace | None = None,
) -> cst.FunctionDef | None:
    """Return the function that does what the lambda does, None if a comment would get lost.

    Args:
        module: the module that the lambda is in.
        found: the lambda.
        name: what the function is called.
        handed: the values that it gets as further arguments, defaults of the lambda among them.
        first: what it has to import.
        receiver: the first parameter of a method.
        trailing: what stands behind the statement that the lambda is in, if its comment belongs to the function.
    """
    body = found.body
    if "\n" in module.code_for_node(body) and not _is_closed(module, body):
        inner = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(module.default_indent))
        outer = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(""))
        body = _shifted(module, body, len(module.default_indent))
        body = body.with_changes(
            lpar=[cst.LeftParen(whitespace_after=inner), *body.lpar],
            rpar=[*body.rpar, cst.RightParen(whitespace_before=outer)],
        )
    else:
        body = _shifted(module, body, 0)
    result = cst.SimpleStatementLine([cst.Return(body)], leading_lines=_comments_before(found))
    behind = [node for paren in found.rpar for node in inside(paren) if isinstance(node, cst.Comment)]
    if trailing is not None and trailing.comment is not None:
        result = result.with_changes(trailing_whitespace=trailing)
    elif behind:
        two = cst.SimpleWhitespace("  ")
        result = result.with_changes(trailing_whitespace=cst.TrailingWhitespace(two, behind[-1]))
    params = with_arguments(found.params, handed)
    if receiver is not None:
        params = _with_receiver(params, receiver)
    function = cst.FunctionDef(cst.Name(name), params, _block([*first, result]))
    before = [node.value for node in inside(found) if isinstance(node, cst.Comment)]
    after = [node.value for node in inside(function) if isinstance(node, cst.Comment)]
    return function if all(after.count(comment) >= before.count(comment) for comment in before) else None


def with_names(found: cst.Lambda, renamed: Mapping[cst.CSTNode, cst.CSTNode]) -> cst.Lambda:
    """Return a lambda in which some expressions are names."""
    made = found.visit(_Swap({id(old): new for old, new in renamed.items()}))
    assert isinstance(made, cst.Lambda)
    return made


def _comments_before(found: cst.Lambda) -> list[cst.EmptyLine]:
    """Return the comments in front of a lambda and of its body, each on a line of its own."""
    before = (*found.lpar, found.whitespace_after_lambda, found.colon)
    nodes = (node for each in before if isinstance(each, cst.CSTNode) for node in reversed(list(inside(each))))
    return [cst.EmptyLine(comment=node) for node in nodes if isinstance(node, cst.Comment)]


def _is_closed(module: cst.Module, body: cst.BaseExpression) -> bool:
    """Whether the expression can stand on several lines as it is: each line break is inside brackets."""
    try:
        cst.parse_expression(module.code_for_node(body), module.config_for_parsing)
    except cst.ParserSyntaxError:
        return False
    return True


def _shifted(module: cst.Module, body: cst.BaseExpression, to: int) -> cst.BaseExpression:
    """Return the expression with its lines moved to the left as far as they go together."""
    breaks = [node for node in inside(body) if isinstance(node, cst.ParenthesizedWhitespace)]
    depths = [len(node.last_line.value) for node in breaks]
    if not depths:
        return body
    closes = module.code_for_node(body).rsplit("\n", 1)[-1].lstrip()[:1] in ")]}"
    shift = min(depths) - to - (0 if closes or to else len(module.default_indent))
    if shift <= 0:
        return body
    left: dict[int, cst.CSTNode] = {}
    for node in breaks:
        lines = [line.with_changes(whitespace=_less(line.whitespace, shift)) for line in node.empty_lines]
        left[id(node)] = node.with_changes(last_line=_less(node.last_line, shift), empty_lines=lines)
    shifted = body.visit(_Swap(left))
    return shifted if isinstance(shifted, cst.BaseExpression) else body


def _less(space: cst.SimpleWhitespace, shift: int) -> cst.SimpleWhitespace:
    return space.with_changes(value=space.value[shift:])


# --- parameters ---


def with_arguments(params: cst.Parameters, handed: Sequence[Handed]) -> cst.Parameters:
    """Return parameters with further ones for what is handed over by name; a default that is handed over goes."""
    if not handed:
        return params
    names = {each.name for each in handed}
    plain = [param for param in params.params if param.name.value not in names]
    keywords = [param for param in params.kwonly_params if param.name.value not in names]
    own = {param.name.value: param for param in (*params.params, *params.kwonly_params)}
    new = [
        own.get(each.name, cst.Param(cst.Name(each.name), each.annotation)).with_changes(
            default=None, equal=cst.MaybeSentinel.DEFAULT, comma=cst.MaybeSentinel.DEFAULT
        )
        for each in handed
    ]
    has_star = not isinstance(params.star_arg, cst.MaybeSentinel)
    if has_star or keywords or any(param.default for param in (*params.posonly_params, *plain)):
        return params.with_changes(params=_apart(plain), kwonly_params=[*_apart(keywords), *new])
    return params.with_changes(params=[*_apart(plain), *new], kwonly_params=[])


def _apart(params: Sequence[cst.Param]) -> list[cst.Param]:
    """Return parameters of which the last one can be followed by another."""
    if not params:
        return []
    last = params[-1]
    if isinstance(last.comma, cst.Comma) and not any(isinstance(each, cst.Comment) for each in inside(last.comma)):
        last = last.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return [*params[:-1], last]


def _with_receiver(params: cst.Parameters, name: str) -> cst.Parameters:
    first = cst.Param(cst.Name(name))
    if params.posonly_params:
        return params.with_changes(posonly_params=[first, *params.posonly_params])
    return params.with_changes(params=[first, *params.params])


def with_more_arguments(call: cst.Call, arguments: Sequence[cst.Arg]) -> cst.Call:
    """Return a call with further arguments, each on a line of its own if that is how the call is written."""
    if not call.args:
        return call.with_changes(args=arguments)
    *before, last = call.args
    between = call.whitespace_before_args
    if not isinstance(between, cst.ParenthesizedWhitespace):
        between = cst.SimpleWhitespace(" ")
    end = {"comma": last.comma, "whitespace_after_arg": last.whitespace_after_arg}
    comma = cst.Comma(whitespace_after=between)
    if isinstance(last.comma, cst.Comma):
        closing = last.comma.whitespace_after
        if isinstance(closing, cst.ParenthesizedWhitespace) and isinstance(between, cst.ParenthesizedWhitespace):
            # the comment behind the last argument stays there
            comma = cst.Comma(whitespace_after=closing.with_changes(indent=between.indent, last_line=between.last_line))
            plain = closing.with_changes(first_line=between.first_line, empty_lines=[])
            end["comma"] = last.comma.with_changes(whitespace_after=plain)
    made = [last.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace("")), *arguments[:-1]]
    made = [made[0], *(each.with_changes(comma=cst.Comma(whitespace_after=between)) for each in made[1:])]
    return call.with_changes(args=[*before, *made, arguments[-1].with_changes(**end)])


# --- functions and classes that move ---


def moved(
    tree: Tree,
    piece: cst.FunctionDef | cst.ClassDef,
    name: str,
    *,
    renamed: Mapping[cst.CSTNode, cst.CSTNode],
    handed: Sequence[Handed] = (),
    first: Sequence[cst.SimpleStatementLine] = (),
) -> cst.FunctionDef | cst.ClassDef:
    """Return a function or class as it stands at module level.

    Args:
        tree: the tree that it is in.
        piece: the function or class.
        name: what it is called there.
        renamed: names in it that become others.
        handed: the values that a function gets as further arguments.
        first: what a function has to import.
    """
    indent = "".join(_indents(tree, piece))
    docstrings = {id(node): _dedented(node, indent) for node in _docstrings(piece)} if indent else {}
    made = piece.visit(_Swap({**{id(old): new for old, new in renamed.items()}, **docstrings}))
    assert isinstance(made, (cst.FunctionDef, cst.ClassDef))
    made = made.with_changes(name=cst.Name(name))
    if isinstance(made, cst.FunctionDef):
        made = made.with_changes(params=with_arguments(made.params, handed))
        if first:
            made = made.with_changes(body=_with_imports(made.body, first))
    return made


def _indents(tree: Tree, node: cst.CSTNode) -> Iterator[str]:
    for around in tree.enclosing(node):
        if isinstance(around, cst.IndentedBlock):
            yield tree.module.default_indent if around.indent is None else around.indent


def _docstrings(piece: cst.CSTNode) -> Iterator[cst.SimpleString]:
    for node in inside(piece):
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            match node.body:
                case cst.IndentedBlock(
                    body=[cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString() as text)]), *_]
                ):
                    yield text


def _dedented(docstring: cst.SimpleString, indent: str) -> cst.SimpleString:
    """Return a docstring whose lines move to the left with its function, if all of them can."""
    first, *lines = docstring.value.split("\n")
    if not all(line.startswith(indent) or not line.strip() for line in lines):
        return docstring
    return docstring.with_changes(value="\n".join([first, *(line.removeprefix(indent) for line in lines)]))


class _Swap(cst.CSTTransformer):
    """Puts nodes in the place of others, by identity."""

    def __init__(self, replacements: Mapping[int, cst.CSTNode]) -> None:
        super().__init__()
        self.replacements = replacements

    def on_leave(self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT) -> cst.CSTNodeT:
        return self.replacements.get(id(original_node), updated_node)  # type: ignore[return-value]


def _block(lines: Sequence[cst.SimpleStatementLine]) -> cst.IndentedBlock:
    """Return the lines as a function's body: imports first, then a blank line."""
    *imports, last = lines
    if imports and not last.leading_lines:
        last = last.with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    return cst.IndentedBlock([*imports, last])


def _with_imports(body: cst.BaseSuite, first: Sequence[cst.SimpleStatementLine]) -> cst.BaseSuite:
    """Return a function's body that begins, after its docstring, with imports."""
    if isinstance(body, cst.SimpleStatementSuite):
        return _block([*first, cst.SimpleStatementLine(body.body, trailing_whitespace=body.trailing_whitespace)])
    lines = list(body.body)
    at = int(
        isinstance(lines[0], cst.SimpleStatementLine)
        and isinstance(lines[0].body[0], cst.Expr)
        and isinstance(lines[0].body[0].value, (cst.SimpleString, cst.ConcatenatedString))
    )
    line = lines[at] if at < len(lines) else None
    if isinstance(line, (cst.SimpleStatementLine, cst.BaseCompoundStatement)) and not line.leading_lines:
        lines[at] = line.with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    return body.with_changes(body=[*lines[:at], *first, *lines[at:]])
