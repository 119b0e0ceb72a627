"""Which imports of a module can move into its functions, and where to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint import apis
from dlsafe_lint.analysis.loading import exported
from dlsafe_lint.analysis.readers import hides_names, is_local_table, readers
from dlsafe_lint.analysis.running import ALL, MAX_CALLS, follow
from dlsafe_lint.analysis.workers import is_dataset
from dlsafe_lint.apis import datasets, evaluators, heavy
from dlsafe_lint.facts import Attribute, Call, Literal, Name, Subscript, Use, dotted, walk
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Site, Where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlsafe_lint.facts import Expr, Import, ModuleFacts, Scope
    from dlsafe_lint.project import Project

_COMPILED = frozenset({"jit", "njit", "script", "script_method", "vectorize", "guvectorize", "stencil", "kernel"})


class Obstacle(NamedTuple):
    """Why an import has to stay at module level: the reason, as it follows "is needed at import time: ", and where."""

    reason: str
    place: Place


def needed(project: Project, facts: ModuleFacts, name: str) -> Obstacle | None:
    """Tell why a name that the module imports has to stay at module level, None if it can move.

    It can move into the functions that use it; for annotations that nobody evaluates it can move to where only type
    checkers look.

    Args:
        project: the project.
        facts: the module.
        name: a name bound by an import at module level.
    """
    return project.answer(("needed", facts.path, name), lambda: _needed(project, facts, name))


def _needed(project: Project, facts: ModuleFacts, name: str) -> Obstacle | None:
    bindings = facts.scopes[0].bindings.get(name, [])
    imports = [facts.imports[binding.target] for binding in bindings if binding.how == "import"]

    def obstacle(reason: str, statement: int) -> Obstacle:
        return Obstacle(reason, Place(facts.path, facts.statements[statement].line, reason))

    other = [binding for binding in bindings if binding.how != "import"]
    if other:
        return obstacle(f"`{name}` is bound in another way too", other[0].statement)
    first = bindings[0].statement
    for statement in imports:
        if statement.scope != 0 or statement.block != 0:
            return obstacle(f"`{name}` is imported on a condition", statement.statement)
    if len(imports) > 1 and not all(_binds_top(statement, name) for statement in imports):
        return obstacle(f"`{name}` is imported in two ways", imports[1].statement)
    for scope in facts.scopes:
        if name in scope.declared:
            return obstacle(f"`{scope.name}` declares `{name}` {scope.declared[name]}", max(scope.statement, 0))
    if hides_names(facts):
        return obstacle("the module looks up names by string", first)
    for use in facts.uses.get(name, ()):
        if use.how == "annotation":
            if reason := evaluated(project, facts, use):
                return obstacle(reason, use.statement)
        elif facts.runs_at_import(use.scope):
            return obstacle(_what_uses(facts, use, name), use.statement)
        else:
            function = facts.scopes[outermost(facts, use.scope)]
            if function.kind == "lambda":
                return obstacle(f"a lambda uses `{name}`", use.statement)
            if function.name == "__del__" or _is_compiled(facts, use.scope):
                return obstacle(f"`{function.name}` can't import", function.statement)
            if _may_be_scripted(project, facts, function):
                return obstacle(f"`torch.jit.script` may compile `{function.name}`", function.statement)
            if _only_workers_use(project, facts, name, function):
                return obstacle(f"`{function.name}` uses `{name}`: each worker would import it anew", use.statement)
    mine = set(functions(facts, name))
    for call in facts.calls:
        if is_local_table(call) and outermost(facts, call.scope) in mine:
            return obstacle("a function that uses it looks up its local names by string", call.statement)
    if name in exported(facts):
        return obstacle(f"`{name}` is in `__all__`", facts.scopes[0].bindings["__all__"][0].statement)
    read_by = readers(project)
    taker = next(iter((*read_by.get((facts.path, name), ()), *read_by.get((facts.path, "__dict__"), ()))), None)
    if taker is not None:
        return obstacle(f"{_module(project, taker)} takes `{name}` from here", first)
    starred = read_by.get((facts.path, "*"), ())
    if starred and "__all__" not in facts.scopes[0].bindings and not name.startswith("_"):
        return obstacle(f"{_module(project, starred[0])} takes `{name}` from here with `import *`", first)
    if facts.is_package and not name.startswith("_"):
        for statement in imports:
            if any(target.path is not None for target in project.targets(facts, statement)):
                return obstacle(f"the package offers `{name}`", first)
    if not facts.uses.get(name) and (facts.is_package or not all(_has_no_effect(each) for each in imports)):
        return obstacle(f"nothing uses `{name}` here: it may be imported for its effect", first)
    if (line := _found_only_now(project, facts, imports)) is not None:
        return obstacle("it may not be found later: `sys.path` changes", line)
    for statement in imports:
        for each in statement.names:
            if not statement.is_from and "." in each.name and _relied_on(project, each.name):
                return obstacle(f"another module relies on `{each.name}` being loaded", first)
    return None


def _found_only_now(project: Project, facts: ModuleFacts, imports: Iterable[Import]) -> int | None:
    """Return the statement because of which modules may not be found when a function runs later, None if there is none.

    It takes a folder off ``sys.path`` again, or puts a relative one there, and the program changes its directory.
    """
    first = min(statement.statement for statement in imports)
    for call in facts.calls:
        chain = dotted(call.func) or ""
        if not chain.startswith("sys.path.") or not facts.runs_at_import(call.scope):
            continue
        if chain in ("sys.path.pop", "sys.path.remove") and call.statement > first:
            return call.statement
        relative = any(
            isinstance(arg, Literal) and isinstance(arg.value, str) and not arg.value.startswith("/")
            for arg in call.args
        )
        if relative and call.statement < first and project.answer("changes folder", lambda: _changes_folder(project)):
            return call.statement
    return None


def _changes_folder(project: Project) -> bool:
    """Whether a program of the project changes the current folder; Hydra does so for each run."""
    return any(
        (dotted(call.func) or "").endswith("chdir") for facts in project.modules.values() for call in facts.calls
    ) or any(
        statement.module == "hydra" or any(each.name == "hydra" for each in statement.names)
        for facts in project.modules.values()
        for statement in facts.imports
    )


def _module(project: Project, path: str) -> str:
    return f"`{project.modules[path].name}`" if path else "an entry point"


def _has_no_effect(statement: Import) -> bool:
    """Whether nobody imports a library just for what that does: those that we measured."""
    names = [statement.module] if statement.module else [each.name for each in statement.names]
    return not statement.level and all(heavy.nearest(name) for name in names)


def _what_uses(facts: ModuleFacts, use: Use, name: str) -> str:
    """Say what needs a name at import time: "base class `nn.Module`"."""

    def spelled(exprs: Iterable[Expr | None]) -> str:
        for expr in exprs:
            for inner in walk(expr) if expr is not None else ():
                chain = dotted(inner)
                if chain and chain.partition(".")[0] == name:
                    return chain
        return ""

    for scope in facts.scopes:
        if scope.statement == use.statement and scope.kind in ("class", "function") and scope.parent == use.scope:
            at = scope
            kinds: list[tuple[str, list[Expr | None]]] = [
                ("base class", [*at.bases, *(value for _, value in at.keywords)]),
                ("decorator", [*at.decorators]),
                ("default value", [param.default for param in at.params]),
            ]
            for kind, exprs in kinds:
                if chain := spelled(exprs):
                    return f"{kind} `{chain}`" + (f" of `{at.name}`" if kind != "base class" else "")
    around = use.scope
    while facts.scopes[around].kind == "comprehension":
        around = facts.scopes[around].parent
    for bound, bindings in facts.scopes[around].bindings.items():
        for binding in bindings:
            if binding.statement == use.statement and binding.how in ("assign", "augmented", "walrus", "for", "with"):
                chain = spelled([binding.value])
                return f"`{bound}` is made with `{chain or name}`"
    calls = [call for call in facts.calls if call.statement == use.statement and facts.runs_at_import(call.scope)]
    chain = spelled([call.func for call in calls])
    return f"call of `{chain}`" if chain else f"use of `{name}`"


# --- annotations ---


def evaluated(project: Project, facts: ModuleFacts, use: Use) -> str:
    """Say who may evaluate an annotation that uses a name, "" if nobody does."""
    by = project.answer("evaluates annotations", lambda: _evaluates(project))
    if by:
        return f"an annotation, and {by} evaluates annotations"
    if library := _evaluating_library(facts):
        return f"an annotation, and `{library}` evaluates annotations"
    scope = facts.scopes[use.scope]
    if facts.statements[use.statement].kind == "annassign":
        return _class_reads(project, facts, scope) if scope.kind == "class" else ""
    function = next(
        (each for each in facts.scopes if each.statement == use.statement and each.kind == "function"), None
    )
    if function is None:
        return ""
    at: Scope = function
    while at.parent >= 0:
        for decorator in at.decorators:
            if not _ignores(project, facts, at, decorator):
                func = decorator.func if isinstance(decorator, Call) else decorator
                return f"an annotation of `{function.name}`, which decorator `{dotted(func) or '?'}` may evaluate"
        at = facts.scopes[at.parent]
    for path in readers(project).get((facts.path, function.name), ()):
        library = _evaluating_library(project.modules[path]) if path else ""
        if library:
            return f"an annotation of `{function.name}`, which `{library}` may evaluate"
    return ""


def _class_reads(project: Project, facts: ModuleFacts, scope: Scope) -> str:
    """Say what may read the annotations in a class body: a decorator, a base class we don't know; "" if nothing."""
    for base in project.ancestors(Site(facts.path, scope.index)):
        own = project.scope(base.site) if base.site is not None else None
        if own is None and apis.canonical(base.name) not in evaluators.CLASSES and base.name not in evaluators.CLASSES:
            return f"an annotation in `{scope.name}`, which `{base.name}` may evaluate"
        if own is not None and base.site is not None:
            inner = project.modules[base.site.path]
            if own.decorators:
                func = own.decorators[0]
                name = dotted(func.func if isinstance(func, Call) else func) or "?"
                return f"an annotation in `{scope.name}`, which decorator `{name}` may evaluate"
            known = sum(each.site is not None for each in project.ancestors(base.site)) - 1
            known += sum(each.site is None for each in project.ancestors(base.site))
            if known < len(own.bases) or any(_is_unknown(project, inner, own, each) for each in own.bases):
                return f"an annotation in `{scope.name}`, which a base class may evaluate"
            if own.keywords:
                return f"an annotation in `{scope.name}`, which a metaclass may evaluate"
    return ""


