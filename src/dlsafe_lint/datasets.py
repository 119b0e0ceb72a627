"""What an object carries when its construction has ended.

Construction is ``__new__``, ``__init__`` and ``__post_init__`` with everything of the project that these call on the
object: methods (inherited ones, ``super()``), properties, functions that are given it. What is stored there and later
set to something else, deleted or cleared on every path is not carried.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.facts import Attribute, Call, Derived, Literal, Name, dotted, walk
from dlsafe_lint.project import Frame, Project, Site, Value, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.facts import Expr, ModuleFacts, Store

CONSTRUCTORS = ("__new__", "__init__", "__post_init__")
_MAX_CALLS = 6
_MAX_EVENTS = 2000

_ADDERS = frozenset({"append", "appendleft", "add", "extend", "insert", "update", "setdefault"})
_CLOSERS = frozenset({"close", "release"})
_TRANSPARENT = frozenset({"with", "try", "finally"})
_BRANCHES = frozenset({"if", "else", "case", "except", "typing"})


class Visit(NamedTuple):
    """One run of a function of the project during the construction of an object.

    Attributes:
        site: the function.
        receiver: the name under which it knows the object.
        frame: its arguments.
        caller, call, statement: the run that called it, by which call (None for a property that is read) of which
            statement; None and -1 for a constructor.
    """

    site: Site
    receiver: str
    frame: Frame | None
    caller: Visit | None = None
    call: Call | None = None
    statement: int = -1


class Carried(NamedTuple):
    """Something that is stored on an object while it is constructed and still is when that has ended.

    Attributes:
        attr: the attribute's name.
        expr, where: what is stored, and where that is evaluated.
        visit: the run of the function that stores it.
        closed: whether the attribute was closed (``self.attr.close()``) on every path afterwards.
        always: whether every construction stores it, as far as blocks tell.
    """

    attr: str
    expr: Expr
    where: Where
    visit: Visit
    closed: bool = False
    always: bool = True


class _Event(NamedTuple):
    how: str  # "store", "add", "drop", "close"
    attr: str
    expr: Expr
    visit: Visit
    statement: int
    trace: tuple[tuple[int, str, int], ...]  # the runs that lead here: number, path, statement of each


class Construction(NamedTuple):
    """How an object is constructed.

    Attributes:
        carried: what it carries in the end.
        functions: every function that runs.
    """

    carried: tuple[Carried, ...]
    functions: frozenset[Site]


def construction(project: Project, site: Site, made: Value | None = None) -> Construction:
    """Follow the construction of an instance of a project class.

    Args:
        project: the project.
        site: the class.
        made: the instance, with the call that makes it; None: made by nobody in particular, so that parameters have
            their defaults and what is passed for them is left out.
    """
    key = ("construction", site)
    known = project.answers.get(key) if made is None else None
    if isinstance(known, Construction):
        return known
    facts = project.modules[site.path]
    nobody = Value("instance", project.scope(site).name, site, where=Where(facts, site.scope, len(facts.statements)))
    run = _Run(project, site, made or nobody)
    for name in CONSTRUCTORS:
        constructor = project.method(site, name)
        if constructor is not None:
            run.enter(constructor, made)
    result = Construction(tuple(run.carried()), frozenset(run.functions))
    if made is None:
        project.answers[key] = result
    return result


def use(project: Project, site: Site, name: str) -> Construction | None:
    """Follow a method that is called on an object as `construction` follows its making.

    Args:
        project: the project.
        site: the object's class.
        name: the method ("__getitem__").

    Returns:
        What the method leaves on the object, and what runs; None if no class of the project has such a method.
    """

    def follow() -> Construction | None:
        method = project.method(site, name)
        if method is None:
            return None
        facts = project.modules[site.path]
        nobody = Value(
            "instance", project.scope(site).name, site, where=Where(facts, site.scope, len(facts.statements))
        )
        run = _Run(project, site, nobody)
        run.enter(method, None)
        return Construction(tuple(run.carried()), frozenset(run.functions))

    return project.answer(("use", site, name), follow)


class _Run:
    """Collects the events of one construction."""

    def __init__(self, project: Project, site: Site, instance: Value) -> None:
        self.project = project
        self.site = site
        self.instance = instance
        self.events: list[_Event] = []
        self.functions: set[Site] = set()
        self.touched: set[tuple[Site, str]] = set()
        self.count = 0

    def enter(self, constructor: Site, made: Value | None) -> None:
        function = self.project.scope(constructor)
        receiver = function.params[0].name if function.params else ""
        if function.name == "__new__":
            receiver = next(
                (
                    result.value.id
                    for result in self.project.modules[constructor.path].results
                    if result.scope == constructor.scope and isinstance(result.value, Name)
                ),
                "",
            )
        frame: Frame | None = Frame(constructor.scope, constructor.path, {}, True, self.instance)
        if made is not None and isinstance(made.expr, Call) and made.where is not None:
            frame = self.project.bind(constructor, made.where.facts, made.expr, made.where, made)
        self.visit(Visit(constructor, receiver, frame), ())

    def visit(self, visit: Visit, trace: tuple[tuple[int, str, int], ...]) -> None:
        if len(trace) > _MAX_CALLS or len(self.events) > _MAX_EVENTS or not visit.receiver:
            return
        at: Visit | None = visit.caller
        while at is not None:
            if at.site == visit.site:
                return
            at = at.caller
        self.functions.add(visit.site)
        self.count += 1
        number = self.count
        facts = self.project.modules[visit.site.path]
        for statement, happening in happenings(self.project, facts, visit.site.scope):
            here = (*trace, (number, facts.path, statement))
            if isinstance(happening, Call):
                self.call(visit, happening, here)
            elif isinstance(happening, Attribute):
                self.read(visit, happening, statement, here)
            else:
                self.store(visit, happening, here)

    def event(self, how: str, attr: str, expr: Expr, visit: Visit, trace: tuple[tuple[int, str, int], ...]) -> None:
        self.events.append(_Event(how, attr, expr, visit, trace[-1][2], trace))

    def store(self, visit: Visit, store: Store, trace: tuple[tuple[int, str, int], ...]) -> None:
        if store.attr is not None and _is(store.base, visit.receiver):
            how = "store" if store.value is not None else "drop"
            self.event(how, store.attr, store.value or Literal(None), visit, trace)
        elif store.key is not None and store.value is not None:
            owner = _attribute_of(store.base, visit.receiver)
            if owner:
                self.event("add", owner, store.value, visit, trace)

    def call(self, visit: Visit, call: Call, trace: tuple[tuple[int, str, int], ...]) -> None:
        match call.func:
            case Name("setattr") if len(call.args) == 3 and _is(call.args[0], visit.receiver):
                if isinstance(call.args[1], Literal):
                    self.event("store", str(call.args[1].value), call.args[2], visit, trace)
                return
            case Name("delattr") if len(call.args) == 2 and _is(call.args[0], visit.receiver):
                if isinstance(call.args[1], Literal):
                    self.event("drop", str(call.args[1].value), Literal(None), visit, trace)
                return
            case Attribute(inner, method):
                owner = _attribute_of(inner, visit.receiver)
                if owner and method in _ADDERS and call.args:
                    item = call.args[-1]
                    spread = method in ("extend", "update")
                    self.event("add", owner, Derived("starred", item) if spread else item, visit, trace)
                elif owner and method == "clear":
                    self.event("drop", owner, Literal(None), visit, trace)
                elif owner and method in _CLOSERS:
                    self.event("close", owner, Literal(None), visit, trace)
        self.follow(visit, call, trace)

    def follow(self, visit: Visit, call: Call, trace: tuple[tuple[int, str, int], ...]) -> None:
        """Enter the functions of the project that the call runs on the object."""
        facts = self.project.modules[visit.site.path]
        where = Where(facts, call.scope, call.statement, visit.frame)
        given = next((index for index, arg in enumerate(call.args) if _is(arg, visit.receiver)), -1)
        match call.func:
            case Attribute(Name(base), method) if base == visit.receiver:
                found = self.project.method(self.site, method)
                targets = [found] if found else []
            case Attribute(Call(_, Name("super")), _):
                targets = self.called(facts, call)
            case Name() | Attribute() if given >= 0:
                targets = self.called(facts, call)
            case _:
                return
        for target in targets:
            function = self.project.scope(target)
            module = self.project.modules[target.path]
            names = {dotted(each) for each in function.decorators}
            if function.is_generator or names & {"staticmethod", "classmethod"} or not function.params:
                continue
            is_method = self.project.receiver(module, function) is not None
            if is_method and given == 0:
                bound = call._replace(args=call.args[1:])  # Base.__init__(self, path)
                receiver = function.params[0].name
            elif is_method:
                bound, receiver = call, function.params[0].name
            else:
                bound = call
                positions = [param.name for param in function.params if param.kind == "positional"]
                receiver = positions[given] if 0 <= given < len(positions) else ""
            frame = self.project.bind(target, facts, bound, where, self.instance)
            self.visit(Visit(target, receiver, frame, visit, call, call.statement), trace)

    def called(self, facts: ModuleFacts, call: Call) -> list[Site]:
        return [value.site for value in self.project.called(facts, call) if value.kind == "function" and value.site]

    def read(self, visit: Visit, attribute: Attribute, statement: int, trace: tuple[tuple[int, str, int], ...]) -> None:
        """Enter a property that is read; what a cached one returns is stored under its name."""
        if not _is(attribute.value, visit.receiver):
            return
        target = self.project.method(self.site, attribute.attr)
        if target is None or (target, attribute.attr) in self.touched:
            return
        function = self.project.scope(target)
        kinds = {(dotted(each) or "").rpartition(".")[2] for each in function.decorators}
        if not kinds & {"property", "cached_property"} or not function.params:
            return
        self.touched.add((target, attribute.attr))
        frame = Frame(target.scope, target.path, {}, True, self.instance)
        if "cached_property" in kinds:
            self.event("store", attribute.attr, attribute, visit, trace)
        self.visit(Visit(target, function.params[0].name, frame, visit, None, statement), trace)

    def carried(self) -> Iterator[Carried]:
        by_attr: dict[str, list[tuple[int, _Event]]] = defaultdict(list)
        for order, event in enumerate(self.events):
            by_attr[event.attr].append((order, event))
        for order, event in enumerate(self.events):
            if event.how not in ("store", "add"):
                continue
            after = [
                later.how
                for position, later in by_attr[event.attr]
                if position > order and later.how != "add" and self.certain(later, event)
            ]
            if "store" in after or "drop" in after:
                continue
            facts = self.project.modules[event.visit.site.path]
            where = Where(facts, event.visit.site.scope, event.statement, event.visit.frame)
            always = not any(self.branches(path, statement) for _, path, statement in event.trace)
            yield Carried(event.attr, event.expr, where, event.visit, "close" in after, always)

    def branches(self, path: str, statement: int) -> bool:
        facts = self.project.modules[path]
        at = facts.statements[statement].block
        while at >= 0:
            if facts.blocks[at].kind in _BRANCHES:
                return True
            at = facts.blocks[at].parent
        return False

    def certain(self, later: _Event, event: _Event) -> bool:
        """Whether ``later`` runs on every path from ``event`` to the end, as far as blocks tell."""
        common = [one[0] == other[0] for one, other in zip(later.trace, event.trace, strict=False)]
        level = (common.index(False) if False in common else len(common)) - 1
        if level < 0:
            # another constructor, which runs after that of the event
            return all(self.unconditional(path, statement) for _, path, statement in later.trace)
        _, path, statement = later.trace[level]
        facts = self.project.modules[path]
        earlier = event.trace[level][2]
        block = _solid(facts, facts.statements[statement].block)
        if statement < earlier or not facts.within(facts.statements[earlier].block, block):
            return False
        return all(self.unconditional(inner, at) for _, inner, at in later.trace[level + 1 :])

    def unconditional(self, path: str, statement: int) -> bool:
        facts = self.project.modules[path]
        return facts.blocks[_solid(facts, facts.statements[statement].block)].kind == "body"


def _solid(facts: ModuleFacts, block: int) -> int:
    """Return the block with which the block's statements run: ``with``, ``try`` and ``finally`` are looked through."""
    while facts.blocks[block].kind in _TRANSPARENT:
        block = facts.blocks[block].parent
    return block


