"""Which statements and functions start worker processes, and how that is known, hop by hop.

Making a loader, a ``Process`` or a ``ProcessPoolExecutor`` starts nothing; iterating the loader, ``.start()``,
``submit``, ``Pool(...)`` do (the evidence table guard: every case was run).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from dlsafe_lint.apis.workers import (
    ALWAYS_SPAWN,
    COMMAND_APPS,
    CONSUMERS,
    CONTEXTS,
    KEEPERS,
    OWN_LOADERS,
    POOL_METHODS,
    POOLS,
    RUNNERS,
    START_METHOD_ARGUMENTS,
    STARTERS,
    Consumer,
)
from dlsafe_lint.facts import (
    Attribute,
    Call,
    Collection,
    Compared,
    Derived,
    Expr,
    Iteration,
    Lambda,
    ModuleFacts,
    Name,
    Result,
    dotted,
    walk,
)
from dlsafe_lint.facts import Literal as Constant
from dlsafe_lint.finding import START_METHODS, Place
from dlsafe_lint.project import Frame, Project, Site, Value, Where
from dlsafe_lint.workers import context_methods, loader_of, positive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlsafe_lint.finding import Confidence, StartMethod
    from dlsafe_lint.workers import Loader

Kind: TypeAlias = Literal["loader", "pool", "process", "executor", "manager", "spawn"]

_ALL = frozenset(START_METHODS)
_REIMPORTING: frozenset[StartMethod] = frozenset({"spawn", "forkserver"})
_SPAWN: frozenset[StartMethod] = frozenset({"spawn"})
_NOT_RUN = ("typing", "never", "unguarded")
_CONSTRUCTORS = ("__new__", "__init__", "__post_init__")
_DEEP = 2
_WIDE = 12
_TELLING = frozenset({*CONSUMERS, *KEEPERS, *CONTEXTS, *POOLS, "functools.partial", "dict", "multiprocessing.Process"})
_MAX_CALLS = 12
_MAX_EVENTS = 4000


class Start(NamedTuple):
    """Worker processes are started.

    Attributes:
        kind: by what, because each fails in its own way.
        words: what starts them ("DataLoader(num_workers=4)").
        confidence: how sure it is that they are started.
        methods: the start methods that they may have.
        names: the functions called on the way, outermost first ("main", "train").
        via: the same with its places, down to where the loader is made.
    """

    kind: Kind
    words: str
    confidence: Confidence
    methods: frozenset[StartMethod]
    names: tuple[str, ...] = ()
    via: tuple[Place, ...] = ()

    @property
    def breaks(self) -> frozenset[StartMethod]:
        """The default start methods under which its workers import the main module anew.

        Workers that are spawned on request are so whatever the default is.
        """
        if not self.methods & _REIMPORTING:
            return frozenset()
        return _ALL if self.methods <= _REIMPORTING else _REIMPORTING


class ImportStart(NamedTuple):
    """A statement that starts workers when its module is imported.

    ``at`` is the call or the loop that does; its statement is ``at.statement``.
    """

    at: Event
    start: Start

    @property
    def call(self) -> int | None:
        """The number of the call, None for a loop."""
        return self.at.number if isinstance(self.at, Call) else None


Event: TypeAlias = "Call | Iteration | Result"


class _Edge(NamedTuple):
    """The body of a function runs."""

    body: Site
    frame: Frame | None
    name: str
    line: int
    certain: bool


def starts(project: Project, site: Site, frame: Frame | None = None) -> Start | None:
    """Tell whether calling a function starts workers.

    Args:
        project: the project.
        site: the function.
        frame: the arguments of the call; None: whatever the project's calls pass.

    Returns:
        The first start that is certain, else the first that is likely; None if none is known.
    """
    return _Walk(project).body(site, frame)


def at_import(project: Project, facts: ModuleFacts, *, guarded: bool = False) -> list[ImportStart]:
    """Return the statements of a module that start workers when it is imported, in source order.

    Args:
        project: the project.
        facts: the module.
        guarded: include what runs under a main guard.
    """
    key = ("starts", facts.path, guarded)
    known = project.answers.get(key)
    if isinstance(known, list):
        return known
    walk = _Walk(project, guarded)
    found = []
    for event in _events(project, facts).get(0, ()):
        walk.nothing.clear()
        start = walk.event(facts, event, None)
        if start is not None:
            found.append(ImportStart(event, start))
    if found and _forks(project, facts):
        found = []
    project.answers[key] = found
    return found


def unguarded(project: Project, facts: ModuleFacts) -> list[ImportStart]:
    """Return the statements of a module that start workers and run again in each of these workers.

    A ``__main__.py`` does not: the workers of ``python -m package`` don't import it. Tests are run by a tool.
    """
    if facts.path.endswith("/__main__.py") or project.is_test(facts):
        return []
    return at_import(project, facts)


def _forks(project: Project, facts: ModuleFacts) -> bool:
    """Whether the module sets the start method to fork, and only that, when it is imported."""
    set_to = [start_method(project, facts, call) for call in _set_calls(project, facts)]
    return bool(set_to) and all(methods == {"fork"} for methods in set_to)


def _set_calls(project: Project, facts: ModuleFacts) -> list[Call]:
    return [
        call
        for call in facts.calls
        if _last(call.func) in _spelled(project, "set_start_method")
        and facts.runs_at_import(call.scope)
        and project.callee(facts, call) == "multiprocessing.set_start_method"
    ]


def _spelled(project: Project, name: str) -> set[str]:
    return {name} | project.renamed.get(name, set())


def start_method(project: Project, facts: ModuleFacts, call: Call) -> frozenset[StartMethod]:
    """Return the start methods that a call of ``set_start_method`` may set."""
    argument = project.argument(facts, call, "method", 0)
    return context_methods(project, *argument) if argument else _ALL


class MethodSet(NamedTuple):
    """A call of ``set_start_method`` that each worker repeats when it imports the module.

    Attributes:
        call: the call.
        methods: what it may set.
        start: the workers that then die.
        via: from the program that starts them to where it does.
    """

    call: Call
    methods: frozenset[StartMethod]
    start: Start
    via: tuple[Place, ...]


def methods_set_at_import(project: Project, facts: ModuleFacts) -> list[MethodSet]:
    """Return the calls of ``set_start_method`` in a module that fail in the workers of a program that imports it.

    Workers are told the start method before they import anything, and it can be set once. Forked workers import
    nothing.

    Args:
        project: the project.
        facts: the module.
    """
    if project.is_test(facts):
        return []
    calls = [call for call in _set_calls(project, facts) if _is_repeated(project, facts, call)]
    found = []
    for call in calls:
        methods = start_method(project, facts, call)
        if methods == {"fork"}:
            continue
        started = _started_by_program(project, facts)
        if started is not None:
            found.append(MethodSet(call, methods, *started))
    return found


def _is_repeated(project: Project, facts: ModuleFacts, call: Call) -> bool:
    """Whether a worker that imports the module makes the call, and nothing catches its error or forces it."""
    force = project.argument(facts, call, "force", 1)
    if force is not None and force[0] != Constant(value=False):
        return False
    for block in facts.enclosing_blocks(call.statement):
        if block.kind in ("guard", "try", *_NOT_RUN):
            return False
        asked = [other for other in facts.calls if other.statement == block.statement] if block.kind != "body" else []
        # `if get_start_method(allow_none=True) is None`, `with suppress(RuntimeError)`
        if any(_last(other.func) in ("get_start_method", "suppress") for other in asked):
            return False
    return True


def _started_by_program(project: Project, facts: ModuleFacts) -> tuple[Start, tuple[Place, ...]] | None:
    """Return what a program starts that imports the module when it starts, the module itself first."""
    for program, hops in _programs(project, facts):
        if program.path.endswith("/__main__.py") and program is facts:
            continue
        for found in at_import(project, program, guarded=True):
            statement = program.statements[found.at.statement]
            hop = Place(program.path, statement.line, f"starts workers: `{chain(found.start)}`")
            return found.start, (*hops, hop)
    return None


def _programs(project: Project, facts: ModuleFacts) -> Iterator[tuple[ModuleFacts, tuple[Place, ...]]]:
    """Yield the modules that import a module at import time, itself first, with the imports that lead there."""
    todo: list[tuple[ModuleFacts, tuple[Place, ...]]] = [(facts, ())]
    seen = {facts.path}
    while todo:
        at, hops = todo.pop(0)
        yield at, hops
        for importer, line in importers(project, at):
            if importer.path not in seen:
                seen.add(importer.path)
                todo.append((importer, (Place(importer.path, line, f"imports `{at.name}`"), *hops)))


def importers(project: Project, facts: ModuleFacts) -> list[tuple[ModuleFacts, int]]:
    """Return the modules that import a module when they are imported themselves, and the lines of these imports."""

    def table() -> dict[str, list[tuple[ModuleFacts, int]]]:
        made: dict[str, list[tuple[ModuleFacts, int]]] = {}
        for other in project.modules.values():
            for statement in other.imports:
                blocks = {block.kind for block in other.enclosing_blocks(statement.statement)}
                if other.runs_at_import(statement.scope) and not statement.lazy and not blocks & {"guard", *_NOT_RUN}:
                    for target in project.targets(other, statement):
                        if target.path and target.path != other.path:
                            made.setdefault(target.path, []).append((other, statement.line))
        return made

    return project.answer("importers", table).get(facts.path, [])


def waits_for_itself(project: Project, facts: ModuleFacts) -> bool:
    """Tell whether a module that others import sends functions of its own through a pool while it is imported.

    The thread that pickles the tasks imports the module of the function, and waits until its import has ended: for
    ever, under every start method (seen with ``Pool.map`` and ``ProcessPoolExecutor.map``, forked, CPython 3.11).
    """
    if not importers(project, facts):
        return False
    for event in _events(project, facts).get(0, ()):
        if (
            not isinstance(event, Call)
            or not isinstance(event.func, Attribute)
            or facts.in_block(event.statement, "guard")
        ):
            continue
        if not any(event.func.attr == method for _, method in POOL_METHODS):
            continue
        callees = [_named(callee) for callee in project.called(facts, event)]
        pools = [f"{pool}.{event.func.attr}" for pool in POOLS]
        sent = project.argument(facts, event, "func", 0)
        if sent and any(name in pools for name in callees):
            values = project.values(*sent)
            return any(value.kind == "function" and value.site and value.site.path == facts.path for value in values)
    return False


def chain(start: Start) -> str:
    """Return the way to the workers in one line: "main() → train() → DataLoader(num_workers=4)"."""
    return " → ".join([*(f"{name}()" for name in start.names), start.words])


def _events(project: Project, facts: ModuleFacts) -> dict[int, list[Event]]:
    """Return the calls and loops of each function of a module, in source order; 0 is what runs at import."""
    key = ("events", facts.path)
    known = project.answers.get(key)
    if isinstance(known, dict):
        return known
    table: dict[int, list[Event]] = {}
    chained: list[Event] = [*facts.iterations, *facts.calls]
    chained += [result for result in facts.results if result.how == "yield from"]
    chained.sort(key=lambda event: event.statement)
    alive = _alive(project)
    for event in chained:
        if not _matters(facts, event, alive):
            continue
        if not any(facts.in_block(event.statement, kind) for kind in _NOT_RUN):
            table.setdefault(facts.function_of(event.scope), []).append(event)
    project.answers[key] = table
    return table


def _alive(project: Project) -> frozenset[str]:
    """Return the names of functions and classes that may start workers, going by names alone.

    Many functions neither loop over anything that could be a loader nor call one that does: calls of them need not be
    looked at. This keeps large projects cheap.
    """
    return project.answer("alive", lambda: _named_alive(project))


def _named_alive(project: Project) -> frozenset[str]:
    starting = _starting(project)
    callers: dict[str, set[str]] = {}
    todo = set(starting)
    for facts in project.modules.values():
        owners = _owners(facts)
        for scope in facts.scopes:
            for base in scope.bases:
                callers.setdefault(_last(base), set()).add(scope.name)
        for iteration in facts.iterations:
            if not _plain(iteration.iterable):
                todo |= owners[facts.function_of(iteration.scope)]
        for result in facts.results:
            if result.how == "yield from":
                todo |= owners[result.scope]
        for call in facts.calls:
            own = owners[facts.function_of(call.scope)]
            name = _last(call.func)
            if name in _EAGER and not all(_plain(arg) for arg in call.args):
                todo |= own
            elif name:
                callers.setdefault(name, set()).update(own)
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo |= callers.get(name, set())
            todo |= project.renamed.get(name, set())
    return frozenset(found)


def _owners(facts: ModuleFacts) -> list[set[str]]:
    """Return per scope the names by which it is run: a constructor by its class's name too."""
    owners = []
    for scope in facts.scopes:
        names = {scope.name} if scope.kind == "function" else set()
        if scope.name in _CONSTRUCTORS and facts.scopes[scope.parent].kind == "class":
            names.add(facts.scopes[scope.parent].name)
        owners.append(names)
    return owners


