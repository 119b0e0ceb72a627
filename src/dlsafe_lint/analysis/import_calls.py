"""Calls that import a module by its name: ``import_module("pkg.train")``, and what puts off running it."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.facts import (
    Attribute,
    Collection,
    Compared,
    Derived,
    Literal,
    Name,
    Opaque,
    dotted,
)
from dlsafe_lint.project import Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.facts import Call, Expr, ModuleFacts
    from dlsafe_lint.project import Frame, Project

MOST_TEXTS = 50
"""A call in a loop stands for this many modules at most."""

PROXIES = frozenset({"lazy_loader.load", "importlib.util.LazyLoader"})
"""What puts a module among the loaded ones and runs it when it is used."""

_NAMES = frozenset({"import_module", "__import__", "load", "LazyLoader"})

_OWN = "\0"
"""Stands for the module's own package in a name that is put together."""


class Module(NamedTuple):
    """A module as an import statement names it: "pkg.train", or "train" and the number of leading dots as ``level``."""

    name: str
    level: int = 0


def may_import(project: Project, call: Call) -> bool:
    """Tell whether the call goes by the name of one that imports: a quick look."""
    spelled = project.answer(
        "importing names", lambda: {*_NAMES, *(each for name in _NAMES for each in project.renamed.get(name, ()))}
    )
    return (dotted(call.func) or "").rpartition(".")[2] in spelled


def named_by_call(
    project: Project, facts: ModuleFacts, call: Call, frame: Frame | None = None
) -> tuple[tuple[Module, ...], bool]:
    """Return the modules that a call imports, and whether they only run when they are used.

    Nothing where the call is another one, or where the name is not written out.

    Args:
        project: the project.
        facts: the module in which the call stands.
        call: the call.
        frame: the arguments of the function that it stands in, if they are known.
    """
    callee = project.callee(facts, call)
    where = Where(facts, call.scope, call.statement, frame)
    name = call.args[0] if call.args else call.keyword("name")
    found: list[Module | None] = []
    if name is None:
        pass
    elif callee == "importlib.import_module":
        package = call.args[1] if len(call.args) > 1 else call.keyword("package")
        found = [_relative_to(project, where, text, package) for text in _texts(project, name, where)]
    elif callee == "__import__":
        found = list(_by_dunder_import(project, call, name, where))
    elif callee == "lazy_loader.load":
        found = [_module(text) for text in _texts(project, name, where)]
    elif callee == "importlib.util.LazyLoader" and _registers(facts, call):
        found = [
            _module(text)
            for other in facts.calls
            if facts.function_of(other.scope) == facts.function_of(call.scope)
            and (dotted(other.func) or "").endswith("find_spec")
            and other.args
            for text in _texts(project, other.args[0], where)
        ]
    return tuple(dict.fromkeys(each for each in found if each)), callee in PROXIES


def _module(text: str) -> Module | None:
    if text == _OWN:
        return Module("", 1)
    if text.startswith(f"{_OWN}."):
        return Module(text.removeprefix(f"{_OWN}."), 1)
    return None if text.startswith(".") or _OWN in text else Module(text)


def _relative_to(project: Project, where: Where, text: str, package: Expr | None) -> Module | None:
    """Return the module that ``import_module(text, package)`` means."""
    plain = text.lstrip(".")
    level = len(text) - len(plain)
    if not level:
        return _module(text)
    anchors = list(_texts(project, package, where)) if package is not None else []
    if len(anchors) != 1:
        return None
    if anchors == [_OWN]:
        return Module(plain, level)
    parts = anchors[0].split(".")
    return _module(".".join([*parts[: len(parts) - level + 1], plain])) if level <= len(parts) else None


def _by_dunder_import(project: Project, call: Call, name: Expr, where: Where) -> Iterator[Module]:
    level = call.args[4] if len(call.args) > 4 else call.keyword("level")
    names = call.args[3] if len(call.args) > 3 else call.keyword("fromlist")
    dots = 0
    if level is not None:
        if not isinstance(level, Literal) or type(level.value) is not int:
            return
        dots = level.value
    for text in _texts(project, name, where):
        module = Module(text, dots) if dots else _module(text)
        if module is None:
            continue
        yield module
        for each in names.items if isinstance(names, Collection) else ():
            if isinstance(each, Literal) and isinstance(each.value, str):
                yield module._replace(name=f"{module.name}.{each.value}" if module.name else each.value)


def _registers(facts: ModuleFacts, call: Call) -> bool:
    """Whether the function around a call puts something into ``sys.modules``."""
    here = facts.function_of(call.scope)
    return any(
        store.key is not None and dotted(store.base) == "sys.modules" and facts.function_of(store.scope) == here
        for store in facts.stores
    )


def _texts(project: Project, expr: Expr, where: Where) -> Iterator[str]:
    """Yield the strings that an expression may stand for."""
    match expr:
        case Literal(str(text)):
            yield text
        case Name("__package__") | Attribute(Name("__spec__"), "parent"):
            yield _OWN
        case Name("__name__"):
            if where.facts.is_package:
                yield _OWN
        case Compared("Add", left, right):
            yield from _joined(project, (left, right), where)
        case Derived("joined", Opaque(parts)):
            yield from _joined(project, tuple(_formatted(part) for part in parts), where)
        case _:
            for value in project.values(expr, where)[:MOST_TEXTS]:
                if isinstance(value.expr, Literal) and isinstance(value.expr.value, str):
                    yield value.expr.value


def _formatted(part: Expr) -> Expr:
    """Return what stands in the braces of an f-string."""
    return part.parts[0] if isinstance(part, Opaque) and len(part.parts) == 1 else part


def _joined(project: Project, parts: tuple[Expr, ...], where: Where) -> Iterator[str]:
    for number, texts in enumerate(product(*(list(_texts(project, part, where)) for part in parts))):
        if number < MOST_TEXTS:
            yield "".join(texts)