def certainly_after(facts: ModuleFacts, later: int, earlier: int) -> bool:
    """Whether one statement of a function runs on every path after another one of it, as far as blocks tell."""
    block = _solid(facts, facts.statements[later].block)
    return later >= earlier and facts.within(facts.statements[earlier].block, block)


def _is(expr: Expr, name: str) -> bool:
    return isinstance(expr, Name) and expr.id == name


def _attribute_of(expr: Expr, receiver: str) -> str:
    """Return the attribute's name where the expression is an attribute of the object ("files" for ``self.files``)."""
    match expr:
        case Attribute(Name(base), attr) if base == receiver:
            return attr
    return ""


def happenings(project: Project, facts: ModuleFacts, function: int) -> list[tuple[int, Call | Store | Attribute]]:
    """Return what a function does, in the order in which it runs: calls, stores, attributes that are read.

    Args:
        project: the project.
        facts: the module.
        function: the function's scope. What functions inside it do is left out.
    """
    key = ("happenings", facts.path)
    table = project.answers.get(key)
    if not isinstance(table, dict):
        table = _happenings(facts)
        project.answers[key] = table
    found = table.get(function, [])
    return found if isinstance(found, list) else []


def _happenings(facts: ModuleFacts) -> dict[int, list[tuple[int, Call | Store | Attribute]]]:
    ranked: dict[int, list[tuple[int, int, int, Call | Store | Attribute]]] = defaultdict(list)

    def add(scope: int, statement: int, rank: int, what: Call | Store | Attribute) -> None:
        rows = ranked[facts.function_of(scope)]
        rows.append((statement, rank, len(rows), what))

    for expr, scope, statement in expressions(facts):
        for inner in walk(expr):
            if isinstance(inner, Attribute) and isinstance(inner.value, Name):
                add(scope, statement, 0, inner)
    for call in facts.calls:
        add(call.scope, call.statement, 1, call)
    for store in facts.stores:
        add(store.scope, store.statement, 2, store)
    return {
        function: [(statement, what) for statement, _, _, what in sorted(rows, key=lambda row: row[:3])]
        for function, rows in ranked.items()
    }


