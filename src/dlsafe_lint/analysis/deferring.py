"""Which imports of a module can move into its functions, and where to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint.analysis.loading import exported
from dlsafe_lint.analysis.readers import hides_names, is_local_table, readers
from dlsafe_lint.analysis.running import follow
from dlsafe_lint.facts import Call, dotted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlsafe_lint.facts import Import, ModuleFacts
    from dlsafe_lint.project import Project

_COMPILED = frozenset({"jit", "njit", "script", "script_method", "vectorize", "guvectorize", "stencil", "kernel"})


def needed(project: Project, facts: ModuleFacts, name: str) -> str | None:
    """Tell why a name that the module imports has to stay at module level, None if it can move into functions.

    Annotations count as uses: whoever evaluates or checks them finds the name in the module.

    Args:
        project: the project.
        facts: the module.
        name: a name bound by an import at module level.
    """
    key = ("needed", facts.path, name)
    if key not in project.answers:
        project.answers[key] = _needed(project, facts, name)
    found = project.answers[key]
    return found if isinstance(found, str) else None


def _needed(project: Project, facts: ModuleFacts, name: str) -> str | None:
    bindings = facts.scopes[0].bindings.get(name, [])
    imports = [facts.imports[binding.target] for binding in bindings if binding.how == "import"]
    if len(imports) < len(bindings):
        return "it is bound in another way too"
    if any(statement.scope != 0 or statement.block != 0 for statement in imports):
        return "it is imported on a condition"
    if len(imports) > 1 and not all(_binds_top(statement, name) for statement in imports):
        return "it is imported in two ways"
    if any(name in scope.declared for scope in facts.scopes):
        return "it is declared global"
    if hides_names(facts):
        return "the module looks up names by string"
    tables = {outermost(facts, call.scope) for call in facts.calls if is_local_table(call)}
    if tables & set(functions(facts, name)):
        return "a function that uses it looks up its local names by string"
    uses = facts.uses.get(name, [])
    if not uses:
        return "nothing uses it here: it may be imported for its effect"
    for use in uses:
        line = facts.statements[use.statement].line
        if facts.runs_at_import(use.scope):
            return f"line {line} needs it at import time"
        function = facts.scopes[outermost(facts, use.scope)]
        if function.kind == "lambda":
            return f"the lambda on line {line} uses it"
        if function.name == "__del__" or _is_compiled(facts, use.scope):
            return f"`{function.name}` on line {function.line} can't import"
    if name in exported(facts):
        return "it is in `__all__`"
    read_by = readers(project)
    starred = "*" in {each for (path, each) in read_by if path == facts.path}
    if (facts.path, name) in read_by or (facts.path, "__dict__") in read_by:
        return "another module takes it from here"
    if starred and "__all__" not in facts.scopes[0].bindings and not name.startswith("_"):
        return "another module takes it from here with `import *`"
    for statement in imports:
        for each in statement.names:
            if not statement.is_from and "." in each.name and _relied_on(project, each.name):
                return f"another module relies on `{each.name}` being loaded"
    return None


def _binds_top(statement: Import, name: str) -> bool:
    """Whether an ``import a.b`` binds ``a``."""
    return not statement.is_from and any(
        each.asname is None and each.name.partition(".")[0] == name for each in statement.names
    )


def _is_compiled(facts: ModuleFacts, scope: int) -> bool:
    """Whether a function around the scope is compiled by a decorator that knows no imports (``@njit``)."""
    while scope >= 0:
        for decorator in facts.scopes[scope].decorators:
            func = decorator.func if isinstance(decorator, Call) else decorator
            if _COMPILED & set((dotted(func) or "").split(".")):
                return True
        scope = facts.scopes[scope].parent
    return False


def _relied_on(project: Project, module: str) -> bool:
    """Whether some module reads ``a.b`` and never imports it itself: it relies on another module's ``import a.b``."""
    known = project.answers.get("relied-on")
    table: set[str] = known if isinstance(known, set) else set()
    if known is None:
        for facts in project.modules.values():
            plain = {
                each.name.partition(".")[0]: each.name
                for statement in facts.imports
                if not statement.is_from
                for each in statement.names
                if each.asname is None or "." not in each.name
            }
            chains = [chain for chain in facts.reads if chain.partition(".")[0] in plain]
            if not chains:
                continue
            own = {each.name for statement in facts.imports if not statement.is_from for each in statement.names}
            own |= {statement.module for statement in facts.imports if statement.module and not statement.level}
            own |= {
                f"{statement.module}.{each.name}"
                for statement in facts.imports
                if statement.module and not statement.level
                for each in statement.names
            }
            table.update(
                chain for chain in chains if not any(each == chain or each.startswith(f"{chain}.") for each in own)
            )
        project.answers["relied-on"] = table
    return module in table


def outermost(facts: ModuleFacts, scope: int) -> int:
    """Return the outermost function or lambda around a scope; the scope must not run at import time."""
    found = scope
    while scope >= 0:
        if facts.scopes[scope].kind in ("function", "lambda"):
            found = scope
        scope = facts.scopes[scope].parent
    return found


def functions(facts: ModuleFacts, name: str) -> list[int]:
    """Return the outermost functions that use an imported name, in source order."""
    return sorted({outermost(facts, use.scope) for use in facts.uses.get(name, ())})


def insertion(project: Project, facts: ModuleFacts, function: int, names: Iterable[str]) -> int:
    """Return the statement of a function after which an import goes, -1 for the start of its body.

    A function that reads the program's arguments gets it after that, if nothing before uses the names.
    """
    key = ("reads-arguments", facts.path, function)
    if key not in project.answers:
        run = follow(project, facts, function, {}, main=False, stop=True, depth=0)
        project.answers[key] = top_statement(facts, function, run.last) if run.place else -1
    at = project.answers[key]
    if not isinstance(at, int) or at < 0:
        return -1
    for name in names:
        for use in facts.uses.get(name, ()):
            if outermost(facts, use.scope) == function and top_statement(facts, function, use.statement) <= at:
                return -1
    return at


def top_statement(facts: ModuleFacts, function: int, statement: int) -> int:
    """Return the statement of a function's own body in which a statement stands."""
    body = facts.scopes[function].body
    while facts.statements[statement].block != body:
        block = facts.blocks[facts.statements[statement].block]
        statement = block.statement if block.parent >= 0 else facts.scopes[block.scope].statement
    return statement
