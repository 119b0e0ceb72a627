"""What an object carries when its construction has ended.

Construction is ``__new__``, ``__init__`` and ``__post_init__`` with everything of the project that these call on the
object: methods (inherited ones, ``super()``), properties, functions that are given it; for a data class also the values
and factories of its fields. What is stored there and later set to something else, deleted or cleared on every path is
not carried.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint import flow
from dlsafe_lint.facts import (
    NOTHING,
    Attribute,
    Call,
    Collection,
    Compared,
    Derived,
    Literal,
    Name,
    Opaque,
    Subscript,
    dotted,
    walk,
)
from dlsafe_lint.project import Frame, Project, Site, Value, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dlsafe_lint.facts import Binding, Expr, ModuleFacts, Store

CONSTRUCTORS = ("__new__", "__init__", "__post_init__")
_MAX_CALLS = 6
_MAX_EVENTS = 2000

_ADDERS = frozenset({"append", "appendleft", "add", "extend", "extendleft", "insert", "update", "setdefault"})
_SPREADERS = frozenset({"extend", "extendleft", "update"})
_REMOVERS = frozenset({"clear", "pop", "popitem", "popleft"})
_CLOSERS = frozenset({"close", "release"})
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
        own: False where it is put into a collection that lies on the class, not on the object.
    """

    attr: str
    expr: Expr
    where: Where
    visit: Visit
    closed: bool = False
    always: bool = True
    own: bool = True


