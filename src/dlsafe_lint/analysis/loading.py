"""Which statements load which modules while a module is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis.exports import offered
from dlsafe_lint.analysis.import_calls import may_import, named_by_call
from dlsafe_lint.analysis.running import is_run, may_run, ran_from
from dlsafe_lint.apis import heavy
from dlsafe_lint.facts import Literal, dotted, walk
from dlsafe_lint.project import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlsafe_lint.facts import Call, Expr, Import, ModuleFacts
    from dlsafe_lint.project import Project


class Edge(NamedTuple):
    """An import statement, one of its names, or a call, that loads modules while its own module is loaded.

    Attributes:
        path, line: where it stands.
        statement: the statement's number; ``number`` is the import's, -1 for a call.
        names: the names that it binds and that have to move for it to go; empty if it can't go.
        targets: the modules that it loads, in order.
        how: "import"; "call" for ``import_module("pkg.mod")`` and an import in a function that runs at import time;
            "proxy" for what loads the module but not what that imports (``lazy_loader.load``); "export" for an import
            by which a package only passes names on (see exports).
    """

    path: str
    line: int
    statement: int
    number: int
    names: tuple[str, ...]
    targets: tuple[Target, ...]
    how: str = "import"


def edges(project: Project, facts: ModuleFacts, *, main: bool = False) -> list[Edge]:
    """Return what loads modules while the module is loaded, in source order.

    Args:
        project: the project.
        facts: the module.
        main: whether it is run as the program; then what stands under the main guard counts too.
    """
    key = ("edges", facts.path, main)
    known = project.answers.get(key)
    if isinstance(known, list):
        return known
    found: list[Edge] = []
    for index, statement in enumerate(facts.imports):
        if facts.runs_at_import(statement.scope) and is_run(project, facts, statement.statement, main=main):
            found += edges_of(project, facts, index, statement)
    for call in facts.calls:
        if facts.runs_at_import(call.scope) and is_run(project, facts, call.statement, main=main):
            found += _edges_of_call(project, facts, call)
    project.answers[key] = found  # a function that runs here may import this very module
    for site, statement_number in ran_from(project, facts).items():
        inner = project.modules[site.path]
        for index, statement in enumerate(inner.imports):
            if (
                inner.function_of(statement.scope) == site.scope
                and not statement.lazy
                and may_run(project, inner, statement.statement)
            ):
                found += [
                    edge._replace(names=(), how="call", number=-1, statement=statement_number)
                    for edge in edges_of(project, inner, index, statement)
                ]
    if not main:
        around = {f"{folder}/__init__.py" for folder in _folders(facts.path)}
        found[:] = [
            edge._replace(targets=tuple(target for target in edge.targets if target.path not in around))
            for edge in found
        ]
    found.sort(key=lambda edge: edge.statement)
    return found


def _folders(path: str) -> Iterator[str]:
    """Yield the folders around a file; as its packages they are loaded before it."""
    while path := path.rpartition("/")[0]:
        yield path


def edges_of(project: Project, facts: ModuleFacts, index: int, statement: Import) -> Iterator[Edge]:
    """Yield one edge per name of ``import a, b``; of ``from m import a, b`` one for m and one per submodule."""
    movable = statement.scope == 0 and statement.block == 0
    base = Edge(facts.path, statement.line, statement.statement, index, (), ())
    if not statement.is_from:
        for each in statement.names:
            bound = each.asname or each.name.partition(".")[0]
            lazy = statement.lazy or (movable and each.name in facts.lazy_modules)
            if lazy and not _is_used_at_once(facts, (bound,)):
                continue
            targets = project.targets(facts, statement._replace(names=(each,)))
            yield base._replace(names=(bound,) if movable else (), targets=tuple(targets))
        return
    star = any(each.name == "*" for each in statement.names)
    lazy = statement.lazy or (movable and not star and _full_name(facts, statement) in facts.lazy_modules)
    if lazy and not _is_used_at_once(facts, [each.asname or each.name for each in statement.names]):
        return
    module = statement.module or ""
    targets = project.targets(facts, statement._replace(names=()))
    external = tuple(target.name for target in targets if target.path is None)
    if external:
        taken = [Target(None, f"{module}.{each.name}") for each in statement.names if each.name != "*"]
        targets += [target for target in taken if target.name in heavy.COSTS or heavy.brings(target.name)]
    names = tuple(each.asname or each.name for each in statement.names)
    here = offered(project, facts)
    how = "export" if all(here.get(name) == index for name in names) else "import"
    yield base._replace(names=names if movable and not star else (), targets=tuple(targets), how=how)
    if external:
        return
    package = project.modules[targets[-1].path] if targets and targets[-1].path else facts
    passed_on = offered(project, package) if package is not facts else {}
    for each in statement.names:
        if each.name == "*":
            inner = [
                Target(path, project.modules[path].name)
                for target in targets[-1:]
                for name in sorted(exported(project.modules[target.path or ""]))
                if (path := project.find(facts, f"{module}.{name}" if module else name, statement.level))
            ]
        else:
            inner = [
                target for target in project.targets(facts, statement._replace(names=(each,))) if target not in targets
            ]
            source = _imported_on_demand(package, each.name) if package is not facts else None
            if each.name in passed_on:
                source = package.imports[passed_on[each.name]]
            if source is not None:
                inner += [target for target in project.targets(package, source) if target not in (*targets, *inner)]
        if inner:
            bound = each.asname or each.name
            yield base._replace(
                names=(bound,) if movable and not star else (),
                targets=tuple(inner),
                how="export" if here.get(bound) == index else "import",
            )


def _imported_on_demand(facts: ModuleFacts, name: str) -> Import | None:
    """Return the import by which a module's ``__getattr__`` gets a name that somebody asks for (PEP 562)."""
    if name in facts.scopes[0].bindings:
        return None
    for binding in facts.scopes[0].bindings.get("__getattr__", ()):
        for statement in facts.imports:
            if statement.scope == binding.target and any(
                (each.asname or each.name) == name for each in statement.names
            ):
                return statement
    return None


