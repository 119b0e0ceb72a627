"""Which statements and functions start worker processes, and how that is known, hop by hop.

Making a loader, a ``Process`` or a ``ProcessPoolExecutor`` starts nothing; iterating the loader, ``.start()``,
``submit``, ``Pool(...)`` do (the evidence table guard: every case was run).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from dlsafe_lint.analysis import commands
from dlsafe_lint.analysis.counts import positive
from dlsafe_lint.analysis.events import (
    CONSTRUCTORS,
    EAGER,
    METHODS,
    NOT_RUN,
    Event,
    Read,
    events,
    is_property,
    last,
    unreached,
    used,
)
from dlsafe_lint.analysis.workers import context_methods, is_always_passed, loader_of
from dlsafe_lint.apis.workers import (
    ALWAYS_SPAWN,
    CHAINED,
    COMMAND_APPS,
    CONSUMERS,
    CONTEXTS,
    KEEPERS,
    LOADERS,
    LOADERS_HELD,
    OWN_LOADERS,
    POOL_METHODS,
    POOLS,
    RETURNING_SELF,
    RUNNERS,
    START_METHOD_ARGUMENTS,
    STARTERS,
    TESTS,
    Consumer,
    OwnLoader,
)
from dlsafe_lint.facts import (
    Attribute,
    Call,
    Collection,
    Derived,
    Entered,
    Expr,
    Lambda,
    ModuleFacts,
    Name,
    dotted,
    walk,
)
from dlsafe_lint.facts import Literal as Constant
from dlsafe_lint.finding import START_METHODS, Place
from dlsafe_lint.project import Frame, Project, Site, Value, Where, taken_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlsafe_lint.analysis.workers import Loader
    from dlsafe_lint.facts import Block, Store
    from dlsafe_lint.finding import Confidence, StartMethod

Kind: TypeAlias = Literal["loader", "pool", "process", "executor", "manager", "spawn"]

_ALL = frozenset(START_METHODS)
_REIMPORTING: frozenset[StartMethod] = frozenset({"spawn", "forkserver"})
_SPAWN: frozenset[StartMethod] = frozenset({"spawn"})
_DEEP = 2
_WIDE = 12
_TELLING = frozenset({*CONSUMERS, *KEEPERS, *CONTEXTS, *POOLS, "functools.partial", "dict", "multiprocessing.Process"})
_MAX_CALLS = 12
_MAX_EVENTS = 4000
_MAX_QUESTIONS = 50_000
"""How many calls and loops at most are looked at for one program, and how many expressions are evaluated for that."""


class Start(NamedTuple):
    """Worker processes are started.

    Attributes:
        kind: by what, because each fails in its own way.
        words: what starts them ("DataLoader(num_workers=4)").
        confidence: how sure it is that they are started.
        methods: the start methods that they may have.
        names: the functions called on the way, outermost first ("main", "train").
        via: the same with its places, down to where the loader is made.
        exits: the call, on the way, that ends the process in a worker before it gets there ("unittest.main").
    """

    kind: Kind
    words: str
    confidence: Confidence
    methods: frozenset[StartMethod]
    names: tuple[str, ...] = ()
    via: tuple[Place, ...] = ()
    exits: str = ""

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


class _Edge(NamedTuple):
    """The body of a function runs; ``exits`` as in `Start`."""

    body: Site
    frame: Frame | None
    name: str
    line: int
    certain: bool
    exits: str = ""


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
    for event in events(project, facts).get(0, ()):
        walk.nothing.clear()
        walk.told_apart.clear()
        start = walk.event(facts, event, None)
        if start is not None:
            found.append(ImportStart(event, start))
    if found and always_forks(project, facts):
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


def always_forks(project: Project, facts: ModuleFacts) -> bool:
    """Tell whether a module sets the start method to fork, and only that, when it is imported."""
    set_to = [start_method(project, *setting) for _, setting, _ in _calls_that_set(project).get(facts.path, ())]
    return bool(set_to) and all(methods == {"fork"} for methods in set_to)


class _Set(NamedTuple):
    """The call of ``set_start_method`` in the module ``facts``."""

    facts: ModuleFacts
    call: Call


def _calls_that_set(project: Project) -> dict[str, list[tuple[Call, _Set, bool]]]:
    """Return per module the calls made when it is imported that set the start method, themselves or in a function.

    With each stands whether a worker that runs the functions on the way repeats it.
    """

    def table() -> dict[str, list[tuple[Call, _Set, bool]]]:
        made: dict[str, list[tuple[Call, _Set, bool]]] = {}
        for name in ("set_start_method", *sorted(project.renamed.get("set_start_method", ()))):
            for facts, call in project.calls_by_name.get(name, ()):
                if project.callee(facts, call) == "multiprocessing.set_start_method":
                    found = _Set(facts, call)
                    for caller, at, repeated in _made_at_import(project, facts, call, found):
                        made.setdefault(caller.path, []).append((at, found, repeated))
        return made

    return project.answer("set start method", table)


def _made_at_import(
    project: Project, facts: ModuleFacts, call: Call, setting: _Set, depth: int = 0
) -> Iterator[tuple[ModuleFacts, Call, bool]]:
    """Yield the calls at import time by which a call is made: itself, or calls of the function in which it stands."""
    repeated = _is_repeated(project, facts, call, setting)
    if facts.runs_at_import(call.scope):
        yield facts, call, repeated
        return
    scope = facts.scopes[facts.function_of(call.scope)]
    if depth < _DEEP and scope.kind == "function":
        for caller, each in project.callers(Site(facts.path, scope.index)):
            for at, outer, again in _made_at_import(project, caller, each, setting, depth + 1):
                yield at, outer, again and repeated


def start_method(project: Project, facts: ModuleFacts, call: Call) -> frozenset[StartMethod]:
    """Return the start methods that a call of ``set_start_method`` may set."""
    argument = project.argument(facts, call, "method", 0)
    return context_methods(project, *argument) if argument else _ALL


class MethodSet(NamedTuple):
    """A call of ``set_start_method`` that each worker repeats when it imports the module.

    Attributes:
        call: the call, of ``set_start_method`` or of a function that calls it.
        methods: what it may set.
        start: the workers that then die.
        via: from the program that starts them to where it does.
    """

    call: Call
    methods: frozenset[StartMethod]
    start: Start
    via: tuple[Place, ...]

    @property
    def words(self) -> str:
        """What is called ("set_start_method")."""
        return _words(self.call).rpartition(".")[2]


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
    found = []
    for call, setting, repeated in _calls_that_set(project).get(facts.path, ()):
        methods = start_method(project, *setting)
        if methods == {"fork"} or not repeated:
            continue
        started = _started_by_program(project, facts)
        if started is not None:
            start, via = started
            if setting.call is not call:
                via = (Place(setting.facts.path, setting.call.line, f"`{_words(setting.call)}` is called here"), *via)
            found.append(MethodSet(call, methods, start, via))
    return found


def _is_repeated(project: Project, facts: ModuleFacts, call: Call, setting: _Set) -> bool:
    """Whether a worker that runs the function or module makes the call, and nothing catches its error or forces it."""
    if call.statement in unreached(project, facts):
        return False
    force = project.argument(setting.facts, setting.call, "force", 1)
    if force is not None and force[0] != Constant(value=False):
        return False
    for block in facts.enclosing_blocks(call.statement):
        if block.kind in ("guard", *NOT_RUN) or (block.kind == "try" and _is_caught(facts, block)):
            return False
        asked = [other for other in facts.calls if other.statement == block.statement] if block.kind != "body" else []
        # `if get_start_method(allow_none=True) is None`, `with suppress(RuntimeError)`
        if any(last(other.func) in ("get_start_method", "suppress") for other in asked):
            return False
    return True


def _is_caught(facts: ModuleFacts, block: Block) -> bool:
    """Whether a ``try`` may catch the RuntimeError of what runs in it: unless all that it catches is other errors."""
    for handler in facts.blocks:
        if handler.kind != "except" or handler.statement != block.statement:
            continue
        caught = handler.test.items if isinstance(handler.test, Collection) else [handler.test]
        if not all(isinstance(each, Name) and each.id in _OTHER_ERRORS for each in caught):
            return True
    return False


_OTHER_ERRORS = frozenset(
    {
        *("ValueError", "TypeError", "AttributeError", "ImportError", "ModuleNotFoundError", "OSError", "KeyError"),
        *("NameError", "LookupError", "IndexError", "AssertionError", "PermissionError", "EnvironmentError"),
        *("KeyboardInterrupt", "SystemExit", "NotImplementedError", "EOFError", "ArithmeticError"),
    }
)
"""What does not catch a RuntimeError; a subclass of it doesn't either."""


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
                if other.runs_at_import(statement.scope) and not statement.lazy and not blocks & {"guard", *NOT_RUN}:
                    for target in project.targets(other, statement):
                        if target.path and target.path != other.path:
                            made.setdefault(target.path, []).append((other, statement.line))
        return made

    return project.answer("importers", table).get(facts.path, [])