class _Event(NamedTuple):
    order: int
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
    run.fields()
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
        self.visits: dict[int, Visit] = {}
        self.began: dict[int, int] = {}

    def fields(self) -> None:
        """Store what the fields of a data class have where nothing is passed for them."""
        for base in reversed(self.project.ancestors(self.site)):
            if base.site is None or not makes_fields(self.project, base.site):
                continue
            facts = self.project.modules[base.site.path]
            body = facts.scopes[base.site.scope]
            visit = Visit(base.site, "self", None)
            for name, bindings in body.bindings.items():
                binding = bindings[-1]
                if binding.how == "assign" and _is_field(facts, binding):
                    self.visits[0] = visit
                    self.event("store", name, _default(binding.value), visit, ((0, facts.path, binding.statement),))

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
        number = len(self.visits) + 1
        self.visits[number] = visit
        self.began[number] = len(self.events)
        facts = self.project.modules[visit.site.path]
        entered = -1
        for statement, happening in happenings(self.project, facts, visit.site.scope):
            if switched_off(self.project, facts, statement):
                continue
            here = (*trace, (number, facts.path, statement))
            if isinstance(happening, Call):
                self.call(visit, happening, here)
            elif isinstance(happening, Attribute):
                self.read(visit, happening, statement, here)
                if facts.statements[statement].kind == "with" and statement != entered:
                    entered = statement
                    self.entered(visit, statement, here)
            else:
                self.store(visit, happening, here)

    def event(self, how: str, attr: str, expr: Expr, visit: Visit, trace: tuple[tuple[int, str, int], ...]) -> None:
        self.events.append(_Event(len(self.events), how, attr, expr, visit, trace[-1][2], trace))

    def entered(self, visit: Visit, statement: int, trace: tuple[tuple[int, str, int], ...]) -> None:
        """Close what ``with self.file:`` enters: the block's end does."""
        for each in self.project.modules[visit.site.path].entered:
            if each.statement == statement and (attr := _attribute_of(each.value, visit.receiver)):
                self.event("close", attr, Literal(None), visit, trace)

    def store(self, visit: Visit, store: Store, trace: tuple[tuple[int, str, int], ...]) -> None:
        if store.attr is not None and _is(store.base, visit.receiver):
            match store.value:
                case None:
                    self.event("drop", store.attr, Literal(None), visit, trace)
                case Compared(_, left, right) if left is NOTHING:
                    self.event("add", store.attr, Derived("starred", right), visit, trace)  # self.files += more
                case value:
                    self.event("store", store.attr, value, visit, trace)
        elif store.key is not None and _is_dict_of(store.base, visit.receiver):
            if isinstance(store.key, Literal):
                how = "drop" if store.value is None else "store"
                self.event(how, str(store.key.value), store.value or Literal(None), visit, trace)
            elif store.value is not None:
                self.event("add", _named(store.key), store.value, visit, trace)
        elif store.key is not None:
            owner = _owner(store.base, visit.receiver)
            if owner:
                self.event("add" if store.value else "drop", owner, store.value or Literal(None), visit, trace)

    def call(self, visit: Visit, call: Call, trace: tuple[tuple[int, str, int], ...]) -> None:
        changed = _set_by_name(call, visit.receiver)
        if changed is not None:
            key, value = changed
            if isinstance(key, Literal):
                self.event("drop" if value is None else "store", str(key.value), value or Literal(None), visit, trace)
            elif value is not None:
                self.event("add", _named(key), value, visit, trace)
            return
        match call.func:
            case Attribute(inner, method) if _is_dict_of(inner, visit.receiver):
                if method == "update":
                    for name, given in call.keywords:
                        if name is not None:
                            self.event("store", name, given, visit, trace)
                    for spelled, item in _literal_items(call.args):
                        self.event("store", spelled, item, visit, trace)
                elif method == "pop" and call.args and isinstance(call.args[0], Literal):
                    self.event("drop", str(call.args[0].value), Literal(None), visit, trace)
                return
            case Attribute(inner, method):
                owner = _owner(inner, visit.receiver)
                if owner and method in _ADDERS:
                    spread = method in _SPREADERS
                    for item in (*call.args[-1:], *(value for _, value in call.keywords)):
                        keyword = not call.args or item is not call.args[-1]
                        made = Derived("starred", item) if spread and not keyword else item
                        self.event("add", owner, made, visit, trace)
                elif owner and method in _REMOVERS and (method == "clear" or _attribute_of(inner, visit.receiver)):
                    self.event("drop", owner, Literal(None), visit, trace)
                elif method in _CLOSERS:
                    if attr := _attribute_of(inner, visit.receiver):
                        self.event("close", attr, Literal(None), visit, trace)
                    elif isinstance(inner, Name):
                        self.close_each(visit, inner.id, trace)
        self.follow(visit, call, trace)

    def close_each(self, visit: Visit, name: str, trace: tuple[tuple[int, str, int], ...]) -> None:
        """Close what a loop over an attribute closes one by one."""
        facts = self.project.modules[visit.site.path]
        for binding in facts.scopes[visit.site.scope].bindings.get(name, ()):
            match binding.value:
                case Derived("each", iterable) if binding.how == "for":
                    if isinstance(iterable, Call) and isinstance(iterable.func, Attribute):
                        iterable = iterable.func.value if iterable.func.attr == "values" else iterable
                    if attr := _attribute_of(iterable, visit.receiver):
                        number, path, _ = trace[-1]
                        self.event(
                            "close", attr, Literal(None), visit, (*trace[:-1], (number, path, binding.statement))
                        )

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
        by_attr: dict[str, list[_Event]] = defaultdict(list)
        for event in self.events:
            by_attr[event.attr].append(event)
        for event in self.events:
            if event.how not in ("store", "add"):
                continue
            others = by_attr[event.attr]
            ends = [each for each in others if each.how in ("store", "drop") and each is not event]
            if ends and not self.lasts(event, ends):
                continue
            closes = [each for each in others if each.how == "close" and each.order > event.order]
            closed = bool(closes) and not self.lasts(event, [*ends, *closes])
            facts = self.project.modules[event.visit.site.path]
            where = Where(facts, _scope_of(facts, event), event.statement, event.visit.frame)
            always = not any(self.branches(path, statement) for _, path, statement in event.trace)
            own = event.how == "store" or any(each.how == "store" for each in others)
            own = own or not self.project.class_attribute(self.site, event.attr)
            yield Carried(event.attr, event.expr, where, event.visit, closed, always, own)

    def branches(self, path: str, statement: int) -> bool:
        facts = self.project.modules[path]
        at = facts.statements[statement].block
        while at >= 0:
            if facts.blocks[at].kind in _BRANCHES:
                return True
            at = facts.blocks[at].parent
        return False

    # --- which way it goes on ---

    def lasts(self, event: _Event, ends: list[_Event]) -> bool:
        """Whether on some path to the construction's end none of the others comes after the event."""
        for level in reversed(range(len(event.trace))):
            number, path, statement = event.trace[level]
            here = [each for each in ends if len(each.trace) > level and each.trace[level][0] == number]
            rest = [
                each
                for each in here
                if each.trace[level][2] == statement
                and each.order > event.order
                and each.trace[: level + 2] != event.trace[: level + 2]
            ]
            if any(self.happens(each, level, rest, event) for each in rest):
                return False
            facts = self.project.modules[path]
            if number and not flow.survives(
                facts, self.outline(facts), statement, self.ending(here, level, event), self.telling(number, event)
            ):
                return False
        later = [each for each in ends if each.trace[0][0] > event.trace[0][0]]
        return not any(self.runs_into(number, 0, later, event) for number in {each.trace[0][0] for each in later})

    def ending(self, ends: list[_Event], level: int, event: _Event) -> Callable[[int], bool]:
        by_statement: dict[int, list[_Event]] = defaultdict(list)
        for each in ends:
            by_statement[each.trace[level][2]].append(each)

        def ended(statement: int) -> bool:
            found = by_statement.get(statement, ())
            return any(self.happens(each, level, found, event) for each in found)

        return ended

    def happens(self, end: _Event, level: int, ends: Sequence[_Event], event: _Event) -> bool:
        """Whether the end happens whenever its statement at that level runs."""
        if len(end.trace) == level + 1:
            return True
        return self.runs_into(end.trace[level + 1][0], level + 1, ends, event)

    def runs_into(self, number: int, level: int, ends: Sequence[_Event], event: _Event) -> bool:
        """Whether a run of a function passes one of the ends on every path."""
        visit = self.visits[number]
        facts = self.project.modules[visit.site.path]
        inside = [each for each in ends if len(each.trace) > level and each.trace[level][0] == number]
        return not flow.survives(
            facts,
            self.outline(facts),
            -1,
            self.ending(inside, level, event),
            self.telling(number, event),
            function=visit.site.scope,
        )

    def outline(self, facts: ModuleFacts) -> flow.Outline:
        return self.project.answer(("outline", facts.path), lambda: flow.outline(facts))

    def telling(self, number: int, event: _Event) -> Callable[[Expr], bool | None]:
        """Return what tells the outcome of a test while the attribute holds what the event has stored there."""
        visit = self.visits[number]
        facts = self.project.modules[visit.site.path]
        asked = self.asked(number, event)

        def about(expr: Expr) -> bool | None:
            match expr:
                case Attribute(Name(base), attr) if base == visit.receiver and attr == event.attr:
                    return True
                case Call(_, Name("hasattr" | "getattr"), (Name(base), Literal(attr), *_)) if base == visit.receiver:
                    return True if attr == event.attr else None
                case Attribute(Name(base), attr) if base == visit.receiver:
                    known = self.set_since(event, attr, number)
                    if known is not None:
                        return known
            whole, positive = _positive(expr)
            for test, verdict in asked:
                if test == whole:
                    return verdict == positive
            return constant(self.project, facts, expr)

        return lambda test: flow.truth(test, about)

    def asked(self, number: int, event: _Event) -> list[tuple[Expr, bool]]:
        """Return the tests that led to the event, where they still have the same outcome in a run of a function.

        Of the runs of other functions only the tests of attributes count: these are the object's in all of them.
        """
        here = self.visits[number]
        found = []
        for level, (run, path, statement) in enumerate(event.trace):
            visit = self.visits[run]
            if run != number and visit.receiver != here.receiver:
                continue
            facts = self.project.modules[path]
            block = facts.statements[statement].block
            while block >= 0:
                around = facts.blocks[block]
                block = around.parent
                if around.test is None or around.kind not in ("if", "else"):
                    continue
                inner, positive = _positive(around.test)
                verdict = positive == (around.kind == "if")
                shared = run == number or all(_is(each, visit.receiver) for each in _names(inner))
                if shared and self.stays(inner, visit, facts, event, (level, around.statement)):
                    found.append((inner, verdict))
        return found

    def stays(self, test: Expr, visit: Visit, facts: ModuleFacts, event: _Event, asks: tuple[int, int]) -> bool:
        """Whether a test has the same outcome after the event: names are bound once, attributes before it is asked.

        ``asks`` is where it is asked: the level of the event's trace, and the statement of the run at that level.
        """
        level, statement = asks
        for inner in walk(test):
            match inner:
                case Name(name):
                    if len(facts.scopes[visit.site.scope].bindings.get(name, ())) > 1:
                        return False
                case Attribute(Name(base), attr):
                    if base != visit.receiver:
                        return False
                    for each in self.events:
                        since = len(each.trace) > level and (
                            each.trace[level][0] == event.trace[level][0] and each.trace[level][2] >= statement
                        )
                        if each.attr == attr and each.how != "close" and (since or each.order > event.order):
                            return False
                case Attribute() | Call():
                    return False
        return True

    def set_since(self, event: _Event, attr: str, number: int) -> bool | None:
        """Tell whether an attribute is true when a later run of a function begins, because of what follows the event.

        ``self.is_open = True`` after ``self.files.append(open(path))`` says in `close` that there are files.
        """
        run, path, statement = event.trace[-1]
        if any(run == number for run, _, _ in event.trace):
            return None
        later = [
            each for each in self.events if each.attr == attr and event.order < each.order < self.began.get(number, 0)
        ]
        values = {
            bool(each.expr.value) if each.how == "store" and isinstance(each.expr, Literal) else None for each in later
        }
        here = {each.statement for each in later if each.trace[-1][0] == run}
        if len(values) != 1:
            return None
        facts = self.project.modules[path]
        missed = flow.survives(facts, self.outline(facts), statement, here.__contains__, lambda _: None)
        return None if missed else values.pop()


