"""What workers return that can't be sent back to the parent.

Whatever a Dataset's items are made into (by the ``collate_fn``, or by torch's ``default_collate``) goes through a queue
under every start method. What can't be pickled never arrives, and the loader waits for ever. `default_collate` sees the
items first: it raises for most of what can't be pickled, and hands on instances of local named tuples, dicts and lists.
What happens in which case was seen by running each one (torch 2.13, CPython 3.11, Linux).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from dlsafe_lint.analysis.handovers import handovers
from dlsafe_lint.analysis.holdings import Spot, held_by, name_of_tuple, qualname, unnamed
from dlsafe_lint.analysis.openings import opened
from dlsafe_lint.analysis.workers import Loader, dataset_values, idle, is_dataset, loaders, per_caller
from dlsafe_lint.apis import attributes
from dlsafe_lint.apis.datasets import KEEPS_ARGUMENTS
from dlsafe_lint.apis.workers import COPYING, DEFAULT_COLLATE, DICTS, ITERATING, RESULTS, VIEWS
from dlsafe_lint.facts import (
    Attribute,
    Call,
    Choice,
    Collection,
    Comprehension,
    Derived,
    Expr,
    Lambda,
    Name,
    Subscript,
)
from dlsafe_lint.facts import Literal as LiteralExpr
from dlsafe_lint.finding import START_METHODS, Breakage, Place
from dlsafe_lint.project import Frame, Project, Site, Value, Where, reaching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.facts import ModuleFacts, Result
    from dlsafe_lint.finding import Confidence

_DEPTH = 8
_ITEMS = {True: ("__getitems__", "__getitem__"), False: ("__getitem__",)}
_READ_OUT = "return `list(...)` of it"
_NOWHERE = Spot("", "statement", 0)
_BATCH_ERROR = "TypeError: default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists"

Handling = Literal["passed on", "columns", "default", "unknown"]
"""What becomes of items: sent as they are, split into columns by ``zip(*batch)``, put into a batch by torch's
`default_collate`, or something that can't be followed."""


class Unsendable(NamedTuple):
    """Something in what a function returns that can't be pickled.

    Attributes:
        what: in words ("a generator").
        error: the error of the worker that tries to send it.
        help: what to return instead.
        definition: where it is made.
        inside: the kind of the outermost collection that holds it ("tuple", "dict"), "" where it is returned itself.
        batched: whether torch's `default_collate` makes a batch that holds it; None: it makes something else of it.
        via: the hops from the function to where it is made.
    """

    what: str
    error: str
    help: str
    definition: Place
    inside: str = ""
    batched: bool | None = False
    via: tuple[Place, ...] = ()


class Returned(NamedTuple):
    """A finding: what a worker returns, and what happens then.

    Attributes:
        spot: the statement that returns it, or the lambda.
        name: the function ("Words.__getitem__"; "the lambda").
        verb: "returns" or "yields".
        unsendable: what can't be sent.
        collated: `default_collate` gets it first, and raises.
        loader: the loader whose workers return it.
        confidence: how sure it is that there are workers.
        via: the hops that lead from the function to the loader.
    """

    spot: Spot
    name: str
    verb: str
    unsendable: Unsendable
    collated: bool
    loader: Loader
    confidence: Confidence
    via: tuple[Place, ...]

    @property
    def breaks(self) -> tuple[Breakage, ...]:
        """What happens, per start method."""
        if self.collated:
            what = _BATCH_ERROR
        elif self._waits:
            what = f"the loader waits for ever; the worker can't send the batch ({self.unsendable.error})"
        else:
            what = f"RuntimeError: DataLoader timed out; the worker can't send the batch ({self.unsendable.error})"
        return tuple(Breakage(method, what) for method in START_METHODS if method in self.loader.methods)

    @property
    def _waits(self) -> bool:
        """Whether the loader has no ``timeout``, as far as its call shows."""
        return self.loader.call.keyword("timeout") in (None, LiteralExpr(0))

    @property
    def related(self) -> tuple[Place, ...]:
        """The chain of evidence: where it is made, the hops, the loader."""
        words = f"a loader with workers ({self.loader.workers})" if self.loader.workers else "a loader with workers"
        last = Place(self.loader.facts.path, self.loader.call.line, words)
        return tuple(dict.fromkeys((self.unsendable.definition, *self.unsendable.via, *self.via, last)))


