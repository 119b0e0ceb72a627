"""What runs while a module is imported or a program starts, and where that reads its arguments."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis.datasets import expressions
from dlsafe_lint.apis import cli
from dlsafe_lint.facts import Attribute, Call, Expr, Name, dotted, walk
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Site, Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dlsafe_lint.facts import ModuleFacts, Scope
    from dlsafe_lint.project import Project


MAX_CALLS = 8
"""How many calls deep it is followed what runs at start-up."""

ALL = 1 << 60
"""Stands for the number of a function's last statement."""


class Run(NamedTuple):
    """How far something runs before the arguments are read: the statement that reads them (ALL: none), and where."""

    last: int
    place: Place | None


def ran(project: Project, facts: ModuleFacts) -> Mapping[Site, int]:
    """Return the project's functions that run while the module is imported, those that they call included."""
    key = ("ran", facts.path)
    known = project.answers.get(key)
    if isinstance(known, dict):
        return known
    found: dict[Site, int] = {}
    project.answers[key] = found
    follow(project, facts, 0, found, main=False, stop=False, depth=0)
    return found


def ran_from(project: Project, facts: ModuleFacts) -> Mapping[Site, int]:
    """Return the functions of `ran`, each with the statement of the module that calls it or leads there."""
    ran(project, facts)
    known = project.answers.get(("ran-from", facts.path))
    return known if isinstance(known, dict) else {}


def follow(
    project: Project, facts: ModuleFacts, scope: int, early: dict[Site, int], *, main: bool, stop: bool, depth: int
) -> Run:
    """Follow what a function or a module's top level calls, in order.

    Args:
        project: the project.
        facts: the module.
        scope: the function, 0 for the top level.
        early: filled with the functions that run.
        main: whether the module is run as the program.
        stop: whether it counts only up to the place where the arguments are read.
        depth: how many calls deep this is.
    """
    origins: dict[Site, int] = {}
    if depth == 0 and not stop and not main and scope == 0:
        project.answers["ran-from", facts.path] = origins
    for call_statement, func, call in called_in(project, facts, scope):
        if not (
            may_run(project, facts, call_statement) if scope else is_run(project, facts, call_statement, main=main)
        ):
            continue
        if is_given(project, facts, func, scope if call is None else call.scope):
            if stop and call is not None and isinstance(func, Attribute) and func.attr in cli.METHODS:
                return Run(call_statement, Place(facts.path, call.line, "the arguments are read here"))
            continue
        where = Where(facts, scope if call is None else call.scope, call_statement)
        if stop and call is not None and _parses(project, facts, call):
            return Run(call_statement, Place(facts.path, call.line, "the arguments are read here"))
        for value in project.values(func, where):
            site = value.site
            if value.kind == "class" and site is not None:
                site = project.method(site, "__init__") or project.method(site, "__post_init__")
            if site is None or value.kind not in ("function", "class"):
                continue
            inner = project.modules[site.path]
            if stop and call is not None and is_command(project, inner, inner.scopes[site.scope]):
                line = inner.scopes[site.scope].line
                return Run(call_statement, Place(site.path, line, "the arguments are read before this runs"))
            if site in early or depth >= MAX_CALLS or inner.scopes[site.scope].is_generator:
                continue
            early[site] = ALL
            known_before = len(early) - 1
            result = follow(project, inner, site.scope, early, main=False, stop=stop, depth=depth + 1)
            early[site] = result.last
            origins.update(dict.fromkeys(list(early)[known_before:], call_statement))
            if result.place is not None:
                return Run(call_statement, result.place)
    return Run(ALL, None)


def is_given(project: Project, facts: ModuleFacts, func: Expr, scope: int) -> bool:
    """Whether what is called comes from a parameter, ``self`` aside: then any caller may have its say."""
    while isinstance(func, (Attribute, Call)):
        func = func.value if isinstance(func, Attribute) else func.func
    if not isinstance(func, Name):
        return True
    owner = facts.resolve(func.id, scope)
    if owner < 0 or facts.scopes[owner].kind not in ("function", "lambda"):
        return False
    if any(binding.how != "param" for binding in facts.scopes[owner].bindings[func.id]):
        return False
    params = facts.scopes[owner].params
    return not (params and params[0].name == func.id and project.receiver(facts, facts.scopes[owner]) is not None)


def called_in(project: Project, facts: ModuleFacts, scope: int) -> list[tuple[int, Expr, Call | None]]:
    """Return what is called by the statements of a function (0: of the module), decorators included, in order."""
    key = ("called-in", facts.path)
    known = project.answers.get(key)
    table: dict[int, list[tuple[int, Expr, Call | None]]] = known if isinstance(known, dict) else {}
    if known is None:
        together = Counter(call.statement for call in facts.calls)
        for call in sorted(facts.calls, key=lambda each: _evaluated(each, alone=together[each.statement] == 1)):
            table.setdefault(facts.function_of(call.scope), []).append((call.statement, call.func, call))
        for inner in facts.scopes:
            for decorator in inner.decorators:
                if not isinstance(decorator, Call):
                    table.setdefault(facts.function_of(inner.parent), []).append((inner.statement, decorator, None))
        for events in table.values():
            events.sort(key=lambda event: event[0])
        project.answers[key] = table
    return table.get(scope, [])