def _is_used_at_once(facts: ModuleFacts, names: Iterable[str]) -> bool:
    """Whether the module uses a lazily imported name while it is loaded itself: then that loads it (PEP 810)."""
    return any(
        use.how == "run" and facts.runs_at_import(use.scope) for name in names for use in facts.uses.get(name, ())
    )


def _full_name(facts: ModuleFacts, statement: Import) -> str:
    """Return the module of a ``from`` import as ``__lazy_modules__`` must list it."""
    if not statement.level:
        return statement.module or ""
    around = facts.name.split(".") if facts.is_package else facts.name.split(".")[:-1]
    around = around[: len(around) - statement.level + 1]
    return ".".join([*around, *([statement.module] if statement.module else [])])


def _edges_of_call(project: Project, facts: ModuleFacts, call: Call) -> Iterator[Edge]:
    if not may_import(project, call):
        return
    modules, proxy = named_by_call(project, facts, call)
    for module in modules:
        parts = module.name.split(".")
        found = [
            Target(path, project.modules[path].name)
            for count in range(1, len(parts) + 1)
            if (path := project.find(facts, ".".join(parts[:count]), module.level))
        ]
        if not found and not module.level:
            found = [Target(None, module.name)]
        if found:
            how = "proxy" if proxy else "call"
            yield Edge(facts.path, call.line, call.statement, -1, (), tuple(found), how)


def exported(facts: ModuleFacts) -> frozenset[str]:
    """Return the strings in the module's ``__all__``, however it is put together."""
    found: set[str] = set()
    exprs: list[Expr] = [binding.value for binding in facts.scopes[0].bindings.get("__all__", ())]
    exprs += [arg for call in facts.calls if (dotted(call.func) or "").startswith("__all__.") for arg in call.args]
    for expr in exprs:
        for inner in walk(expr):
            if isinstance(inner, Literal) and isinstance(inner.value, str):
                found.add(inner.value)
    return frozenset(found)
