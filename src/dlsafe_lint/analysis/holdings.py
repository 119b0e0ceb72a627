"""What an expression, an instance or a class holds that can't be sent to another process.

A lambda, a function or class defined inside a function, one whose name stands for something else after decoration, and
one that is only defined under the main guard or in a notebook have no name by which a worker could find them. They are
looked for in whatever holds them: variables, parameters (at the calls of the project), collections, partials,
transforms, attributes.
What can and can't be pickled was seen by running each case (evidence table callables: Linux, CPython 3.11, torch 2.13).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from dlsafe_lint import branches
from dlsafe_lint.analysis.datasets import construction, drops, expressions
from dlsafe_lint.analysis.openings import opened
from dlsafe_lint.analysis.workers import is_dataset as dataset_class
from dlsafe_lint.apis import attributes
from dlsafe_lint.apis.datasets import (
    FORGETS_ARGUMENTS,
    FORGOTTEN_ARGUMENTS,
    ITERATORS,
    KEEPS_ARGUMENTS,
    METHODS_RETURNING_SLICES,
    NAMED_TUPLES,
    WRAPPERS,
    is_dataset,
    is_pipe,
    is_sliceable,
)
from dlsafe_lint.facts import (
    NOTHING,
    Attribute,
    Call,
    Choice,
    Collection,
    Comprehension,
    Derived,
    Expr,
    Lambda,
    ModuleFacts,
    Name,
    Scope,
    Subscript,
    dotted,
    parts,
)
from dlsafe_lint.facts import Literal as LiteralExpr
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Frame, Project, Site, Value, Where, reaching

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


Kind = Literal["lambda", "local", "guarded", "notebook", "parameter"]

_DEPTH = 14
# Methods that run in the workers, after the Dataset was sent.
_IN_WORKER = frozenset({"__getitem__", "__getitems__", "__iter__", "__next__", "__call__", "__len__", "__setstate__"})

# Library bases that call no method of a class deriving from them.
_CALL_NOTHING = frozenset({"object", "abc.ABC", "typing.Generic", "typing.Protocol"})
_SLICES = METHODS_RETURNING_SLICES | {"[:]", "[]"}
_PROCESSES = frozenset({"multiprocessing.Process"})


class Spot(NamedTuple):
    """Where a finding stands, as a number in the facts of the module at ``path``.

    ``kind`` "lambda": that lambda. "argument": the argument ``key`` (keyword or position) of that call; the call itself
    if it is not passed by that name. "statement": the value that the statement assigns.
    """

    path: str
    kind: Literal["lambda", "argument", "statement"]
    number: int
    key: str | int = ""


class Origin(NamedTuple):
    """A callable that a worker can't get.

    Attributes:
        kind: "lambda"; "local" (defined inside a function, or replaced by something that is); "guarded" (a worker does
            not run the statement that defines it); "notebook" (defined in a cell); "parameter" (only while a class is
            looked at: whatever is passed).
        name: as it is written.
        qualname: as the error message names it.
        spot: the lambda, or where the callable is handed over.
        definition: where it is defined and why that matters.
        via: the hops from where it is written to who gets it.
        held: whether an object of the project that is handed over keeps it.
        remedy: what to write instead, where that is something else than a definition at module level.
        of_class: whether the error message speaks of a class.
        error: the error, where pickling fails for another reason than a missing name.
    """

    kind: Kind
    name: str
    qualname: str
    spot: Spot
    definition: Place
    via: tuple[Place, ...] = ()
    held: bool = False
    remedy: str = ""
    of_class: bool = False
    error: str = ""


def held(
    project: Project, expr: Expr, where: Where, spot: Spot, via: tuple[Place, ...] = (), *, tied: bool = False
) -> Iterator[Origin]:
    """Yield what can't be pickled in anything that an expression may stand for.

    Args:
        project: the project.
        expr: what is handed over or kept.
        where: where it is evaluated.
        spot: where a named callable in it is reported.
        via: the hops from there to who gets it.
        tied: whether objects that keep a lock, a pool or an open handle count too.
    """
    yield from _held(_Search(project, tied=tied), expr, where, spot_of(project, where, expr) or spot, via, 0)


def held_by(project: Project, value: Value) -> Iterator[Origin]:
    """Yield what can't be pickled among the attributes of an instance of a project class."""
    yield from _contents(_Search(project), value, (), 0)


_STEPS = 1500


@dataclass(slots=True)
class _Search:
    """One search for what is in an object: each expression and instance is looked into once, and never too many.

    ``own``: the class that is looked at, with those it derives from; its attributes are all looked at anyway.
    ``tied``: whether objects that keep something tied to their process count.
    """

    project: Project
    own: frozenset[Site] = frozenset()
    tied: bool = False
    seen: dict[tuple[object, int, int], tuple[object, object]] = field(default_factory=dict)

    def goes_on(self, about: object, thing: object, frame: Frame | None) -> bool:
        """Whether this is new and the search is not too long yet.

        What was seen is kept: a number from ``id`` belongs to something else when its object is gone.
        """
        key = (about, id(thing), id(frame))
        if key in self.seen or len(self.seen) > _STEPS:
            return False
        self.seen[key] = (thing, frame)
        return True