def freezing(project: Project, facts: ModuleFacts) -> list[Call]:
    """Return the calls of ``multiprocessing.freeze_support`` in a module.

    It does nothing in a program that is not frozen into an executable (documentation of multiprocessing), wherever it
    stands: so it is never a fault by itself, and never a guard.
    """
    calls = [call for other, call in project.calls_by_name.get("freeze_support", ()) if other is facts]
    return [call for call in calls if project.callee(facts, call) == "multiprocessing.freeze_support"]


def waits_for_itself(project: Project, facts: ModuleFacts) -> bool:
    """Tell whether a module that others import sends functions of its own through a pool while it is imported.

    The thread that pickles the tasks imports the module of the function, and waits until its import has ended: for
    ever, under every start method (seen with ``Pool.map`` and ``ProcessPoolExecutor.map``, forked, CPython 3.11).
    """
    if not importers(project, facts):
        return False
    for event in events(project, facts).get(0, ()):
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


class _Walk:
    """Follows the calls of one program, each with the arguments that it passes."""

    def __init__(self, project: Project, guarded: bool = False) -> None:
        self.project = project
        self.guarded = guarded
        self.stack: list[Site] = []
        self.left = _MAX_EVENTS
        self.until = project.asked + _MAX_QUESTIONS
        self.cut = False
        self.roughly = False
        self.nothing: set[object] = set()
        self.told_apart: dict[object, tuple[Expr, Where, object]] = {}

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
        for event in events(self.project, facts).get(site.scope, ()):
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
        for event in events(self.project, facts).get(site.scope, ()):
            if not self.guarded and facts.in_block(event.statement, "guard"):
                continue
            for each in self.found(event, Where(facts, event.scope, event.statement)):
                if isinstance(each, Start):
                    found[None] = None
                else:
                    found.update(dict.fromkeys(self.overridden(each.body)))
            found.update(dict.fromkeys(self.of_subclasses(facts, site, event)))
            if self.may_be_given(facts, site, event):
                found[None] = None
        self.roughly = outer
        return list(found)

    def may_be_given(self, facts: ModuleFacts, site: Site, event: Event) -> bool:
        """Tell whether a loop is over a parameter of a function that the project calls by other names than its own."""
        scope = facts.scopes[site.scope]
        if scope.name not in self.project.answer("handed", lambda: _handed(self.project)):
            return False
        if isinstance(event, Call) and last(event.func) not in EAGER | METHODS:
            return False
        params = {param.name for param in scope.params}
        return any(isinstance(expr, Name) and expr.id in params for expr in walk(used(event)))

    def of_subclasses(self, facts: ModuleFacts, site: Site, event: Event) -> Iterator[Site | None]:
        """Yield what only subclasses have of what a method uses: ``self.step()``, ``for batch in self.loader``."""
        scope = facts.scopes[site.scope]
        if scope.kind != "function" or not scope.params or facts.scopes[scope.parent].kind != "class":
            return
        subclasses = self.project.subclasses(Site(site.path, scope.parent))
        iterates = not isinstance(event, Call) or last(event.func) in EAGER | METHODS
        for expr in walk(used(event)) if subclasses else ():
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
        if scope.name in CONSTRUCTORS or scope.kind != "function" or facts.scopes[scope.parent].kind != "class":
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
        """Return what tells the values of an argument apart; one call may have many callees, all with its arguments."""
        key = (id(expr), id(where), depth)
        if key not in self.told_apart:
            made = frozenset(self.identified(value, depth) for value in self.project.values(expr, where, 1))
            self.told_apart[key] = (expr, where, made)  # held, so that no other ones get their identities
        return self.told_apart[key][2]

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
        if self.left <= 0 or self.project.asked > self.until:
            self.cut = True
            return None
        self.left -= 1
        where = Where(facts, event.scope, event.statement, frame)
        if self.project.is_off(facts.statements[event.statement].block, where):
            return None
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
        return start._replace(
            names=(edge.name, *start.names),
            via=(hop, *start.via),
            confidence=confidence,
            exits=edge.exits or start.exits,
        )

    def found(self, event: Event, where: Where) -> Iterator[Start | _Edge]:
        match event:
            case Call():
                yield from self.called(event, where)
            case Entered(value):
                yield from self.entered(value, where, where.facts.statements[event.statement].line)
            case Read(attribute):
                yield from self.read(attribute, where, where.facts.statements[event.statement].line)
            case _:
                yield from self.iterated(used(event), where, where.facts.statements[event.statement].line)

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
                case "unknown" if isinstance(call.func, Attribute) and call.func.attr in METHODS:
                    yield from self.inherited(call.func, call, where)
                case "made" if callee.name == "functools.partial" and isinstance(callee.expr, Call) and callee.where:
                    yield from self.partial(callee.expr, callee.where, call, where)
                case _:
                    yield from self.library(_named(callee), callee, call, where, certain)
        if isinstance(call.func, Attribute):  # `args.func(args)`
            for site in commands.defaults(self.project, call.func.attr, where.facts):
                yield _Edge(site, None, self.project.scope(site).name, call.line, False)

    def function(self, callee: Value, call: Call, where: Where, certain: bool) -> Iterator[_Edge]:
        if callee.site is None:
            return
        scope = self.project.scope(callee.site)
        if not scope.is_generator:
            frame = self.project.bind(callee.site, where.facts, call, where, callee.of)
            passed = (
                frame.args if certain and frame is not None and any(key is None for key, _ in call.keywords) else ()
            )
            certain &= all(is_always_passed(self.project, call, where, name) for name in passed)
            yield _Edge(callee.site, frame, _shown(self.project, callee), call.line, certain)
        for wrapper in commands.wrappers(self.project, callee.site):
            if wrapper.site is not None and wrapper.site != callee.site:
                frame = self.project.bind(wrapper.site, where.facts, call, where, callee.of)
                yield _Edge(wrapper.site, frame, _shown(self.project, callee), call.line, certain)
        # a group of commands runs the one that the command line names
        for command in commands.commands(self.project, callee):
            yield _Edge(command, None, self.project.scope(command).name, call.line, False)

    def partial(self, made: Call, at: Where, call: Call, where: Where) -> Iterator[_Edge]:
        """Look at a call of ``partial(function, …)``: its arguments stand before those of the call."""
        same = made.scope == call.scope and where.facts is at.facts
        both = made._replace(
            args=(*made.args[1:], *(call.args if same else ())),
            keywords=(*made.keywords, *(call.keywords if same else ())),
        )
        for value in self.project.values(made.args[0], at, 1) if made.args else ():
            if value.kind == "function" and value.site:
                frame = self.project.bind(value.site, at.facts, both, at, value.of) if same else None
                yield _Edge(value.site, frame, _shown(self.project, value), call.line, True)

    def constructed(self, callee: Value, call: Call, where: Where, certain: bool) -> Iterator[Start | _Edge]:
        made = Value("instance", callee.name, callee.site, call, where)
        yield from self.methods(made, CONSTRUCTORS, call, where, certain)
        if callee.site and self.project.method(callee.site, "__init__") is None:
            for name, base in self.libraries(made):
                if name in CONSUMERS or name in STARTERS:
                    yield from self.library(name, base, call, where, certain)

    def methods(
        self, receiver: Value, names: Iterable[str], call: Call, where: Where, certain: bool
    ) -> Iterator[_Edge]:
        for name in names:
            method = self.project.method(receiver.site, name) if receiver.site else None
            if method:
                frame = self.project.bind(method, where.facts, call, where, receiver)
                shown = receiver.name if name in CONSTRUCTORS else f"{receiver.name}.{name}"
                yield _Edge(method, frame, shown, call.line, certain)

    def inherited(self, func: Attribute, call: Call, where: Where) -> Iterator[Start | _Edge]:
        """Look at a method that an instance of a project class has from a library's class."""
        for receiver in self.project.values(func.value, where):
            for name, base in self.libraries(receiver):
                yield from self.library(f"{name}.{func.attr}", base, call, where, True)

    def libraries(self, receiver: Value) -> Iterator[tuple[str, Value]]:
        """Yield the classes of libraries from which an instance of a class of the project derives, with the instance.

        What a context of multiprocessing makes (``class Worker(ctx.Process)``) stands there in its place.
        """
        if receiver.kind != "instance" or receiver.site is None:
            return
        for base in self.project.ancestors(receiver.site):
            if base.site is None:
                yield base.name, receiver
                continue
            facts, scope = self.project.modules[base.site.path], self.project.scope(base.site)
            for expr in scope.bases:
                if isinstance(expr, Attribute):
                    for value in self.project.values(expr, Where(facts, scope.parent, scope.statement), 1):
                        if value.kind == "part" and value.of is not None and value.of.name in CONTEXTS:
                            yield _named(value), value

    def library(self, name: str, callee: Value, call: Call, where: Where, certain: bool) -> Iterator[Start | _Edge]:
        """Look at a call of something that the tables know."""
        name = name.removesuffix(".__init__")  # of a subclass: `super().__init__(…)`
        if name in STARTERS:
            methods = self.methods_of(name, callee, call, where)
            hop = Place(
                where.facts.path, call.line, _hop(where.facts, where.scope, "starts processes by", _words(call))
            )
            yield Start(STARTERS[name], f"{_words(call)}(…)", "certain" if certain else "likely", methods, (), (hop,))  # type: ignore[arg-type]
        elif name in CONSUMERS:
            consumer = CONSUMERS[name]
            if not consumer.lazily and not self.is_off(consumer, call, where):
                for argument, at in self.consumed(consumer, call, where):
                    yield from self.iterated(argument, at, call.line, consumer)
        elif name in RUNNERS:
            yield from self.run(name, callee, call, where, certain)
        elif name in TESTS:
            for site in commands.tests(self.project, where.facts):
                yield _Edge(site, None, self.project.scope(site).qualname, call.line, False, _words(call))
        owner, _, method = (name, "", "") if name in COMMAND_APPS else name.rpartition(".")
        app = COMMAND_APPS.get(owner)
        if app and method in app.runs:
            for command in commands.commands(self.project, _object(callee)):
                yield _Edge(command, None, self.project.scope(command).name, call.line, False)
        if name not in CONSUMERS:
            while owner.rpartition(".")[2] in RETURNING_SELF:
                owner = owner.rpartition(".")[0]
            own = OWN_LOADERS.get(owner)
            if own and method in own.methods:
                yield from self.own_loaders(own, callee, call, where)
            elif method == "__iter__":
                yield from self.asked(callee, call, where)
            elif method == "run_in_executor":
                yield from self.executed(call, where)

    def is_off(self, consumer: Consumer, call: Call, where: Where) -> bool:
        """Whether a call says that it iterates nothing: ``LightningCLI(run=False)``."""
        passed = self.project.argument_at(call, where, consumer.unless) if consumer.unless else None
        return passed is not None and passed[0] == Constant(value=False)

    def asked(self, callee: Value, call: Call, where: Where) -> Iterator[Start | _Edge]:
        """Look at ``loader.__iter__()``, also of a loader's class by its subclass (``super().__iter__()``)."""
        if callee.kind == "part" and callee.of is not None:
            yield from self.each([callee.of], call.func, where, call.line)
        elif callee.name.removesuffix(".__iter__") in LOADERS:
            scope = where.facts.scopes[where.facts.function_of(where.scope)]
            if self.roughly:
                yield Start("loader", callee.name, "likely", _ALL)
            elif scope.params:
                yield from self.iterated(Name(scope.params[0].name), where, call.line)

    def executed(self, call: Call, where: Where) -> Iterator[Start]:
        """Look at ``loop.run_in_executor(executor, …)``."""
        passed = self.project.argument_at(call, where, "executor", 0)
        for value in self.project.values(*passed) if passed else ():
            if value.name == "concurrent.futures.ProcessPoolExecutor" and value.kind == "made":
                words = _words(call)
                hop = Place(where.facts.path, call.line, _hop(where.facts, where.scope, "starts processes by", words))
                methods = self.methods_of("", value, call, where)
                yield Start("executor", f"{words}(…)", "certain", methods, (), (hop,))

    def run(self, name: str, callee: Value, call: Call, where: Where, certain: bool) -> Iterator[_Edge]:
        """Look at what a call runs that is given a function: ``fire.Fire(main)``, ``Thread(target=main).start()``."""
        runner = RUNNERS[name]
        passed = self.project.argument_at(call, where, runner.name, runner.position)
        if runner.of_object:
            made = _object(callee)
            if not isinstance(made.expr, Call) or made.where is None:
                return
            passed = self.project.argument_at(made.expr, made.where, runner.name, runner.position)
        if passed is not None:
            for value in self.project.values(*passed):
                if value.kind == "function" and value.site:
                    yield _Edge(value.site, None, value.name, call.line, certain)
                elif value.kind == "lambda" and isinstance(value.expr, Lambda) and value.where:
                    body = Site(value.where.facts.path, value.expr.scope)
                    yield _Edge(body, value.where.frame, "<lambda>", call.line, certain)
                elif runner.members:
                    for site in commands.members(self.project, value):
                        yield _Edge(site, None, self.project.scope(site).qualname, call.line, False)
        elif runner.members and not call.args:
            facts = where.facts
            for scope in facts.scopes:
                if scope.kind == "function" and scope.parent == 0:
                    yield _Edge(Site(facts.path, scope.index), None, scope.name, call.line, False)

    def own_loaders(self, own: OwnLoader, callee: Value, call: Call, where: Where) -> Iterator[Start | _Edge]:
        """Look at a method of an object that makes loaders itself, with as many workers as its settings say."""
        made = _object(callee)
        if own.held_by == "method":
            told = self.told(own, call, where)
            if told is not None or own.by_default:
                yield from self.own_start(own, call, where, told)
        elif not isinstance(made.expr, Call) or made.where is None:
            return
        elif own.held_by == "object":
            told = self.told(own, made.expr, made.where)
            if told is not None:
                yield from self.own_start(own, call, where, told)
        else:
            passed = self.project.argument_at(made.expr, made.where, *own.settings)
            if passed is None and made.kind == "instance":
                passed = self.project.argument_at(made.expr, made.where, own.settings[0], 0)
            for value in self.project.values(*passed) if passed else ():
                if value.name in LOADERS_HELD and isinstance(value.expr, Call) and value.where:
                    for argument in value.expr.args:
                        yield from self.iterated(argument, value.where, call.line)
                    continue
                told = self.set_on(own, value)
                at: Value | None = value
                while told is None and at is not None:
                    if isinstance(at.expr, Call) and at.where is not None:
                        told = self.told(own, at.expr, at.where)
                    at = at.of
                known = value.kind in ("made", "part") and _named(value).partition(".")[0] in _OWNERS
                if told is not None or (own.by_default and known):
                    yield from self.own_start(own, call, where, told)

    def set_on(self, own: OwnLoader, value: Value) -> tuple[str, Expr, Where] | None:
        """Return what says how many workers there are and is put into the settings after they are made, the last one.

        ``args.dataloader_num_workers = 4``, ``cfg.DATALOADER.NUM_WORKERS = 4``.
        """

        def table() -> dict[str, list[tuple[ModuleFacts, Store]]]:
            made: dict[str, list[tuple[ModuleFacts, Store]]] = {}
            for facts in self.project.modules.values():
                for store in facts.stores:
                    if store.attr is not None:
                        made.setdefault(store.attr, []).append((facts, store))
            return made

        found = None
        for path in own.workers:
            outer, _, attr = path.rpartition(".")
            for facts, store in self.project.answer("stores by attribute", table).get(attr, ()):
                base = store.base
                if outer and isinstance(base, Attribute) and base.attr == outer:
                    base = base.value
                elif outer:
                    continue
                at = Where(facts, store.scope, store.statement)
                if store.value is not None and any(each.expr is value.expr for each in self.project.values(base, at)):
                    found = (path, store.value, at)
        return found

    def told(self, own: OwnLoader, call: Call, where: Where) -> tuple[str, Expr, Where] | None:
        """Return the keyword of a call that says how many workers there are, and what it says."""
        for keyword in own.workers:
            passed = self.project.argument_at(call, where, keyword)
            if passed is not None:
                return (keyword, *passed)
        return None

    def own_start(
        self, own: OwnLoader, call: Call, where: Where, told: tuple[str, Expr, Where] | None
    ) -> Iterator[Start]:
        confidence = positive(self.project, told[1], told[2]) if told is not None else "likely"
        if confidence is None and not self.roughly:
            return
        hops = [Place(where.facts.path, call.line, f"`{_words(call)}` iterates its loaders")]
        if told is not None:
            line = (
                told[2].facts.statements[told[2].statement].line
                if told[2].statement < len(told[2].facts.statements)
                else 1
            )
            hops.append(Place(told[2].facts.path, line, f"`{told[0]}` is set here"))
        else:
            hops.append(Place(where.facts.path, call.line, f"they have workers unless `{own.workers[0]}` is 0"))
        yield Start("loader", f"{_words(call)}(…)", confidence or "likely", _ALL, (), tuple(hops))

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
                match argument:
                    case Derived("starred", several):  # `zip(*loaders)`
                        yield Derived("each", several), where
                    case _:
                        yield argument, where
        for keyword, position in consumer.arguments:
            passed = self.project.argument_at(call, where, keyword, position)
            if passed:
                yield passed

    def entered(self, entered: Expr, where: Where, line: int) -> Iterator[Start | _Edge]:
        """Look at the ``__enter__`` of a class of the project, or of a library's that starts processes."""
        for value in self.project.values(entered, where):
            method = self.project.method(value.site, "__enter__") if value.kind == "instance" and value.site else None
            if method:
                entering = Frame(method.scope, method.path, {}, True, value)
                yield _Edge(method, entering, f"{value.name}.__enter__", line, True)
            elif value.kind == "generator" and value.site and isinstance(value.expr, Call) and value.where:
                frame = self.project.bind(value.site, value.where.facts, value.expr, value.where, value.of)
                yield _Edge(value.site, frame, _shown(self.project, value), line, True)  # `@contextmanager`
            elif isinstance(value.expr, Call):
                owners = [(_named(value), value)] if value.kind == "made" else self.libraries(value)
                for name, owner in owners:
                    yield from self.library(f"{name}.__enter__", owner, value.expr, where, True)

    def read(self, attribute: Attribute, where: Where, line: int) -> Iterator[_Edge]:
        """Look at the property of a class of the project that is read."""
        for value in self.project.values(attribute.value, where):
            method = (
                self.project.method(value.site, attribute.attr) if value.kind == "instance" and value.site else None
            )
            if method and is_property(self.project.scope(method)):
                frame = Frame(method.scope, method.path, {}, True, value)
                yield _Edge(method, frame, f"{value.name}.{attribute.attr}", line, True)

    def iterated(
        self, iterable: Expr, where: Where, line: int, consumer: Consumer | None = None, depth: int = 0
    ) -> Iterator[Start | _Edge]:
        """Look at what is iterated by a loop or by a call of ``consumer``."""
        yield from self.each(self.project.values(iterable, where), iterable, where, line, consumer, depth)

    def each(
        self,
        values: list[Value],
        iterable: Expr,
        where: Where,
        line: int,
        consumer: Consumer | None = None,
        depth: int = 0,
    ) -> Iterator[Start | _Edge]:
        certain = len(values) == 1
        hooks = consumer.hooks if consumer is not None else ()
        inside = consumer is not None and consumer.inside
        for value in values if depth < 6 else ():
            root, _ = taken_from(value)
            value = root if root.name in CHAINED else value
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
                        yield from self.hooked(value, consumer, where, line, depth)
                case "class" if value.site and hooks:
                    made = Value("instance", value.name, value.site)
                    yield from self.hooked(made, consumer, where, line, depth)
                case "generator" if value.site and isinstance(value.expr, Call) and value.where:
                    frame = self.project.bind(value.site, value.where.facts, value.expr, value.where, value.of)
                    yield _Edge(value.site, frame, _shown(self.project, value), line, certain)
                case "collection" | "comprehension" if inside:
                    yield from self.each(self.within(value), iterable, where, line, consumer, depth + 1)
                case "made" | "part" if isinstance(value.expr, Call) and value.where:
                    yield from self.wrapped(value, value.expr, value.where, line, depth)

    def within(self, value: Value) -> list[Value]:
        """Return what is in a collection: of a dict, the values."""
        match value.expr:
            case Collection("dict", items) if value.where:
                return [each for item in items for each in self.project.values(item, value.where, 1)]
        return self.project.elements(value)

    def wrapped(self, value: Value, call: Call, where: Where, line: int, depth: int) -> Iterator[Start | _Edge]:
        """Look into ``enumerate(loader)``, ``tqdm(loader)``, ``accelerator.prepare(loader)``."""
        name = _named(value)
        consumer = Consumer() if name in KEEPERS else CONSUMERS.get(name)
        if consumer and (consumer.lazily or name in KEEPERS):
            passed = list(self.consumed(consumer, call, where))
            index = value.name.removeprefix("[#").removesuffix("]")
            if name in KEEPERS and value.kind == "part" and index.isdecimal() and int(index) < len(passed):
                passed = [passed[int(index)]]  # `model, loader = accelerator.prepare(model, loader)`
            for argument, at in passed:
                yield from self.iterated(argument, at, line, depth=depth + 1)

    def iterator(self, value: Value, line: int, certain: bool) -> Iterator[_Edge]:
        """Look at the ``__iter__`` and ``__next__`` of a class of the project."""
        for name in ("__iter__", "__next__"):
            method = self.project.method(value.site, name) if value.site else None
            if method:
                frame = Frame(method.scope, method.path, {}, True, value)
                yield _Edge(method, frame, f"{value.name}.{name}", line, certain)

    def hooked(
        self, value: Value, consumer: Consumer | None, where: Where, line: int, depth: int
    ) -> Iterator[Start | _Edge]:
        """Look at the loaders that a module or data module hands to a trainer."""
        inside = (consumer or Consumer())._replace(inside=True)
        for hook in inside.hooks:
            shown = Name(f"{value.name}.{hook}()")
            for method in self.hooks(value, hook):
                if method.kind == "lambda" and isinstance(method.expr, Lambda) and method.where:
                    results = [(method.expr.body, method.where._replace(scope=method.expr.scope))]
                elif method.kind == "function" and method.site:
                    facts = self.project.modules[method.site.path]
                    frame = Frame(method.site.scope, method.site.path, {}, True, value)
                    results = [
                        (result.value, Where(facts, result.scope, result.statement, frame))
                        for result in facts.results
                        if result.scope == method.site.scope
                    ]
                else:
                    continue
                for result, at in results:
                    yield from self.each(self.project.values(result, at), shown, where, line, inside, depth + 1)

    def hooks(self, value: Value, hook: str) -> list[Value]:
        """Return the methods that a module has by the name of a hook: its own, or what its methods put there."""
        if value.site is None:
            return []
        stored = self.project.stores(value.site, hook)
        method = self.project.method(value.site, hook)
        if stored:
            return self.project.instance_attribute(value, hook)
        return [Value("function", hook, method)] if method else []


