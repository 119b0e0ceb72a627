"""What is loaded when a module is imported or a program starts, and where the chain can be cut (DLS5)."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis.datasets import expressions
from dlsafe_lint.analysis.import_calls import may_import, named_by_call
from dlsafe_lint.analysis.readers import hides_names, is_local_table, module_path, readers
from dlsafe_lint.analysis.workers import context_methods, loaders
from dlsafe_lint.apis import cli, heavy
from dlsafe_lint.apis.workers import CONTEXTS, HANDOVERS
from dlsafe_lint.facts import (
    Attribute,
    Call,
    Expr,
    Import,
    Literal,
    ModuleFacts,
    Name,
    Scope,
    dotted,
    walk,
)
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Project, Site, Target, Where

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping


MAX_CALLS = 8
"""How many calls deep it is followed what runs at start-up."""

ALL = 1 << 60
"""Stands for the number of a function's last statement."""

_COMPILED = frozenset({"jit", "njit", "script", "script_method", "vectorize", "guvectorize", "stencil", "kernel"})


class Edge(NamedTuple):
    """An import statement, one of its names, or a call, that loads modules while its own module is loaded.

    Attributes:
        path, line: where it stands.
        statement: the statement's number; ``number`` is the import's, -1 for a call.
        names: the names that it binds and that have to move for it to go; empty if it can't go.
        targets: the modules that it loads, in order.
        how: "import"; "call" for ``import_module("pkg.mod")`` and an import in a function that runs at import time;
            "proxy" for what loads the module but not what that imports (``lazy_loader.load``).
    """

    path: str
    line: int
    statement: int
    number: int
    names: tuple[str, ...]
    targets: tuple[Target, ...]
    how: str = "import"


class Entry(NamedTuple):
    """A program.

    Attributes:
        path: the file that is run, or in which the function stands.
        function: the function's scope, -1 where the file itself is run.
        reason: why it pays to start light: "arguments", "console script", "workers" (that import it again).
        place: where it reads its arguments, or what makes it a program.
        last: the number of the file's last statement that runs before the arguments are read.
        early: functions that run before that, with the last statement that does; for "workers" what runs in them.
        needs: slow libraries that it needs anyway.
    """

    path: str
    function: int
    reason: str
    place: Place
    last: int
    early: Mapping[Site, int]
    needs: frozenset[str] = frozenset()


class Cut(NamedTuple):
    """A statement that can move, and then takes slow libraries off a program's start-up.

    Attributes:
        path: the file; ``number`` the import's number in it.
        names: the names that move.
        roots: the slow libraries, the slowest first.
        milliseconds: what is saved, 0 if it was never measured.
        own: whether the statement imports a library, not a module of the project.
        entries: the programs; none with the setting ``heavy-imports = "everywhere"``.
        via: hops from the first program to the statement, and on to the library.
    """

    path: str
    number: int
    names: tuple[str, ...]
    roots: tuple[str, ...]
    milliseconds: int
    own: bool
    entries: tuple[Entry, ...]
    via: tuple[Place, ...]