def _held(
    search: _Search, expr: Expr, where: Where, spot: Spot, via: tuple[Place, ...], depth: int
) -> Iterator[Origin]:
    """Yield what can't be pickled in anything that the expression may stand for.

    Args:
        search: the search that this is part of.
        expr: what is handed over or kept.
        where: where it is evaluated.
        spot: where a named callable in it is reported.
        via: the hops from here to who gets it.
        depth: how deep we are.
    """
    if depth > _DEPTH or not search.goes_on("expression", expr, where.frame):
        return
    match expr:
        case Lambda():
            yield _lambda(where, expr, via)
            return
        case Collection(_, items):
            for item in items:
                yield from _held(search, item, where, spot, via, depth + 1)
            return
        case Choice():
            for option in branches.chosen(search.project, expr, where):
                yield from _held(search, option, where, spot, via, depth + 1)
            return
        case Derived("starred", inner):
            yield from _held(search, inner, where, spot, via, depth + 1)
            return
        case Attribute(Name(receiver), _) if _is_receiver(where, receiver, search.own):
            return
        case Name():
            sources = _sources(search.project, expr, where)
            if sources is not None:
                for source, at, hops in sources:
                    there = (
                        spot_of(search.project, at, source)
                        if at.facts is not where.facts or at.scope != where.scope
                        else None
                    )
                    yield from _held(search, source, at, there or spot, (*hops, *via), depth + 1)
                for value in _defined(expr, where):
                    yield from _inside(search, value, spot, via, depth + 1)
                return
    for value in search.project.values(expr, where):
        yield from _inside(search, value, spot, via, depth + 1)
    for item in _put_later(search.project, expr, where):
        yield from _held(search, item, where, spot, via, depth + 1)


def _is_receiver(where: Where, name: str, classes: frozenset[Site]) -> bool:
    """Whether a name is ``self`` in a method of one of the classes."""
    facts = where.facts
    scope = facts.scopes[max(facts.resolve(name, where.scope), 0)]
    return bool(scope.params) and scope.params[0].name == name and Site(facts.path, scope.parent) in classes


def _sources(project: Project, name: Name, where: Where) -> list[tuple[Expr, Where, tuple[Place, ...]]] | None:
    """Return the expressions that a name may stand for if it is a parameter, as far as calls of the project show.

    None for any other name.
    """
    facts = where.facts
    scope = facts.resolve(name.id, where.scope)
    if scope <= 0:
        return None
    owner = facts.scopes[scope]
    param = next((each for each in owner.params if each.name == name.id), None)
    if owner.kind != "function" or param is None or param.kind == "**":
        return None
    if owner.params[0] is param and project.receiver(facts, owner) is not None:
        return None
    bindings = reaching(facts, scope, name.id, where)
    found: list[tuple[Expr, Where, tuple[Place, ...]]] = []
    fits = where.frame is not None and where.frame.path == facts.path and where.frame.scope == scope
    for binding in project.reached(bindings, where.frame if fits else None):
        if binding.how in ("assign", "walrus", "augmented"):
            at = Where(facts, scope, binding.statement, where.frame if fits else None)
            if binding.value != name:
                found.append((binding.value, at, ()))
        elif binding.how == "param":
            default = (param.default, Where(facts, owner.parent, owner.statement), ()) if param.default else None
            if fits and where.frame is not None:
                if name.id in where.frame.args:
                    passed, at = where.frame.args[name.id]
                    found.append((passed, at, ()))
                elif default is not None:
                    found.append(default)
                continue
            site = Site(facts.path, scope)
            calls = project.callers(site)
            left_out = not calls
            for caller, call in calls:
                if _wants_no_workers(project, caller, call):
                    continue
                bound = project.bind(site, caller, call)
                if bound is not None and name.id in bound.args:
                    passed, at = bound.args[name.id]
                    hop = Place(caller.path, call.line, f"passed as `{name.id}` to `{_called(facts, owner.index)}`")
                    found.append((passed, at, (hop,)))
                else:
                    left_out = True
            if left_out and default is not None:
                found.append(default)
    return found


def _wants_no_workers(project: Project, caller: ModuleFacts, call: Call) -> bool:
    """Whether a call says by ``num_workers=0`` that what else it passes meets no workers."""
    told = project.argument(caller, call, "num_workers")
    return told is not None and told[0] == LiteralExpr(0)


def _defined(name: Name, where: Where) -> Iterator[Value]:
    """Yield the functions and classes that a function defines under the name of one of its parameters."""
    facts = where.facts
    for binding in reaching(facts, facts.resolve(name.id, where.scope), name.id, where):
        if binding.how in ("def", "class"):
            yield Value("function" if binding.how == "def" else "class", name.id, Site(facts.path, binding.target))


def _put_later(project: Project, expr: Expr, where: Where) -> Iterator[Expr]:
    """Yield what is put into a composed transform: ``transform.transforms.insert(0, f)``."""
    spelled = dotted(expr) if isinstance(expr, (Name, Attribute)) else None
    if spelled is not None:
        facts = where.facts
        scope = max(facts.resolve(spelled.partition(".")[0], where.scope), 0)
        yield from project.added(f"{spelled}.transforms", where._replace(scope=scope))


def _called(facts: ModuleFacts, scope: int) -> str:
    """Return how a function is called: a constructor by its class."""
    own = facts.scopes[scope]
    outer = facts.scopes[own.parent]
    return outer.name if own.name in ("__init__", "__new__", "__post_init__") and outer.kind == "class" else own.name


def _inside(search: _Search, value: Value, spot: Spot, via: tuple[Place, ...], depth: int) -> Iterator[Origin]:
    """Yield what can't be pickled in a value."""
    if depth > _DEPTH:
        return
    hops = (*value.via, *via)
    match value.kind:
        case "lambda" if isinstance(value.expr, Lambda) and value.where is not None:
            yield _lambda(value.where, value.expr, hops)
        case "function" if value.site is not None:
            of = value.of
            bound = of is not None and of.kind == "instance" and _is_bound(search.project, value.site)
            found = unnamed(search.project, of.site if of and of.site and bound else value.site, spot, hops)
            if found:
                yield found
            if of is not None and bound:
                if search.tied:
                    yield from tied_to_process(search.project, of, value.name, spot, hops)
                yield from _contents(search, of, hops, depth + 1)
        case "class" if value.site is not None:
            found = unnamed(search.project, value.site, spot, hops)
            if found:
                yield found
        case "instance" if value.site is not None:
            found = unnamed(search.project, value.site, spot, hops)
            if found:
                yield found
            if search.tied:
                yield from tied_to_process(search.project, value, value.name, spot, hops)
            yield from _contents(search, value, hops, depth + 1)
        case "collection" if value.expr is not None and value.where is not None:
            yield from _held(search, value.expr, value.where, spot, hops, depth + 1)
        case "comprehension" if isinstance(value.expr, Comprehension) and value.where is not None:
            if value.expr.kind != "generator":
                at = value.where._replace(scope=value.expr.scope)
                yield from _held(search, value.expr.element, at, spot, hops, depth + 1)
        case "made" if isinstance(value.expr, Call) and value.where is not None:
            tuple_ = name_of_tuple(search.project, value, spot, hops)
            if tuple_ is not None:
                yield tuple_
            elif _keeps(value.name):
                yield from _arguments(search, value.expr, value.where, spot, hops, depth + 1)
        case "part":
            if value.of is not None and value.of.kind == "made" and value.name.endswith("()"):
                tuple_ = name_of_tuple(search.project, value.of, spot, hops)
                if tuple_ is not None:
                    yield tuple_
            yield from _part(search, value, spot, hops, depth + 1)