def makes_fields(project: Project, site: Site) -> bool:
    """Whether a class is a data class (of ``dataclasses`` or ``attrs``) whose constructor stores its fields."""
    for decorator in project.scope(site).decorators:
        name = (dotted(decorator.func if isinstance(decorator, Call) else decorator) or "").rpartition(".")[2]
        if name in ("dataclass", "define", "frozen", "mutable", "attrs", "s"):
            return True
    return False


def fields(project: Project, site: Site) -> list[str]:
    """Return the fields of a data class in the order in which its constructor takes them; none for other classes."""
    found: dict[str, None] = {}
    for base in reversed(project.ancestors(site)):
        if base.site is not None and makes_fields(project, base.site):
            facts = project.modules[base.site.path]
            for name, bindings in facts.scopes[base.site.scope].bindings.items():
                if _is_field(facts, bindings[-1]):
                    found[name] = None
    return list(found)


def _is_field(facts: ModuleFacts, binding: Binding) -> bool:
    if facts.statements[binding.statement].kind == "annassign":
        return True
    made = dotted(binding.value.func) if isinstance(binding.value, Call) else None
    return made in ("attr.ib", "attr.attrib")


def _default(value: Expr) -> Expr:
    """Return what a field is if nothing is passed: ``field(default_factory=make)`` calls ``make``."""
    if isinstance(value, Call):
        for name in ("default_factory", "factory"):
            factory = value.keyword(name)
            if factory is not None:
                return value._replace(func=factory, args=(), keywords=())
        default = value.keyword("default")
        if default is not None and (dotted(value.func) or "").rpartition(".")[2] in ("field", "ib"):
            return default
    return value


