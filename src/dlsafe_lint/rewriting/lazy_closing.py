"""How methods of a class close a handle that is opened on first use: not by opening it in order to close it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import libcst as cst

from dlsafe_lint.analysis import reopening
from dlsafe_lint.apis import handles
from dlsafe_lint.rewriting import lazy_property
from dlsafe_lint.rewriting.lazy_property import assigned, code, is_attribute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project, Site
    from dlsafe_lint.rule import Replacement, Tree

_LAST_METHODS = frozenset({"close", "__del__", "__exit__"})
_Line = cst.SimpleStatementLine | cst.For


class Closers:
    """Rewrites the methods of a class that close handles or set them to None.

    Attributes:
        replacements: what becomes of the nodes in them.
    """

    def __init__(
        self, facts: ModuleFacts, project: Project, tree: Tree, site: Site, klass: cst.ClassDef, receiver: str
    ) -> None:
        """Make ready for a class; ``receiver`` is what its methods call their object."""
        self.facts = facts
        self.project = project
        self.tree = tree
        self.module = tree.module
        self.site = site
        self.klass = klass
        self.receiver = receiver
        self.replacements: dict[cst.CSTNode, Replacement] = {}

    def rewrite(self, attr: str, helper: str, opening: cst.SimpleStatementLine | cst.For | cst.If) -> bool:
        """Rewrite the methods for one handle.

        Args:
            attr: the attribute that was the handle.
            helper: the attribute that keeps process id and handle.
            opening: the line that opened it, or the loop.

        Returns:
            False if there is something in the methods that can't be rewritten.
        """
        asked: dict[cst.FunctionDef, list[cst.Call]] = {}
        for mention in reopening.mentions(self.project, self.site, attr):
            call = self.tree.calls[mention.call.number] if mention.facts is self.facts else None
            method = self._method(call) if call is not None else None
            if call is None or method is None:
                return False
            asked.setdefault(method, []).append(call)
        uses: dict[cst.FunctionDef, list[cst.Attribute]] = {}
        for node in self.tree.parents:
            if isinstance(node, cst.Attribute) and is_attribute(node, attr):
                user = self._method(node)
                if user is not None and opening not in self.tree.enclosing(node):
                    uses.setdefault(user, []).append(node)
        is_reset = any(self._is_reset(node) for nodes in uses.values() for node in nodes)
        for method in dict.fromkeys([*uses, *asked]):
            nodes = uses.get(method, [])
            if any(self._closing_line(node) is not None or self._is_reset(node) for node in nodes):
                fine = self._method_that_closes(attr, helper, nodes, asked.get(method, []))
            else:
                # what only a method that closes can make None must not be opened by the question whether it is
                fine = not asked.get(method) and not (is_reset and any(self._is_check(node) for node in nodes))
                fine = fine and method.name.value not in _LAST_METHODS
            if not fine:
                return False
        return True

    def _method(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """Return the method of the class in which a node stands, if that calls its object as the class does."""
        around = self.tree.enclosing(node)
        if self.klass not in around:
            return None
        inner = around[: around.index(self.klass)]
        method = next((each for each in reversed(inner) if isinstance(each, cst.FunctionDef)), None)
        params = [*method.params.posonly_params, *method.params.params] if method is not None else []
        return method if params and params[0].name.value == self.receiver else None

    def _method_that_closes(
        self, attr: str, helper: str, nodes: Sequence[cst.Attribute], asked: Sequence[cst.Call]
    ) -> bool:
        plain = cst.Attribute(cst.Name(self.receiver), cst.Name(helper))
        checks = [node for node in nodes if self._is_check(node)]
        tests: dict[int, cst.BaseExpression] = {}
        for each in (*checks, *asked):
            test = self._test(each)
            if test is None:
                return False
            tests[id(test)] = test
            self.replacements[each] = plain
        for call in asked:
            if code(call.func) not in ("hasattr", "getattr"):
                return False
            self.replacements[call] = cst.parse_expression(f'getattr({self.receiver}, "{helper}", None)')
        absorbed: set[cst.CSTNode] = set()
        for node in nodes:
            line = self._closing_line(node)
            is_guarded = self._is_guarded(node, list(tests.values()))
            if line is None:
                if node not in checks and not self._is_reset(node) and not is_guarded:
                    return False
                continue
            closed = self.tree.replaced(line, {node: lazy_property.opened(self.module, self.receiver, helper)})
            reset = self._reset_after(line, attr)
            if is_guarded:
                lines: list[_Line] = [closed]
                if reset is None:
                    lines.append(lazy_property.reset(self.module, self.receiver, helper))
                self.replacements[line] = cst.FlattenSentinel(lines)
                continue
            after = None
            if reset is not None and self.tree.parents[reset] is self.tree.parents[line]:
                target = next(each for each in nodes if reset in self.tree.enclosing(each))
                after = self.tree.replaced(reset, {target: plain})
                absorbed.add(target)
                self.replacements[reset] = cst.FlattenSentinel([])
            self.replacements[line] = lazy_property.closing(self.module, self.receiver, helper, closed, after)
        for node in nodes:
            if self._is_reset(node) and node not in absorbed:
                self.replacements[node] = plain
        return True

    def _closing_line(self, node: cst.CSTNode) -> _Line | None:
        """Return the line that closes the handle, or the loop that closes each of them, and does nothing else."""
        line = self._line_of_call(node, handles.CLOSERS)
        if line is not None:
            return line
        iterated = node
        method = self.tree.parents[node]
        if isinstance(method, cst.Attribute) and method.attr.value == "values":
            iterated = self.tree.parents[method]
        loop = self.tree.parents[iterated]
        if not isinstance(loop, cst.For) or loop.iter is not iterated or loop.orelse is not None:
            return None
        match loop:
            case cst.For(cst.Name(each), _, cst.IndentedBlock([cst.SimpleStatementLine([cst.Expr(closed)])])) if code(
                closed
            ) in {f"{each}.{closer}()" for closer in handles.CLOSERS}:
                return loop
        return None

    def _line_of_call(self, node: cst.CSTNode, methods: frozenset[str]) -> cst.SimpleStatementLine | None:
        """Return the line that calls one of the methods of a node and does nothing else."""
        method = self.tree.parents[node]
        call = self.tree.parents[method]
        if not isinstance(method, cst.Attribute) or not isinstance(call, cst.Call) or call.func is not method:
            return None
        small = self.tree.parents[call]
        if method.attr.value not in methods or not isinstance(small, cst.Expr):
            return None
        line = self.tree.parents[small]
        return line if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None

    def _is_reset(self, node: cst.CSTNode) -> bool:
        """Whether a node is what a statement sets to None."""
        target, value, annotation = assigned(self.tree.parents[self.tree.parents[node]])
        return target is node and annotation is None and value is not None and code(value) == "None"

    def _is_check(self, node: cst.CSTNode) -> bool:
        """Whether it is only asked whether the handle is there."""
        match self.tree.parents[node]:
            case cst.Comparison(left, [cst.ComparisonTarget(_, cst.Name("None"))]):
                return left is node
            case cst.UnaryOperation(cst.Not()) | cst.BooleanOperation() | cst.If():
                return True
        return False

    def _test(self, node: cst.CSTNode) -> cst.BaseExpression | None:
        """Return the test of the ``if`` in which a node stands."""
        for inner, outer in itertools.pairwise([node, *self.tree.enclosing(node)]):
            if isinstance(outer, cst.If) and outer.test is inner:
                return outer.test
            if isinstance(inner, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
                return None
        return None

    def _is_guarded(self, node: cst.CSTNode, tests: Sequence[cst.BaseExpression]) -> bool:
        """Whether a node is only evaluated where one of the tests found a handle."""
        for inner, outer in itertools.pairwise([node, *self.tree.enclosing(node)]):
            if isinstance(outer, cst.If) and outer.body is inner and any(outer.test is test for test in tests):
                return not _is_negative(outer.test)
            if isinstance(outer, cst.IndentedBlock):
                above = _beside(outer, inner)[0]
                if any(
                    isinstance(each, cst.If)
                    and any(each.test is test for test in tests)
                    and _is_negative(each.test)
                    and _returns(each.body)
                    for each in above
                ):
                    return True
            if isinstance(outer, cst.FunctionDef):
                break
        return False

    def _reset_after(self, line: _Line, attr: str) -> cst.SimpleStatementLine | None:
        """Return the line that sets the handle to None, after a line or after the ``if`` or ``try`` that it ends."""
        at: cst.CSTNode = line
        while True:
            block = self.tree.parents[at]
            if not isinstance(block, cst.IndentedBlock):
                return None
            below = _beside(block, at)[1]
            for other in below[:1]:
                if isinstance(other, cst.SimpleStatementLine) and len(other.body) == 1:
                    target, value, _ = assigned(other.body[0])
                    if is_attribute(target, attr) and value is not None and code(value) == "None":
                        return other
            at = self.tree.parents[block]
            if below or not isinstance(at, (cst.If, cst.Try)):
                return None


def _beside(block: cst.IndentedBlock, line: cst.CSTNode) -> tuple[list[cst.CSTNode], list[cst.CSTNode]]:
    """Return what stands in a block above and below a line of it."""
    at = next(index for index, each in enumerate(block.body) if each is line)
    return list(block.body[:at]), list(block.body[at + 1 :])


def _is_negative(test: cst.BaseExpression) -> bool:
    match test:
        case cst.UnaryOperation(cst.Not()):
            return True
        case cst.Comparison(_, [cst.ComparisonTarget(cst.Is() | cst.Equal(), _)]):
            return True
    return False


def _returns(body: cst.BaseSuite) -> bool:
    last = body.body[-1]
    return isinstance(last, cst.Return) or (
        isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], cst.Return)
    )