def _keeps(name: str) -> bool:
    """Whether what a library callable returns holds what it was given.

    Objects of classes do (``Compose``, ``ImageFolder``), results of functions don't (``sorted``), apart from
    the tables' exceptions.
    """
    if name in KEEPS_ARGUMENTS or name in WRAPPERS or name in ITERATORS or is_pipe(name):
        return True
    tail = name.rpartition(".")[2]
    return tail[:1].isupper() and tail not in FORGETS_ARGUMENTS


def _arguments(
    search: _Search, call: Call, where: Where, spot: Spot | None, via: tuple[Place, ...], depth: int
) -> Iterator[Origin]:
    """Yield what can't be pickled in the arguments of a call; without a spot each argument is its own."""
    for key, arg in _passed(call):
        if key in FORGOTTEN_ARGUMENTS or (isinstance(arg, Call) and _is_iterator(search.project, arg, where)):
            continue
        there = spot or Spot(where.facts.path, "argument", call.number, key)
        yield from _held(search, arg, where, there, via, depth)
    for keyword, mapping in call.keywords:
        if keyword is None:
            there = spot or Spot(where.facts.path, "argument", call.number)
            for item, at in _spread(search.project, mapping, where):
                yield from _held(search, item, at, there, via, depth)


def _spread(project: Project, mapping: Expr, where: Where) -> Iterator[tuple[Expr, Where]]:
    """Yield the arguments that ``**mapping`` passes on, as far as its dict is written out."""
    for value in project.values(mapping, where):
        match value.expr:
            case Collection("dict", items, keys) if value.kind == "collection" and value.where is not None:
                for key, item in zip(keys, items, strict=False):
                    if not isinstance(key, LiteralExpr) or key.value not in FORGOTTEN_ARGUMENTS:
                        yield item, value.where
            case Call(_, (), keywords) if value.kind == "made" and value.name == "dict" and value.where is not None:
                for name, item in keywords:
                    if name is not None and name not in FORGOTTEN_ARGUMENTS:
                        yield item, value.where


def _is_iterator(project: Project, call: Call, where: Where) -> bool:
    """Whether a call makes an iterator like ``map(f, x)``, which whoever gets it reads out."""
    return any(value.kind == "made" and value.name in ITERATORS for value in project.values(call, where))


def _part(search: _Search, value: Value, spot: Spot, via: tuple[Place, ...], depth: int) -> Iterator[Origin]:
    """Yield what an attribute, item or method's result of a library object holds, for the few that we know."""
    whole = value.of
    while whole is not None and whole.kind == "part":
        whole = whole.of
    if whole is None or whole.kind != "made":
        return
    if whole.name in WRAPPERS and not value.name.endswith("()"):
        # one of the datasets that random_split returns
        yield from _inside(search, whole, spot, via, depth)
    elif is_sliceable(whole.name) and value.name.removesuffix("()") in _SLICES:
        yield from _inside(search, whole, spot, via, depth)
    elif is_pipe(whole.name) and value.name.endswith("()"):
        if isinstance(value.expr, Call) and value.where is not None:
            yield from _arguments(search, value.expr, value.where, spot, via, depth)
        before = value.of.of if value.of is not None else None
        if before is not None:
            yield from _inside(search, before, spot, via, depth)


def _lambda(where: Where, found: Lambda, via: tuple[Place, ...]) -> Origin:
    facts = where.facts
    if found.number == _STAND_IN and isinstance(found.body, LiteralExpr):
        place = Place(facts.path, facts.scopes[found.scope].line, "the parameter")
        return Origin("parameter", str(found.body.value), "", Spot(facts.path, "lambda", found.scope), place, via)
    spot = Spot(facts.path, "lambda", found.number)
    definition = Place(facts.path, found.line, "the lambda")
    return Origin("lambda", "<lambda>", qualname(facts, found.scope), spot, definition, via)


