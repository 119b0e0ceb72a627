"""How a class is rewritten whose constructor opens handles: each becomes a property that opens it on first use.

What the opening expression needs of the constructor (parameters, values that may be others later) is kept on ``self``;
what is on ``self`` already is used. Where the result might not be the same, there is none.
"""

from __future__ import annotations

import itertools
import keyword
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dlsafe_lint.analysis import openings, reopening
from dlsafe_lint.analysis.datasets import CONSTRUCTORS, expressions
from dlsafe_lint.apis import BUILTINS
from dlsafe_lint.apis.reopening import ITERATING, RESULT_CLASSES
from dlsafe_lint.facts import Attribute as AttributeExpr
from dlsafe_lint.facts import Call, Name, parts, walk
from dlsafe_lint.facts import Lambda as LambdaExpr
from dlsafe_lint.project import Where
from dlsafe_lint.rewriting import lazy_property
from dlsafe_lint.rewriting.lazy_closing import Closers
from dlsafe_lint.rewriting.lazy_property import assigned, code, is_attribute
from dlsafe_lint.rule import Draft
from dlsafe_lint.suppressions import is_for_other_checkers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dlsafe_lint.analysis.openings import Kept, Opened
    from dlsafe_lint.facts import Binding, Expr, ModuleFacts, Scope
    from dlsafe_lint.project import Project, Site
    from dlsafe_lint.rule import Replacement, Tree


@dataclass(slots=True)
class _Needs:
    """What an expression needs in order to be evaluated later.

    Attributes:
        attr: the attribute that it is the value of.
        kept: what must be kept on ``self`` under which name: the expression's text to the name.
        roots: the variable that each of these texts starts with, and the statement at which it has its value.
        inlined: local variables that hold a handle, and the statements that bind them.
        moved: lines that keep what is needed, but after the handle may have been used.
        parents: the attributes from whose handles it takes something.
        imports: what the constructor imports for it, and the statements that do.
    """

    attr: str
    kept: dict[str, str] = field(default_factory=dict)
    roots: dict[str, tuple[str, int]] = field(default_factory=dict)
    inlined: dict[str, int] = field(default_factory=dict)
    moved: list[cst.SimpleStatementLine] = field(default_factory=list)
    parents: set[str] = field(default_factory=set)
    imports: dict[str, int] = field(default_factory=dict)


class _Opening(NamedTuple):
    """A statement of a constructor that becomes a property.

    An assignment, a loop that adds to a list or dict, or an ``if`` that opens one of several handles (``others`` are
    the statements that open the others). ``empty`` is the line above that makes the list or dict, or sets the attribute
    to None.
    """

    attr: str
    helper: str
    statement: int
    line: cst.SimpleStatementLine | cst.For | cst.If
    value: cst.BaseExpression
    annotation: cst.Annotation | None
    needs: _Needs
    empty: cst.SimpleStatementLine | None = None
    others: tuple[int, ...] = ()


class _Either(NamedTuple):
    """An ``if`` that does nothing but store the handle that one or the other branch opens.

    Attributes:
        node: the ``if``.
        statement: its number.
        branches: the numbers of the statements that open.
        values: what they open.
    """

    node: cst.If
    statement: int
    branches: tuple[int, int]
    values: tuple[cst.BaseExpression, cst.BaseExpression]


class _Loop(NamedTuple):
    """A loop that does nothing but open handles and add them to a list or dict on ``self``.

    Attributes:
        node: the loop.
        statement: its number.
        empty: the number of the statement that makes the list or dict.
        key: the key of the dict, None for a list.
        value: what is added.
    """

    node: cst.For
    statement: int
    empty: int
    key: cst.BaseExpression | None
    value: cst.BaseExpression

    def comprehension(self, replaced: Callable[[cst.BaseExpression], cst.BaseExpression]) -> cst.BaseExpression:
        """Return the same as an expression, with its parts as they become."""
        loop = cst.CompFor(self.node.target, replaced(self.node.iter))
        if self.key is None:
            return cst.ListComp(replaced(self.value), loop)
        return cst.DictComp(replaced(self.key), replaced(self.value), loop)