def _scope_of(facts: ModuleFacts, event: _Event) -> int:
    return event.visit.site.scope if event.trace[-1][0] else facts.statements[event.statement].scope


def switched_off(project: Project, facts: ModuleFacts, statement: int) -> bool:
    """Whether a statement of a function never runs: under ``if False``, or a constant of the module that is false."""
    block = facts.statements[statement].block
    while block >= 0:
        found = facts.blocks[block]
        if found.kind in ("never", "typing"):
            return True
        if found.kind in ("if", "else") and found.test is not None:
            verdict = flow.truth(found.test, lambda expr: constant(project, facts, expr))
            if verdict is not None and verdict != (found.kind == "if"):
                return True
        block = found.parent
    return False


def constant(project: Project, facts: ModuleFacts, expr: Expr) -> bool | None:
    """Tell whether a name is a constant of a module of the project that is true or false; None: neither is known."""
    if not isinstance(expr, (Name, Attribute)) or (isinstance(expr, Attribute) and not isinstance(expr.value, Name)):
        return None
    name = expr.id if isinstance(expr, Name) else expr.attr
    if not name.isupper():
        return None
    known = project.answers.get(("constant", facts.path, expr))
    if known is None:
        known = _constant(project, facts, expr, name)
        project.answers[("constant", facts.path, expr)] = known
    return known if isinstance(known, bool) else None


def _constant(project: Project, facts: ModuleFacts, expr: Expr, name: str) -> bool | str:
    values = project.values(expr, Where(facts, 0, len(facts.statements)))
    if len(values) != 1 or values[0].kind != "literal" or not isinstance(values[0].expr, Literal):
        return "unknown"
    if any(store.attr == name for each in project.modules.values() for store in each.stores):
        return "unknown"
    return bool(values[0].expr.value)