def results(project: Project) -> dict[str, list[Returned]]:
    """Return what workers return and can't send, by the path of the module in which it is reported.

    A statement is one entry, whoever loads it.
    """
    return project.answer("results", lambda: _results(project))


def _results(project: Project) -> dict[str, list[Returned]]:
    best: dict[Spot, Returned] = {}
    for loader in (each for made in loaders(project) for each in per_caller(project, made)):
        if loader.confidence is None:
            continue
        for each in (*_collated(project, loader), *_loaded(project, loader), *_perhaps_loaded(project, loader)):
            other = best.get(each.spot)
            if other is None or _rank(each) > _rank(other):
                best[each.spot] = each
    table: dict[str, list[Returned]] = {}
    for spot, each in best.items():
        if spot not in {handed.origin.spot for handed in handovers(project).get(spot.path, ())}:
            table.setdefault(spot.path, []).append(each)
    for entries in table.values():
        entries.sort(key=lambda each: (each.spot.kind, each.spot.number))
    return table


def _rank(each: Returned) -> tuple[bool, bool, bool]:
    return (each.confidence != "possible", not each.collated, each.confidence == "certain")


# --- who returns something to the parent ---


def _collated(project: Project, loader: Loader) -> Iterator[Returned]:
    """Yield what a loader's own ``collate_fn`` returns and can't be sent."""
    argument = project.argument_at(loader.call, loader.where, "collate_fn", loader.api.collate)
    if argument is None or loader.confidence is None:
        return
    for value in project.values(*argument, 1):
        for function in _functions(project, value, 0):
            if isinstance(function, Value):
                yield from _by_lambda(project, function, loader)
                continue
            for result, unsendable in _of_function(project, function, _receiver(project, function, value)):
                spot = Spot(function.path, "statement", result.statement)
                name = f"`{project.scope(function).qualname}`"
                yield Returned(spot, name, "returns", unsendable, False, loader, loader.confidence, value.via)


def _by_lambda(project: Project, value: Value, loader: Loader) -> Iterator[Returned]:
    if isinstance(value.expr, Lambda) and value.where is not None and loader.confidence is not None:
        facts = value.where.facts
        spot = Spot(facts.path, "lambda", value.expr.number)
        where = Where(facts, value.expr.scope, value.expr.statement)
        for unsendable in unsendables(project, value.expr.body, where):
            yield Returned(spot, "the lambda", "returns", unsendable, False, loader, loader.confidence, value.via)
            return


def _functions(project: Project, value: Value, depth: int) -> Iterator[Site | Value]:
    """Yield the functions of the project (a lambda as its value) that run when a value is called."""
    if value.kind == "function" and value.site is not None:
        yield value.site
    elif value.kind == "lambda":
        yield value
    elif value.kind == "instance" and value.site is not None:
        method = project.method(value.site, "__call__")
        if method is not None:
            yield method
    elif value.kind == "made" and value.name == "functools.partial" and depth < _DEPTH and value.where is not None:
        args = value.expr.args[:1] if isinstance(value.expr, Call) else ()
        for inner in (each for arg in args for each in project.values(arg, value.where, 1)):
            yield from _functions(project, inner, depth + 1)


def _receiver(project: Project, function: Site, value: Value) -> Value | None:
    """Return the instance whose method is called when a value is called."""
    if value.kind == "instance":
        return value
    return (
        value.of if value.of is not None else project.receiver(project.modules[function.path], project.scope(function))
    )