def unnamed(project: Project, site: Site, spot: Spot, via: tuple[Place, ...]) -> Origin | None:
    """Return the origin that a function or class is if workers can't get it, None if they can.

    Args:
        project: the project.
        site: the function or class.
        spot: where it is reported.
        via: the hops from where it is written to who gets it.
    """
    facts = project.modules[site.path]
    scope = facts.scopes[site.scope]
    own = qualname(facts, site.scope)
    what = "class" if scope.kind == "class" else "function"
    top = scope
    while top.parent > 0 and facts.scopes[top.parent].kind == "class":
        top = facts.scopes[top.parent]
    outer = facts.scopes[top.parent]
    if outer.kind in ("function", "lambda"):
        if outer.declared.get(top.name) == "global":
            text = f"`{top.name}` becomes global only when `{outer.name}` runs, which no worker does"
            return Origin("guarded", scope.name, scope.name, spot, Place(site.path, scope.line, text), via)
        if scope.kind == "class" and project.method(site, "__getattr__"):
            return None  # stands for an optional library that is not there
        if any((dotted(_callee(each)) or "").rpartition(".")[2] == "wraps" for each in scope.decorators):
            return None  # has the name of what it wraps, and may well be what stands there under that name
        text = f"`{scope.name}` is a {what} inside `{outer.name}`"
        return Origin("local", scope.name, own, spot, Place(site.path, scope.line, text), via)
    if facts.path.endswith("/__main__.py"):
        text = f"`{scope.name}` is defined in `__main__.py`, which workers don't import"
        return Origin("guarded", scope.name, own, spot, Place(site.path, scope.line, text), via)
    if facts.in_block(top.statement, "guard") and not facts.is_notebook:
        text = f"`{scope.name}` is defined under the main guard, which workers skip"
        return Origin("guarded", scope.name, own, spot, Place(site.path, scope.line, text), via)
    wrapper = _replaced(project, site)
    if wrapper is not None:
        inner = project.modules[wrapper.path]
        name = inner.scopes[wrapper.scope].name
        text = f"the decorator of `{scope.name}` puts its own `{name}` in its place"
        at = Place(site.path, scope.line, text)
        remedy = f"put `functools.wraps` on `{name}`, which then has the name of `{scope.name}`"
        if scope.kind == "class":
            remedy = f"let the decorator change `{scope.name}` and return it"
        return Origin("local", scope.name, qualname(inner, wrapper.scope), spot, at, via, remedy=remedy)
    if facts.is_notebook:
        text = f"`{scope.name}` is defined in the notebook, which workers don't import"
        return Origin("notebook", scope.name, own, spot, Place(site.path, scope.line, text), via)
    later = _bound_again(facts, top)
    if later:
        text = f"`{scope.name}` is no longer the {what} of that name once line {later} has run"
        remedy = f"give what line {later} binds another name than `{top.name}`"
        return Origin("local", scope.name, own, spot, Place(site.path, scope.line, text), via, remedy=remedy)
    return None


def _callee(expr: Expr) -> Expr:
    return expr.func if isinstance(expr, Call) else expr


def _bound_again(facts: ModuleFacts, scope: Scope) -> int:
    """Return the line on which the module binds the name of one of its functions or classes to something else, or 0."""
    bindings = facts.scopes[0].bindings.get(scope.name, ())
    same_block = [each for each in bindings if each.block == scope.block and each.how in ("def", "class", "assign")]
    if not same_block or len(same_block) != len(bindings) or same_block[-1].target == scope.index:
        return 0
    return facts.statements[same_block[-1].statement].line


def name_of_tuple(project: Project, value: Value, spot: Spot, via: tuple[Place, ...]) -> Origin | None:
    """Return the origin that a named tuple made by a call is if workers can't get it, None if they can.

    A worker looks such a class up in its module by the name that the call gives it.

    Args:
        project: the project.
        value: what ``namedtuple("Point", "x y")`` made.
        spot: where it is reported.
        via: the hops from where it is written to who gets it.
    """
    call, where = value.expr, value.where
    if value.kind != "made" or value.name not in NAMED_TUPLES or not isinstance(call, Call) or where is None:
        return None
    facts = where.facts
    given = call.args[0] if call.args else call.keyword("typename")
    bound = _bound_to(project, facts).get(id(call))
    if bound is None or not isinstance(given, LiteralExpr) or not isinstance(given.value, str):
        return None
    variable, scope = bound
    name, outer = given.value, facts.scopes[scope]
    if name in facts.scopes[0].bindings:
        return None
    text = f"`{variable}` is a named tuple inside `{outer.name}`"
    remedy = f"define `{variable}` at module level"
    if outer.kind == "module":
        text = f"`{variable}` is a named tuple that calls itself `{name}`"
        remedy = f'call it by the name of its variable: `{value.name.rpartition(".")[2]}("{variable}", ...)`'
    return Origin("local", variable, name, spot, Place(facts.path, call.line, text), via, remedy=remedy, of_class=True)


def _bound_to(project: Project, facts: ModuleFacts) -> dict[int, tuple[str, int]]:
    """Return the variable, and its scope, that a call is bound to, by the identity of the call."""

    def table() -> dict[int, tuple[str, int]]:
        return {
            id(binding.value): (name, scope.index)
            for scope in facts.scopes
            for name, bindings in scope.bindings.items()
            for binding in bindings
            if binding.how == "assign" and isinstance(binding.value, Call)
        }

    return project.answer(("handovers: bound", facts.path), table)


def _replaced(project: Project, site: Site) -> Site | None:
    """Return the function or class inside a decorator that stands under the name of the decorated one."""
    facts = project.modules[site.path]
    scope = facts.scopes[site.scope]
    for decorator in scope.decorators:
        for value in project.values(decorator, Where(facts, scope.parent, scope.statement)):
            if value.kind != "function" or value.site is None:
                continue
            inner = project.modules[value.site.path]
            for result in inner.results:
                if result.scope != value.site.scope or result.how != "return":
                    continue
                for made in project.values(result.value, Where(inner, result.scope, result.statement)):
                    if made.kind in ("function", "class") and made.site and _is_within(project, made.site, value.site):
                        return None if _is_wrapped(project, made.site, value.site) else made.site
    return None


def _is_within(project: Project, inner: Site, outer: Site) -> bool:
    facts = project.modules[inner.path]
    return inner.path == outer.path and facts.scopes[inner.scope].parent == outer.scope


def _is_wrapped(project: Project, inner: Site, outer: Site) -> bool:
    """Whether the function inside a decorator takes on the name of the one that it wraps."""
    facts = project.modules[inner.path]
    scope = facts.scopes[inner.scope]
    if scope.decorators:
        return True  # functools.wraps, or one that may do the same
    calls = [call for call in facts.calls if call.scope == outer.scope]
    names = {(dotted(call.func) or "").rpartition(".")[2] for call in calls}
    attributes = {store.attr for store in facts.stores if store.scope == outer.scope}
    return bool(names & {"update_wrapper", "wraps", "decorate"}) or "__qualname__" in attributes


