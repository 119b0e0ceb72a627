"""What loading a module of the project does besides defining something: that happens later if its import moves."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from dlsafe_lint.analysis.loading import edges
from dlsafe_lint.analysis.running import called_in, is_run
from dlsafe_lint.apis import cli
from dlsafe_lint.facts import Attribute, Call, Name, dotted
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Site, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlsafe_lint.facts import Expr, ModuleFacts
    from dlsafe_lint.project import Project

_HARMLESS = frozenset(
    {"append", "extend", "add", "update", "insert", "setdefault", "addHandler", "setLevel", "add_argument", "getLogger"}
)
"""Methods by which a module changes what it has made itself, where the receiver is a name of its own."""

_REGISTERING = frozenset({"append", "add", "update", "register", "setdefault", "insert"})


def effect_of_loading(project: Project, paths: Iterable[str]) -> Place | None:
    """Return what some modules, and those that they load, do while they are loaded, None if they only define.

    Args:
        project: the project.
        paths: the modules.
    """
    for facts in _loaded(project, paths):
        place = project.answer(("effect", facts.path), lambda: _effect(project, facts))  # noqa: B023  # asked at once
        if place is not None:
            return place
    return None


def declares_options(project: Project, paths: Iterable[str]) -> Place | None:
    """Return where modules, or those that they load, declare options or commands of a program while they are loaded.

    A program that has read its arguments before it loads them does not know these options.

    Args:
        project: the project.
        paths: the modules.
    """
    declaring = project.answer("declaring", lambda: _declaring(project))
    if not declaring:
        return None
    return next((declaring[facts.path] for facts in _loaded(project, paths) if facts.path in declaring), None)


def _declaring(project: Project) -> dict[str, Place]:
    """Return, of each module that declares options for other modules while it is loaded, where it does."""
    found = {}
    for facts in project.modules.values():
        for statement, func, call in called_in(project, facts, 0):
            if not is_run(project, facts, statement, main=False):
                continue
            name = func.attr if isinstance(func, Attribute) else dotted(func) or ""
            if name.startswith(cli.DECLARING_FLAGS) or (
                name in cli.DECLARING and isinstance(func, Attribute) and _comes_from_elsewhere(project, facts, func)
            ):
                line = facts.statements[statement].line if call is None else call.line
                found[facts.path] = Place(facts.path, line, f"`{dotted(func) or name}` declares what the program takes")
        for imported in facts.imports:
            if imported.scope == 0 and is_run(project, facts, imported.statement, main=False):
                names = {f"{imported.module}.{each.name}" for each in imported.names}
                if names & cli.CONFIGURATION_STORES:
                    found[facts.path] = Place(facts.path, imported.line, "declares configurations of the program")
    return found


def _comes_from_elsewhere(project: Project, facts: ModuleFacts, func: Attribute) -> bool:
    """Whether what a method is called of has been made by another module, or by the library for the whole program."""
    base = func.value
    while isinstance(base, Attribute):
        base = base.value
    if not isinstance(base, Name) or not _is_imported(facts, base.id):
        return False
    values = project.values(func, Where(facts, 0, len(facts.statements)))
    return not any(value.kind == "external" for value in values) or func.attr.startswith("register_")


def _loaded(project: Project, paths: Iterable[str]) -> Iterator[ModuleFacts]:
    """Yield modules and what they load, the nearest first."""
    queue = deque(paths)
    seen = set(queue)
    while queue:
        facts = project.modules[queue.popleft()]
        yield facts
        for edge in edges(project, facts):
            for target in edge.targets:
                if target.path is not None and target.path not in seen:
                    seen.add(target.path)
                    queue.append(target.path)


def _effect(project: Project, facts: ModuleFacts) -> Place | None:
    for call in facts.calls:
        if facts.statements[call.statement].kind != "expr" or not facts.runs_at_import(call.scope):
            continue
        if facts.in_block(call.statement, "guard") or facts.in_block(call.statement, "typing"):
            continue
        if not _is_own(facts, call):
            return Place(facts.path, call.line, f"`{dotted(call.func) or 'a call'}` runs when `{facts.name}` is loaded")
    for store in facts.stores:
        base = store.base
        while isinstance(base, Attribute):
            base = base.value
        if facts.runs_at_import(store.scope) and isinstance(base, Name) and _is_imported(facts, base.id):
            line = facts.statements[store.statement].line
            return Place(facts.path, line, f"`{dotted(store.base)}` is changed when `{facts.name}` is loaded")
    for scope in facts.scopes:
        if scope.kind not in ("class", "function") or not facts.runs_at_import(scope.parent):
            continue
        for decorator in scope.decorators:
            if _registers(project, facts, scope.parent, scope.statement, decorator):
                return Place(facts.path, scope.line, f"`{scope.name}` is registered when `{facts.name}` is loaded")
        if scope.kind == "class" and scope.bases and project.method(Site(facts.path, scope.index), "__init_subclass__"):
            return Place(facts.path, scope.line, f"`{scope.name}` is registered when `{facts.name}` is loaded")
    return None


def _is_imported(facts: ModuleFacts, name: str) -> bool:
    return any(binding.how == "import" for binding in facts.scopes[0].bindings.get(name, ()))


def _is_own(facts: ModuleFacts, call: Call) -> bool:
    """Whether a call only changes what the module has made itself: ``__all__.append("x")``."""
    func = call.func
    return (
        isinstance(func, Attribute)
        and func.attr in _HARMLESS
        and isinstance(func.value, Name)
        and not _is_imported(facts, func.value.id)
    )


def _registers(project: Project, facts: ModuleFacts, scope: int, statement: int, decorator: Expr) -> bool:
    """Whether a decorator is a function of the project that keeps what it decorates."""
    func = decorator.func if isinstance(decorator, Call) else decorator
    if isinstance(func, Attribute) and func.attr.startswith("register"):
        return True
    for value in project.values(func, Where(facts, scope, statement)):
        if value.kind not in ("function", "class") or value.site is None:
            continue
        inner = project.modules[value.site.path]

        def within(at: int, top: int = value.site.scope, inner: ModuleFacts = inner) -> bool:
            while at >= 0 and at != top:
                at = inner.scopes[at].parent
            return at == top

        if any(store.key is not None and within(store.scope) for store in inner.stores):
            return True
        if any(
            isinstance(call.func, Attribute) and call.func.attr in _REGISTERING and within(call.scope)
            for call in inner.calls
        ):
            return True
    return False