def _evaluated(call: Call, *, alone: bool) -> tuple[int, int, int]:
    """Return a key that sorts calls as they are evaluated: the arguments of a call before the call.

    Args:
        call: the call.
        alone: whether it is the only call of its statement.
    """
    last = call.number if alone else max(each.number for each in walk(call) if isinstance(each, Call))
    return call.statement, last, -call.number


def _parses(project: Project, facts: ModuleFacts, call: Call) -> bool:
    """Whether the call reads the program's arguments or its configuration."""
    func = call.func
    if isinstance(func, Attribute) and func.attr in cli.METHODS:
        return not any(value.kind == "function" for value in project.called(facts, call))
    name = dotted(func) or ""
    if not name:
        return False
    for value in project.called(facts, call):
        if value.kind == "external" and (value.name in cli.FUNCTIONS or value.name in cli.CONFIGURATIONS):
            return True
        if value.kind == "made" and value.name in cli.APPLICATIONS:
            return True
        if value.kind == "class" and value.site is not None and project.derives_from(value.site, cli.FUNCTIONS):
            return True
        if value.kind == "function" and value.site is not None and isinstance(func, Name) and not call.args:
            inner = project.modules[value.site.path]
            if is_command(project, inner, inner.scopes[value.site.scope]):
                return True
    return False


def is_command(project: Project, facts: ModuleFacts, function: Scope) -> bool:
    """Whether the function is decorated so that calling it reads the arguments first (``@click.command()``)."""
    for decorator in function.decorators:
        func = decorator.func if isinstance(decorator, Call) else decorator
        for value in project.values(func, Where(facts, function.parent, function.statement)):
            if value.kind == "external" and value.name in cli.DECORATORS:
                return True
    return False


def takes_arguments(project: Project, facts: ModuleFacts) -> bool:
    """Tell whether a file that is run as a program reads its arguments, itself or in a function that it then calls.

    A configuration that is read without them (``hydra.compose``) is none.
    """
    functions: dict[Site, int] = {}
    follow(project, facts, 0, functions, main=True, stop=False, depth=0)
    for path, function in ((facts.path, 0), *functions):
        inner = project.modules[path]
        for statement, _, call in called_in(project, inner, function):
            if call is None or (function == 0 and not is_run(project, inner, statement, main=True)):
                continue
            if _parses(project, inner, call) and project.callee(inner, call) not in cli.CONFIGURATIONS:
                return True
        if any(
            inner.function_of(scope) == function and (function or is_run(project, inner, statement, main=True))
            for scope, statement in _reading_arguments(project, inner)
        ):
            return True
    return False


def _reading_arguments(project: Project, facts: ModuleFacts) -> list[tuple[int, int]]:
    """Return the scopes and statements in which a module reads ``sys.argv``."""

    def make() -> list[tuple[int, int]]:
        name = cli.ARGUMENTS.rpartition(".")[2]
        taken = (each.name for statement in facts.imports for each in statement.names)
        if name not in taken and not any(name in chain.split(".") for chain in facts.reads):
            return []
        tests = [(block.test, block.scope, block.statement) for block in facts.blocks if block.test is not None]
        return [
            (scope, statement)
            for expr, scope, statement in (*expressions(facts), *tests)
            for inner in walk(expr)
            if name in (dotted(inner) or "").split(".")
            and any(value.name == cli.ARGUMENTS for value in project.values(inner, Where(facts, scope, statement)))
        ]

    return project.answer(("reading-arguments", facts.path), make)


def packages_around(project: Project, path: str) -> Iterator[str]:
    """Yield the ``__init__`` of the packages around a file, the innermost first."""
    folder = path.rpartition("/")[0]
    while len(folder) > len(project.root):
        init = f"{folder}/__init__.py"
        if init in project.modules and init != path:
            yield init
        folder = folder.rpartition("/")[0]


def is_run(project: Project, facts: ModuleFacts, statement: int, *, main: bool) -> bool:
    """Whether a statement runs while its module is loaded; ``main`` says whether that is run as the program."""
    guard = "unguarded" if main else "guard"
    return may_run(project, facts, statement) and all(
        block.kind != guard for block in facts.enclosing_blocks(statement)
    )


def may_run(project: Project, facts: ModuleFacts, statement: int) -> bool:
    """Whether a statement runs, but for guards: not under ``TYPE_CHECKING``, ``if False``, for a Python too old."""
    if any(block.kind in ("typing", "never") for block in facts.enclosing_blocks(statement)):
        return False
    found = facts.statements[statement]
    return not project.is_off(found.block, Where(facts, found.scope, statement))