def _is_bound(project: Project, site: Site) -> bool:
    """Whether a function taken from an instance carries the instance along."""
    facts = project.modules[site.path]
    receiver = project.receiver(facts, facts.scopes[site.scope])
    return receiver is not None and receiver.kind == "instance"


def qualname(facts: ModuleFacts, scope: int) -> str:
    """Return ``__qualname__`` of a function, class or lambda: the scope ``scope`` of the module."""
    names: list[str] = []
    at = facts.scopes[scope]
    while at.index > 0:
        if at.kind != "comprehension":
            names.append(at.name)
        outer = facts.scopes[at.parent]
        if outer.kind in ("function", "lambda"):
            names.append("<locals>")
        at = outer
    return ".".join(reversed(names))


# --- what an object holds ---


class _Kept(NamedTuple):
    """A parameter of a constructor whose argument the instance keeps, and the hops from the parameter on.

    ``forwarded``: the class of the instance passes it on by ``*args`` or ``**kwargs``.
    """

    constructor: Site
    name: str
    via: tuple[Place, ...]
    forwarded: bool = False


class _Class(NamedTuple):
    """What the instances of a class hold.

    Attributes:
        origins: what the class's own code puts there, whoever makes the instance.
        kept: the arguments of its constructor that it keeps.
        passes_on: whether it passes what it is given on to a library's Dataset.
    """

    origins: tuple[Origin, ...]
    kept: tuple[_Kept, ...]
    passes_on: bool


_EMPTY = _Class((), (), passes_on=False)


def _contents(search: _Search, value: Value, via: tuple[Place, ...], depth: int) -> Iterator[Origin]:
    """Yield what can't be pickled among the attributes of an instance of a project class.

    Args:
        search: the search that this is part of.
        value: the instance; with the call that makes it, its arguments count as well.
        via: the hops from the instance to who gets it.
        depth: how deep we are.
    """
    site = value.site
    if site is None or depth > _DEPTH:
        return
    call = value.expr if isinstance(value.expr, Call) else None
    where = value.where
    if not search.goes_on(site, call, where.frame if where else None):
        return
    project = search.project
    held = _class(project, site)
    for origin in held.origins:
        # what a class of a notebook makes itself moves into a module with it
        if origin.kind != "notebook" or origin.definition.path != site.path:
            yield origin._replace(via=(*origin.via, *via), held=True)
    bound: dict[Site, Frame | None] = {}
    for kept in held.kept:
        hops = (*kept.via, *via)
        if call is None or where is None:
            facts = project.modules[kept.constructor.path]
            at = Where(facts, kept.constructor.scope, len(facts.statements))
            spot = Spot(facts.path, "statement", facts.scopes[kept.constructor.scope].statement)
            for origin in _held(search, Name(kept.name), at, spot, hops, depth + 1):
                yield origin._replace(held=True)
            continue
        if kept.constructor not in bound:
            bound[kept.constructor] = _bound_through(project, value, call, where, kept)
        frame = bound[kept.constructor]
        passed = frame.args.get(kept.name) if frame is not None else None
        if passed is None:
            passed = _spread_over(project, kept, call, where) or _default(project, kept)
        if passed is not None:
            here = spot_of(project, passed[1], passed[0]) or Spot(where.facts.path, "argument", call.number, kept.name)
            for origin in _held(search, passed[0], passed[1], here, hops, depth + 1):
                yield origin._replace(held=True)
    if held.passes_on and call is not None and where is not None:
        yield from _arguments(search, call, where, None, via, depth + 1)


def _bound_through(project: Project, value: Value, call: Call, where: Where, kept: _Kept) -> Frame | None:
    """Return what the call that makes an instance passes to a constructor, through those that pass it on."""
    own = project.method(value.site, "__init__") if value.site is not None else None
    if own is None or not kept.forwarded:
        return project.bind(kept.constructor, where.facts, call, where)
    ways = [(own, project.bind(own, where.facts, call, where, value))]
    seen = {own}
    while ways:
        at, frame = ways.pop()
        facts = project.modules[at.path]
        for inner in _calls_in(project, facts).get(at.scope, ()):
            if not isinstance(inner.func, Attribute) or inner.func.attr != "__init__":
                continue
            here = Where(facts, inner.scope, inner.statement, frame)
            for callee in project.values(inner.func, here):
                if callee.kind == "function" and callee.site is not None and callee.site not in seen:
                    bound = _bound_above(project, callee, facts, inner, here, value)
                    if callee.site == kept.constructor:
                        return bound
                    seen.add(callee.site)
                    ways.append((callee.site, bound))
    return None


def _bound_above(
    project: Project, callee: Value, facts: ModuleFacts, call: Call, where: Where, receiver: Value
) -> Frame | None:
    """Bind the arguments of ``super().__init__(x)``, or of ``Base.__init__(self, x)``: its first one is the object."""
    if callee.site is None:
        return None
    explicit = callee.of is None and isinstance(call.func, Attribute) and call.func.attr == "__init__"
    plain = call._replace(args=call.args[1:]) if explicit and call.args else call
    return project.bind(callee.site, facts, plain, where, receiver)


def _spread_over(project: Project, kept: _Kept, call: Call, where: Where) -> tuple[Expr, Where] | None:
    """Return what a call spreads over ``*args`` that are kept: ``Compose(*steps)``, where steps are appended."""
    params = project.scope(kept.constructor).params
    lists = tuple(arg for arg in call.args if isinstance(arg, Derived) and arg.how == "starred")
    if kept.forwarded or not lists or not any(each.name == kept.name and each.kind == "*" for each in params):
        return None
    return Collection("tuple", lists), where