def certainly_after(project: Project, facts: ModuleFacts, earlier: int, later: Sequence[int], name: str) -> bool:
    """Whether one of some statements of a function runs on every path after an earlier one of it.

    Args:
        project: the project.
        facts: the module.
        earlier: the statement that binds `name`.
        later: the others.
        name: a local name that is neither None nor empty after `earlier`.
    """
    lies = project.answer(("outline", facts.path), lambda: flow.outline(facts))
    ends = frozenset(each for each in later if each > earlier)

    def about(expr: Expr) -> bool | None:
        return True if _is(expr, name) else constant(project, facts, expr)

    return bool(ends) and not flow.survives(
        facts, lies, earlier, ends.__contains__, lambda test: flow.truth(test, about)
    )


def _is(expr: Expr, name: str) -> bool:
    return isinstance(expr, Name) and expr.id == name


def _positive(test: Expr) -> tuple[Expr, bool]:
    """Return a test without its ``not``, and whether it says the same: ``x is not None`` asks for ``x is None``."""
    positive = True
    while isinstance(test, Opaque) and len(test.parts) == 1:
        test, positive = test.parts[0], not positive
    match test:
        case Compared("IsNot" | "NotEq" as op, left, Literal(None) as right):
            return Compared("Is" if op == "IsNot" else "Eq", left, right), not positive
    return test, positive


def _names(expr: Expr) -> list[Name]:
    return [inner for inner in walk(expr) if isinstance(inner, Name)]


def _is_dict_of(expr: Expr, receiver: str) -> bool:
    """Whether the expression is the dict of the object's attributes: ``self.__dict__``, ``vars(self)``."""
    match expr:
        case Attribute(Name(base), "__dict__"):
            return base == receiver
        case Call(_, Name("vars"), (Name(base),)):
            return base == receiver
    return False


def _set_by_name(call: Call, receiver: str) -> tuple[Expr, Expr | None] | None:
    """Return name and value that a call sets an attribute of the object to, None as value if it deletes it."""
    match call:
        case Call(_, Name("setattr") | Attribute(Name("object"), "__setattr__"), (Name(base), key, value)):
            return (key, value) if base == receiver else None
        case Call(_, Attribute(Call(_, Name("super")), "__setattr__"), (key, value)):
            return (key, value)
        case Call(_, Name("delattr") | Attribute(Name("object"), "__delattr__"), (Name(base), key)):
            return (key, None) if base == receiver else None
    return None


def _literal_items(dicts: Sequence[Expr]) -> Iterator[tuple[str, Expr]]:
    """Yield the items of dicts that are written out."""
    for each in dicts:
        if isinstance(each, Collection):
            for key, item in zip(each.keys, each.items, strict=False):
                if isinstance(key, Literal):
                    yield str(key.value), item


def _named(key: Expr) -> str:
    """Return what an attribute is called whose name is worked out when the program runs."""
    return f"<{dotted(key) or '...'}>"


def _owner(expr: Expr, receiver: str) -> str:
    """Return the attribute in which an item lies: "files" for ``self.files``, ``self.files[key]`` and the like."""
    while True:
        match expr:
            case Subscript(inner, _) | Call(_, Attribute(inner, "setdefault" | "get")):
                expr = inner
            case _:
                return _attribute_of(expr, receiver)


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
                elif isinstance(inner, Call):  # dict(self.__dict__, file=None)
                    texts.update(name for name, value in inner.keywords if value == Literal(None))
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


def keyed_by_worker(project: Project, site: Site, attr: str) -> bool:
    """Whether an attribute holds one item for each worker: a method that asks which worker it is in stores them there.

    A forked worker then makes its own, and leaves alone what the parent has made for itself.
    """
    for base in project.ancestors(site):
        if base.site is None:
            continue
        facts = project.modules[base.site.path]
        for caller, call in project.calls_by_name.get("get_worker_info", ()):
            function = caller.scopes[caller.function_of(call.scope)]
            if caller is not facts or function.parent != base.site.scope or not function.params:
                continue
            for store in facts.stores:
                inside = store.key is not None and facts.function_of(store.scope) == function.index
                if inside and _attribute_of(store.base, function.params[0].name) == attr:
                    return True
    return False


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