def _handed(project: Project) -> frozenset[str]:
    """Return the names of functions that stand for more than a call of them: assigned, kept, passed on."""
    defined = {scope.name for facts in project.modules.values() for scope in facts.scopes if scope.kind == "function"}
    found: set[str] = set()
    for facts in project.modules.values():
        exprs: list[Expr] = [
            arg for call in facts.calls for arg in (*call.args, *(given for _, given in call.keywords))
        ]
        exprs += [store.value for store in facts.stores if store.value is not None]
        exprs += [each.value for scope in facts.scopes for bound in scope.bindings.values() for each in bound]
        exprs += [result.value for result in facts.results] + [each.iterable for each in facts.iterations]
        exprs += [call.func for call in facts.calls if not isinstance(call.func, (Name, Attribute))]
        for expr in exprs:
            for inner in _not_called(expr):
                if last(inner) in defined:
                    found.add(last(inner))
    return frozenset(found)


def _not_called(expr: Expr) -> Iterator[Expr]:
    """Yield the names in an expression but for those that calls in it call."""
    called = {id(inner.func) for inner in walk(expr) if isinstance(inner, Call)}
    yield from (inner for inner in walk(expr) if isinstance(inner, (Name, Attribute)) and id(inner) not in called)


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


def _object(callee: Value) -> Value:
    """Return the object whose method is called, whichever of its methods returned it before."""
    found = callee.of if callee.kind == "part" and callee.of is not None else callee
    while found.kind == "part" and found.of is not None and found.name.removesuffix("()") in RETURNING_SELF:
        found = found.of
    return found


_OWNERS = frozenset(name.partition(".")[0] for name in OWN_LOADERS)
"""The libraries whose objects make loaders themselves."""


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