def _loaded(project: Project, loader: Loader) -> Iterator[Returned]:
    """Yield what the Datasets that a loader reads from return and can't be sent."""
    if loader.confidence is None:
        return
    ways = _handlings(project, loader)
    if not ways:
        return
    for value in dataset_values(project, loader):
        if value.kind != "instance" or value.site is None:
            continue
        for verb, function, result, unsendable in _items(project, value.site, _is_batched(project, loader)):
            for way in ways:
                if way == "columns" and unsendable.inside not in ("tuple", "list"):
                    continue
                if way == "default" and unsendable.batched is None:
                    continue
                collated = way == "default" and unsendable.batched is False
                spot = Spot(function.path, "statement", result.statement)
                name = f"`{project.scope(function).qualname}`"
                yield Returned(spot, name, verb, unsendable, collated, loader, loader.confidence, value.via)


def _perhaps_loaded(project: Project, loader: Loader) -> Iterator[Returned]:
    """Yield what any Dataset returns where a loader hands on the items of one that can't be followed."""
    values = dataset_values(project, loader)
    unseen = bool(values) and all(value.kind in ("unknown", "missing") for value in values)
    if not unseen or "passed on" not in _handlings(project, loader):
        return
    hop = Place(loader.facts.path, loader.call.line, "reads from a Dataset that can't be followed: perhaps from this")
    for site in project.classes():
        if is_dataset(project, site) is None or idle(project, site):
            continue
        for verb, function, result, unsendable in _items(project, site, _is_batched(project, loader)):
            spot = Spot(function.path, "statement", result.statement)
            name = f"`{project.scope(function).qualname}`"
            yield Returned(spot, name, verb, unsendable, False, loader, "possible", (hop,))


def _is_batched(project: Project, loader: Loader) -> bool:
    """Whether a loader makes batches of items: it does unless ``batch_size=None`` is written."""
    argument = project.argument_at(loader.call, loader.where, "batch_size", 1)
    if argument is None or project.argument_at(loader.call, loader.where, "batch_sampler", 4) is not None:
        return True
    return any(value.expr != LiteralExpr(None) for value in project.values(*argument, 1))


def _items(project: Project, site: Site, batched: bool) -> list[tuple[str, Site, Result, Unsendable]]:
    """Return what can't be sent in the items of a Dataset: (verb, function, result, what)."""

    def find() -> list[tuple[str, Site, Result, Unsendable]]:
        receiver = Value("instance", project.scope(site).name, site)
        for name in _ITEMS[batched]:
            method = project.method(site, name)
            if method is not None:
                found = _of_function(project, method, receiver)
                return [("returns", method, result, unsendable) for result, unsendable in found]
        method = project.method(site, "__iter__")
        return list(_iterated(project, method, receiver)) if method is not None else []

    return project.answer(("results: items", site, batched), find)


def _iterated(project: Project, iterates: Site, receiver: Value) -> Iterator[tuple[str, Site, Result, Unsendable]]:
    """Yield what can't be sent in the items that ``__iter__`` of an iterable Dataset yields or ``__next__`` returns."""
    generators = [iterates] if project.scope(iterates).is_generator else []
    if not generators:
        facts = project.modules[iterates.path]
        frame = Frame(iterates.scope, iterates.path, {}, complete=False, receiver=receiver)
        for result in _returns(facts, iterates):
            for value in project.values(result.value, Where(facts, iterates.scope, result.statement, frame)):
                if value.kind == "generator" and value.site is not None:
                    generators.append(value.site)
                elif value.kind == "instance" and value.site is not None:
                    following = project.method(value.site, "__next__")
                    found = _of_function(project, following, value) if following is not None else ()
                    for each, unsendable in found:
                        yield "returns", following or iterates, each, unsendable
    for generator in generators:
        facts = project.modules[generator.path]
        frame = Frame(generator.scope, generator.path, {}, complete=False, receiver=receiver)
        for result in facts.results:
            if result.scope == generator.scope and result.how == "yield":
                where = Where(facts, generator.scope, result.statement, frame)
                for unsendable in unsendables(project, result.value, where):
                    yield "yields", generator, result, unsendable
                    break


# --- what becomes of items ---


