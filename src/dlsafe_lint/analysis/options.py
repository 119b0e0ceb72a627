"""The options that programs declare for their command line, each with its default.

Calls declare them (argparse, optparse, click, typer, absl), or the fields of a class that a library fills from the
command line (tyro, simple-parsing, pyrallis, draccus, transformers, typed-argument-parser).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.apis.cli import FLAGS, OPTIONS, RECORD_BASES, RECORD_DECORATORS, RECORD_PARSERS
from dlsafe_lint.facts import Attribute, Call, Collection, Expr, Literal, dotted
from dlsafe_lint.project import Site, Value, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.project import Project

_LAST = frozenset(name.rpartition(".")[2] for name in RECORD_DECORATORS)


class Option(NamedTuple):
    """An option; ``default`` None: it has none, and ``required``: it must be given. ``where`` it is declared."""

    where: Where
    default: Expr | None
    required: bool


def options(project: Project) -> dict[str, list[Option]]:
    """Return the options of all programs of the project by name."""
    return project.answer("options", lambda: _options(project))


def _options(project: Project) -> dict[str, list[Option]]:
    table: dict[str, list[Option]] = {}
    for method in OPTIONS:
        for facts, call in project.calls_by_name.get(method, ()):
            flags = [arg.value for arg in call.args if isinstance(arg, Literal) and isinstance(arg.value, str)]
            dest = call.keyword("dest")
            long = next((flag for flag in flags if flag.startswith("--")), flags[0] if flags else "")
            bare = next((flag for flag in flags if not flag.startswith("-")), "") if method != "add_argument" else ""
            name = str(dest.value) if isinstance(dest, Literal) else bare or long.lstrip("-").replace("-", "_")
            required = call.keyword("required") == Literal(value=True) or (
                method == "add_argument" and not long.startswith("-")
            )
            where = Where(facts, call.scope, call.statement)
            table.setdefault(name, []).append(Option(where, call.keyword("default"), required))
    for function in FLAGS:
        for facts, call in project.calls_by_name.get(function, ()):
            match call.args:
                case (Literal(str(name)), default, *_):
                    where = Where(facts, call.scope, call.statement)
                    table.setdefault(name, []).append(Option(where, default, False))
    for site in _records(project):
        for name, option in _fields(project, site):
            table.setdefault(name, []).append(option)
    for facts, call in project.calls_by_name.get("set_defaults", ()):
        for keyword, given in call.keywords:
            if keyword is not None:
                others = [option for option in table.get(keyword, ()) if option.where.facts.path != facts.path]
                table[keyword] = [*others, Option(Where(facts, call.scope, call.statement), given, False)]
    return table


def _records(project: Project) -> list[Site]:
    """Return the classes whose fields are options, with the classes that their fields hold."""
    found = dict.fromkeys(site for value in _described(project) for site in _sites(project, value))
    for site in project.classes():
        if any(base.name in RECORD_BASES for base in project.ancestors(site) if base.site is None):
            found[site] = None
    waiting = list(found)
    while waiting:
        site = waiting.pop()
        for _, option in _fields(project, site):
            expr = option.default
            factory = expr.keyword("default_factory") if isinstance(expr, Call) else None
            for inner in (factory, expr) if expr is not None else ():
                for value in project.values(inner, option.where) if inner is not None else ():
                    if value.kind in ("class", "instance") and value.site is not None and value.site not in found:
                        found[value.site] = None
                        waiting.append(value.site)
    return list(found)


def _described(project: Project) -> Iterator[Value]:
    """Yield what libraries are given that describes the options: classes, functions, several of them."""
    for function in sorted({name.rpartition(".")[2] for name in RECORD_PARSERS}):
        for facts, call in project.calls_by_name.get(function, ()):
            name = project.callee(facts, call)
            where = Where(facts, call.scope, call.statement)
            if name not in RECORD_PARSERS:
                made = project.values(call.func.value, where) if isinstance(call.func, Attribute) else []
                name = next((f"{each.name}().{function}" for each in made if each.kind == "made"), "")
            passed = project.argument_at(call, where, RECORD_PARSERS[name], 0) if name in RECORD_PARSERS else None
            if passed is not None:
                yield from project.values(*passed)
    for path, facts in project.modules.items():
        for scope in facts.scopes:
            for decorator in scope.decorators:
                func = decorator.func if isinstance(decorator, Call) else decorator
                if (dotted(func) or "").rpartition(".")[2] in _LAST and any(
                    value.name in RECORD_DECORATORS
                    for value in project.values(func, Where(facts, scope.parent, scope.statement))
                ):
                    yield Value("function", scope.name, Site(path, scope.index))


def _sites(project: Project, value: Value) -> Iterator[Site]:
    """Yield the classes that describe options: one itself, those in a tuple, those of a function's parameters."""
    match value:
        case Value("class", site=Site() as site):
            yield site
        case Value("collection", expr=Collection(_, items), where=Where() as where):
            for item in items:
                for each in project.values(item, where):
                    yield from _sites(project, each)
        case Value("function", site=Site() as site):
            facts, scope = project.modules[site.path], project.scope(site)
            for param in scope.params:
                if param.annotation is not None:
                    for each in project.values(param.annotation, Where(facts, scope.parent, scope.statement)):
                        if each.kind == "class":
                            yield from _sites(project, each)


def _fields(project: Project, site: Site) -> list[tuple[str, Option]]:
    """Return the fields of a class with their defaults, its own before those that it inherits."""
    found: dict[str, Option] = {}
    for base in project.ancestors(site):
        if base.site is None:
            continue
        facts, scope = project.modules[base.site.path], project.scope(base.site)
        for name, bindings in scope.bindings.items():
            last = bindings[-1]
            if last.how not in ("assign", "annotation"):
                continue
            where = Where(facts, scope.index, last.statement)
            default = last.value if last.how == "assign" else None
            found.setdefault(name, Option(where, default, default is None))
    return list(found.items())