def _default(project: Project, kept: _Kept) -> tuple[Expr, Where] | None:
    facts = project.modules[kept.constructor.path]
    owner = facts.scopes[kept.constructor.scope]
    param = next((each for each in owner.params if each.name == kept.name), None)
    if param is None or param.default is None:
        return None
    return param.default, Where(facts, owner.parent, owner.statement)


def held_by_class(project: Project, site: Site) -> Iterator[Origin]:
    """Yield what every instance of a Dataset class holds: what its code puts there, and defaults that it keeps.

    What the class inherits from another Dataset class is that one's.
    """
    held = _class(project, site)
    for origin in held.origins:
        if not origin.via or not _is_elsewhere(project, origin, site):
            yield origin
    for kept in held.kept:
        facts = project.modules[kept.constructor.path]
        default = _default(project, kept)
        if (
            default is not None
            and facts.scopes[kept.constructor.scope].parent == site.scope
            and facts.path == site.path
        ):
            spot = Spot(facts.path, "statement", facts.scopes[kept.constructor.scope].statement)
            yield from _held(_Search(project), *default, spot, kept.via, 0)


def _class(project: Project, site: Site) -> _Class:
    """Return what the instances of a class hold; worked out once per class."""
    key = ("handovers: class", site)
    known = project.answers.get(key)
    if isinstance(known, _Class):
        return known
    project.answers[key] = _EMPTY  # a class that holds an instance of itself
    made = _look_into(project, site)
    project.answers[key] = made
    return made


def _look_into(project: Project, site: Site) -> _Class:
    dropped = _dropped(project, site)
    if dropped is None:
        return _EMPTY
    frames, library, kept, passes_on = _construction(project, site)
    search = _Search(project, frozenset(base.site for base in project.ancestors(site) if base.site is not None))
    found: list[Origin] = []
    is_process = project.derives_from(site, _PROCESSES) is not None
    for facts, statement, attr, expr in _fields(project, site):
        if attr not in dropped:
            hop = Place(facts.path, facts.statements[statement].line, f"the default of the field `{attr}`")
            where = Where(facts, facts.statements[statement].scope, statement)
            found.extend(_held(search, expr, where, Spot(facts.path, "statement", statement), (hop,), 0))
    for facts, scope, statement, attr, expr in _attributes(project, site):
        function = Site(facts.path, facts.function_of(scope))
        method = facts.scopes[function.scope]
        if attr in dropped or attr == "__dict__" or method.name in _IN_WORKER or not _is_bound(project, function):
            continue
        if is_process and method.name == "run":
            continue
        if function not in frames and not _runs_before(project, site, function, frozenset(frames)):
            continue
        # what other methods are passed is passed to some other instance as well as to this one
        frame = frames.get(function) or Frame(function.scope, function.path, {})
        where = Where(facts, scope, statement, frame)
        hop = Place(facts.path, facts.statements[statement].line, f"kept as `self.{attr}`")
        found.extend(_held(search, expr, where, Spot(facts.path, "statement", statement), (hop,), 0))
    for call, where in library:
        found.extend(_arguments(search, call, where, None, (), 0))
    origins = []
    for origin in found:
        if origin.kind == "parameter":
            constructor = Site(origin.spot.path, origin.spot.number)
            forwarded = constructor != next(iter(frames), None)
            kept.append(_Kept(constructor, origin.name, origin.via, forwarded))
        else:
            origins.append(origin)
    unique = {(each.constructor, each.name): each for each in reversed(kept)}
    return _Class(tuple(origins), tuple(reversed(unique.values())), passes_on)


def _runs_before(project: Project, site: Site, function: Site, constructs: frozenset[Site]) -> bool:
    """Whether something may call a method before the instance is sent to a worker.

    Nothing does where no call of the project means it, or only calls in methods that run in workers. A method that a
    library may call counts as called: a special one, one with a decorator, any of a class that derives from more than a
    Dataset.

    Args:
        project: the project.
        site: the class of the instance.
        function: one of its methods.
        constructs: the methods that run while it is constructed.
    """
    key = ("holdings: runs before", site, function)
    known = project.answers.get(key)
    if known is None:
        project.answers[key] = False  # a method that calls itself
        known = project.answers[key] = _may_run_before(project, site, function, constructs)
    return known is True


def _may_run_before(project: Project, site: Site, function: Site, constructs: frozenset[Site]) -> bool:
    scope = project.scope(function)
    bases = [base.name for base in project.ancestors(site) if base.site is None]
    if (
        scope.name.startswith("__")
        or scope.decorators
        or any(not is_dataset(n) and n not in _CALL_NOTHING for n in bases)
    ):
        return True
    family = {base.site for base in project.ancestors(site)} | set(project.subclasses(site))
    for facts, call in project.calls_by_name.get(scope.name, ()):
        if not isinstance(call.func, Attribute):
            continue
        inside = facts.scopes[facts.function_of(call.scope)]
        in_class = facts.scopes[max(inside.parent, 0)].kind == "class"
        if in_class and _is_own_method(facts, inside.index, call.func):
            caller = Site(facts.path, inside.index)
            if Site(facts.path, inside.parent) not in family or inside.name in _IN_WORKER:
                continue
            if caller in constructs or (caller != function and _runs_before(project, site, caller, constructs)):
                return True
        elif any(value.kind != "function" or value.site == function for value in project.called(facts, call)):
            return True
    return scope.name in project.answer("holdings: named", lambda: _named_without_call(project))


def _named_without_call(project: Project) -> frozenset[str]:
    """Return the attributes that the project reads without calling them there: whoever gets it may call it."""
    called: set[int] = set()
    seen: dict[int, Expr] = {}
    for facts in project.modules.values():
        stack = [expr for expr, _, _ in expressions(facts)]
        while stack:
            inner = stack.pop()
            if id(inner) in seen:
                continue
            seen[id(inner)] = inner
            if isinstance(inner, Call):
                called.add(id(inner.func))
            stack.extend(parts(inner))
    return frozenset(each.attr for number, each in seen.items() if isinstance(each, Attribute) and number not in called)