def _handlings(project: Project, loader: Loader) -> set[Handling]:
    """Return what a loader may do with items, as far as that can be followed."""
    argument = project.argument_at(loader.call, loader.where, "collate_fn", loader.api.collate)
    if argument is None:
        everything = all(key is not None for key, _ in loader.call.keywords)
        return {_without_function(project, loader)} - {"unknown"} if everything else set()
    found: set[Handling] = set()
    for value in project.values(*argument, 1):
        if value.expr == LiteralExpr(None):
            found.add(_without_function(project, loader))
        elif value.kind == "external" and value.name in DEFAULT_COLLATE:
            found.add("default")
        else:
            for function in _functions(project, value, 0):
                found.add(_handling(project, function))
    return found - {"unknown"}


def _without_function(project: Project, loader: Loader) -> Handling:
    if not loader.api.batches:
        return "unknown"
    return "default" if _is_batched(project, loader) else "passed on"


def _handling(project: Project, function: Site | Value) -> Handling:
    """Return what a collate function does with the items in its first argument."""
    if isinstance(function, Value):
        if not isinstance(function.expr, Lambda) or function.where is None:
            return "unknown"
        facts = function.where.facts
        scope = facts.scopes[function.expr.scope]
        returned = [(function.expr.body, Where(facts, scope.index, function.expr.statement))]
    else:
        facts = project.modules[function.path]
        scope = facts.scopes[function.scope]
        returned = [(each.value, Where(facts, scope.index, each.statement)) for each in _returns(facts, function)]
    params = scope.params[1:] if project.receiver(facts, scope) is not None else scope.params
    if not params or len(scope.bindings.get(params[0].name, ())) > 1:
        return "unknown"
    ways = {_way(project, expr, where, params[0].name) for expr, where in returned}
    return ways.pop() if len(ways) == 1 else "unknown"


def _way(project: Project, expr: Expr, where: Where, batch: str) -> Handling:
    """Return what an expression makes of the items in the argument ``batch``."""
    match expr:
        case Name(name) if name == batch:
            return "passed on"
        case Subscript(Name(name), LiteralExpr()) if name == batch:
            return "passed on"
        case Call(_, Name("list" | "tuple"), (inner,), ()):
            return _way(project, inner, where, batch)
        case Call(_, Name("zip"), (Derived("starred", Name(name)),), ()) if name == batch:
            return "columns"
        case Comprehension("list", Name(each), (Name(name),), scope) if name == batch:
            bound = where.facts.scopes[scope].bindings.get(each, ())
            return "passed on" if any(binding.how == "for" for binding in bound) else "unknown"
        case Comprehension("list", Call(_, Name("list" | "tuple"), (Name(),), ()), (inner,)):
            way = _way(project, inner, where, batch)
            return way if way == "columns" else "unknown"
        case Call():
            called = project.values(expr.func, where)
            if expr.args == (Name(batch),) and any(value.name in DEFAULT_COLLATE for value in called):
                return "default"
    return "unknown"


# --- what can't be sent ---


def _returns(facts: ModuleFacts, function: Site) -> list[Result]:
    return [each for each in facts.results if each.scope == function.scope and each.how == "return"]


def _of_function(project: Project, function: Site, receiver: Value | None) -> Iterator[tuple[Result, Unsendable]]:
    """Yield what a function returns that can't be sent: of each statement the first."""
    facts = project.modules[function.path]
    scope = project.scope(function)
    if scope.is_generator:
        first = next((each for each in facts.results if each.scope == function.scope and each.how != "return"), None)
        if first is not None and not scope.is_async:
            place = Place(facts.path, scope.line, f"`{scope.name}` has a `yield`, so it returns a generator")
            yield first, _generator(place)
        return
    frame = Frame(function.scope, function.path, {}, complete=False, receiver=receiver)
    for result in _returns(facts, function):
        for unsendable in unsendables(project, result.value, Where(facts, function.scope, result.statement, frame)):
            yield result, unsendable
            break


def _generator(place: Place, what: str = "a generator") -> Unsendable:
    error = "TypeError: cannot pickle 'generator' object"
    return Unsendable(what, error, _READ_OUT, place)


