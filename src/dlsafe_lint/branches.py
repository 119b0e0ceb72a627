"""What a test says in one call of the function that it stands in, where the arguments of the call decide it.

``build(64)`` never comes to the ``else`` of ``if params is None``. Only tests of what the call says count: of
parameters, of variables and attributes that are made of them. Where a test can't be decided, both ways are open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint import flow, versions
from dlsafe_lint.facts import (
    Attribute,
    Binding,
    Call,
    Choice,
    Collection,
    Compared,
    Expr,
    Lambda,
    Literal,
    ModuleFacts,
    Name,
    Opaque,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dlsafe_lint.project import Project, Value, Where


_DEEP = 4


def asking(facts: ModuleFacts) -> frozenset[int]:
    """Return the scopes of a module's functions with an ``if`` that asks about something of their own."""
    found = set()
    for block in facts.blocks:
        scope = facts.scopes[block.scope]
        if block.kind == "if" and block.test is not None and scope.kind == "function":
            names = {inner.id for inner in walk(block.test) if isinstance(inner, Name)}
            if not names.isdisjoint(scope.bindings):
                found.add(scope.index)
    return frozenset(found)


def decided(project: Project, test: Expr, where: Where) -> bool | None:
    """Tell what a test says in one call of the function that it stands in; None where it may say either.

    Args:
        project: the project.
        test: what an ``if`` asks.
        where: where it stands, with the arguments of the call.
    """

    def more(expr: Expr) -> bool | None:
        match expr:
            case Name():
                made = _made_of(project, expr, where)
                return decided(project, *made) if made is not None else None
            case Call(_, Name("bool"), (inner,), ()):
                return decided(project, inner, where)
        return None

    return _decided(test, lambda expr: _values(project, expr, where), more)


def settled(project: Project, test: Expr, where: Where, depth: int) -> bool | None:
    """Tell what a test says in whatever call: one that asks about literals (``if USE_GPU:``) or Python's version.

    Args:
        project: the project.
        test: what an ``if`` asks.
        where: where it stands.
        depth: of the question that asks.
    """

    def values(expr: Expr) -> list[Value]:
        if isinstance(expr, Collection):
            return project.values(expr, where, depth)
        if not (isinstance(expr, (Name, Literal)) or _is_flag(project, expr, where)):
            return []
        found = project.values(expr, where, depth)
        return found if all(value.kind == "literal" for value in found) else []

    def named(expr: Expr) -> str:
        found = project.values(expr, where, depth)
        return found[0].name if len(found) == 1 and found[0].kind == "external" else ""

    def of_version(expr: Expr) -> bool | None:
        match expr:
            case Compared():
                return versions.said(expr, named, project.oldest)
            case Name() | Attribute():
                return versions.CONSTANTS.get(named(expr))
        return None

    return _decided(test, values, of_version)


def _is_flag(project: Project, expr: Expr, where: Where) -> bool:
    """Whether an expression is an attribute that a module or a class has for good: ``CFG.debug``."""
    match expr:
        case Attribute(Name(owner) as base, attr) if where.facts.resolve(owner, where.scope) == 0:
            changing = project.answer("set from outside", lambda: _set_from_outside(project))
            return attr not in changing and all(
                value.kind in ("module", "class", "instance") for value in project.values(base, where)
            )
    return False


def _decided(test: Expr, values: Callable[[Expr], Sequence[Value]], more: Callable[[Expr], bool | None]) -> bool | None:
    """Tell what a test says, from what its parts stand for; `more` tells of a part whose values don't say."""

    def about(expr: Expr) -> bool | None:
        match expr:
            case Literal(value):
                return bool(value)
            case Compared(op, left, right):
                verdict = _compared(op, values(left), values(right))
                return more(expr) if verdict is None else verdict
            case Name() | Attribute():
                verdict = _agreed([_truth(value) for value in values(expr)])
                return more(expr) if verdict is None else verdict
        return more(expr)

    return flow.truth(test, about)


def _made_of(project: Project, expr: Expr, where: Where) -> tuple[Expr, Where] | None:
    """Return the test that a variable of the function stands for: ``train = split == "train"``."""
    facts, frame = where.facts, where.frame
    if not isinstance(expr, Name) or frame is None or facts.resolve(expr.id, where.scope) != frame.scope:
        return None
    match facts.scopes[frame.scope].bindings[expr.id]:
        case [Binding("assign", Compared() | Choice() | Opaque() as test, statement)] if not _changes(
            project, facts, expr.id, frame.scope
        ):
            return test, where._replace(statement=statement)
    return None


def _values(project: Project, expr: Expr, where: Where) -> list[Value]:
    """Return what something that the call decides stands for; nothing for all else."""
    base = expr
    while isinstance(base, Attribute):
        if base.attr in project.answer("set from outside", lambda: _set_from_outside(project)):
            return []
        base = base.value
    if isinstance(base, Name):
        own = where.frame is not None and where.facts.resolve(base.id, where.scope) == where.frame.scope
        return project.values(expr, where, 1) if own and _is_settled(project, base, where) else []
    return project.values(expr, where, 1) if isinstance(base, (Literal, Collection)) else []