def _fields(project: Project, site: Site) -> Iterator[tuple[ModuleFacts, int, str, Expr]]:
    """Yield the defaults of a data class's fields, which every instance keeps, as (module, statement, name, value)."""
    for base in project.ancestors(site):
        if base.site is None:
            continue
        facts = project.modules[base.site.path]
        scope = facts.scopes[base.site.scope]
        if any(_is_dataclass(project, facts, scope, each) for each in scope.decorators):
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    if facts.statements[binding.statement].kind == "annassign" and isinstance(binding.value, Lambda):
                        yield facts, binding.statement, name, binding.value


def _is_dataclass(project: Project, facts: ModuleFacts, scope: Scope, decorator: Expr) -> bool:
    values = project.values(_callee(decorator), Where(facts, scope.parent, scope.statement))
    return any(value.name in ("dataclasses.dataclass", "attr.dataclass", "attrs.define", "attr.s") for value in values)


def _parameter(constructor: Site, name: str) -> Lambda:
    """Return a stand-in for whatever is passed as a parameter: it goes where a lambda would go."""
    return Lambda(_STAND_IN, constructor.scope, 0, LiteralExpr(name), 0)


_STAND_IN = -1


def _is_elsewhere(project: Project, origin: Origin, site: Site) -> bool:
    """Whether it is another Dataset class, looked at by itself, whose code keeps it."""
    kept = origin.via[-1]
    facts = project.modules[kept.path]
    for base in project.ancestors(site)[1:]:
        if base.site is None or base.site.path != kept.path or dataset_class(project, base.site) is None:
            continue
        statement = facts.statements[facts.scopes[base.site.scope].statement]
        if statement.line <= kept.line <= statement.end_line:
            return True
    return False


def _attributes(project: Project, site: Site) -> list[tuple[ModuleFacts, int, int, str, Expr]]:
    """Return what is put on ``self``, or into a collection on it, as (module, scope, statement, attribute, value)."""
    key = ("handovers: attributes", site)
    known = project.answers.get(key)
    if isinstance(known, list):
        return known
    found: list[tuple[ModuleFacts, int, int, str, Expr]] = []
    cleared: dict[tuple[str, int, str], int] = {}
    for facts, store in project.stores(site):
        if store.attr is None:
            continue
        if store.value is None or store.value == LiteralExpr(None):
            block = facts.statements[store.statement].block
            if block == facts.scopes[facts.function_of(store.scope)].body:
                cleared[(facts.path, facts.function_of(store.scope), store.attr)] = store.statement
        elif not isinstance(store.value, LiteralExpr):
            found.append((facts, store.scope, store.statement, store.attr, store.value))
    for base in project.ancestors(site):
        if base.site is not None:
            facts = project.modules[base.site.path]
            found.extend((facts, *added) for added in _added(project, facts).get(base.site.scope, ()))
    kept = [each for each in found if each[2] > cleared.get((each[0].path, each[0].function_of(each[1]), each[3]), -1)]
    project.answers[key] = kept
    return kept


def _added(project: Project, facts: ModuleFacts) -> dict[int, list[tuple[int, int, str, Expr]]]:
    """Return what methods put into collections on ``self``, by class: ``self.x.append(e)``, ``self.x[k] = e``."""
    key = ("handovers: added", facts.path)
    known = project.answers.get(key)
    if isinstance(known, dict):
        return known
    table: dict[int, list[tuple[int, int, str, Expr]]] = {}

    def add(base: Expr, scope: int, statement: int, expr: Expr) -> None:
        while isinstance(base, Subscript):
            base = base.value
        if isinstance(base, Attribute) and isinstance(base.value, Name) and not isinstance(expr, LiteralExpr):
            method = facts.scopes[facts.function_of(scope)]
            if method.kind == "function" and method.params and method.params[0].name == base.value.id:
                table.setdefault(method.parent, []).append((scope, statement, base.attr, expr))

    for store in facts.stores:
        if store.key is not None and store.value is not None:
            add(store.base, store.scope, store.statement, store.value)
    for call in facts.calls:
        if isinstance(call.func, Attribute) and call.func.attr in ("append", "extend", "insert", "add") and call.args:
            add(call.func.value, call.scope, call.statement, call.args[-1])
    project.answers[key] = table
    return table


def tied_to_process(project: Project, value: Value, name: str, spot: Spot, via: tuple[Place, ...]) -> Iterator[Origin]:
    """Yield the lock, pool or open handle that an instance of a project class keeps, as an origin; at most one.

    A Dataset's are left out: they are reported where they are kept.

    Args:
        project: the project.
        value: the instance.
        name: what is handed over: the instance's class, or the method that is bound to it.
        spot: where it is reported.
        via: the hops from where it is written to who gets it.
    """
    site = value.site
    if site is None or dataset_class(project, site) is not None or project.method(site, "__reduce__"):
        return
    owner = project.scope(site).name
    made = value if isinstance(value.expr, Call) and value.where is not None else None
    for each in construction(project, site, made).carried:
        if drops(project, site, each.attr) or not each.always:
            continue
        what, error = _tied(project, each.expr, each.where, closed=each.closed)
        if not error:
            continue
        facts = each.where.facts
        line = facts.statements[each.where.statement].line
        place = Place(facts.path, line, f"`{owner}` keeps {what} as `self.{each.attr}`")
        remedy = f"leave `{each.attr}` out in a `__getstate__`, and make it anew in each process"
        yield Origin("local", name, owner, spot, place, via, remedy=remedy, error=error)
        return


