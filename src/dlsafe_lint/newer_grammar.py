"""Grammar newer than the running interpreter's: rewritten, through LibCST, into older grammar on the same lines.

`facts.read` gets `lower` for texts that the interpreter can't parse. LibCST reads Python 3.0 to 3.15, so a file with
``lazy import`` (PEP 810), type parameters (PEP 695), quotes inside f-strings (PEP 701), template strings (PEP 750) or
``except A, B:`` (PEP 758) is linted in full on an older interpreter. Only facts come from the rewritten text: calls,
lambdas and statements keep their order and their lines; the rules and fixes see the original.
"""

from __future__ import annotations

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

MAX_DEPTH = 200
"""Deepest nesting of brackets handed to LibCST, whose parser overflows the stack far beyond; CPython's own limit."""


UNREADABLE = (cst.ParserSyntaxError, cst.CSTLogicError, cst.CSTValidationError)
"""How LibCST says that it can't read a text. LibCST 1.9 raises the last two for template strings beside each other."""


def lower(text: str) -> tuple[str, frozenset[int]] | None:
    """Rewrite newer grammar into older.

    Args:
        text: a text that the running interpreter can't parse.

    Returns:
        The rewritten text and the lines of its lazy imports; None if LibCST can't parse the text either.
    """
    if _depth(text) > MAX_DEPTH:
        return None
    try:
        wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
        positions = wrapper.resolve(PositionProvider)
        lazy = frozenset(
            place.start.line
            for node, place in positions.items()
            if isinstance(node, (cst.LazyImport, cst.LazyImportFrom))
        )
        return wrapper.module.visit(_Lowering()).code, lazy
    except (*UNREADABLE, RecursionError):
        return None


def _depth(text: str) -> int:
    """Return how deep brackets nest, at most: brackets in strings and comments count as well."""
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth = max(depth - 1, 0)
    return deepest


class _Lowering(cst.CSTTransformer):
    def leave_LazyImport(self, original_node: cst.LazyImport, updated_node: cst.LazyImport) -> cst.Import:  # noqa: ARG002
        return cst.Import(updated_node.names, semicolon=updated_node.semicolon)

    def leave_LazyImportFrom(
        self,
        original_node: cst.LazyImportFrom,  # noqa: ARG002
        updated_node: cst.LazyImportFrom,
    ) -> cst.ImportFrom:
        return cst.ImportFrom(
            module=updated_node.module,
            names=updated_node.names,
            relative=updated_node.relative,
            lpar=updated_node.lpar,
            rpar=updated_node.rpar,
            semicolon=updated_node.semicolon,
        )

    def leave_TypeAlias(self, original_node: cst.TypeAlias, updated_node: cst.TypeAlias) -> cst.Assign:  # noqa: ARG002
        return cst.Assign([cst.AssignTarget(updated_node.name)], updated_node.value, semicolon=updated_node.semicolon)

    def leave_FunctionDef(
        self,
        original_node: cst.FunctionDef,  # noqa: ARG002
        updated_node: cst.FunctionDef,
    ) -> cst.FunctionDef:
        return updated_node.with_changes(type_parameters=None)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:  # noqa: ARG002
        return updated_node.with_changes(type_parameters=None)

    def leave_ExceptHandler(
        self,
        original_node: cst.ExceptHandler,  # noqa: ARG002
        updated_node: cst.ExceptHandler,
    ) -> cst.ExceptHandler:
        if isinstance(updated_node.type, cst.Tuple) and not updated_node.type.lpar:
            return updated_node.with_changes(type=_parenthesised(updated_node.type))
        return updated_node

    def leave_ExceptStarHandler(
        self,
        original_node: cst.ExceptStarHandler,  # noqa: ARG002
        updated_node: cst.ExceptStarHandler,
    ) -> cst.ExceptStarHandler:
        if isinstance(updated_node.type, cst.Tuple) and not updated_node.type.lpar:
            return updated_node.with_changes(type=_parenthesised(updated_node.type))
        return updated_node

    def visit_ConcatenatedString(self, node: cst.ConcatenatedString) -> bool:
        return not _expressions(node)

    def leave_ConcatenatedString(
        self, original_node: cst.ConcatenatedString, updated_node: cst.ConcatenatedString
    ) -> cst.BaseExpression:
        return self._tuple(original_node) if _expressions(original_node) else updated_node

    def visit_FormattedString(self, node: cst.FormattedString) -> bool:  # noqa: ARG002
        return False

    def leave_FormattedString(
        self,
        original_node: cst.FormattedString,
        updated_node: cst.FormattedString,  # noqa: ARG002
    ) -> cst.BaseExpression:
        return self._tuple(original_node)

    def visit_TemplatedString(self, node: cst.TemplatedString) -> bool:  # noqa: ARG002
        return False

    def leave_TemplatedString(
        self,
        original_node: cst.TemplatedString,
        updated_node: cst.TemplatedString,  # noqa: ARG002
    ) -> cst.BaseExpression:
        return self._tuple(original_node)

    def _tuple(self, node: cst.BaseExpression) -> cst.BaseExpression:
        """Return a tuple of the expressions inside a string, spread over as many lines as the string."""
        found = [inner.visit(_Lowering()) for inner in _expressions(node)]
        made = cst.Tuple(
            [cst.Element(inner, comma=cst.Comma()) for inner in found if isinstance(inner, cst.BaseExpression)]
        )
        missing = _lines(node) - _lines(made)
        rest = (
            cst.ParenthesizedWhitespace(empty_lines=[cst.EmptyLine(indent=False)] * (missing - 1))
            if missing > 0
            else None
        )
        return made.with_changes(
            lpar=[cst.LeftParen(), *node.lpar],
            rpar=[cst.RightParen(rest) if rest else cst.RightParen(), *node.rpar],
        )


def _parenthesised(node: cst.Tuple) -> cst.Tuple:
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _expressions(node: cst.CSTNode) -> list[cst.BaseExpression]:
    """Return the expressions inside a formatted string, in source order; those of format specifiers too."""
    match node:
        case cst.ConcatenatedString(left=left, right=right):
            return [*_expressions(left), *_expressions(right)]
        case cst.FormattedString(parts=parts) | cst.TemplatedString(parts=parts):
            return [inner for part in parts for inner in _expressions(part)]
        case (
            cst.FormattedStringExpression(expression=expression, format_spec=spec)
            | cst.TemplatedStringExpression(expression=expression, format_spec=spec)
        ):
            return [expression, *(inner for part in spec or () for inner in _expressions(part))]
    return []


def _lines(node: cst.CSTNode) -> int:
    return cst.Module([]).code_for_node(node).count("\n")
