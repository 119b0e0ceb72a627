"""Who reads a module's names from outside, and whether the module looks them up by string itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint.facts import Attribute, Expr, Literal, Name, Subscript, dotted, walk
from dlsafe_lint.project import Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dlsafe_lint.facts import Call, Import, ModuleFacts
    from dlsafe_lint.project import Project

_UNSEEN = frozenset({"globals", "exec", "eval"})
_PATCHERS = frozenset(
    {"patch", "object", "multiple", "setattr", "getattr", "hasattr", "delattr", "attrgetter", "resolve_name", "locate"}
)


def readers(project: Project) -> dict[tuple[str, str], list[str]]:
    """Return who reads a module's attributes from outside: (module, name) to the readers' paths.

    ``from module import name`` counts unless ``name`` is a submodule that would be imported anyway; so does
    ``module.name``, unless the reader itself imports that submodule; ``mock.patch("module.name")`` and
    ``getattr(module, "name")`` do; ``from module import *`` reads the name "*".
    """
    known = project.answers.get("readers")
    if isinstance(known, dict):
        return known
    found: dict[tuple[str, str], list[str]] = {}
    for facts in project.modules.values():
        imports: dict[str, list[Import]] = {}
        for statement in facts.imports:
            for each in statement.names:
                plain = each.name if statement.is_from else each.name.partition(".")[0]
                imports.setdefault(each.asname or plain, []).append(statement)
            if statement.is_from:
                path = project.find(facts, statement.module or "", statement.level)
                for each in statement.names:
                    inner = f"{statement.module}.{each.name}" if statement.module else each.name
                    if path and path != facts.path and not project.find(facts, inner, statement.level):
                        found.setdefault((path, each.name), []).append(facts.path)
        loads: set[str | None] = set()
        for chain in _chains(facts):
            for path, attr, submodule in _steps(project, facts, imports, chain.split(".")):
                if submodule and not loads:
                    loads = {target.path for each in facts.imports for target in project.targets(facts, each)}
                if submodule is None or submodule not in loads:
                    found.setdefault((path, attr), []).append(facts.path)
        for call in facts.calls:
            for path, attr in _named_by_string(project, facts, call):
                found.setdefault((path, attr), []).append(facts.path)
    for declared in (*project.entry_points, *_declared_in_setup(project)):
        module, _, attribute = declared.partition(":")
        path = module_path(project, module)
        if path and attribute:
            found.setdefault((path, attribute.partition(".")[0]), []).append("")
    project.answers["readers"] = found
    return found


def _declared_in_setup(project: Project) -> Iterator[str]:
    """Yield what the strings in a ``setup.py`` declare as programs: "name = module:function"."""
    facts = project.modules.get(f"{project.root}/setup.py")
    exprs: list[Expr] = [] if facts is None else [*facts.calls]
    if facts is not None:
        exprs += [binding.value for each in facts.scopes[0].bindings.values() for binding in each]
    for each in {inner for expr in exprs for inner in walk(expr) if isinstance(inner, Literal)}:
        lines = each.value.splitlines() if isinstance(each.value, str) else ()
        for line in lines:
            _, equals, reference = line.partition("=")
            if equals and ":" in reference:
                yield reference.partition("[")[0].replace(" ", "")


def _chains(facts: ModuleFacts) -> Iterator[str]:
    yield from sorted(facts.reads)
    for store in facts.stores:
        base = dotted(store.base) if store.attr else None
        if base:
            yield f"{base}.{store.attr}"


def _steps(
    project: Project, facts: ModuleFacts, imports: Mapping[str, list[Import]], parts: list[str]
) -> Iterator[tuple[str, str, str | None]]:
    """Follow ``a.b.c`` through modules: yield (module, attribute, the submodule that the attribute is or None)."""
    for statement in imports.get(parts[0], ()):
        value = project.imported(facts, statement, parts[0])[0]
        at, done = value.name if value.kind == "module" else "", 1
        while not at and not statement.is_from and done <= len(parts):
            at = project.find(facts, ".".join(parts[:done])) or ""
            done += not at
        while at and done < len(parts):
            inner = project.member(at, parts[done])[0]
            submodule = inner.name if inner.kind == "module" else None
            yield at, parts[done], submodule
            at = submodule or ""
            done += 1


def _named_by_string(project: Project, facts: ModuleFacts, call: Call) -> Iterator[tuple[str, str]]:
    """Yield the (module, attribute) that a call like ``patch("pkg.mod.name")`` or ``getattr(mod, "name")`` names."""
    func = call.func
    name = func.id if isinstance(func, Name) else func.attr if isinstance(func, Attribute) else ""
    if name not in _PATCHERS or not call.args:
        return
    first = call.args[0]
    if isinstance(first, Literal) and isinstance(first.value, str):
        parts = first.value.split(".")
        for count in range(1, len(parts)):
            path = project.find(facts, ".".join(parts[:count]))
            if path:
                yield path, parts[count]
        return
    attrs = [arg.value for arg in call.args[1:2] if isinstance(arg, Literal) and isinstance(arg.value, str)]
    if attrs and isinstance(first, (Name, Attribute)):
        for value in project.values(first, Where(facts, call.scope, call.statement)):
            if value.kind == "module":
                yield value.name, attrs[0]


def module_path(project: Project, name: str) -> str | None:
    """Return the file of a module named in packaging metadata or settings, None if the project has none."""
    below = name.replace(".", "/")
    for folder in (project.root, *project.source_roots, f"{project.root}/src", f"{project.root}/lib"):
        for path in (f"{folder}/{below}.py", f"{folder}/{below}/__init__.py"):
            if path in project.modules:
                return path
    ends = (f"/{below}.py", f"/{below}/__init__.py")
    found = [path for path in project.modules if path.endswith(ends)]
    return found[0] if len(found) == 1 else None


def hides_names(facts: ModuleFacts) -> bool:
    """Whether the module looks its own names up by string: ``globals()``, ``exec``, ``sys.modules[__name__]``.

    A module ``__dir__`` only lists them.
    """
    for call in facts.calls:
        if isinstance(call.func, Name) and call.func.id in _UNSEEN:
            if facts.scopes[facts.function_of(call.scope)].qualname == "__dir__":
                continue
            return True
        if is_local_table(call) and facts.runs_at_import(call.scope):
            return True
    if "sys.modules" not in facts.reads:
        return False
    exprs: list[Expr] = list(facts.calls)
    exprs += [binding.value for scope in facts.scopes for each in scope.bindings.values() for binding in each]
    exprs += [part for store in facts.stores for part in (store.base, store.value) if part is not None]
    exprs += [result.value for result in facts.results]
    own = (Name("__name__"), Literal("__main__"))
    return any(
        isinstance(each, Subscript) and dotted(each.value) == "sys.modules" and each.key in own
        for expr in exprs
        for each in walk(expr)
    )


def is_local_table(call: Call) -> bool:
    """Whether the call is ``locals()`` or ``vars()``."""
    return isinstance(call.func, Name) and call.func.id in ("locals", "vars") and not call.args