def expressions(facts: ModuleFacts) -> Iterator[tuple[Expr, int, int]]:
    """Yield the expressions of a module that its facts hold, with scope and statement; inner ones may come twice."""
    for call in facts.calls:
        yield call, call.scope, call.statement
    for store in facts.stores:
        yield store.base, store.scope, store.statement
        if store.key is not None:
            yield store.key, store.scope, store.statement
        if store.value is not None:
            yield store.value, store.scope, store.statement
    for result in facts.results:
        yield result.value, result.scope, result.statement
    for iteration in facts.iterations:
        yield iteration.iterable, iteration.scope, iteration.statement
    for entered in facts.entered:
        yield entered.value, entered.scope, entered.statement
    for scope in facts.scopes:
        for bindings in scope.bindings.values():
            for binding in bindings:
                if binding.how in ("assign", "walrus", "augmented", "for", "with"):
                    yield binding.value, scope.index, binding.statement


def drops(project: Project, site: Site, attr: str) -> bool:
    """Whether the class leaves the attribute out when it is pickled.

    Its ``__getstate__`` counts if it copies the ``__dict__`` and then names the attribute or sorts out by a
    comprehension, or if it copies none and does not pass the attribute on; ``__reduce__`` if it does not pass it on.
    """
    for name in ("__reduce_ex__", "__reduce__", "__getstate__"):
        method = project.method(site, name)
        if method is not None:
            said = _said(project, method)
            if name != "__getstate__":
                return attr not in said.read
            if said.read & {"__dict__", "__getstate__"}:
                return attr in said.texts or attr in said.stored or said.sorts
            return attr not in said.read
    return False