def _tied(project: Project, expr: Expr, where: Where, *, closed: bool) -> tuple[str, str]:
    """Return what an expression makes that is tied to its process, and the error when it is pickled; "" for nothing.

    A lock or an executor stays so; of a handle that was closed nobody knows.
    """
    values = project.values(expr, where)
    row = attributes.refused(values[0].name) if len(values) == 1 and values[0].kind == "made" else None
    if row is not None:
        return row.what, row.error
    for handle in opened(project, expr, where) if not closed else ():
        if handle.sure and handle.kind.pickle:
            article = "an" if handle.kind.what[:1] in "aeiou" else "a"
            return f"{article} {handle.kind.what}", handle.kind.pickle
    return "", ""


def _dropped(project: Project, site: Site) -> frozenset[str] | None:
    """Return the attributes that an instance leaves behind when it is pickled; None if it pickles in its own way."""
    if project.method(site, "__reduce__") or project.method(site, "__reduce_ex__"):
        return None
    method = project.method(site, "__getstate__")
    if method is None:
        return frozenset()
    facts = project.modules[method.path]
    names: set[str] = set()
    for store in facts.stores:
        if store.scope == method.scope and isinstance(store.key, LiteralExpr):
            names.add(str(store.key.value))
        if store.scope == method.scope and store.attr is not None:
            names.add(store.attr)
    copies = False
    for call in facts.calls:
        if call.scope == method.scope:
            names.update(arg.value for arg in call.args if isinstance(arg, LiteralExpr) and isinstance(arg.value, str))
            spelled = dotted(call.func) or ""
            copies |= "__dict__" in spelled or spelled == "vars" or "__dict__" in names
            copies |= any("__dict__" in (dotted(arg) or "") for arg in call.args)
    for result in facts.results:
        if result.scope == method.scope:
            copies |= "__dict__" in (dotted(result.value) or "")
    return frozenset(names) if copies else None


def _construction(
    project: Project, site: Site
) -> tuple[dict[Site, Frame | None], list[tuple[Call, Where]], list[_Kept], bool]:
    """Follow the making of an instance through constructors and the methods that they call.

    Returns:
        The arguments with which each method on the way runs (its own constructor first; stand-ins for what that is
        passed), the calls of library constructors whose arguments the instance keeps, an empty list for what it keeps,
        and whether it passes whatever it is given on to such a constructor.
    """
    frames: dict[Site, Frame | None] = {}
    library: list[tuple[Call, Where]] = []
    first = project.method(site, "__init__") or project.method(site, "__post_init__")
    if first is None:
        return frames, library, [], _is_library_dataset(project, site)
    passes_on = False
    receiver = Value("instance", project.scope(site).name, site)
    frames[first] = Frame(first.scope, first.path, _stand_ins(project, first), complete=True, receiver=receiver)
    queue = [first]
    while queue:
        at = queue.pop()
        facts = project.modules[at.path]
        frame = frames[at]
        for call in _calls_in(project, facts).get(at.scope, ()):
            func = call.func
            if not isinstance(func, Attribute):
                continue
            if func.attr != "__init__" and not _is_own_method(facts, at.scope, func):
                continue
            where = Where(facts, call.scope, call.statement, frame)
            for callee in project.values(func, where):
                if callee.kind == "external" and is_dataset(callee.name.removesuffix(".__init__")):
                    library.append((call, where))
                    passes_on |= _forwards(facts, at.scope, call)
                elif callee.kind == "function" and callee.site is not None and callee.site not in frames:
                    bound = _bound_above(project, callee, facts, call, where, receiver)
                    if bound is not None and _forwards(facts, at.scope, call):
                        bound = bound._replace(args={**_stand_ins(project, callee.site), **bound.args}, complete=True)
                    frames[callee.site] = bound
                    queue.append(callee.site)
    return frames, library, [], passes_on


def _stand_ins(project: Project, constructor: Site) -> dict[str, tuple[Expr, Where]]:
    facts = project.modules[constructor.path]
    scope = facts.scopes[constructor.scope]
    at = Where(facts, scope.parent, scope.statement)
    named = [param for param in scope.params[1:] if param.kind != "**"]
    return {param.name: (_parameter(constructor, param.name), at) for param in named}


def _forwards(facts: ModuleFacts, scope: int, call: Call) -> bool:
    """Whether a call passes on the ``*args`` or ``**kwargs`` of the function that it stands in."""
    params = facts.scopes[scope].params
    spread = [value for key, value in call.keywords if key is None]
    starred = [arg.value for arg in call.args if isinstance(arg, Derived) and arg.how == "starred"]
    return any(
        Name(param.name) in (spread if param.kind == "**" else starred) for param in params if param.kind in ("*", "**")
    )


def _is_own_method(facts: ModuleFacts, scope: int, func: Attribute) -> bool:
    params = facts.scopes[scope].params
    return isinstance(func.value, Name) and bool(params) and func.value.id == params[0].name


def _is_library_dataset(project: Project, site: Site) -> bool:
    return any(base.site is None and is_dataset(base.name) for base in project.ancestors(site))


def _calls_in(project: Project, facts: ModuleFacts) -> dict[int, list[Call]]:
    """Return the calls of a module by the function that they stand in."""
    key = ("handovers: calls", facts.path)
    known = project.answers.get(key)
    if isinstance(known, dict):
        return known
    table: dict[int, list[Call]] = {}
    for call in facts.calls:
        table.setdefault(facts.function_of(call.scope), []).append(call)
    project.answers[key] = table
    return table


def spot_of(project: Project, where: Where, expr: Expr) -> Spot | None:
    """Return the argument that the expression is, None if it is not an argument of a call."""
    facts = where.facts

    def table() -> dict[int, Spot]:
        return {
            id(arg): Spot(facts.path, "argument", call.number, spelled)
            for call in facts.calls
            for spelled, arg in _passed(call)
        }

    return project.answer(("handovers: arguments", facts.path), table).get(id(expr))


def _passed(call: Call) -> Iterable[tuple[str | int, Expr]]:
    yield from enumerate(call.args)
    for key, value in call.keywords:
        if key is not None and value is not NOTHING:
            yield key, value