def _is_unknown(project: Project, facts: ModuleFacts, scope: Scope, base: Expr) -> bool:
    expr = base.value if isinstance(base, Subscript) else base
    if isinstance(expr, Name) and expr.id in evaluators.CLASSES:
        return False
    values = project.values(expr, Where(facts, scope.parent, scope.statement))
    return not any(value.kind in ("class", "external") for value in values)


def _ignores(project: Project, facts: ModuleFacts, scope: Scope, decorator: Expr) -> bool:
    """Whether a decorator does not look at annotations."""
    func = decorator.func if isinstance(decorator, Call) else decorator
    if isinstance(func, Name) and func.id in evaluators.DECORATORS and facts.resolve(func.id, scope.parent) < 0:
        return True
    if isinstance(func, Attribute) and func.attr in evaluators.ACCESSORS:
        return True  # the libraries whose commands read annotations are looked for by themselves
    if scope.kind == "class" and (dotted(func) or "").rpartition(".")[2] in ("dataclass", "total_ordering"):
        return True  # of a dataclass only the fields are looked at, not the methods
    for value in project.values(func, Where(facts, scope.parent, scope.statement)):
        known = value.kind == "external" and (
            value.name in evaluators.DECORATORS or apis.canonical(value.name) in evaluators.DECORATORS
        )
        if not known and value.kind != "function":  # the project's own decorators: `_evaluates` has looked at them
            return False
    return True