class Change:
    """The change of one class: what its constructor opens becomes properties.

    Attributes:
        changed: the statements whose findings the change removes.
    """

    def __init__(self, facts: ModuleFacts, project: Project, tree: Tree, site: Site, suppressed: set[int]) -> None:
        """Make ready for a class of a module, in which some statements must not be touched."""
        self.facts = facts
        self.project = project
        self.tree = tree
        self.module = tree.module
        self.site = site
        self.suppressed = suppressed
        self.taken = reopening.taken_names(self.project, site)
        self.helpers: dict[str, str] = {}
        self.kept: dict[str, tuple[str, int]] = {}
        self.lines: dict[cst.CSTNode, list[cst.SimpleStatementLine]] = {}
        self.replacements: dict[cst.CSTNode, cst.CSTNode] = {}
        self.aliases: dict[str, str] = {}
        self.changed: list[int] = []
        self.method: Scope | None = None
        self.receiver = "self"

    def draft(self, rows: Sequence[Kept]) -> Draft | None:
        """Return the fix, None where there is none."""
        names = {row.name.removeprefix("self.") for row in rows}
        self.aliases = dict(filter(None, map(self._alias, rows)))
        made: list[_Opening] = []
        left: list[Kept] = []
        for row in sorted(rows, key=lambda row: row.name.removeprefix("self.") not in self.aliases.values()):
            if any(row.statement in each.others for each in made):
                continue
            opening = self._opening(row, names) or self._opening_of_either(row, rows, names)
            if opening is None:
                left.append(row)
            else:
                made.append(opening)
        # a class that asks for its process id counts as one that takes care of forked workers
        if not made or any(row.forked and row.kind.fork and row.fate == "open" for row in left):
            return None
        made.sort(key=lambda opening: opening.statement)
        imported = lazy_property.getpid(self.module, self.facts)
        changed = self._class(made, imported.getpid) if imported is not None else None
        if imported is None or changed is None:
            return None
        self.changed = [number for each in made for number in (each.statement, *each.others)]
        what = _listed([f"`{self.receiver}.{each.attr}`" for each in made])
        klass = self.tree.statements[self.project.scope(self.site).statement]
        return Draft(
            f"Open {what} on first use in each process",
            {klass: changed, **imported.replacements},
            applicability="unsafe",
            defines=("os",) if imported.replacements else (),
        )

    def _alias(self, row: Kept) -> tuple[str, str] | None:
        """Return the local variable that is stored as it is (``self.file = file``), and the attribute."""
        _, value, _ = assigned(self.tree.statements[row.statement])
        return (value.value, row.name.removeprefix("self.")) if isinstance(value, cst.Name) else None

    # --- what can be opened later ---

    def _opening(self, row: Kept, names: set[str]) -> _Opening | None:
        """Return how the statement that keeps a handle can open it later, None if it can't."""
        method = reopening.method_of(self.facts, row.statement)
        attr = row.name.removeprefix("self.")
        if method is None or self.method not in (None, method):
            return None
        loop = self._loop(row.statement, attr, method)
        empty = loop.empty if loop else self._none_above(row.statement, attr, method)
        if (
            row.call is not None
            or row.fate != "open"
            or row.statement in self.suppressed
            or not self._is_simply_reached(loop.statement if loop else row.statement, method)
            or not reopening.runs_once(self.project, self.site, method)
            or not reopening.may_be_property(self.project, self.site, attr, row.statement, empty)
        ):
            return None
        node = self.tree.statements[loop.empty if loop else row.statement]
        target, value, annotation = assigned(node)
        expr = self._opened_in(row.statement, attr)
        if expr is None or value is None or not is_attribute(target, attr):
            return None
        line = self.tree.parents[node]
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
            return None
        above = None
        if loop is None and empty is not None:
            above = self.tree.parents[self.tree.statements[empty]]
            annotation = annotation or assigned(self.tree.statements[empty])[2]
        if annotation is not None:
            annotation = self._type(annotation)
            if annotation is None:
                return None
        self.method, self.receiver = method, method.params[0].name
        where = Where(self.facts, method.index, row.statement)
        found = openings.opened(self.project, expr, where)
        in_order = any(reopening.reads_in_order(self.project, each) for each in found)
        if not found or not all(reopening.can_reopen(self.project, each) for each in found):
            return None
        if reopening.construction_depends_on(self.project, self.site, attr, row.statement, in_order=in_order):
            return None
        if annotation is None and not loop and self._is_typed(method):
            annotation = self._class_of(value, found)
        needs = _Needs(attr)
        moved = (
            self._moved_loop(loop, row.statement, needs, names)
            if loop
            else self._moved(value, row.statement, needs, names)
        )
        if moved is None or not self._is_local_use_over(needs, row.statement, in_order=in_order):
            return None
        for text, (root, at) in needs.roots.items():
            if not self._same_value(root, at, row.statement):
                return None
            self.kept.setdefault(text, (needs.kept[text], row.statement))
        helper = self._free(
            [f"_{attr}" if not attr.startswith("_") else f"_opened{attr}", f"_opened_{attr.strip('_')}"]
        )
        self.helpers[attr] = helper
        if loop:
            return _Opening(attr, helper, row.statement, loop.node, moved, annotation, needs, line)
        assert above is None or isinstance(above, cst.SimpleStatementLine)
        return _Opening(attr, helper, row.statement, line, moved, annotation, needs, above)

    def _none_above(self, statement: int, attr: str, method: Scope) -> int | None:
        """Return the statement by which the attribute is None until the handle is opened, None if there is none."""
        for store in self.facts.stores:
            if store.attr != attr or store.scope != method.index or store.statement >= statement:
                continue
            node = self.tree.statements[store.statement]
            target, value, _ = assigned(node)
            line = self.tree.parents[node]
            if (
                value is not None
                and code(value) == "None"
                and is_attribute(target, attr)
                and isinstance(line, cst.SimpleStatementLine)
                and len(line.body) == 1
                and self.facts.statements[store.statement].block == self.facts.statements[statement].block
                and not self._is_mentioned_between(attr, store.statement, statement, method)
            ):
                return store.statement
        return None

    def _opening_of_either(self, row: Kept, rows: Sequence[Kept], names: set[str]) -> _Opening | None:
        """Return how an ``if`` that opens one of two handles can do so later, None if it can't."""
        method = reopening.method_of(self.facts, row.statement)
        attr = row.name.removeprefix("self.")
        either = self._either(row.statement, attr) if method is not None and self.method in (None, method) else None
        if method is None or either is None:
            return None
        both = [each for each in rows if each.statement in either.branches]
        if (
            len(both) < 2
            or any(each.call is not None or each.fate != "open" or each.name != row.name for each in both)
            or self.suppressed & set(either.branches)
            or not self._is_simply_reached(either.statement, method)
            or not reopening.runs_once(self.project, self.site, method)
            or not reopening.may_be_property(self.project, self.site, attr, *either.branches)
        ):
            return None
        self.method, self.receiver = method, method.params[0].name
        needs = _Needs(attr)
        search = _Search(self, either.statement, needs, names, frozenset())
        if not search.collect(either.node.test):
            return None
        for number, value in zip(either.branches, either.values, strict=True):
            expr = self._opened_in(number, attr)
            found = openings.opened(self.project, expr, Where(self.facts, method.index, number)) if expr else []
            in_order = any(reopening.reads_in_order(self.project, each) for each in found)
            if not found or not all(reopening.can_reopen(self.project, each) for each in found):
                return None
            if reopening.construction_depends_on(self.project, self.site, attr, number, in_order=in_order):
                return None
            if isinstance(value, (cst.GeneratorExp, cst.IfExp, cst.Tuple)) or not search.collect(value):
                return None
        if needs.inlined or needs.moved or any(at != either.statement for _, at in needs.roots.values()):
            return None
        for text, (root, at) in needs.roots.items():
            if not self._same_value(root, at, max(either.branches)):
                return None
            self.kept.setdefault(text, (needs.kept[text], either.statement))
        helper = self._free(
            [f"_{attr}" if not attr.startswith("_") else f"_opened{attr}", f"_opened_{attr.strip('_')}"]
        )
        self.helpers[attr] = helper
        test, one, other = (
            self.tree.replaced(each, search.replacements) for each in (either.node.test, *either.values)
        )
        value = cst.IfExp(test, one, other, [cst.LeftParen()], [cst.RightParen()])
        others = tuple(each for each in either.branches if each != row.statement)
        return _Opening(attr, helper, row.statement, either.node, value, None, needs, others=others)

    def _either(self, statement: int, attr: str) -> _Either | None:
        """Return the ``if`` of two branches that do nothing but store an attribute, around one of these statements."""
        number = self.facts.blocks[self.facts.statements[statement].block].statement
        node = self.tree.statements[number] if number >= 0 else None
        if not isinstance(node, cst.If) or not isinstance(node.orelse, cst.Else):
            return None
        found: list[tuple[int, cst.BaseExpression]] = []
        for body in (node.body, node.orelse.body):
            line = body.body[0] if isinstance(body, cst.IndentedBlock) and len(body.body) == 1 else None
            if not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
                return None
            target, value, annotation = assigned(line.body[0])
            if value is None or annotation is not None or not is_attribute(target, attr):
                return None
            found.append((self.tree.numbers[line.body[0]], value))
        (first, one), (second, other) = found
        return _Either(node, number, (first, second), (one, other))

    def _opened_in(self, statement: int, attr: str) -> Expr | None:
        """Return what a statement stores as an attribute, or adds to the list or dict that the attribute is."""
        for store in self.facts.stores:
            if store.statement == statement and (store.attr == attr or _is_part(store.base, attr)):
                return store.value
        for call in self.facts.calls:
            match call:
                case Call(_, AttributeExpr(base, "append"), (added,)) if call.statement == statement:
                    return added if _is_part(base, attr) else None
        return None

    def _loop(self, statement: int, attr: str, method: Scope) -> _Loop | None:
        """Return the loop whose only statement adds a handle to a list or dict that was empty until then.

        What it adds may have a variable of its own in the line above.
        """
        line = self.tree.parents[self.tree.statements[statement]]
        block = self.tree.parents[line]
        node = self.tree.parents[block]
        if not isinstance(line, cst.SimpleStatementLine) or not isinstance(node, cst.For):
            return None
        key, value = _added(line, attr)
        *above, last = node.body.body
        if node.asynchronous or node.orelse or value is None or last is not line or len(above) > 1:
            return None
        variables = {each.value for each in _nodes_in(node.target) if isinstance(each, cst.Name)}
        for each in above:
            if not isinstance(each, cst.SimpleStatementLine) or len(each.body) > 1:
                return None
            target, inner, _ = assigned(each.body[0])
            if not isinstance(target, cst.Name) or inner is None or code(target) != code(value):
                return None
            variables.add(target.value)
            value = inner
        number = self.facts.blocks[self.facts.statements[statement].block].statement
        stores = [
            each
            for each in self.facts.stores
            if each.attr == attr and each.scope == method.index and each.statement < number
        ]
        uses = [each for each in _nodes_in(node) if is_attribute(each, attr)]
        if len(stores) != 1 or len(uses) != 1 or self._is_used_elsewhere(variables, node, method):
            return None
        empty = stores[0].statement
        made = assigned(self.tree.statements[empty])[1]
        wanted = ("[]", "list()") if key is None else ("{}", "dict()")
        if made is None or code(made) not in wanted or not self._is_above(empty, number, method):
            return None
        if self._is_mentioned_between(attr, empty, number, method):
            return None
        return _Loop(node, number, empty, key, value)

    def _is_used_elsewhere(self, variables: set[str], loop: cst.For, method: Scope) -> bool:
        """Whether a method uses variables of a loop outside it, where no other loop gives them values."""
        function = self.tree.statements[method.statement]
        for name in variables:
            if any(each.how == "param" for each in method.bindings.get(name, ())):
                return True
            for node in self.tree.names(name):
                around = self.tree.enclosing(node)
                if function not in around or loop in around:
                    continue
                if not any(
                    isinstance(each, cst.For | cst.BaseComp) and name in _given_by(each)
                    for each in around[: around.index(function)]
                ):
                    return True
        return False

    def _is_mentioned_between(self, attr: str, first: int, last: int, method: Scope) -> bool:
        """Whether the constructor uses an attribute between two of its statements."""
        return any(
            first < number < last
            and self.facts.function_of(scope) == method.index
            and any(_is_part(inner, attr) for inner in walk(expr))
            for expr, scope, number in expressions(self.facts)
        )

    def _is_simply_reached(self, statement: int, method: Scope) -> bool:
        """Whether a statement of a method runs at most once, and what it raises goes to the caller."""
        block = self.facts.statements[statement].block
        while block != method.body:
            if self.facts.blocks[block].kind not in ("if", "else"):
                return False
            block = self.facts.blocks[block].parent
        return True

    def is_above(self, earlier: int, statement: int) -> bool:
        """Whether a statement of the constructor ran, once, whenever another one runs."""
        assert self.method is not None
        return self._is_above(earlier, statement, self.method)

    def _is_above(self, earlier: int, statement: int, method: Scope) -> bool:
        around = self.facts.statements[earlier].block
        within = self.facts.within(self.facts.statements[statement].block, around)
        return within and self._is_simply_reached(earlier, method)

    def _type(self, annotation: cst.Annotation) -> cst.Annotation | None:
        """Return the annotation for a property: without None, and only if it can be evaluated where the class is."""
        node = annotation.annotation
        match node:
            case cst.Subscript(value, [cst.SubscriptElement(cst.Index(inner))]) if "Optional" in code(value):
                node = inner
            case cst.BinaryOperation(left, cst.BitOr(), cst.Name("None")):
                node = left
        fine = self.facts.future_annotations or isinstance(node, cst.SimpleString) or self._is_evaluable(node)
        return annotation.with_changes(annotation=node) if fine else None

    def _is_typed(self, method: Scope) -> bool:
        """Whether a method says of what type something in its signature is."""
        node = self.tree.statements[method.statement]
        return isinstance(node, cst.FunctionDef) and (
            node.returns is not None or any(param.annotation is not None for param in method.params)
        )

    def _class_of(self, value: cst.BaseExpression, found: Sequence[Opened]) -> cst.Annotation | None:
        """Return the class of a handle as a type, None if the call that opens it does not name it."""
        if len(found) != 1 or not isinstance(value, cst.Call) or value.func is not self._func_of(found[0]):
            return None
        name = self.project.callee(self.facts, found[0].call)
        kind = value.func.with_changes(lpar=(), rpar=())
        if name in RESULT_CLASSES and isinstance(kind, cst.Attribute):
            kind = kind.with_changes(attr=cst.Name(RESULT_CLASSES[name]))
        elif not name.rpartition(".")[2][:1].isupper():
            return None
        return self._type(cst.Annotation(kind))

    def _func_of(self, opened: Opened) -> cst.BaseExpression | None:
        """Return what is called, if the call stands in this file."""
        return self.tree.calls[opened.call.number].func if opened.where.facts is self.facts else None

    def _is_evaluable(self, node: cst.CSTNode) -> bool:
        """Whether a type can be evaluated at any place of the module after its imports."""
        match node:
            case cst.Name(name):
                bindings = self.facts.scopes[0].bindings.get(name, [])
                top = self.facts.scopes[0].body
                return name in BUILTINS if not bindings else all(each.block == top for each in bindings)
            case cst.Attribute(value):
                return self._is_evaluable(value)
            case cst.Subscript(value, elements):
                inner = [each.slice.value for each in elements if isinstance(each.slice, cst.Index)]
                return len(inner) == len(elements) and all(self._is_evaluable(each) for each in (value, *inner))
        return False

    def _is_local_use_over(self, needs: _Needs, statement: int, *, in_order: bool) -> bool:
        """Whether nothing that is done to a local handle beside keeping it must be done to every new one."""
        method = self.method
        assert method is not None
        kept = frozenset({statement, *needs.inlined.values(), *self._keeping_statements()})
        return not any(
            reopening.function_depends_on(self.facts, method.index, name, kept, in_order=in_order)
            for name in needs.inlined
        )

    def _keeping_statements(self) -> set[int]:
        return {kept.statement for kept in openings.kept(self.project).get(self.facts.path, ()) if kept.call is None}

    def _same_value(self, name: str, one: int, other: int) -> bool:
        """Whether a variable of the method has the same value at two statements."""
        method = self.method
        assert method is not None
        first, last = sorted((one, other))
        return not any(first < each.statement < last for each in method.bindings.get(name, ()) if each.how != "param")

    # --- what the opening expression needs ---

    def _moved(
        self, value: cst.BaseExpression, statement: int, needs: _Needs, names: set[str]
    ) -> cst.BaseExpression | None:
        """Return the expression as a property evaluates it, None if that would not be the same."""
        if isinstance(value, cst.GeneratorExp):
            return None
        search = _Search(self, statement, needs, names, _bound_in(self.tree, value))
        return self.tree.replaced(value, search.replacements) if search.collect(value) else None

    def _moved_loop(self, loop: _Loop, statement: int, needs: _Needs, names: set[str]) -> cst.BaseExpression | None:
        """Return what a loop makes, as an expression; None if that would not be the same."""
        bound = {each.value for each in _nodes_in(loop.node.target) if isinstance(each, cst.Name)}
        parts = [each for each in (loop.key, loop.value) if each is not None]
        inner = frozenset(bound).union(*(_bound_in(self.tree, each) for each in parts))
        search = _Search(self, statement, needs, names, inner)
        outer = _Search(self, statement, needs, names, _bound_in(self.tree, loop.node.iter))
        if not outer.collect_iterated(loop.node.iter) or not all(search.collect(each) for each in parts):
            return None
        replacements = {**search.replacements, **outer.replacements}
        return loop.comprehension(lambda each: self.tree.replaced(each, replacements))

    def keep(self, text: str, root: str, wanted: str, statement: int, needs: _Needs) -> str | None:
        """Return the attribute that keeps the value of an expression of the constructor; None if there can't be one."""
        if text in needs.kept:
            return needs.kept[text]
        if text in self.kept and self.is_above(self.kept[text][1], statement):
            return self.kept[text][0] if self._same_value(root, self.kept[text][1], statement) else None
        attr, line = self._existing(text, root, statement)
        if line is not None:
            needs.moved.append(line)
        if attr is None:
            longer = f"{needs.attr.strip('_')}_{'path' if wanted == needs.attr else wanted}"
            attr = self._free([longer] if wanted == needs.attr else [wanted, longer])
            needs.kept[text] = attr
            needs.roots[text] = (root, statement)
        return attr

    def has(self, name: str, statement: int) -> bool:
        """Whether the constructor keeps the value of a variable anyway."""
        return self._existing(name, name, statement)[0] is not None

    def _existing(self, text: str, root: str, statement: int) -> tuple[str | None, cst.SimpleStatementLine | None]:
        """Return the attribute in which the constructor keeps the value anyway, and the line if that comes too late."""
        method = self.method
        assert method is not None
        for store in self.facts.stores:
            if store.scope != method.index or store.attr is None or store.attr in self.helpers:
                continue
            target, value, _ = assigned(self.tree.statements[store.statement])
            if (
                value is not None
                and code(value) == text
                and is_attribute(target, store.attr)
                and self.is_above(store.statement, statement)
                and self._same_value(root, store.statement, statement)
                and reopening.stays(self.project, self.site, store.attr, max(statement, store.statement))
            ):
                if store.statement < statement or self._is_quiet(statement, store.statement):
                    return store.attr, None
                line = self.tree.line_of(self.tree.statements[store.statement])
                if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1:
                    return store.attr, line
        return None, None

    def _is_quiet(self, first: int, last: int) -> bool:
        """Whether between two statements of the constructor nobody can have used the handle."""
        method = self.method
        assert method is not None
        return not any(
            first < call.statement < last and self.facts.function_of(call.scope) == method.index
            for call in self.facts.calls
        ) and not any(
            first < number < last and isinstance(expr, AttributeExpr) and expr.value == Name(self.receiver)
            for expr, scope, number in expressions(self.facts)
            if self.facts.function_of(scope) == method.index
        )

    def _free(self, wanted: Sequence[str]) -> str:
        """Return the first of the names, or the last one with a number, that is no attribute so far."""
        numbered = (f"{wanted[-1]}_{number}" for number in itertools.count(2))
        name = next(each for each in itertools.chain(wanted, numbered) if each not in self.taken)
        self.taken.add(name)
        return name

    # --- the class as it becomes ---

    def _class(self, made: Sequence[_Opening], getpid: str) -> cst.ClassDef | None:
        """Return the class with its properties, None if something in it would get lost or no longer be right."""
        klass = self.tree.statements[self.project.scope(self.site).statement]
        if not isinstance(klass, cst.ClassDef) or not isinstance(klass.body, cst.IndentedBlock):
            return None
        constructor = self._constructor(klass.body)
        if constructor is None:
            return None
        for opening in made:
            above = [each for each in opening.line.leading_lines if each not in self._own_comments(opening, made)]
            self.lines[opening.line] = _under(above, self._lines_instead(opening))
            if opening.empty is not None:
                self.lines[opening.empty] = self._lines_for_none(opening, opening.empty)
            self.lines |= {late: [] for late in opening.needs.moved}
        if not self._drop_locals(made):
            return None
        self._drop_imports(made)
        helper = self._helper_of_one_call(klass, made)
        closers = Closers(self.facts, self.project, self.tree, self.site, klass, self.receiver)
        if not all(closers.rewrite(each.attr, each.helper, each.line) for each in made):
            return None
        replacements: dict[cst.CSTNode, Replacement] = {**self.replacements, **closers.replacements}
        for line, lines in self._joined_lines(made).items():
            replacements[line] = cst.FlattenSentinel(lines)
        if helper is not None:
            replacements[helper] = cst.FlattenSentinel([])
        new = [
            lazy_property.property_of(
                self.module,
                opening.attr,
                [opening.helper, *_taken_from(opening, made)],
                self.receiver,
                getpid,
                opening.value,
                opening.annotation,
                self._own_comments(opening, made),
                self._trailing(opening),
                self._imports(opening),
            )
            for opening in made
        ]
        values = self._type_of_values()
        new.append(lazy_property.state(self.module, self.receiver, [opening.helper for opening in made], values))
        changed = self.tree.replaced(constructor, replacements)
        klass_changed = self.tree.replaced(klass, {**replacements, constructor: cst.FlattenSentinel([changed, *new])})
        before, after = (lazy_property.comments(each) for each in (klass, klass_changed))
        for each in before:
            if each not in after:
                return None
            after.remove(each)
        return klass_changed if all(map(is_for_other_checkers, after)) else None

    def _type_of_values(self) -> str:
        """Return the type of what the state holds, "" in a class that has no types."""
        if self.method is None or not self._is_typed(self.method):
            return ""
        bindings = self.facts.scopes[0].bindings
        is_any = [
            each.how == "import" and self.facts.imports[each.target].module == "typing"
            for each in bindings.get("Any", ())
        ]
        if "dict" in bindings or "object" in bindings:
            return ""
        return "Any" if is_any == [True] else "object"

    def _lines_instead(self, opening: _Opening) -> list[cst.SimpleStatementLine]:
        """Return what the constructor does instead of opening."""
        lines = [
            lazy_property.keeping(self.module, self.receiver, attr, text) for text, attr in opening.needs.kept.items()
        ]
        lines += [late.with_changes(leading_lines=_without_blanks(late.leading_lines)) for late in opening.needs.moved]
        if opening.empty is None or isinstance(opening.line, cst.For):
            lines.append(lazy_property.reset(self.module, self.receiver, opening.helper, opening.annotation))
        return lines

    def _lines_for_none(self, opening: _Opening, line: cst.SimpleStatementLine) -> list[cst.SimpleStatementLine]:
        """Return what becomes of the line above that sets the attribute to None, or makes the list for a loop."""
        if isinstance(opening.line, cst.For):
            return []
        reset = lazy_property.reset(self.module, self.receiver, opening.helper, opening.annotation)
        return [reset.with_changes(leading_lines=line.leading_lines, trailing_whitespace=line.trailing_whitespace)]

    def _own_comments(self, opening: _Opening, made: Sequence[_Opening]) -> list[cst.EmptyLine]:
        """Return the comments above a line that say something about what it opens, not about others below it."""
        comments = _without_blanks(opening.line.leading_lines)
        block = self.tree.parents[opening.line]
        if not comments or not isinstance(block, cst.IndentedBlock):
            return []
        lines = {each.line for each in made}
        below = block.body[block.body.index(opening.line) + 1 :]
        together = itertools.takewhile(lambda each: not _above(each), below)
        return comments if all(each in lines for each in together) else []

    def _trailing(self, opening: _Opening) -> cst.TrailingWhitespace:
        """Return the end of the line that opens, with its comment."""
        lines = [self.tree.line_of(self.tree.statements[each]) for each in opening.needs.inlined.values()]
        own = [opening.line] if isinstance(opening.line, cst.SimpleStatementLine) else opening.line.body.body
        ends = [each.trailing_whitespace for each in (*own, *lines) if isinstance(each, cst.SimpleStatementLine)]
        return next((each for each in ends if each.comment is not None), ends[0])

    def _constructor(self, body: cst.IndentedBlock) -> cst.FunctionDef | None:
        """Return the method behind which the properties go: the constructor, else the one that opens the handles."""
        assert self.method is not None
        functions = {each.name.value: each for each in body.body if isinstance(each, cst.FunctionDef)}
        return next(
            (functions[name] for name in ("__init__", "__post_init__", self.method.name) if name in functions), None
        )

    def _helper_of_one_call(self, klass: cst.ClassDef, made: Sequence[_Opening]) -> cst.FunctionDef | None:
        """Return the helper method that does nothing but open, once what it would do now stands where it is called."""
        assert self.method is not None
        function = self.tree.statements[self.method.statement]
        if self.method.name in CONSTRUCTORS or not isinstance(function, cst.FunctionDef) or function.decorators:
            return None
        named = [
            node
            for node in self.tree.parents
            if isinstance(node, cst.Attribute) and node.attr.value == self.method.name
        ]
        line = self.tree.line_of(named[0]) if len(named) == 1 else None
        shared = [
            each
            for each in reopening.family(self.project, self.site)
            if each != self.site and self.method.name in self.project.scope(each).bindings
        ]
        if (
            shared
            or len(self.method.params) > 1
            or [*function.body.body] != [opening.line for opening in made]
            or any(lazy_property.comments(each) for opening in made for each in opening.line.leading_lines)
            or not isinstance(line, cst.SimpleStatementLine)
            or klass not in self.tree.enclosing(line)
            or len(line.body) > 1
            or not isinstance(line.body[0], cst.Expr)
            or lazy_property.comments(line.trailing_whitespace)
        ):
            return None
        lines = [new for opening in made for new in self.lines.pop(opening.line)]
        lines[0] = lines[0].with_changes(leading_lines=line.leading_lines)
        self.lines[line] = lines
        return function

    def _drop_locals(self, made: Sequence[_Opening]) -> bool:
        """Take out the local variables that only held the handle from which the attributes were taken.

        Returns:
            False if what one of them opens would be opened twice in a process and must not be.
        """
        assert self.method is not None
        function = self.tree.statements[self.method.statement]
        values = [opening.line for opening in made]
        for name, statement in dict.fromkeys(pair for opening in made for pair in opening.needs.inlined.items()):
            binding = self.tree.line_of(self.tree.statements[statement])
            uses = [
                node
                for node in self.tree.names(name)
                if function in (around := self.tree.enclosing(node))
                and binding not in around
                and not any(value in around for value in values)
            ]
            alias = next((each for each in made if self.aliases.get(name) == each.attr), None)
            if alias is not None and isinstance(binding, cst.SimpleStatementLine):
                attribute = cst.Attribute(cst.Name(self.receiver), cst.Name(alias.attr))
                self.replacements |= dict.fromkeys(uses, attribute)
                self.lines[binding] = _under(binding.leading_lines, self._lines_instead(alias))
                self.lines[alias.line] = []
                continue
            users = sum(name in opening.needs.inlined for opening in made)
            where = Where(self.facts, self.method.index, len(self.facts.statements))
            if (uses or users > 1) and any(
                reopening.opens_once(self.project, each) for each in openings.opened(self.project, Name(name), where)
            ):
                return False
            if not uses and isinstance(binding, cst.SimpleStatementLine):
                self._replace_local(binding, statement, made)
        return True

    def _imports(self, opening: _Opening) -> list[cst.SimpleStatementLine]:
        """Return the imports that opening needs, as lines of their own."""
        numbers = dict.fromkeys(sorted(opening.needs.imports.values()))
        lines = []
        for number in numbers:
            line = self.tree.line_of(self.tree.statements[number])
            assert isinstance(line, cst.SimpleStatementLine)
            comment = line.trailing_whitespace.comment
            stays = comment is not None and is_for_other_checkers(comment.value)
            lines.append(line if stays else line.with_changes(trailing_whitespace=cst.TrailingWhitespace()))
        return lines

    def _drop_imports(self, made: Sequence[_Opening]) -> None:
        """Take out the imports that the constructor only made for what it opened."""
        assert self.method is not None
        function = self.tree.statements[self.method.statement]
        statements = {number for opening in made for number in opening.needs.imports.values()}
        gone = {*self.lines, *(self.tree.line_of(self.tree.statements[each]) for each in statements)}
        for number in sorted(statements):
            line = self.tree.line_of(self.tree.statements[number])
            names = [name for name, each in self.method.bindings.items() if any(b.statement == number for b in each)]
            is_used = any(
                function in (around := self.tree.enclosing(node)) and not gone & set(around)
                for name in names
                for node in self.tree.names(name)
            )
            if not is_used and all(map(is_for_other_checkers, lazy_property.comments(line))):
                self.lines[line] = []

    def _replace_local(self, binding: cst.SimpleStatementLine, statement: int, made: Sequence[_Opening]) -> None:
        """Put what must be kept where the local variable was bound."""
        moved: list[cst.SimpleStatementLine] = []
        for opening in made:
            for text, attr in opening.needs.kept.items():
                if opening.needs.roots[text][1] == statement:
                    line = lazy_property.keeping(self.module, self.receiver, attr, text)
                    moved.append(line)
                    lines = self.lines[opening.line]
                    rest = [
                        each
                        for each in lines
                        if not each.deep_equals(line.with_changes(leading_lines=each.leading_lines))
                    ]
                    rest[:1] = [each.with_changes(leading_lines=lines[0].leading_lines) for each in rest[:1]]
                    self.lines[opening.line] = rest
        if moved:
            moved[0] = moved[0].with_changes(leading_lines=binding.leading_lines)
        self.lines[binding] = moved

    def _joined_lines(self, made: Sequence[_Opening]) -> dict[cst.CSTNode, list[cst.SimpleStatementLine]]:
        """Give the lines above a line that is gone, and not just moved, to the next one."""
        moved = [line for opening in made for line in opening.needs.moved]
        for line, lines in list(self.lines.items()):
            block = self.tree.parents[line]
            if lines or not isinstance(block, cst.IndentedBlock) or not isinstance(line, cst.SimpleStatementLine):
                continue
            at = block.body.index(line)
            below = block.body[at + 1] if at + 1 < len(block.body) else None
            own = [each for opening in made if opening.line is line for each in self._own_comments(opening, made)]
            leading = [] if line in moved else [each for each in line.leading_lines if each not in own]
            if isinstance(below, cst.SimpleStatementLine):
                after = self.lines.get(below, [below])
            elif below is not None and below in self.lines:
                after = self.lines[below]
            else:
                continue
            if after and at == 0:
                first = after[0].with_changes(leading_lines=_without_blanks(after[0].leading_lines))
                after = self.lines[below] = [first, *after[1:]]
            if after and leading and (_without_blanks(leading) or not after[0].leading_lines):
                first = after[0].with_changes(leading_lines=[*leading, *after[0].leading_lines])
                self.lines[below] = [first, *after[1:]]
        return self.lines