def _starting(project: Project) -> set[str]:
    """Return the last names of the library calls that may start workers, if the project mentions their owners."""
    mentioned = set(project.calls_by_name)
    for facts in project.modules.values():
        for statement in facts.imports:
            mentioned |= {part for each in statement.names for part in each.name.split(".")}
        for scope in facts.scopes:
            mentioned |= {_last(base) for base in scope.bases}
    found = set()
    for name in (*STARTERS, *CONSUMERS, *RUNNERS):
        owner, _, own = name.rpartition(".")
        owner = owner.removesuffix(".from_argparse_args").rpartition(".")[2]
        if own not in _EAGER and (not owner[:1].isupper() or owner in mentioned):
            found.add(own)
    for name, trainer in OWN_LOADERS.items():
        if name.rpartition(".")[2] in mentioned:
            found |= trainer.methods
    return found


def _matters(facts: ModuleFacts, event: Event, alive: frozenset[str]) -> bool:
    """Whether a call or loop may start workers, going by names alone."""
    if isinstance(event, Iteration):
        return not _plain(event.iterable)
    if isinstance(event, Result):
        return True
    name = _last(event.func)
    if name in alive:
        return True
    if name in _EAGER:
        return not all(_plain(arg) for arg in event.args)
    if not isinstance(event.func, Name):
        return not name
    scope = facts.resolve(name, event.scope)
    return scope >= 0 and any(each.how not in ("import", "def", "class") for each in facts.scopes[scope].bindings[name])