def _evaluating_library(facts: ModuleFacts) -> str:
    """Return a library that evaluates annotations and that the module imports, "" if there is none."""
    for statement in facts.imports:
        for each in statement.names:
            name = f"{statement.module}.{each.name}" if statement.is_from else each.name
            while name and not statement.level:
                if name in evaluators.LIBRARIES:
                    return name
                name = name.rpartition(".")[0]
    return ""


def _evaluates(project: Project) -> str:
    """Say where a project evaluates annotations itself, so that any of them may be meant; "" if it doesn't."""
    last = {name.rpartition(".")[2] for name in evaluators.FUNCTIONS}
    for facts in project.modules.values():
        if project.is_test(facts):
            continue
        for chain in facts.reads:
            if chain in evaluators.FUNCTIONS or chain.rpartition(".")[2] in evaluators.ATTRIBUTES:
                return f"`{chain}` in `{facts.name}`"
        for statement in facts.imports:
            for each in statement.names:
                if statement.is_from and f"{statement.module}.{each.name}" in evaluators.FUNCTIONS:
                    return f"`{each.name}` in `{facts.name}`"
        for call in facts.calls:
            name = call.func.attr if isinstance(call.func, Attribute) else dotted(call.func) or ""
            if name in evaluators.ATTRIBUTES or (name in last and project.callee(facts, call) in evaluators.FUNCTIONS):
                return f"`{name}` in `{facts.name}`"
            if name in ("getattr", "hasattr") and Literal("__annotations__") in call.args:
                return f"`__annotations__` in `{facts.name}`"
        exprs: list[Expr] = list(facts.calls)
        exprs += [each.value for scope in facts.scopes for bound in scope.bindings.values() for each in bound]
        exprs += [result.value for result in facts.results]
        exprs += [block.test for block in facts.blocks if block.test is not None]
        exprs += [iteration.iterable for iteration in facts.iterations]
        names = set(evaluators.ATTRIBUTES)
        if any(each.name.partition(".")[0] == "inspect" for statement in facts.imports for each in statement.names):
            names.add("annotation")
        for expr in exprs:
            for inner in walk(expr):
                if isinstance(inner, Attribute) and inner.attr in names:
                    return f"`{inner.attr}` in `{facts.name}`"
    return ""