def unsendables(project: Project, expr: Expr, where: Where, depth: int = 0) -> Iterator[Unsendable]:
    """Yield what can't be pickled in what an expression stands for.

    What is on ``self`` is left out: it is the Dataset's, and reported where it is kept.

    Args:
        project: the project.
        expr: what is returned.
        where: where it is evaluated.
        depth: of the question that asks.
    """
    if depth > _DEPTH:
        return
    facts = where.facts
    match expr:
        case Lambda():
            yield _lambda(facts, expr)
        case Comprehension("generator"):
            line = facts.statements[where.statement].line
            yield _generator(Place(facts.path, line, "the generator expression"), "a generator expression")
        case Comprehension(kind, element, _, scope):
            yield from _within(project, kind, element, where._replace(scope=scope), depth)
        case Collection(kind, items):
            for item in items:
                yield from _within(project, kind, item, where, depth)
        case Choice(_, options):
            for option in options:
                yield from unsendables(project, option, where, depth + 1)
        case Attribute(base, _) if facts.class_of_self(base, where.scope) is not None:
            return
        case Name():
            yield from _variable(project, expr, where, depth)
        case Call():
            yield from _called(project, expr, where, depth)
        case Attribute() | Subscript():
            for value in project.values(expr, where):
                yield from _value(project, value, depth)
            yield from _handles(project, expr, where)


def _within(project: Project, kind: str, expr: Expr, where: Where, depth: int) -> Iterator[Unsendable]:
    for each in unsendables(project, expr, where, depth + 1):
        yield each._replace(inside=kind)


def _variable(project: Project, name: Name, where: Where, depth: int) -> Iterator[Unsendable]:
    """Yield what can't be sent in a variable: in what it is bound to, and in what is put into it."""
    facts = where.facts
    scope = facts.resolve(name.id, where.scope)
    if scope <= 0 or facts.scopes[scope].kind != "function":
        for value in project.values(name, where):
            yield from _value(project, value, depth)
        return
    fits = where.frame is not None and where.frame.path == facts.path and where.frame.scope == scope
    later = _last_put(facts, name.id, scope)
    for binding in reaching(facts, scope, name.id, where):
        at = Where(facts, scope, binding.statement, where.frame if fits else None)
        match binding.how:
            case "assign" | "walrus" if binding.value != name:
                bound = binding.value
                if isinstance(bound, Collection) and bound.kind == "dict":
                    kept = [
                        (key, item)
                        for key, item in zip(bound.keys, bound.items, strict=False)
                        if not isinstance(key, LiteralExpr) or key.value not in later
                    ]
                    bound = Collection("dict", tuple(item for _, item in kept), tuple(key for key, _ in kept))
                yield from unsendables(project, bound, at, depth + 1)
            case "param" if fits and where.frame is not None and name.id in where.frame.args:
                yield from unsendables(project, *where.frame.args[name.id], depth + 1)
            case "def" | "class" | "with":
                for made in project.values(name, where):
                    yield from _value(project, made, depth)
                if binding.how == "with":
                    yield from _handles(project, name, where)
    for put in later.values():
        if put is not None:
            yield from _within(project, "dict", put, where, depth)
    for added in project.added(name.id, Where(facts, scope, where.statement)):
        if added.kind == "list":
            for item in added.items:
                if not isinstance(item, Derived):
                    yield from _within(project, "list", item, where, depth)


def _last_put(facts: ModuleFacts, name: str, scope: int) -> dict[object, Expr | None]:
    """Return what a function puts last under each key written out of a variable; None where it takes it away."""
    found: dict[object, Expr | None] = {}
    for store in facts.stores:
        if store.base == Name(name) and isinstance(store.key, LiteralExpr) and facts.function_of(store.scope) == scope:
            found[store.key.value] = store.value
    for call in facts.calls:
        if (
            isinstance(call.func, Attribute)
            and call.func == Attribute(Name(name), "pop")
            and call.args
            and isinstance(call.args[0], LiteralExpr)
            and facts.function_of(call.scope) == scope
        ):
            found[call.args[0].value] = None
    return found