def _is_settled(project: Project, expr: Expr, where: Where, depth: int = 0) -> bool:
    """Whether calls settle all that an expression is made of.

    They don't settle a parameter of a function that no call in particular runs: whatever it has there, by default or
    from the calls that are seen, something else may be passed.
    """
    facts, frame = where.facts, where.frame
    for inner in walk(expr):
        if not isinstance(inner, Name):
            continue
        scope = facts.resolve(inner.id, where.scope)
        if scope <= 0:
            continue
        if depth > _DEEP or _changes(project, facts, inner.id, scope):
            return False
        bindings = facts.scopes[scope].bindings.get(inner.id, ())
        if any(each.how == "param" for each in bindings):
            if frame is None or not frame.called or (frame.path, frame.scope) != (facts.path, scope):
                return False
            if inner.id in frame.args:
                if not _is_settled(project, *frame.args[inner.id], depth + 1):
                    return False
            elif facts.class_of_self(inner, where.scope) and (frame.receiver is None or frame.receiver.expr is None):
                return False
        made = [each.value for each in bindings if each.how != "param"]
        if not all(_is_settled(project, value, where, depth + 1) for value in made):
            return False
    return True


def _set_from_outside(project: Project) -> frozenset[str]:
    """Return the attributes that some statement of the project sets on another object than its own ``self``."""
    return frozenset(
        store.attr
        for facts in project.modules.values()
        for store in facts.stores
        if store.attr is not None and facts.class_of_self(store.base, store.scope) is None
    )


def _changes(project: Project, facts: ModuleFacts, name: str, scope: int) -> bool:
    """Whether a variable may stand for something else than its bindings say: set from inside, filled, emptied."""
    bindings = facts.scopes[scope].bindings.get(name, ())
    if any(isinstance(each.value, Collection) for each in bindings if each.how != "param"):
        return True

    def table() -> frozenset[str]:
        return frozenset(
            inner for each in facts.scopes for inner, where in each.declared.items() if where == "nonlocal"
        )

    return name in project.answer(("nonlocal", facts.path), table)


def chosen(project: Project, choice: Choice, where: Where) -> tuple[Expr, ...]:
    """Return the options that an expression may stand for in one call of the function in which it stands.

    Args:
        project: the project.
        choice: ``a if t else b``, ``a or b``, ``a and b``.
        where: where it stands, with the arguments of the call.
    """
    if where.frame is None:
        return choice.options
    if choice.how == "if":
        verdict = decided(project, choice.test, where) if choice.test is not None else None
        return choice.options if verdict is None else (choice.options[0 if verdict else 1],)
    kept: list[Expr] = []
    for option in choice.options[:-1]:
        verdict = decided(project, option, where)
        if verdict is not None and verdict == (choice.how == "or"):
            return (*kept, option)
        if verdict is None:
            kept.append(option)
    return (*kept, choice.options[-1])


def _agreed(verdicts: Sequence[bool | None]) -> bool | None:
    return verdicts[0] if verdicts and len(set(verdicts)) == 1 else None


def _truth(value: Value) -> bool | None:
    match value.kind, value.expr:
        case "literal", Literal(content):
            return bool(content)
        case "collection", Collection(_, items):
            return bool(items)
        case "lambda", Lambda(number):
            return True if number >= 0 else None
        case (("function" | "class" | "module"), _):
            return True
    return None


def _is_none(value: Value) -> bool | None:
    match value.kind, value.expr:
        case "literal", Literal(content):
            return content is None
        case "lambda", Lambda(number):
            return False if number >= 0 else None
        case (("function" | "class" | "module" | "instance" | "generator" | "collection" | "comprehension"), _):
            return False
        case "made", _:
            return False if value.name.rpartition(".")[2][:1].isupper() else None
    return None


def _compared(op: str, left: Sequence[Value], right: Sequence[Value]) -> bool | None:
    return _agreed([_pair(op, one, other) for one in left for other in right])


def _pair(op: str, left: Value, right: Value) -> bool | None:
    if op in ("Is", "Eq", "IsNot", "NotEq"):
        same = _same(left, right)
        return same if same is None or op in ("Is", "Eq") else not same
    if op in ("In", "NotIn"):
        inside = _inside(left, right)
        return inside if inside is None or op == "In" else not inside
    match left.expr, right.expr:
        case Literal(int() | float() as one), Literal(int() | float() as other):
            return {"Lt": one < other, "LtE": one <= other, "Gt": one > other, "GtE": one >= other}.get(op)
    return None


def _same(left: Value, right: Value) -> bool | None:
    for one, other in ((left, right), (right, left)):
        if one.kind == "literal" and one.expr == Literal(None):
            return _is_none(other)
    match left.expr, right.expr:
        case Literal(this), Literal(that) if left.kind == right.kind == "literal":
            return this == that
    return None


def _inside(left: Value, right: Value) -> bool | None:
    match left.expr, right.expr:
        case Literal(str(one)), Literal(str(other)):
            return one in other
        case Literal(), Collection(kind, items, keys):
            inside = keys if kind == "dict" else items
            if all(isinstance(each, Literal) for each in inside):
                return left.expr in inside
    return None