# --- what loads what ---


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
        if facts.runs_at_import(statement.scope) and _runs(facts, statement.statement, main):
            found += _edges_of(project, facts, index, statement)
    for call in facts.calls:
        if facts.runs_at_import(call.scope) and _runs(facts, call.statement, main):
            found += _edges_of_call(project, facts, call)
    project.answers[key] = found  # a function that runs here may import this very module
    for site, statement_number in ran_from(project, facts).items():
        inner = project.modules[site.path]
        for index, statement in enumerate(inner.imports):
            if inner.function_of(statement.scope) == site.scope and not statement.lazy:
                found += [
                    edge._replace(names=(), how="call", number=-1, statement=statement_number)
                    for edge in _edges_of(project, inner, index, statement)
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


def _runs(facts: ModuleFacts, statement: int, main: bool) -> bool:
    for block in facts.enclosing_blocks(statement):
        if block.kind == "typing" or block.kind == ("unguarded" if main else "guard"):
            return False
    return True


def _edges_of(project: Project, facts: ModuleFacts, index: int, statement: Import) -> Iterator[Edge]:
    """Yield one edge per name of ``import a, b``; of ``from m import a, b`` one for m and one per submodule."""
    movable = statement.scope == 0 and statement.block == 0
    base = Edge(facts.path, statement.line, statement.statement, index, (), ())
    if not statement.is_from:
        for each in statement.names:
            if statement.lazy or (movable and each.name in facts.lazy_modules):
                continue
            targets = project.targets(facts, statement._replace(names=(each,)))
            bound = each.asname or each.name.partition(".")[0]
            yield base._replace(names=(bound,) if movable else (), targets=tuple(targets))
        return
    star = any(each.name == "*" for each in statement.names)
    if statement.lazy or (movable and not star and (statement.module or "") in facts.lazy_modules):
        return
    module = statement.module or ""
    targets = project.targets(facts, statement._replace(names=()))
    external = tuple(target.name for target in targets if target.path is None)
    if external:
        taken = [Target(None, f"{module}.{each.name}") for each in statement.names if each.name != "*"]
        targets += [target for target in taken if target.name in heavy.COSTS or heavy.brings(target.name)]
    names = tuple(each.asname or each.name for each in statement.names)
    yield base._replace(names=names if movable and not star else (), targets=tuple(targets))
    if external:
        return
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
        if inner:
            yield base._replace(names=(each.asname or each.name,) if movable and not star else (), targets=tuple(inner))


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


# --- what runs when ---


class _Run(NamedTuple):
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
    _run(project, facts, 0, found, main=False, stop=False, depth=0)
    return found


def ran_from(project: Project, facts: ModuleFacts) -> Mapping[Site, int]:
    """Return the functions of `ran`, each with the statement of the module that calls it or leads there."""
    ran(project, facts)
    known = project.answers.get(("ran-from", facts.path))
    return known if isinstance(known, dict) else {}


def _run(
    project: Project, facts: ModuleFacts, scope: int, early: dict[Site, int], *, main: bool, stop: bool, depth: int
) -> _Run:
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
    for call_statement, func, call in _called_in(project, facts, scope):
        if scope == 0 and not _runs(facts, call_statement, main):
            continue
        if _is_given(project, facts, func, scope if call is None else call.scope):
            if stop and call is not None and isinstance(func, Attribute) and func.attr in cli.METHODS:
                return _Run(call_statement, Place(facts.path, call.line, "the arguments are read here"))
            continue
        where = Where(facts, scope if call is None else call.scope, call_statement)
        if stop and call is not None and _parses(project, facts, call):
            return _Run(call_statement, Place(facts.path, call.line, "the arguments are read here"))
        for value in project.values(func, where):
            site = value.site
            if value.kind == "class" and site is not None:
                site = project.method(site, "__init__") or project.method(site, "__post_init__")
            if site is None or value.kind not in ("function", "class"):
                continue
            inner = project.modules[site.path]
            if stop and call is not None and _is_command(project, inner, inner.scopes[site.scope]):
                line = inner.scopes[site.scope].line
                return _Run(call_statement, Place(site.path, line, "the arguments are read before this runs"))
            if site in early or depth >= MAX_CALLS or inner.scopes[site.scope].is_generator:
                continue
            early[site] = ALL
            known_before = len(early) - 1
            result = _run(project, inner, site.scope, early, main=False, stop=stop, depth=depth + 1)
            early[site] = result.last
            origins.update(dict.fromkeys(list(early)[known_before:], call_statement))
            if result.place is not None:
                return _Run(call_statement, result.place)
    return _Run(ALL, None)


def _is_given(project: Project, facts: ModuleFacts, func: Expr, scope: int) -> bool:
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


def _called_in(project: Project, facts: ModuleFacts, scope: int) -> list[tuple[int, Expr, Call | None]]:
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
            if _is_command(project, inner, inner.scopes[value.site.scope]):
                return True
    return False


def _is_command(project: Project, facts: ModuleFacts, function: Scope) -> bool:
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
    _run(project, facts, 0, functions, main=True, stop=False, depth=0)
    for path, function in ((facts.path, 0), *functions):
        inner = project.modules[path]
        for statement, _, call in _called_in(project, inner, function):
            if call is None or (function == 0 and not _runs(inner, statement, main=True)):
                continue
            if _parses(project, inner, call) and project.callee(inner, call) not in cli.CONFIGURATIONS:
                return True
        if any(
            inner.function_of(scope) == function and (function or _runs(inner, statement, main=True))
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


# --- which imports can move ---


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
        run = _run(project, facts, function, {}, main=False, stop=True, depth=0)
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


# --- entry points ---


def entries(project: Project) -> list[Entry]:
    """Return the programs for which it pays to start light."""
    known = project.answers.get("entries")
    if isinstance(known, list):
        return known
    found: dict[tuple[str, int], Entry] = {}
    for declared in project.entry_points:
        module, _, attribute = declared.partition(":")
        path = module_path(project, module)
        if path is None:
            continue
        facts = project.modules[path]
        if not attribute:
            made = _program(project, facts)
            found[path, -1] = made or _entry(facts)
            continue
        for value in project.member(path, attribute.partition(".")[0]):
            if value.kind == "function" and value.site is not None:
                found[value.site.path, value.site.scope] = _console_script(project, value.site)
            elif value.kind != "unknown":
                found[path, -1] = _entry(facts)
    for facts in project.modules.values():
        if (facts.path, -1) not in found and not project.is_test(facts) and (made := _program(project, facts)):
            found[made.path, made.function] = made
    project.answers["entries"] = list(found.values())
    return list(found.values())


def _entry(facts: ModuleFacts) -> Entry:
    return Entry(facts.path, -1, "console script", Place(facts.path, 1, "declared as a program"), ALL, {})


def _console_script(project: Project, site: Site) -> Entry:
    facts = project.modules[site.path]
    scope = facts.scopes[site.scope]
    if _is_command(project, facts, scope):
        place = Place(site.path, scope.line, "the arguments are read before this runs")
        return Entry(site.path, site.scope, "arguments", place, ALL, {})
    early: dict[Site, int] = {site: ALL}
    run = _run(project, facts, site.scope, early, main=False, stop=True, depth=0)
    early[site] = run.last
    place = run.place or Place(site.path, scope.line, "declared as a program")
    return Entry(site.path, site.scope, "arguments" if run.place else "console script", place, ALL, early)


def _program(project: Project, facts: ModuleFacts) -> Entry | None:
    """Return the program that a file is, None if it is none or if it does not pay to start light."""
    guarded = project.is_script(facts) is not None
    if not guarded and not _may_parse(project, facts):
        return None
    early: dict[Site, int] = {}
    run = _run(project, facts, 0, early, main=True, stop=True, depth=0)
    imported = _first_import_that_parses(project, facts) if guarded or run.place else None
    if imported is not None and imported.statement < run.last:
        place = Place(facts.path, imported.line, "the arguments are read by a module that this loads")
        return Entry(facts.path, -1, "arguments", place, imported.statement, early)
    if run.place is not None:
        return Entry(facts.path, -1, "arguments", run.place, run.last, early)
    return _reimported(project, facts, early) if guarded and not facts.path.endswith("/__main__.py") else None


def _reimported(project: Project, facts: ModuleFacts, ran_in_parent: Mapping[Site, int]) -> Entry | None:
    """Return the program as its own workers load it: under spawn and forkserver each of them imports the script again.

    What a worker runs may need a library in the worker: every function that the program hands to something, and every
    method of what looks like a Dataset.
    """
    place = None
    needs: set[str] = set()
    inside: dict[Site, int] = {}
    made = {id(loader.call) for loader in loaders(project) if loader.confidence and loader.methods - {"fork"}}
    calls = [
        (module, call)
        for path, scope in ((facts.path, 0), *ran_in_parent)
        for module in (project.modules[path],)
        for _, _, call in _called_in(project, module, scope)
        if call is not None
    ]
    for module, call in calls:
        if id(call) in made:
            needs.add("torch")
        starts = id(call) in made or _starts_process(project, module, call)
        if starts:
            place = place or Place(module.path, call.line, "its workers import it again")
        if starts or _last_name(call.func).endswith(("Dataset", "Compose")):
            needs |= _used_with(project, module, call)
    if place is None:
        return None
    for module, call in calls:
        for each in (*call.args, *(value for _, value in call.keywords)):
            if isinstance(each, (Name, Attribute)) and not _is_given(project, module, each, call.scope):
                values = project.values(each, Where(module, call.scope, call.statement))
                _add_inside(project, inside, (value.site for value in values if value.kind == "function"))
    for site in project.classes() if needs else ():
        names = project.scope(site).bindings
        if "__getitem__" in names or "__iter__" in names or "__getitems__" in names:
            methods = [binding.target for each in names.values() for binding in each if binding.how == "def"]
            _add_inside(project, inside, (Site(site.path, method) for method in methods))
    return Entry(facts.path, -1, "workers", place, ALL, inside, frozenset(needs))


def _used_with(project: Project, facts: ModuleFacts, call: Call) -> set[str]:
    """Return the slow libraries that the function around a call uses: its workers may get something made of them."""
    function = facts.function_of(call.scope)
    found: set[str] = set()
    for name, uses in facts.uses.items():
        if any(facts.function_of(use.scope) == function for use in uses):
            for binding in facts.scopes[0].bindings[name]:
                if binding.how == "import":
                    statement = facts.imports[binding.target]
                    for edge in _edges_of(project, facts, binding.target, statement):
                        found |= {_roots(project, target.name)[0] for target in edge.targets if target.path is None}
    return found - {""}


def _add_inside(project: Project, inside: dict[Site, int], sites: Iterable[Site | None]) -> None:
    for site in sites:
        if site is not None and site not in inside:
            inside[site] = ALL
            _run(project, project.modules[site.path], site.scope, inside, main=False, stop=False, depth=1)


def _starts_process(project: Project, facts: ModuleFacts, call: Call) -> bool:
    """Whether the call makes processes that may be spawned."""
    if _last_name(call.func) not in ("Pool", "Process", "ProcessPoolExecutor", "spawn", "start_processes"):
        return False
    for value in project.called(facts, call):
        if value.kind == "external" and value.name in HANDOVERS:
            return True
        made = value.of
        if value.kind == "part" and made is not None and made.name in CONTEXTS and isinstance(made.expr, Call):
            where = made.where or Where(facts, call.scope, call.statement)
            return bool(context_methods(project, made.expr, where) - {"fork"})
    return False


def _may_parse(project: Project, facts: ModuleFacts) -> bool:
    """Whether the module's top level calls something by the name of what reads arguments: a quick look."""
    return any(_last_name(func) in _parsing_names(project) for _, func, _ in _called_in(project, facts, 0))


def _parsing_names(project: Project) -> set[str]:
    """Return the names of everything that reads arguments, and of the project's functions that call such a name."""
    known = project.answers.get("parsing-names")
    if isinstance(known, set):
        return known
    found = {*cli.METHODS, *(name.rpartition(".")[2] for name in cli.FUNCTIONS)}
    commands = {name.rpartition(".")[2] for name in cli.DECORATORS}
    called_by: dict[str, set[str]] = {}
    for facts in project.modules.values():
        for statement in facts.imports:
            for each in statement.names:
                if each.asname:
                    called_by.setdefault(each.name.rpartition(".")[2], set()).add(each.asname)
        for scope in facts.scopes:
            if scope.kind != "function":
                continue
            if any(_last_name(each.func if isinstance(each, Call) else each) in commands for each in scope.decorators):
                found.add(_called_name(facts, scope))
        for call in facts.calls:
            scope = facts.scopes[facts.function_of(call.scope)]
            if scope.kind == "function":
                called_by.setdefault(_last_name(call.func), set()).add(_called_name(facts, scope))
        for name, bindings in facts.scopes[0].bindings.items():
            for binding in bindings:
                if isinstance(binding.value, Call) and any(
                    each.endswith(f".{_last_name(binding.value.func)}") for each in cli.APPLICATIONS
                ):
                    found.add(name)
    queue = deque(found)
    while queue:
        for caller in called_by.get(queue.popleft(), ()):
            if caller not in found:
                found.add(caller)
                queue.append(caller)
    project.answers["parsing-names"] = found
    return found


def _called_name(facts: ModuleFacts, function: Scope) -> str:
    """Return the name by which a function is called: for a constructor its class's."""
    return function.name if function.name != "__init__" else facts.scopes[function.parent].name


def _last_name(expr: Expr) -> str:
    return expr.attr if isinstance(expr, Attribute) else expr.id if isinstance(expr, Name) else ""


def _first_import_that_parses(project: Project, facts: ModuleFacts) -> Edge | None:
    """Return the first import of a program that loads a module which reads the arguments while it is imported."""
    for edge in edges(project, facts, main=True):
        for target in edge.targets:
            if target.path and _reads_arguments_at_import(project, target.path):
                return edge
    return None


def _reads_arguments_at_import(project: Project, path: str) -> bool:
    key = ("reads-arguments-at-import", path)
    if key not in project.answers:
        facts = project.modules[path]
        project.answers[key] = (
            _may_parse(project, facts) and _run(project, facts, 0, {}, main=False, stop=True, depth=0).place is not None
        )
    return project.answers[key] is True


# --- slow libraries on the way, and where to cut ---


def _roots(project: Project, name: str) -> tuple[str, frozenset[str]]:
    """Return which slow library importing a library's module loads itself ("" for none), and which it brings along."""
    key = ("slow", name)
    known = project.answers.get(key)
    if not isinstance(known, tuple):
        known = project.answers[key] = _look_up(project, name)
    return known


def _look_up(project: Project, name: str) -> tuple[str, frozenset[str]]:
    for extra in project.extra_heavy | (project.heavy_modules or frozenset()):
        if name == extra or name.startswith(f"{extra}."):
            return extra, heavy.brings(name)
    if project.heavy_modules is not None:
        return "", frozenset(each for each in heavy.brings(name) if each in project.heavy_modules)
    return heavy.root(name), heavy.brings(name)


def _leads(project: Project, target: Target, root: str) -> bool:
    """Whether a library's module may load the slow library: what brings scipy along may well bring scipy.stats."""
    own, along = _roots(project, target.name)
    return own == root or root.partition(".")[0] in along


def _certainly_leads(project: Project, name: str, root: str) -> bool:
    own, along = _roots(project, name)
    return own == root or root in along


class _World(NamedTuple):
    """What all programs load together, once for all.

    Attributes:
        early: functions that run while a module is imported.
        leads: per slow library, the files whose import ends up loading it.
        forced: per slow library, those of them in which no statement can move that would avoid it.
        roots: per file, the slow libraries that importing it certainly loads.
    """

    early: Mapping[Site, int]
    leads: Mapping[str, set[str]]
    forced: Mapping[str, set[str]]
    roots: Mapping[str, set[str]]


def _start_edges(project: Project, entry: Entry, path: str) -> list[Edge]:
    facts = project.modules[path]
    main = path == entry.path and entry.function < 0 and entry.reason != "workers"
    found = edges(project, facts, main=main)
    if main:
        found = [edge for edge in found if edge.statement <= entry.last]
    if path == entry.path and entry.reason != "workers":
        for site, last in entry.early.items():
            inner = project.modules[site.path]
            for number, statement in enumerate(inner.imports):
                if inner.function_of(statement.scope) == site.scope and statement.statement <= last:
                    found = found + [edge._replace(names=()) for edge in _edges_of(project, inner, number, statement)]
    return found


def _start_paths(project: Project, entry: Entry) -> list[str]:
    """Return the files that a program begins with: its own, and its packages' where it can only run as a module."""
    facts = project.modules[entry.path]
    as_module = entry.function >= 0 or any(statement.level for statement in facts.imports)
    return [entry.path, *(packages_around(project, entry.path) if as_module else ())]


def _world(project: Project) -> _World:
    early: dict[Site, int] = {}
    backwards: dict[str, list[tuple[str, bool]]] = {}
    loaded: dict[str, dict[str, bool]] = {}
    starts = [(entry, path) for entry in entries(project) for path in _start_paths(project, entry)]
    queue = deque(path for entry, path in starts if entry.function >= 0 or path != entry.path)
    queue.extend(
        target.path
        for entry, path in starts
        for edge in _start_edges(project, entry, path)
        for target in edge.targets
        if target.path
    )
    libraries = {
        target.name
        for entry, path in starts
        for edge in _start_edges(project, entry, path)
        for target in edge.targets
        if not target.path
    }
    seen: set[str] = set()
    while queue:
        path = queue.popleft()
        if path in seen:
            continue
        seen.add(path)
        facts = project.modules[path]
        early.update(ran(project, facts))
        for edge in edges(project, facts):
            stays = not edge.names or _needs_any(project, edge)
            for target in edge.targets:
                if target.path is not None:
                    backwards.setdefault(target.path, []).append((path, stays))
                    queue.append(target.path)
                else:
                    libraries.add(target.name)
                    into = loaded.setdefault(target.name, {})
                    into[path] = into.get(path, False) or stays
    found = {root for name in libraries for root in (_roots(project, name)[0],) if root}
    brought = {root for name in libraries for root in _roots(project, name)[1]}
    found |= {root for root in brought if _roots(project, root)[0] == root}
    leads: dict[str, set[str]] = {}
    forced: dict[str, set[str]] = {}
    roots: dict[str, set[str]] = {}
    for root in found:
        direct = [
            item
            for name, paths in loaded.items()
            if _leads(project, Target(None, name), root)
            for item in paths.items()
        ]
        leads[root] = _spread({path for path, _ in direct}, backwards, stays_only=False)
        forced[root] = _spread({path for path, stays in direct if stays}, backwards, stays_only=True)
        certain = {path for name in loaded if _certainly_leads(project, name, root) for path in loaded[name]}
        for path in _spread(certain, backwards, stays_only=False):
            roots.setdefault(path, set()).add(root)
    return _World(early, leads, forced, roots)


def _spread(start: set[str], backwards: Mapping[str, list[tuple[str, bool]]], *, stays_only: bool) -> set[str]:
    """Return the files from which imports lead to the files; with ``stays_only`` by imports that can't move."""
    found = set(start)
    queue = deque(found)
    while queue:
        for path, stays in backwards.get(queue.popleft(), ()):
            if path not in found and (stays or not stays_only):
                found.add(path)
                queue.append(path)
    return found


class _Found(NamedTuple):
    edge: Edge
    via: tuple[Place, ...]


def _roots_of(project: Project, world: _World, entry: Entry) -> set[str]:
    """Return the slow libraries that a program loads before it has read its arguments."""
    found: set[str] = set()
    for path in _start_paths(project, entry):
        for edge in _start_edges(project, entry, path):
            for target in edge.targets:
                if target.path is not None:
                    found |= world.roots.get(target.path, set())
                else:
                    found |= {root for root in world.leads if _certainly_leads(project, target.name, root)}
    return found


def _cuts_for(project: Project, entry: Entry, world: _World, root: str) -> list[_Found] | None:
    """Return the statements, nearest to the program, that have to move for it not to load a slow library.

    What leads there only through an import of the library that has to move anyway is none of them. None if there is a
    way to the library that can't be cut.
    """
    if root in entry.needs:
        return None
    leads, forced = world.leads[root], world.forced[root]
    found: list[_Found] = []
    stack: list[tuple[str, tuple[Place, ...]]] = [(path, ()) for path in _start_paths(project, entry)]
    seen = {path for path, _ in stack}
    while stack:
        path, via = stack.pop()
        for edge in _start_edges(project, entry, path):
            inner = [target.path for target in edge.targets if target.path is not None and target.path in leads]
            outer = any(target.path is None and _leads(project, target, root) for target in edge.targets)
            if not inner and not outer:
                continue
            # what a worker unpickles loads modules by itself: only the script's own imports are sure to be saved
            own = path == entry.path and not any(target.path for target in edge.targets)
            if (own or entry.reason != "workers") and _can_move(project, (world.early, entry.early), edge):
                found.append(_Found(edge, via))
                continue
            if outer or any(each in forced for each in inner):
                return None
            for each in inner:
                if each not in seen:
                    seen.add(each)
                    name = project.modules[each].name
                    stack.append((each, (*via, Place(edge.path, edge.line, f"loads `{name}`"))))
    return _without_spare(project, leads, root, found)


def _without_spare(project: Project, leads: Collection[str], root: str, found: list[_Found]) -> list[_Found]:
    """Leave out imports of project modules that load the library only through its imports that were found as well."""
    moved = frozenset(
        each.edge
        for each in found
        if any(target.path is None and _leads(project, target, root) for target in each.edge.targets)
    )
    if not moved or len(moved) == len(found):
        return found
    key = ("still", root, moved)
    still = project.answers.get(key)
    if not isinstance(still, set):
        backwards: dict[str, list[tuple[str, bool]]] = {}
        start: set[str] = set()
        for path in leads:
            for edge in edges(project, project.modules[path]):
                if edge in moved:
                    continue
                for target in edge.targets:
                    if target.path in leads and target.path is not None:
                        backwards.setdefault(target.path, []).append((path, False))
                    elif target.path is None and _leads(project, target, root):
                        start.add(path)
        still = start | _spread(start, backwards, stays_only=False)
        project.answers[key] = still
    return [each for each in found if each.edge in moved or any(target.path in still for target in each.edge.targets)]


def _needs_any(project: Project, edge: Edge) -> bool:
    facts = project.modules[edge.path]
    return any(needed(project, facts, name) for name in edge.names)


def _can_move(project: Project, early: tuple[Mapping[Site, int], ...], edge: Edge) -> bool:
    if edge.number < 0 or not edge.names or _needs_any(project, edge):
        return False
    facts = project.modules[edge.path]
    return not any(_used_early(runs, facts, name) for runs in early for name in edge.names)


def _used_early(early: Mapping[Site, int], facts: ModuleFacts, name: str) -> bool:
    """Whether a function that runs at start-up, or one inside it, uses the name before the arguments are read."""
    for use in facts.uses.get(name, ()):
        function = outermost(facts, use.scope)
        last = early.get(Site(facts.path, function))
        if last is None:
            continue
        if last == ALL or top_statement(facts, function, use.statement) <= top_statement(facts, function, last):
            return True
    return False


def cuts(project: Project) -> dict[str, list[Cut]]:
    """Return, per file, the import statements that make programs start faster when they move."""
    known = project.answers.get("cuts")
    if isinstance(known, dict):
        return known
    made: dict[str, list[Cut]] = {}
    if project.heavy_imports == "everywhere":
        made = _everywhere(project)
    elif project.heavy_imports == "startup":
        made = _at_startup(project)
    project.answers["cuts"] = made
    return made


class _Merged(NamedTuple):
    names: dict[str, None]
    roots: dict[str, int]
    entries: dict[tuple[str, int], Entry]
    via: tuple[Place, ...]
    own: bool


def _at_startup(project: Project) -> dict[str, list[Cut]]:
    merged: dict[tuple[str, int], _Merged] = {}
    world = _world(project)
    for entry in entries(project):
        answers = {root: _cuts_for(project, entry, world, root) for root in _roots_of(project, world, entry)}
        kept = frozenset(root for root, found in answers.items() if found is None)
        base = heavy.estimate(kept)
        answers = {
            root: found
            for root, found in answers.items()
            if not heavy.estimate(frozenset({root})) or heavy.estimate(kept | {root}) - base >= heavy.SLOW
        }
        mine: dict[tuple[str, int], set[str]] = {}
        for root, found in sorted(answers.items()):
            for edge, via in found or ():
                key = (edge.path, edge.number)
                mine.setdefault(key, set()).add(root)
                own = all(target.path is None for target in edge.targets)
                if key not in merged:
                    onward = () if own else _onward(project, edge, world, root)
                    merged[key] = _Merged({}, {}, {}, (*via, *onward), own)
                merged[key].names.update(dict.fromkeys(edge.names))
                merged[key].entries.setdefault((entry.path, entry.function), entry)
        for key, roots in mine.items():
            saved = heavy.estimate(kept | roots) - base
            for root in roots:
                merged[key].roots[root] = max(merged[key].roots.get(root, 0), saved)
    made: dict[str, list[Cut]] = {}
    for (path, index), each in sorted(merged.items()):
        saved = max(each.roots.values())
        made.setdefault(path, []).append(
            Cut(
                path,
                index,
                tuple(each.names),
                _shown(each),
                saved,
                each.own,
                tuple(each.entries.values()),
                each.via,
            )
        )
    return made


def _shown(merged: _Merged) -> tuple[str, ...]:
    """Return the slow libraries to name: not those that only come along with another one."""
    roots = sorted(merged.roots, key=lambda root: (-heavy.estimate(frozenset((root,))), root))
    brought = {part for root in roots for part in heavy.brings(root)}
    first = [root for root in roots if root.partition(".")[0] not in brought]
    return tuple(first or roots)


def _onward(project: Project, edge: Edge, world: _World, root: str) -> tuple[Place, ...]:
    """Return the hops from a project module that an edge loads to the import of the slow library."""
    leads = world.leads[root]
    queue: deque[tuple[str, tuple[Place, ...]]] = deque(
        (target.path, ()) for target in edge.targets if target.path in leads and target.path is not None
    )
    seen = {path for path, _ in queue}
    while queue:
        path, via = queue.popleft()
        for inner in edges(project, project.modules[path]):
            for target in inner.targets:
                if target.path is None and _leads(project, target, root):
                    return (*via, Place(inner.path, inner.line, f"loads `{target.name}`"))
                if target.path in leads and target.path is not None and target.path not in seen:
                    seen.add(target.path)
                    queue.append((target.path, (*via, Place(inner.path, inner.line, f"loads `{target.name}`"))))
    return ()


def _everywhere(project: Project) -> dict[str, list[Cut]]:
    made: dict[str, list[Cut]] = {}
    for facts in project.modules.values():
        if project.is_test(facts):
            continue
        for edge in edges(project, facts):
            roots = {_roots(project, target.name)[0] for target in edge.targets if target.path is None} - {""}
            if roots and _can_move(project, (ran(project, facts),), edge):
                saved = heavy.estimate(frozenset(roots))
                made.setdefault(facts.path, []).append(
                    Cut(facts.path, edge.number, edge.names, tuple(sorted(roots)), saved, True, (), ())
                )
    return made


def before_what(cut: Cut) -> str:
    """Say in words which programs load something too early: "before `train.py` has read its arguments"."""
    if not cut.entries:
        return "as soon as this module is imported"
    first = next((entry for entry in cut.entries if entry.reason != "workers"), cut.entries[0])
    name = first.path.rpartition("/")[2]
    more = len(cut.entries) - 1
    others = f" and {more} more program{'s' * (more > 1)}" if more else ""
    if first.reason == "workers":
        return f"in each worker that imports `{name}`{others} again"
    read = any(entry.reason == "arguments" for entry in cut.entries)
    has, its = ("have", "their") if more else ("has", "its")
    return f"before `{name}`{others} {f'{has} read {its} arguments' if read else f'{has} started'}"


def slow_libraries(cut: Cut) -> str:
    """Say in words what is loaded and what it costs: "`torch` (about 1.9 s)"."""
    *others, last = (f"`{root}`" for root in cut.roots)
    names = f"{', '.join(others)} and {last}" if others else last
    return f"{names} (about {cut.milliseconds / 1000:.1f} s)" if cut.milliseconds else names


def import_in_words(facts: ModuleFacts, number: int, names: Iterable[str]) -> str:
    """Return an import statement with only the names that matter, shortened: "from a import b, c, …"."""
    statement = facts.imports[number]
    wanted = set(names)
    words = []
    for each in statement.names:
        bound = each.asname or (each.name if statement.is_from else each.name.partition(".")[0])
        if bound in wanted:
            words.append(f"{each.name} as {each.asname}" if each.asname else each.name)
    listed = ", ".join(words[:3]) + (", …" if len(words) > 3 else "")
    return (
        f"from {'.' * statement.level}{statement.module or ''} import {listed}"
        if statement.is_from
        else f"import {listed}"
    )