def _called(project: Project, call: Call, where: Where, depth: int) -> Iterator[Unsendable]:
    """Yield what can't be sent in the result of a call."""
    facts = where.facts
    match call:
        case Call(_, Attribute(base, method), (), ()) if method in VIEWS and _is_dict(project, base, where):
            error = f"TypeError: cannot pickle '{VIEWS[method]}' object"
            place = Place(facts.path, call.line, f"`{method}()` of a dict is a view of it")
            yield Unsendable(f"`{method}()` of a dict", error, _READ_OUT, place)
            return
    others = False
    for callee in project.values(call.func, where):
        if callee.kind != "function" or callee.site is None or project.scope(callee.site).is_generator:
            others = True
            continue
        inner = project.modules[callee.site.path]
        scope = project.scope(callee.site)
        frame = project.bind(callee.site, facts, call, where, callee.of, depth)
        hop = Place(inner.path, scope.line, f"`{scope.name}` returns it")
        for result in _returns(inner, callee.site):
            at = Where(inner, scope.index, result.statement, frame)
            for each in unsendables(project, result.value, at, depth + 1):
                yield each._replace(via=(*each.via, hop))
    if others:
        for value in project.values(call, where):
            yield from _value(project, value, depth)
        yield from _handles(project, call, where)


def _is_dict(project: Project, expr: Expr, where: Where) -> bool:
    """Whether everything that is known of an expression is a dict."""
    values = [value for value in project.values(expr, where) if value.kind != "unknown"]
    return bool(values) and all(
        (isinstance(value.expr, (Collection, Comprehension)) and value.expr.kind == "dict")
        or (value.kind == "made" and value.name in DICTS)
        for value in values
    )


def _value(project: Project, value: Value, depth: int) -> Iterator[Unsendable]:
    where = value.where
    match value.kind:
        case "lambda" if isinstance(value.expr, Lambda) and where is not None:
            yield _lambda(where.facts, value.expr)
        case "function" | "class" | "instance" if value.site is not None:
            yield from _of_project(project, value, value.site, depth)
        case "generator" if value.site is not None:
            scope = project.scope(value.site)
            yield _generator(Place(value.site.path, scope.line, f"`{scope.name}` is a generator function"))
        case "collection" | "comprehension" if value.expr is not None and where is not None:
            yield from unsendables(project, value.expr, where, depth + 1)
        case "made" if isinstance(value.expr, Call) and where is not None:
            yield from _made(project, value.name, value.expr, where, depth)
        case "part" if value.of is not None and isinstance(value.expr, Call) and where is not None:
            origin = name_of_tuple(project, value.of, _NOWHERE, ()) if value.name.endswith("()") else None
            if origin is not None:
                error = f"PicklingError: Can't pickle <class '{origin.qualname}'>: attribute lookup failed"
                what = f"an instance of `{origin.name}`"
                yield Unsendable(what, error, origin.remedy, origin.definition, batched=True)
            whole = value.of.of if value.of.kind == "part" else None
            if whole is not None and whole.kind == "made":
                yield from _listed(f"{whole.name}().{value.of.name}", value.expr, where)


def _of_project(project: Project, value: Value, site: Site, depth: int) -> Iterator[Unsendable]:
    """Yield what can't be sent of a function, a class or an instance of a class of the project."""
    origin = unnamed(project, site, _NOWHERE, ())
    scope = project.scope(site)
    if origin is not None:
        if origin.kind == "local":
            what = f"an instance of `{scope.name}`" if value.kind == "instance" else f"`{scope.name}`"
            error = f"AttributeError: Can't pickle local object '{origin.qualname}'"
            batched = _is_batchable(project, site) if value.kind == "instance" else False
            help_ = origin.remedy or f"define `{scope.name}` at module level"
            yield Unsendable(what, error, help_, origin.definition, batched=batched)
    elif value.kind == "instance" and isinstance(value.expr, Call) and value.where is not None:
        if project.method(site, "__init__") is None:
            for arg in (*value.expr.args, *(passed for _, passed in value.expr.keywords)):
                for each in unsendables(project, arg, value.where, depth + 1):
                    yield each._replace(batched=None)
            return
        for held in held_by(project, value):
            what = f"an instance of `{scope.name}`, which holds a {held.kind} function"
            if held.kind == "lambda":
                what = f"an instance of `{scope.name}`, which holds a lambda"
            error = f"AttributeError: Can't pickle local object '{held.qualname}'"
            help_ = "return what is computed from it"
            yield Unsendable(what, error, help_, held.definition, batched=False)