class _Search:
    """Looks through an expression for what it needs, and finds what to put in its place."""

    def __init__(self, change: Change, statement: int, needs: _Needs, names: set[str], bound: frozenset[str]) -> None:
        self.change = change
        self.facts = change.facts
        self.tree = change.tree
        self.project = change.project
        self.statement = statement
        self.scope = change.facts.statements[statement].scope
        self.needs = needs
        self.names = names
        self.bound = bound
        self.replacements: dict[cst.CSTNode, cst.CSTNode] = {}

    @property
    def where(self) -> Where:
        """The place of the expression."""
        return Where(self.facts, self.scope, self.statement)

    def collect(self, node: cst.CSTNode) -> bool:
        """Note what the expression needs; False if it can't be evaluated elsewhere."""
        match node:
            case cst.NamedExpr() | cst.Await() | cst.Yield() | cst.Lambda():
                return False
            case cst.Call():
                return self._call(node)
            case cst.Name():
                return node.value in self.bound or self._variable(node)
            case cst.CompFor(iter=cst.Name(name) as iterated) if name not in self.bound:
                others = [child for child in node.children if child in self.tree.parents and child is not iterated]
                return self._variable(iterated, is_iterated=True) and all(self.collect(child) for child in others)
            case cst.Attribute() | cst.Subscript():
                root = _root(node)
                if root is not None and root.value not in self.bound:
                    return self._chain(node, root)
        return all(self.collect(child) for child in node.children if child in self.tree.parents)

    def collect_iterated(self, node: cst.BaseExpression) -> bool:
        """Note what an expression needs that a loop iterates over."""
        if isinstance(node, cst.Name) and node.value not in self.bound:
            return self._variable(node, is_iterated=True)
        return self.collect(node)

    def _call(self, node: cst.Call) -> bool:
        call = self.facts.calls[self.tree.numbers[node]]
        if not reopening.opens(self.project, self.facts, call, self.change.receiver) and not reopening.only_computes(
            self.project, self.facts, call
        ):
            return False
        func = node.func
        root = func
        while isinstance(root, cst.Attribute):
            root = root.value
        if isinstance(root, cst.Name) and root.value not in self.bound:
            at = self.facts.resolve(root.value, self.scope)
            if at <= 0:
                fine = at < 0 or reopening.is_lasting_name(self.project, self.facts, root.value)
            elif isinstance(func, cst.Attribute):
                own = root.value == self.change.receiver and func.value is root
                fine = own or self.collect(func.value)
            else:
                fine = self._import(root.value, at)
        else:
            fine = isinstance(func, cst.Attribute) and self.collect(func.value)
        iterates = isinstance(func, cst.Name) and func.value in ITERATING
        return fine and all(
            self._variable(arg.value, is_iterated=True)
            if iterates and isinstance(arg.value, cst.Name) and arg.value.value not in self.bound
            else self.collect(arg.value)
            for arg in node.args
        )

    def _variable(self, node: cst.Name, *, is_iterated: bool = False) -> bool:
        at = self.facts.resolve(node.value, self.scope)
        if at < 0:
            return node.value in BUILTINS
        if at == 0:
            return reopening.is_lasting_name(self.project, self.facts, node.value) or self._keep(node, node.value)
        if at != self.scope or node.value == self.change.receiver:
            return False
        if self._import(node.value, at):
            return True
        handle = openings.opened(self.project, Name(node.value), self.where)
        bindings = self.facts.scopes[at].bindings[node.value]
        if handle:
            alias = self.change.aliases.get(node.value)
            if alias in self.change.helpers:
                self.needs.parents.add(alias)
                self.replacements[node] = cst.Attribute(cst.Name(self.change.receiver), cst.Name(alias))
                return True
            return len(bindings) == 1 and self._inline(node, bindings[0])
        if not self._is_plain(node.value):
            return False
        if reopening.is_changed_local(self.facts, node.value, at, self.statement):
            return False
        is_list = reopening.may_be_iterated_again(self.project, node.value, self.where)
        if is_iterated and not is_list and not self.change.has(node.value, self.statement):
            return self._keep(node, node.value, text=f"list({node.value})")
        return self._keep(node, node.value)

    def _import(self, name: str, scope: int) -> bool:
        """Whether the constructor imports what a name stands for; the property then does so too."""
        bindings = self.facts.scopes[scope].bindings[name]
        if scope != self.scope or len(bindings) != 1 or bindings[0].how != "import":
            return False
        statement = bindings[0].statement
        line = self.tree.line_of(self.tree.statements[statement])
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
            return False
        self.needs.imports[name] = statement
        return self.change.is_above(statement, self.statement)

    def _is_plain(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a variable holds something that can be kept: what callers pass, or what is computed from it."""
        scope = self.facts.scopes[self.scope]
        kinds = {each.name: each.kind for each in scope.params}
        if kinds.get(name) in ("*", "**"):
            return False
        return all(
            each.how == "param" or (each.how == "assign" and self._is_plain_value(each.value, seen | {name}))
            for each in scope.bindings[name]
        )

    def _is_plain_value(self, expr: Expr, seen: frozenset[str]) -> bool:
        match expr:
            case Call():
                known = reopening.only_computes(self.project, self.facts, expr) or self.project.callee(
                    self.facts, expr
                ) in ("glob.glob", "os.listdir", "os.environ.get", "os.getenv")
                inner = expr.func.value if isinstance(expr.func, AttributeExpr) else None
                given = [*expr.args, *(value for _, value in expr.keywords), *([inner] if inner else [])]
                return known and all(self._is_plain_value(each, seen) for each in given)
            case LambdaExpr():
                return False
            case Name(name) if self.facts.resolve(name, self.scope) == self.scope and name not in seen:
                return self._is_plain(name, seen) and not openings.opened(self.project, expr, self.where)
        return all(self._is_plain_value(each, seen) for each in parts(expr))

    def _inline(self, node: cst.Name, binding: Binding) -> bool:
        """Put what a local variable is bound to in its place."""
        change = self.change
        assign = self.tree.statements[binding.statement]
        line = self.tree.parents[assign]
        assert change.method is not None
        if (
            binding.how != "assign"
            or binding.statement in change.suppressed
            or not change.is_above(binding.statement, self.statement)
            or not isinstance(assign, cst.Assign)
            or len(assign.targets) > 1
            or not isinstance(assign.targets[0].target, cst.Name)
            or not isinstance(line, cst.SimpleStatementLine)
            or len(line.body) > 1
        ):
            return False
        inner = _Search(change, binding.statement, self.needs, self.names, _bound_in(self.tree, assign.value))
        if not inner.collect(assign.value):
            return False
        moved = self.tree.replaced(assign.value, inner.replacements)
        if not isinstance(moved, (cst.Call, cst.Subscript, cst.Attribute)):
            return False
        self.needs.inlined[node.value] = binding.statement
        self.replacements[node] = moved
        return True

    def _chain(self, node: cst.Attribute | cst.Subscript, root: cst.Name) -> bool:
        """Note what attributes and items of a variable need."""
        at = self.facts.resolve(root.value, self.scope)
        first = _first_attribute(node)
        last = _last_step(node)
        path = f"{self.needs.attr.strip('_')}_path"
        if at == self.scope and root.value == self.change.receiver:
            if first is None:
                return False
            if first in self.change.helpers:
                self.needs.parents.add(first)
                return True
            if first in self.names:
                return False
            stays = reopening.stays(self.project, self.change.site, first, self.statement)
            of_self = node if isinstance(node, cst.Attribute) or last is not None else node.value
            if isinstance(of_self, cst.Attribute) and of_self.value is root:
                return stays
            return self._keep(node, root.value, last or path)
        if at == self.scope:
            if self._import(root.value, at) or openings.opened(self.project, Name(root.value), self.where):
                return self._variable(root)
            if isinstance(node, cst.Subscript) and node.value is root and last is None:
                return self._variable(root)
            return self._is_plain(root.value) and self._keep(node, root.value, last or path)
        if at == 0:
            expr = _expression(node)
            lasting = reopening.is_lasting_name(self.project, self.facts, root.value)
            if lasting and expr is not None and reopening.is_literal(self.project, expr, self.where):
                return True
            return self._keep(node, root.value, last or path)
        return False

    def _keep(self, node: cst.BaseExpression, root: str, wanted: str | None = None, text: str = "") -> bool:
        """Put an attribute of ``self`` that keeps the value in the place of an expression."""
        attr = self.change.keep(text or code(node), root, (wanted or root).lower(), self.statement, self.needs)
        if attr is None:
            return False
        self.replacements[node] = cst.Attribute(cst.Name(self.change.receiver), cst.Name(attr))
        return True


def _taken_from(opening: _Opening, made: Sequence[_Opening]) -> list[str]:
    """Return the attributes that keep what is taken from a handle, or from what is."""
    attrs = {opening.attr}
    found = []
    for each in made:
        if each.needs.parents & attrs:
            attrs.add(each.attr)
            found.append(each.helper)
    return found


def _added(line: cst.SimpleStatementLine, attr: str) -> tuple[cst.BaseExpression | None, cst.BaseExpression | None]:
    """Return key and value that a line adds to a dict on ``self``; for a list, the value alone."""
    match line.body:
        case [cst.Expr(cst.Call(cst.Attribute(base, cst.Name("append")), [cst.Arg(value, keyword=None, star="")]))]:
            return (None, value) if is_attribute(base, attr) else (None, None)
        case [
            cst.Assign(
                [cst.AssignTarget(cst.Subscript(base, [cst.SubscriptElement(cst.Index(key, star=None))]))], value
            )
        ]:
            return (key, value) if is_attribute(base, attr) else (None, None)
    return None, None


def _is_part(expr: Expr | None, attr: str) -> bool:
    """Whether an expression is that attribute of a variable."""
    return isinstance(expr, AttributeExpr) and expr.attr == attr and isinstance(expr.value, Name)


def _nodes_in(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _nodes_in(child)


def _given_by(loop: cst.CSTNode) -> set[str]:
    """Return the variables to which a loop or comprehension gives values."""
    targets = [each.target for each in _nodes_in(loop) if isinstance(each, (cst.For, cst.CompFor))]
    return {each.value for target in targets for each in _nodes_in(target) if isinstance(each, cst.Name)}


def _above(line: cst.BaseStatement) -> Sequence[cst.EmptyLine]:
    """Return the blank lines and comments above a statement."""
    return line.leading_lines if isinstance(line, (cst.SimpleStatementLine, cst.BaseCompoundStatement)) else ()


def _without_blanks(above: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    return list(itertools.dropwhile(lambda line: line.comment is None, above))


def _under(above: Sequence[cst.EmptyLine], lines: Sequence[cst.SimpleStatementLine]) -> list[cst.SimpleStatementLine]:
    """Put blank lines above the first of some lines, and the comments that follow them above the last."""
    blanks = list(itertools.takewhile(lambda line: line.comment is None, above))
    made = list(lines)
    if not made:
        return []
    made[-1] = made[-1].with_changes(leading_lines=[*above[len(blanks) :], *made[-1].leading_lines])
    made[0] = made[0].with_changes(leading_lines=[*blanks, *made[0].leading_lines])
    return made


def _root(node: cst.CSTNode) -> cst.Name | None:
    """Return the variable whose attributes and items, by literal keys, an expression takes."""
    while True:
        match node:
            case cst.Name():
                return node
            case cst.Attribute(value):
                node = value
            case cst.Subscript(value, [cst.SubscriptElement(cst.Index(cst.SimpleString() | cst.Integer()))]):
                node = value
            case _:
                return None


def _first_attribute(node: cst.CSTNode) -> str | None:
    first = None
    while isinstance(node, (cst.Attribute, cst.Subscript)):
        first = node.attr.value if isinstance(node, cst.Attribute) else None
        node = node.value
    return first


def _last_step(node: cst.Attribute | cst.Subscript) -> str | None:
    """Return the last attribute or key of an expression if that can be the name of an attribute."""
    match node:
        case cst.Attribute(_, cst.Name(name)):
            return name.strip("_")
        case cst.Subscript(_, [cst.SubscriptElement(cst.Index(cst.SimpleString() as key))]):
            text = key.evaluated_value
            return text if isinstance(text, str) and text.isidentifier() and not keyword.iskeyword(text) else None
    return None


def _expression(node: cst.CSTNode) -> Expr | None:
    """Return a chain of attributes as the facts spell it."""
    match node:
        case cst.Name(name):
            return Name(name)
        case cst.Attribute(value, cst.Name(attr)):
            inner = _expression(value)
            return AttributeExpr(inner, attr) if inner is not None else None
    return None


def _bound_in(tree: Tree, value: cst.BaseExpression) -> frozenset[str]:
    """Return the variables of the comprehensions in an expression."""
    found = set()
    stack: list[tuple[cst.CSTNode, bool]] = [(value, False)]
    while stack:
        node, inside = stack.pop()
        if inside and isinstance(node, cst.Name):
            found.add(node.value)
        stack += [
            (child, inside or (isinstance(node, cst.CompFor) and node.target is child))
            for child in node.children
            if child in tree.parents
        ]
    return frozenset(found)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