def may_postpone(project: Project, facts: ModuleFacts) -> bool:
    """Tell whether nobody evaluates any annotation of a module, so that all of them can become strings."""
    return project.answer(("may-postpone", facts.path), lambda: _may_postpone(project, facts))


def _may_postpone(project: Project, facts: ModuleFacts) -> bool:
    for scope in facts.scopes:
        if scope.kind == "class":
            own = any(
                statement.kind == "annassign" and statement.scope == scope.index for statement in facts.statements
            )
            if own and _class_reads(project, facts, scope):
                return False
        if scope.kind == "function" and (scope.returns or any(param.annotation for param in scope.params)):
            use = Use(scope.parent, scope.statement, "annotation")
            if evaluated(project, facts, use):
                return False
    return True


def is_annotated(facts: ModuleFacts, name: str) -> bool:
    """Tell whether annotations use a name at module level or in classes: type checkers look for it there."""
    return any(use.how == "annotation" and facts.runs_at_import(use.scope) for use in facts.uses.get(name, ()))


def only_annotates(facts: ModuleFacts, name: str) -> bool:
    """Tell whether a name is used, and by annotations alone."""
    uses = facts.uses.get(name, ())
    return bool(uses) and all(use.how == "annotation" for use in uses)


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


def _may_be_scripted(project: Project, facts: ModuleFacts, function: Scope) -> bool:
    """Whether a function may be compiled by a call of ``torch.jit.script`` anywhere, which knows no imports.

    Methods of modules come along with ``forward``; of other functions only those that are handed over count.
    """
    names = project.answer("scripted", lambda: _scripted(project))
    if not names:
        return False
    around = facts.scopes[function.parent]
    if around.kind == "class":
        return "forward" in around.bindings and function.name != "__init__"
    return function.name in names


def _scripted(project: Project) -> frozenset[str]:
    """Return the last names of what a project hands to ``torch.jit.script``, and that name itself."""
    return frozenset(
        each.rpartition(".")[2]
        for facts in project.modules.values()
        for call in facts.calls
        if (dotted(call.func) or "").endswith("script") and project.callee(facts, call) == "torch.jit.script"
        for each in ("torch.jit.script", *(dotted(arg) or "" for arg in call.args))
    )


def _only_workers_use(project: Project, facts: ModuleFacts, name: str, function: Scope) -> bool:
    """Whether a function that workers run uses an imported name, and nothing that constructs its class does.

    A forked worker has what its parent has loaded; what nobody but workers loads, each of them loads in each epoch.
    Whoever has a loader has torch.
    """
    imports = [facts.imports[each.target] for each in facts.scopes[0].bindings[name] if each.how == "import"]
    if all(
        (each.module or each.names[0].name).partition(".")[0] in ("torch", *sys.stdlib_module_names) for each in imports
    ):
        return False
    if Site(facts.path, function.index) not in project.answer("run by workers", lambda: _run_by_workers(project)):
        return False
    methods = {outermost(facts, use.scope) for use in facts.uses[name] if not facts.runs_at_import(use.scope)}
    return not any(
        facts.scopes[each].parent == function.parent and facts.scopes[each].name in ("__init__", "__post_init__")
        for each in methods
    )


def _run_by_workers(project: Project) -> frozenset[Site]:
    """Return the functions that read items of Datasets, those that look like transforms, and what they call."""
    reading: list[Site] = []
    transforming: list[Site] = []
    for site in project.classes():
        facts = project.modules[site.path]
        names = facts.scopes[site.scope].bindings
        methods = {
            name: binding.target
            for name in (*datasets.READERS, "__call__")
            for binding in names.get(name, ())
            if binding.how == "def"
        }
        if not methods or project.is_test(facts):
            continue
        if is_dataset(project, site) is not None:
            reading += [Site(site.path, method) for name, method in methods.items() if name != "__call__"]
        elif "__call__" in methods and "forward" not in names:
            transforming.append(Site(site.path, methods["__call__"]))
    found: dict[Site, int] = {}
    for method in (*reading, *transforming) if reading else ():
        found[method] = ALL
        follow(project, project.modules[method.path], method.scope, found, main=False, stop=False, depth=MAX_CALLS - 3)
    return frozenset(found)


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
    """Return the outermost functions that need an imported name when they run, in source order.

    A function of which only annotations use it does not, where type checkers find the name at module level.
    """
    uses = facts.uses.get(name, ())
    typed = is_annotated(facts, name) or only_annotates(facts, name)
    return sorted(
        {
            outermost(facts, use.scope)
            for use in uses
            if not facts.runs_at_import(use.scope) and not (typed and use.how == "annotation")
        }
    )


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