def _last(expr: Expr) -> str:
    return expr.id if isinstance(expr, Name) else expr.attr if isinstance(expr, Attribute) else ""


def _plain(expr: Expr) -> bool:
    """Whether what is iterated is no loader, by the looks of it."""
    match expr:
        case Call(_, Name("range")) | Constant() | Compared():
            return True
        case Call(_, Attribute(_, attr)):
            return attr in _PLAIN_METHODS
        case Call(_, Name("enumerate" | "zip" | "reversed" | "sorted" | "list" | "set" | "tuple" | "len"), args):
            return all(_plain(arg) for arg in args)
        case Collection(_, items):
            return not any(isinstance(item, Derived) for item in items)
    return False


_PLAIN_METHODS = frozenset(
    {
        *("items", "keys", "values", "split", "splitlines", "readlines", "glob", "rglob", "iterdir", "walk", "listdir"),
        *("parameters", "named_parameters", "modules", "named_modules", "children", "named_children", "state_dict"),
        *("finditer", "findall", "iterrows", "itertuples", "tolist", "permutations", "combinations", "groupby"),
        *("size", "view", "sum", "mean", "max", "min", "item", "copy", "sort", "argsort", "unique", "arange"),
    }
)
"""Methods whose results are looped over everywhere and hold no loaders that are iterated themselves."""