def _is_batchable(project: Project, site: Site) -> bool | None:
    """Tell what `default_collate` makes of instances of a class: a batch of that class, an error, something else."""
    names = {base.name for base in project.ancestors(site) if base.site is None}
    if names & {"dict", "list", "typing.NamedTuple", "collections.OrderedDict", "collections.UserDict"}:
        return True
    return False if names <= {"object", "abc.ABC", "typing.Generic"} else None


def _lambda(facts: ModuleFacts, found: Lambda) -> Unsendable:
    name = qualname(facts, found.scope)
    error = f"PicklingError: Can't pickle <function {name}>: attribute lookup {name} failed"
    if "<locals>" in name:
        error = f"AttributeError: Can't pickle local object '{name}'"
    help_ = "return what it computes, or write it as a function at module level"
    return Unsendable("a lambda", error, help_, Place(facts.path, found.line, "the lambda"))


def _made(project: Project, name: str, call: Call, where: Where, depth: int) -> Iterator[Unsendable]:
    """Yield what can't be sent in the result of a library's callable."""
    passed = (*call.args, *(value for _, value in call.keywords))
    yield from _listed(name, call, where)
    if name in ITERATING:
        for arg in passed:
            for each in unsendables(project, arg, where, depth + 1):
                if each.help == _READ_OUT and "generator" not in each.error:
                    continue  # an iterator over a view can be sent
                yield each._replace(what=f"a `{name}` over {each.what}", help=_READ_OUT, inside="", batched=False)
    elif name in COPYING:
        for arg in passed:
            yield from _copied(project, name, arg, where, depth)
    elif name in KEEPS_ARGUMENTS:
        for arg in passed:
            for each in unsendables(project, arg, where, depth + 1):
                batched = name == "collections.defaultdict"
                tail = name.rpartition(".")[2]
                yield each._replace(what=f"a `{tail}` of {each.what}", inside="", batched=batched)


def _copied(project: Project, name: str, arg: Expr, where: Where, depth: int) -> Iterator[Unsendable]:
    """Yield what can't be sent among the elements that a collection is made from: ``tuple(f(x) for x in y)``."""
    kind = name.rpartition(".")[2]
    match arg:
        case Comprehension(_, element, _, scope):
            yield from _within(project, kind, element, where._replace(scope=scope), depth)
        case Collection(_, items):
            for item in items:
                yield from _within(project, kind, item, where, depth)
        case Lambda() | Comprehension() if kind == "dict":
            yield from _within(project, kind, arg, where, depth)


def _listed(name: str, call: Call, where: Where) -> Iterator[Unsendable]:
    """Yield the result of a callable that the table names."""
    row = attributes.refused(name)
    what, error = (row.what, row.error) if row is not None else RESULTS.get(name, ("", ""))
    if what:
        help_ = _READ_OUT if what.startswith(("a generator", "an iterator")) else "leave it out of what is returned"
        yield Unsendable(what, error, help_, Place(where.facts.path, call.line, f"`{name.replace('()', '')}`"))


def _handles(project: Project, expr: Expr, where: Where) -> Iterator[Unsendable]:
    """Yield the handle that an expression stands for."""
    for handle in opened(project, expr, where):
        facts = handle.where.facts
        entered = any(each.value is handle.call for each in facts.entered)
        error = handle.kind.closed if entered and handle.kind.closed != "same" else handle.kind.pickle
        if handle.sure and error:
            place = Place(facts.path, handle.call.line, f"the {handle.kind.what}")
            article = "an" if handle.kind.what[:1] in "aeiou" else "a"
            yield Unsendable(
                f"{article} {handle.kind.what}", error, "return what was read from it", place, via=handle.via
            )
