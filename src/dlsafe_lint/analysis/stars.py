"""Which names ``from module import *`` takes: what the module's ``__all__`` has at a moment.

It may be put together of several lists, those of other modules too. What is made of the files of a folder stays
unknown: nobody knows which of them are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.facts import Attribute, Call, Collection, Compared, Derived, Literal, Name, dotted, walk
from dlsafe_lint.project import Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlsafe_lint.facts import Expr, ModuleFacts
    from dlsafe_lint.project import Project

_ALL = 1 << 60
_DEEP = 8
_COPIES = frozenset({"list", "tuple", "set", "sorted"})


class Offered(NamedTuple):
    """Names in an ``__all__``; ``whole`` is False where there may be others, or where there is no ``__all__``."""

    names: frozenset[str]
    whole: bool


UNKNOWN = Offered(frozenset(), whole=False)


def offered(project: Project, path: str, now: int, depth: int = 0) -> Offered:
    """Return the names that the ``__all__`` of a module has.

    Args:
        project: the project.
        path: the module.
        now: only the statements before this one have run.
        depth: of the question that asks.
    """
    facts = project.modules[path]
    found = UNKNOWN
    for statement, how, value in project.answer(("changes of __all__", path), lambda: sorted(_changes(facts), key=_at)):
        at = Where(facts, 0, statement)
        if statement >= now or depth > _DEEP or project.is_off(facts.statements[statement].block, at):
            continue
        more = _listed(project, at, value, depth)
        if how == "remove":
            found = found._replace(names=found.names - more.names)
        elif how == "=" and not any(inner == Name("__all__") for inner in walk(value)):
            found = more
        else:
            found = Offered(found.names | more.names, found.whole and more.whole)
    return found


def _changes(facts: ModuleFacts) -> Iterator[tuple[int, str, Expr]]:
    """Yield what changes the ``__all__`` of a module: the statement, how ("=", "append", …), and with what."""
    for binding in facts.scopes[0].bindings.get("__all__", ()):
        if binding.how in ("assign", "augmented"):
            yield binding.statement, "=", binding.value
    for call in facts.calls:
        func = dotted(call.func) or ""
        if func.startswith("__all__.") and facts.runs_at_import(call.scope):
            for arg in call.args:
                yield call.statement, func.removeprefix("__all__."), arg


def _at(change: tuple[int, str, Expr]) -> int:
    return change[0]


def _listed(project: Project, where: Where, value: Expr, depth: int) -> Offered:
    """Return the names in a part of an ``__all__``."""
    match value:
        case Literal(str(name)):
            return Offered(frozenset({name}), whole=True)
        case Name("__all__"):  # what it had before counts already
            return Offered(frozenset(), whole=True)
        case Collection(_, items):
            return _together(_listed(project, where, item, depth) for item in items)
        case Compared("Add" | "BitOr", left, right):
            return _together(_listed(project, where, side, depth) for side in (left, right))
        case Derived("starred", inner) | Call(_, Name(_), (inner,)) if (
            isinstance(value, Derived) or dotted(value.func) in _COPIES
        ):
            return _listed(project, where, inner, depth)
        case Attribute(inner, "__all__"):
            modules = [each.name for each in project.values(inner, where) if each.kind == "module"]
            return _together(offered(project, module, _ALL, depth + 1) for module in modules) if modules else UNKNOWN
        case Name() if depth < _DEEP:
            made = [(each.expr, each.where) for each in project.values(value, where)]
            return _together(
                _listed(project, at, expr, depth + 1) if expr and at and expr != value else UNKNOWN for expr, at in made
            )
    return UNKNOWN


def _together(found: Iterable[Offered]) -> Offered:
    each = list(found)
    return Offered(frozenset(name for one in each for name in one.names), all(one.whole for one in each))