_EAGER = frozenset(name for name, consumer in CONSUMERS.items() if "." not in name and not consumer.lazily)
"""Built-in functions that iterate what they are given."""

_METHODS = frozenset(
    {
        *(name.rpartition(".")[2] for table in (STARTERS, CONSUMERS) for name in table),
        *(method for own in OWN_LOADERS.values() for method in own.methods),
    }
)
"""Last names of what the tables know."""


class _Walk:
    """Follows the calls of one program, each with the arguments that it passes."""

    def __init__(self, project: Project, guarded: bool = False) -> None:
        self.project = project
        self.guarded = guarded
        self.stack: list[Site] = []
        self.left = _MAX_EVENTS
        self.cut = False
        self.roughly = False
        self.nothing: set[object] = set()

    def body(self, site: Site, frame: Frame | None) -> Start | None:
        """Return what the body of a function starts."""
        if not self.may_start(site):
            return None
        if site in self.stack or len(self.stack) >= _MAX_CALLS:
            self.cut = True
            return None
        key = ("start", site, self.signature(frame), self.guarded)
        if key in self.project.answers:
            known = self.project.answers[key]
            return known if isinstance(known, Start) else None
        if key in self.nothing:
            self.cut = True
            return None
        facts = self.project.modules[site.path]
        outer, self.cut = self.cut, False
        self.stack.append(site)
        found: Start | None = None
        for event in _events(self.project, facts).get(site.scope, ()):
            start = self.event(facts, event, frame)
            if start is not None and (found is None or start.confidence == "certain"):
                found = start
                if start.confidence == "certain":
                    break
        self.stack.pop()
        if found is not None or not self.cut:
            self.project.answers[key] = found
        else:
            # what a recursive call cut short may be more when asked from elsewhere, but not in this statement
            self.nothing.add(key)
        self.cut = self.cut or outer
        return found

    def may_start(self, site: Site) -> bool:
        """Tell whether a function may start workers whatever it is given: it or what it calls iterates some loader.

        Which calls pass what is left out, so that every function is looked at once only.
        """
        known: dict[Site, bool] = self.project.answer(("may start", self.guarded), dict)
        if site in known:
            return known[site]
        seen = {site}
        todo = [site]
        while todo:
            at = todo.pop()
            for edge in self.rough(at):
                if edge is None or known.get(edge):
                    known[site] = True
                    return True
                if edge not in seen and edge not in known:
                    seen.add(edge)
                    todo.append(edge)
        known.update(dict.fromkeys(seen, False))
        return False

    def rough(self, site: Site) -> list[Site | None]:
        """Return what a function calls, None among them where it starts workers if it iterates a loader with any."""
        return self.project.answer(("rough", site, self.guarded), lambda: self.roughly_found(site))

    def roughly_found(self, site: Site) -> list[Site | None]:
        facts = self.project.modules[site.path]
        found: dict[Site | None, None] = {}
        outer, self.roughly = self.roughly, True
        for event in _events(self.project, facts).get(site.scope, ()):
            if not self.guarded and facts.in_block(event.statement, "guard"):
                continue
            for each in self.found(event, Where(facts, event.scope, event.statement)):
                if isinstance(each, Start):
                    found[None] = None
                else:
                    found.update(dict.fromkeys(self.overridden(each.body)))
            found.update(dict.fromkeys(self.of_subclasses(facts, site, event)))
        self.roughly = outer
        return list(found)

    def of_subclasses(self, facts: ModuleFacts, site: Site, event: Event) -> Iterator[Site | None]:
        """Yield what only subclasses have of what a method uses: ``self.step()``, ``for batch in self.loader``."""
        scope = facts.scopes[site.scope]
        if scope.kind != "function" or not scope.params or facts.scopes[scope.parent].kind != "class":
            return
        subclasses = self.project.subclasses(Site(site.path, scope.parent))
        used = event.iterable if isinstance(event, Iteration) else event.value if isinstance(event, Result) else event
        iterates = not isinstance(event, Call) or _last(event.func) in _EAGER | _METHODS
        for expr in walk(used) if subclasses else ():
            match expr:
                case Attribute(Name(owner), attr) if owner == scope.params[0].name:
                    for subclass in subclasses:
                        method = self.project.method(subclass, attr)
                        if method and isinstance(event, Call) and event.func is expr:
                            yield method
                        elif not method and iterates:
                            yield from [None] * bool(self.project.stores(subclass, attr))

    def overridden(self, method: Site) -> list[Site]:
        """Return a function and, if it is a method, what overrides it."""
        facts = self.project.modules[method.path]
        scope = facts.scopes[method.scope]
        if scope.name in _CONSTRUCTORS or scope.kind != "function" or facts.scopes[scope.parent].kind != "class":
            return [method]
        found = [method]
        for site in self.project.subclasses(Site(method.path, scope.parent)):
            inner = self.project.modules[site.path].scopes[site.scope].bindings.get(scope.name, ())
            found += [Site(site.path, binding.target) for binding in inner if binding.how == "def"]
        return found

    def signature(self, frame: Frame | None) -> object:
        """Return what tells the calls of a function apart, as far as it can matter to what they start."""
        if frame is None:
            return None
        passed = tuple(
            (name, self.identity(expr, where, 0)) for name, (expr, where) in sorted(frame.args.items(), key=_first)
        )
        return (frame.complete, passed, self.identified(frame.receiver, 0) if frame.receiver else None)

    def identity(self, expr: Expr, where: Where, depth: int) -> object:
        return frozenset(self.identified(value, depth) for value in self.project.values(expr, where, 1))

    def identified(self, value: Value, depth: int) -> object:
        """Return what tells a value apart from others that start other workers when they are used."""
        loader = loader_of(self.project, value)
        if loader is not None:
            return ("loader", id(loader.call), loader.confidence, loader.methods)
        match value.kind:
            case "literal" if isinstance(value.expr, Constant):
                plain = value.expr.value
                return plain if plain in START_METHODS or not isinstance(plain, str) else ""
            case "function" | "class":
                return (value.kind, value.site)
            case "part" if value.of is not None:
                return ("part", value.name, self.identified(value.of, depth))
            case "instance" | "generator" | "made" if isinstance(value.expr, Call) and value.where and depth < _DEEP:
                if value.kind != "made" or value.name in _TELLING:
                    args = [*value.expr.args, *(passed for _, passed in value.expr.keywords)]
                    return (
                        value.name,
                        value.site,
                        tuple(self.identity(arg, value.where, depth + 1) for arg in args),
                    )
            case "collection" if isinstance(value.expr, Collection) and value.where and depth < _DEEP:
                at = value.where
                return ("collection", tuple(self.identity(item, at, depth + 1) for item in value.expr.items[:_WIDE]))
            case "lambda" | "comprehension":
                return (value.kind, id(value.expr))
        return (value.kind, value.name, value.site)

    def event(self, facts: ModuleFacts, event: Event, frame: Frame | None) -> Start | None:
        """Return what a call or loop starts."""
        if not self.guarded and facts.in_block(event.statement, "guard"):
            return None
        if self.left <= 0:
            self.cut = True
            return None
        self.left -= 1
        where = Where(facts, event.scope, event.statement, frame)
        best: Start | None = None
        for found in self.found(event, where):
            start = self.followed(found, facts, event.scope) if isinstance(found, _Edge) else found
            if start is not None and start.methods & _REIMPORTING:
                if start.confidence == "certain":
                    return start
                best = best or start
        return best

    def followed(self, edge: _Edge, facts: ModuleFacts, scope: int) -> Start | None:
        start = self.body(edge.body, edge.frame)
        if start is None:
            return None
        hop = Place(facts.path, edge.line, _hop(facts, scope, "calls", edge.name))
        confidence = start.confidence if edge.certain else "likely"
        return start._replace(names=(edge.name, *start.names), via=(hop, *start.via), confidence=confidence)

    def found(self, event: Event, where: Where) -> Iterator[Start | _Edge]:
        match event:
            case Iteration(iterable):
                yield from self.iterated(iterable, where, where.facts.statements[event.statement].line)
            case Result(_, value):
                yield from self.iterated(value, where, where.facts.statements[event.statement].line)
            case Call():
                yield from self.called(event, where)

    # --- calls ---

    def called(self, call: Call, where: Where) -> Iterator[Start | _Edge]:
        callees = self.project.values(call.func, where)
        certain = len(callees) == 1
        for callee in callees:
            match callee.kind:
                case "function" if callee.site:
                    yield from self.function(callee, call, where, certain)
                case "class" if callee.site:
                    yield from self.constructed(callee, call, where, certain)
                case "instance" if callee.site:
                    yield from self.methods(callee, ("__call__",), call, where, certain)
                case "lambda" if isinstance(callee.expr, Lambda) and callee.where:
                    body = Site(callee.where.facts.path, callee.expr.scope)
                    yield _Edge(body, callee.where.frame, "<lambda>", call.line, certain)
                case "unknown" if isinstance(call.func, Attribute) and call.func.attr in _METHODS:
                    yield from self.inherited(call.func, call, where)
                case _:
                    yield from self.library(_named(callee), callee, call, where, certain)

    def function(self, callee: Value, call: Call, where: Where, certain: bool) -> Iterator[_Edge]:
        if callee.site is None:
            return
        scope = self.project.scope(callee.site)
        if not scope.is_generator:
            frame = self.project.bind(callee.site, where.facts, call, where, callee.of)
            yield _Edge(callee.site, frame, _shown(self.project, callee), call.line, certain)
        # a group of commands runs the one that the command line names
        for command in self.commands(where.facts if callee.site.path == where.facts.path else None, scope.name):
            yield _Edge(command, None, self.project.scope(command).name, call.line, False)

    def constructed(self, callee: Value, call: Call, where: Where, certain: bool) -> Iterator[_Edge]:
        made = Value("instance", callee.name, callee.site, call, where)
        yield from self.methods(made, _CONSTRUCTORS, call, where, certain)

    def methods(
        self, receiver: Value, names: Iterable[str], call: Call, where: Where, certain: bool
    ) -> Iterator[_Edge]:
        for name in names:
            method = self.project.method(receiver.site, name) if receiver.site else None
            if method:
                frame = self.project.bind(method, where.facts, call, where, receiver)
                shown = receiver.name if name in _CONSTRUCTORS else f"{receiver.name}.{name}"
                yield _Edge(method, frame, shown, call.line, certain)

    def inherited(self, func: Attribute, call: Call, where: Where) -> Iterator[Start | _Edge]:
        """Look at a method that an instance of a project class has from a library's class."""
        for receiver in self.project.values(func.value, where):
            if receiver.kind == "instance" and receiver.site:
                for base in self.project.ancestors(receiver.site):
                    if base.site is None:
                        yield from self.library(f"{base.name}.{func.attr}", receiver, call, where, True)

    def library(self, name: str, callee: Value, call: Call, where: Where, certain: bool) -> Iterator[Start | _Edge]:
        """Look at a call of something that the tables know."""
        if name in STARTERS:
            methods = self.methods_of(name, callee, call, where)
            hop = Place(
                where.facts.path, call.line, _hop(where.facts, where.scope, "starts processes by", _words(call))
            )
            yield Start(STARTERS[name], f"{_words(call)}(…)", "certain" if certain else "likely", methods, (), (hop,))  # type: ignore[arg-type]
        elif name in CONSUMERS:
            consumer = CONSUMERS[name]
            if not consumer.lazily:
                for argument, at in self.consumed(consumer, call, where):
                    yield from self.iterated(argument, at, call.line, consumer.hooks or None)
        elif name in RUNNERS:
            passed = self.project.argument_at(call, where, *RUNNERS[name])
            for value in self.project.values(*passed) if passed else ():
                if value.kind == "function" and value.site:
                    yield _Edge(value.site, None, value.name, call.line, certain)
        elif callee.kind == "made" and name in COMMAND_APPS and isinstance(call.func, Name):
            for command in self.commands(where.facts, call.func.id):
                yield _Edge(command, None, self.project.scope(command).name, call.line, False)
        else:
            owner, _, method = name.rpartition(".")
            own = OWN_LOADERS.get(owner)
            if own and method in own.methods:
                yield from self.own_loader(own.settings, own.workers, callee, call, where)

    def own_loader(
        self, settings: tuple[str, int], workers: str, callee: Value, call: Call, where: Where
    ) -> Iterator[Start]:
        made = callee.of if callee.kind == "part" else callee
        if made is None or not isinstance(made.expr, Call) or made.where is None:
            return
        passed = self.project.argument_at(made.expr, made.where, *settings)
        for value in self.project.values(*passed) if passed else ():
            if value.kind != "made" or not isinstance(value.expr, Call) or value.where is None:
                continue
            count = self.project.argument_at(value.expr, value.where, workers)
            confidence = positive(self.project, *count) if count else None
            if confidence:
                hops = (
                    Place(where.facts.path, call.line, f"`{_words(call)}` iterates its loaders"),
                    Place(value.where.facts.path, value.expr.line, f"`{workers}` is set here"),
                )
                yield Start("loader", f"{_words(call)}(…)", confidence, _ALL, (), hops)

    def commands(self, facts: ModuleFacts | None, app: str) -> Iterator[Site]:
        """Yield the functions of a module that ``@app.command()`` and the like register."""
        if facts is None:
            return
        for scope in facts.scopes:
            for decorator in scope.decorators:
                called = decorator.func if isinstance(decorator, Call) else decorator
                match called:
                    case Attribute(Name(owner), "command" | "callback" | "default") if owner == app:
                        yield Site(facts.path, scope.index)

    def methods_of(self, name: str, callee: Value, call: Call, where: Where) -> frozenset[StartMethod]:
        """Return the start methods that the processes of a starting call may have."""
        if name in ALWAYS_SPAWN:
            return _SPAWN
        if name in START_METHOD_ARGUMENTS:
            argument = self.project.argument_at(call, where, *START_METHOD_ARGUMENTS[name])
            return context_methods(self.project, *argument) if argument else _SPAWN
        at: Value | None = callee
        while at is not None:
            if isinstance(at.expr, Call) and at.where is not None and at.kind == "made":
                if at.name in CONTEXTS:
                    return context_methods(self.project, at.expr, at.where)
                context = self.project.argument_at(at.expr, at.where, "mp_context", 1)
                if context and at.name == "concurrent.futures.ProcessPoolExecutor":
                    return context_methods(self.project, *context)
            at = at.of
        return _ALL

    # --- loops ---

    def consumed(self, consumer: Consumer, call: Call, where: Where) -> Iterator[tuple[Expr, Where]]:
        """Yield the arguments that a consuming call iterates."""
        if not consumer.arguments:
            for argument in (*call.args, *(value for _, value in call.keywords)):
                yield (argument.value if isinstance(argument, Derived) else argument), where
        for keyword, position in consumer.arguments:
            passed = self.project.argument_at(call, where, keyword, position)
            if passed:
                yield passed

    def iterated(
        self, iterable: Expr, where: Where, line: int, hooks: tuple[str, ...] | None = None, depth: int = 0
    ) -> Iterator[Start | _Edge]:
        """Look at what is iterated. With ``hooks``, also at loaders in collections and at what these methods return."""
        yield from self.each(self.project.values(iterable, where), iterable, where, line, hooks, depth)

    def each(
        self,
        values: list[Value],
        iterable: Expr,
        where: Where,
        line: int,
        hooks: tuple[str, ...] | None,
        depth: int,
    ) -> Iterator[Start | _Edge]:
        certain = len(values) == 1
        for value in values if depth < 6 else ():
            loader = loader_of(self.project, value)
            if loader is not None:
                if loader.confidence or self.roughly:
                    name = value.name.rpartition(".")[2] if value.kind != "part" else "DataLoader"
                    words = f"{name}({loader.workers})"
                    hops = (
                        Place(
                            where.facts.path, line, _hop(where.facts, where.scope, "iterates", dotted(iterable) or name)
                        ),
                        _made(value, loader, words),
                    )
                    confidence = (loader.confidence if certain and not hooks else None) or "likely"
                    yield Start("loader", words, confidence, loader.methods, (), hops)
                continue
            match value.kind:
                case "instance" if value.site:
                    yield from self.iterator(value, line, certain)
                    if hooks:
                        yield from self.hooked(value, hooks, where, line, depth)
                case "generator" if value.site and isinstance(value.expr, Call) and value.where:
                    frame = self.project.bind(value.site, value.where.facts, value.expr, value.where, value.of)
                    yield _Edge(value.site, frame, _shown(self.project, value), line, certain)
                case "collection" | "comprehension" if hooks is not None:
                    yield from self.each(self.project.elements(value), iterable, where, line, hooks, depth + 1)
                case "made" | "part" if isinstance(value.expr, Call) and value.where:
                    yield from self.wrapped(value, value.expr, value.where, line, depth)

    def wrapped(self, value: Value, call: Call, where: Where, line: int, depth: int) -> Iterator[Start | _Edge]:
        """Look into ``enumerate(loader)``, ``tqdm(loader)``, ``accelerator.prepare(loader)``."""
        name = _named(value)
        consumer = Consumer() if name in KEEPERS else CONSUMERS.get(name)
        if consumer and (consumer.lazily or name in KEEPERS):
            for argument, at in self.consumed(consumer, call, where):
                yield from self.iterated(argument, at, line, depth=depth + 1)

    def iterator(self, value: Value, line: int, certain: bool) -> Iterator[_Edge]:
        """Look at the ``__iter__`` and ``__next__`` of a class of the project."""
        for name in ("__iter__", "__next__"):
            method = self.project.method(value.site, name) if value.site else None
            if method:
                frame = Frame(method.scope, method.path, {}, True, value)
                yield _Edge(method, frame, f"{value.name}.{name}", line, certain)

    def hooked(
        self, value: Value, hooks: tuple[str, ...], where: Where, line: int, depth: int
    ) -> Iterator[Start | _Edge]:
        """Look at the loaders that a module or data module hands to a trainer."""
        for hook in hooks:
            method = self.project.method(value.site, hook) if value.site else None
            if method is None:
                continue
            facts = self.project.modules[method.path]
            frame = Frame(method.scope, method.path, {}, True, value)
            for result in facts.results:
                if result.scope == method.scope:
                    at = Where(facts, method.scope, result.statement, frame)
                    values = self.project.values(result.value, at)
                    yield from self.each(values, Name(f"{value.name}.{hook}()"), where, line, hooks, depth + 1)


