"""Which functions run though nobody calls them by their names: commands, decorators, test cases, members of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint.analysis.events import CONSTRUCTORS
from dlsafe_lint.apis.workers import ADDING, COMMAND_APPS, REGISTERING, TEST_CASES
from dlsafe_lint.facts import Attribute, Call, Collection, Name
from dlsafe_lint.project import Project, Site, Value, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.facts import ModuleFacts


def commands(project: Project, app: Value) -> list[Site]:
    """Return the functions registered on a group of commands, with those of the groups added to it."""

    def table() -> dict[object, list[Site | Value]]:
        made: dict[object, list[Site | Value]] = {}
        for facts in project.modules.values():
            for scope in facts.scopes:
                for decorator in scope.decorators:
                    called = decorator.func if isinstance(decorator, Call) else decorator
                    if isinstance(called, Attribute) and called.attr in REGISTERING:
                        at = Where(facts, scope.parent, scope.statement)
                        for value in project.values(called.value, at):
                            made.setdefault(_app(value), []).append(Site(facts.path, scope.index))
        for method, argument in ADDING.items():
            for facts, call in project.calls_by_name.get(method, ()):
                passed = project.argument(facts, call, *argument)
                if passed is None or not isinstance(call.func, Attribute):
                    continue
                for value in project.values(call.func.value, Where(facts, call.scope, call.statement)):
                    made.setdefault(_app(value), []).extend(project.values(*passed))
        return made

    registered = project.answer("commands", table)
    found: dict[Site, None] = {}
    seen: set[object] = set()
    todo = [_app(app)]
    while todo:
        at = todo.pop()
        if at is None or at in seen:
            continue
        seen.add(at)
        for each in registered.get(at, ()):
            site = each.site if isinstance(each, Value) else each
            if site is not None and project.scope(site).kind == "function":
                found[site] = None
                todo.append(site)
            elif isinstance(each, Value):
                todo.append(_app(each))
    return list(found)


def _app(value: Value) -> object:
    """Return what tells a group of commands from others; None if it is none that can be followed."""
    if value.kind == "function":
        return value.site
    if value.kind == "made" and value.where is not None and value.name in COMMAND_APPS:
        return (value.where.facts.path, id(value.expr))
    return None


def wrappers(project: Project, site: Site) -> list[Value]:
    """Return the functions of the project that the decorators of a function put in its place."""

    def made() -> list[Value]:
        facts = project.modules[site.path]
        scope = facts.scopes[site.scope]
        at = Where(facts, scope.parent, scope.statement)
        found = []
        for decorator in scope.decorators:
            applied = Call(-1, decorator, (Name(scope.name),), (), scope.line, scope.parent, scope.statement)
            found += [value for value in project.result(applied, at) if value.kind == "function"]
        return found

    return project.answer(("wrappers", site), made)


def defaults(project: Project, name: str, facts: ModuleFacts) -> list[Site]:
    """Return the functions that ``parser.set_defaults(func=train)`` makes an attribute of the arguments."""

    def table() -> dict[tuple[str, str], list[Site]]:
        made: dict[tuple[str, str], list[Site]] = {}
        for other, call in project.calls_by_name.get("set_defaults", ()):
            at = Where(other, call.scope, call.statement)
            for keyword, passed in call.keywords:
                for value in project.values(passed, at) if keyword else ():
                    if keyword and value.kind == "function" and value.site:
                        made.setdefault((other.path, keyword), []).append(value.site)
        return made

    return project.answer("set defaults", table).get((facts.path, name), [])


def members(project: Project, value: Value) -> Iterator[Site]:
    """Yield the functions of a class, an object, or a collection of functions and classes."""
    match value.expr:
        case Collection(_, items) if value.kind == "collection" and value.where:
            for item in items:
                for each in project.values(item, value.where, 1):
                    if each.kind == "function" and each.site:
                        yield each.site
                    elif each.kind in ("class", "instance"):
                        yield from members(project, each)
            return
    if value.kind in ("class", "instance") and value.site:
        facts = project.modules[value.site.path]
        for name, bindings in facts.scopes[value.site.scope].bindings.items():
            if not name.startswith("_") or name in CONSTRUCTORS:
                yield from (Site(facts.path, each.target) for each in bindings if each.how == "def")


def tests(project: Project, facts: ModuleFacts) -> Iterator[Site]:
    """Yield the methods of a module's test cases that a test runner calls."""
    for scope in facts.scopes:
        if scope.kind == "class" and project.derives_from(Site(facts.path, scope.index), TEST_CASES):
            for name, bindings in scope.bindings.items():
                if name.startswith(("test", "setUp", "asyncSetUp")):
                    yield from (Site(facts.path, each.target) for each in bindings if each.how == "def")