class _Said(NamedTuple):
    """What a function mentions: strings, attributes that it reads and stores; whether it sorts by a comprehension."""

    texts: frozenset[object]
    read: frozenset[str]
    stored: frozenset[str]
    sorts: bool


def _said(project: Project, function: Site) -> _Said:
    key = ("said", function)
    known = project.answers.get(key)
    if isinstance(known, _Said):
        return known
    facts = project.modules[function.path]
    texts: set[object] = set()
    read: set[str] = set()
    sorts = False
    for expr, scope, _ in expressions(facts):
        if function.scope == facts.function_of(scope):
            sorts |= facts.scopes[scope].kind == "comprehension"
            for inner in walk(expr):
                if isinstance(inner, Literal):
                    texts.add(inner.value)
                elif isinstance(inner, Attribute):
                    read.add(inner.attr)
    # `for name, value in self.__dict__.items():` with a test in it
    sorts |= any(
        facts.function_of(each.scope) == function.scope
        and any(isinstance(inner, Attribute) and inner.attr == "__dict__" for inner in walk(each.iterable))
        for each in facts.iterations
    )
    stored = {store.attr for store in facts.stores if store.attr and facts.function_of(store.scope) == function.scope}
    made = _Said(frozenset(texts), frozenset(read), frozenset(stored), sorts)
    project.answers[key] = made
    return made


def knows_processes(project: Project, site: Site) -> bool:
    """Whether methods of the class ask which process they run in (``os.getpid()``)."""
    for base in project.ancestors(site):
        if base.site is None:
            continue
        facts = project.modules[base.site.path]
        for name in ("getpid", "current_process"):
            for caller, call in project.calls_by_name.get(name, ()):
                scope = caller.scopes[caller.function_of(call.scope)]
                if caller is facts and scope.parent == base.site.scope:
                    return True
    return False