def _first(item: tuple[str, object]) -> str:
    return item[0]


def _named(value: Value) -> str:
    """Return the library name of a value; what an object has stands under the name of what made it."""
    if value.kind != "part" or value.of is None:
        return value.name
    if value.name.endswith("()"):
        return _named(value.of)
    owner = _named(value.of)
    if value.name.startswith("["):
        return owner
    return f"multiprocessing.{value.name}" if owner in CONTEXTS else f"{owner}.{value.name}"


def _shown(project: Project, callee: Value) -> str:
    if callee.of is not None and callee.of.kind == "instance":
        return f"{callee.of.name}.{callee.name}"
    return callee.name or (project.scope(callee.site).name if callee.site else "")


def _hop(facts: ModuleFacts, scope: int, does: str, what: str) -> str:
    """Return a hop in words: "`main` calls `train`"."""
    function = facts.scopes[facts.function_of(scope)]
    return f"`{function.name}` {does} `{what}`" if function.index else f"the module {does} `{what}`"


def _made(value: Value, loader: Loader, words: str) -> Place:
    if isinstance(value.expr, Call) and value.where is not None:
        return Place(value.where.facts.path, value.expr.line, f"`{words}`")
    return Place(loader.facts.path, loader.call.line, f"`{words}`")


def _words(call: Call) -> str:
    name = dotted(call.func)
    if name is None and isinstance(call.func, Attribute):
        return call.func.attr
    return name or "…"
