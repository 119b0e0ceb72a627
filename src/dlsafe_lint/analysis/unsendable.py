"""What Datasets keep besides handles and callables that can't be sent to a spawned worker: locks, generators, clients.

What can't is in `apis.attributes`. Handles are the business of `openings`, callables that of `handovers`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis import workers
from dlsafe_lint.analysis.datasets import CONSTRUCTORS, construction, drops
from dlsafe_lint.analysis.openings import reaches_workers
from dlsafe_lint.apis import attributes
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
)
from dlsafe_lint.facts import Literal as LiteralExpr
from dlsafe_lint.finding import START_METHODS, Breakage, Place
from dlsafe_lint.project import Frame, Project, Site, Value, Where, assigned, reaching, taken_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.analysis.datasets import Carried
    from dlsafe_lint.apis.attributes import Kind
    from dlsafe_lint.finding import Confidence, StartMethod

_MAX_DEPTH = 6
_SENDING: tuple[StartMethod, ...] = ("spawn", "forkserver")
_BY_CONTEXT = "lock, queue or value of another start method"
_REMEDY_BY_CONTEXT = "make it by the `multiprocessing` context that the loader's workers are started by"


class Found(NamedTuple):
    """Something in an expression that can't be sent.

    Attributes:
        kind: what it is.
        expr: the expression that makes it.
        forked: for what `multiprocessing` makes: under which default start methods it is made for forked processes.
        via: the hops from the expression to where it is made.
    """

    kind: Kind
    expr: Expr
    forked: frozenset[str] = frozenset()
    via: tuple[Place, ...] = ()


class Unsendable(NamedTuple):
    """Something that a Dataset keeps and that can't be sent to its workers.

    Attributes:
        statement: what must change, in the module for which it was asked.
        call: the number of the call that must change where it is no whole statement, else None.
        name: what keeps it, as it is written ("self.lock").
        kind: what it is.
        breaks: what happens, by start method.
        confidence: how sure that is.
        via: the hops that lead to it.
    """

    statement: int
    call: int | None
    name: str
    kind: Kind
    breaks: tuple[Breakage, ...]
    confidence: Confidence
    via: tuple[Place, ...] = ()


def unsendable(project: Project) -> dict[str, list[Unsendable]]:
    """Return what the project's Datasets keep and can't send, by the path of the module in which something changes."""
    return project.answer("unsendable", lambda: _unsendable(project))


def _unsendable(project: Project) -> dict[str, list[Unsendable]]:
    found: dict[str, dict[tuple[int, int | None], Unsendable]] = defaultdict(dict)
    for site in project.classes():
        made_dataset = workers.is_dataset(project, site)
        if made_dataset is None or workers.idle(project, site):
            continue
        for path, each in (*_constructed(project, site), *_passed(project, site)):
            found[path].setdefault((each.statement, each.call), each._replace(via=(*each.via, *made_dataset)))
    return {path: sorted(rows.values(), key=lambda row: row.statement) for path, rows in found.items()}


# --- what an expression holds ---


def held(project: Project, expr: Expr, where: Where, depth: int = 0) -> list[Found]:
    """Return what can't be sent in whatever an expression stands for.

    Args:
        project: the project.
        expr: an expression; collections, comprehensions and objects of the project's classes are looked into.
        where: where it is evaluated.
        depth: how many containers it is inside.
    """
    if depth > _MAX_DEPTH:
        return []
    match expr:
        case LiteralExpr() | Lambda():
            return []
        case Derived("starred", inner):
            return held(project, inner, where, depth)
        case Collection(_, items):
            return [each for item in items for each in held(project, item, where, depth + 1)]
        case Call(_, Attribute(inner, method), (), ()) if method in attributes.VIEWS:
            view = _view(project, inner, method, where)
            if view is not None:
                return [Found(view, expr)]
        case Name(name):
            sources = assigned(name, where)
            if sources is not None:
                return [each for source, at in sources for each in held(project, source, at, depth + 1)]
            if _is_module(project, name, where):
                return [Found(attributes.ATTRIBUTES["module"], expr)]
    return [each for value in project.values(expr, where) for each in _inside(project, value, expr, depth)]


def _is_module(project: Project, name: str, where: Where) -> bool:
    """Whether a name is bound by ``import module``, or is a module that was imported from a package."""
    facts = where.facts
    scope = facts.resolve(name, where.scope)
    if scope < 0:
        return False
    bindings = reaching(facts, scope, name, where)
    for binding in bindings:
        if binding.how != "import":
            return False
        statement = facts.imports[binding.target]
        if statement.is_from:
            values = project.imported(facts, statement, name)
            if not all(each.kind == "module" or each.name in attributes.MODULES for each in values):
                return False
    return bool(bindings)


def _view(project: Project, expr: Expr, method: str, where: Where) -> Kind | None:
    """Return the kind of a view of what certainly is a dict.

    Where `multiprocessing.managers` is loaded, views are sent as lists: it registers that for its own use.
    """
    if "Manager" in project.calls_by_name or "SyncManager" in project.calls_by_name:
        return None
    for value in project.values(expr, where):
        match value:
            case Value("collection", expr=Collection("dict")) | Value("comprehension", expr=Comprehension("dict")):
                return attributes.kind("dict()", (f"{method}()",))
            case Value("made", "collections.OrderedDict"):
                return attributes.kind("collections.OrderedDict()", (f"{method}()",))
            case Value("made", name) if name in attributes.DICTS:
                return attributes.kind("dict()", (f"{method}()",))
    return None


def _inside(project: Project, value: Value, expr: Expr, depth: int) -> list[Found]:
    made: list[Found] = []
    match value:
        case Value("generator"):
            made = [Found(attributes.ATTRIBUTES["generator"], value.expr or expr)]
        case Value("external", name):
            row = attributes.ATTRIBUTES["module"] if name in attributes.MODULES else attributes.kind(name)
            made = [Found(row, expr)] if row is not None else []
        case Value("collection", expr=Collection(_, items), where=where) if where is not None:
            made = [each for item in items for each in held(project, item, where, depth + 1)]
        case Value("comprehension", expr=Comprehension(how, element, _, scope) as whole, where=where):
            if how == "generator":
                made = [Found(attributes.ATTRIBUTES["generator"], whole)]
            elif where is not None:
                inner = Where(where.facts, scope, where.statement, where.frame)
                made = held(project, element, inner, depth + 1)
        case Value("made" | "part", expr=Call() as call, where=where) if where is not None:
            made = _by_call(project, value, call, where, depth)
        case Value("instance", site=site, expr=Call() as call, where=where) if site is not None and where is not None:
            made = _by_class(project, value, site, call, depth)
    return [each._replace(via=(*each.via, *value.via)) for each in made]


def _by_call(project: Project, value: Value, call: Call, where: Where, depth: int) -> list[Found]:
    root, steps = taken_from(value)
    if root.kind != "made" or not isinstance(root.expr, Call):
        return []
    row = attributes.kind(f"{root.name}()", steps)
    if root.name == "torch.jit.script" and row is not None and _is_network(project, call, where):
        row = attributes.ATTRIBUTES["torch.jit.script(torch.nn.Module)"]
    if row is not None:
        return [Found(row, root.expr)]
    forked = _forked(project, root, steps)
    if forked:
        return [Found(attributes.Kind(f"a {_BY_CONTEXT}", attributes.SEMAPHORE, _REMEDY_BY_CONTEXT), call, forked)]
    if steps:
        return []
    found: list[Found] = []
    if root.name in attributes.ITERATORS:
        for arg in call.args:
            if any(workers.loader_of(project, each) is not None for each in project.values(arg, where)):
                found.append(Found(attributes.ATTRIBUTES["iter(torch.utils.data.DataLoader)"], call))
            generator = attributes.ATTRIBUTES["generator"]
            found += [each for each in held(project, arg, where, depth + 1) if each.kind.error == generator.error]
    if root.name in attributes.KEEPERS:
        passed = [arg for _, arg in call.keywords]
        passed += call.args if root.name == "functools.partial" else ()
        found += [each for arg in passed for each in held(project, arg, where, depth + 1)]
    if root.name in attributes.READERS:
        for arg in call.args[:1]:
            for inner in project.values(arg, where):
                found += _read_out(project, inner, depth)
    return found


def _read_out(project: Project, value: Value, depth: int) -> list[Found]:
    """Return what can't be sent among the things that iterating over a value yields."""
    match value:
        case Value("collection", expr=Collection(_, items), where=where) if where is not None:
            return [each for item in items for each in held(project, item, where, depth + 1)]
        case Value("comprehension", expr=Comprehension(_, element, _, scope), where=where) if where is not None:
            inner = Where(where.facts, scope, where.statement, where.frame)
            return held(project, element, inner, depth + 1)
        case Value("made", "os.scandir", expr=Call() as call):
            return [Found(attributes.ATTRIBUTES["os.scandir()[each]"], call)]
    return []


def _is_network(project: Project, call: Call, where: Where) -> bool:
    """Whether the first argument is a neural network, not a function."""
    return any(value.kind in ("instance", "made") for arg in call.args[:1] for value in project.values(arg, where))


def _forked(project: Project, root: Value, steps: tuple[str, ...]) -> frozenset[str]:
    """Return the default start methods under which something of `multiprocessing` is made for forked processes."""
    module, _, name = root.name.rpartition(".")
    if module == "multiprocessing" and name in attributes.OF_A_CONTEXT and not steps:
        return frozenset({"fork"})
    makes = len(steps) == 1 and steps[0].removesuffix("()") in attributes.OF_A_CONTEXT
    if root.name == "multiprocessing.get_context" and makes and isinstance(root.expr, Call) and root.where is not None:
        if not (root.expr.args or root.expr.keywords):
            return frozenset({"fork"})
        method = (*root.expr.args, *(value for _, value in root.expr.keywords))[0]
        if workers.context_methods(project, method, root.where) == {"fork"}:
            return frozenset(START_METHODS)
    return frozenset()


def _by_class(project: Project, value: Value, site: Site, call: Call, depth: int) -> list[Found]:
    """Return what an instance of a project class keeps, unless it is a Dataset with findings of its own."""
    if depth >= 4 or workers.is_dataset(project, site) is not None:
        return []
    name = project.scope(site).name
    if not any(project.method(site, own) for own in ("__getstate__", "__reduce__", "__reduce_ex__")):
        for base in project.ancestors(site):
            row = attributes.kind(f"{base.name}()") if base.site is None else None
            if row is not None:
                return [Found(row._replace(what=f"{row.what} (`{name}`)"), call, via=base.via)]
    found = []
    for carried in construction(project, site, value if call.args or call.keywords else None).carried:
        if drops(project, site, carried.attr) or _is_own(carried):
            continue
        line = carried.where.facts.statements[carried.where.statement].line
        hop = Place(carried.where.facts.path, line, f"`{name}` keeps it as `{carried.attr}`")
        inner = held(project, carried.expr, carried.where, depth + 2)
        found += [each._replace(via=(hop, *each.via)) for each in inner]
    return found[:1]


def _is_own(carried: Carried) -> bool:
    """Whether it is another attribute of the same object, which is looked at anyway."""
    match carried.expr:
        case Attribute(Name(base), _):
            return base == carried.visit.receiver
    return False


# --- what Datasets keep ---


def _constructed(project: Project, site: Site) -> Iterator[tuple[str, Unsendable]]:
    for carried in construction(project, site).carried:
        if _is_own(carried) or drops(project, site, carried.attr):
            continue
        for found in held(project, carried.expr, carried.where):
            path, statement, call, hops = _blame(project, carried, found)
            made = _judged(project, site, carried, found)
            if made is not None:
                yield path, made._replace(statement=statement, call=call, via=(*hops, *made.via))


def _passed(project: Project, site: Site) -> Iterator[tuple[str, Unsendable]]:
    """Yield what callers pass to the constructor of a Dataset that keeps it."""
    for name in CONSTRUCTORS:
        constructor = project.method(site, name)
        for facts, call in project.callers(constructor) if constructor is not None else ():
            if isinstance(call.func, Attribute) and call.func.attr in CONSTRUCTORS:
                continue  # a subclass's constructor, which is followed from the subclass
            where = Where(facts, call.scope, call.statement)
            args = (*call.args, *(value for _, value in call.keywords))
            brought = {id(each.expr) for arg in args for each in held(project, arg, where)}
            if not brought or not reaches_workers(project, facts, call):
                continue
            made = next((each for each in project.values(call, where) if each.expr is call and each.site == site), None)
            for carried in construction(project, site, made).carried if made is not None else ():
                for found in held(project, carried.expr, carried.where):
                    judged = _judged(project, site, carried, found)
                    if id(found.expr) not in brought or drops(project, site, carried.attr) or judged is None:
                        continue
                    line = carried.where.facts.statements[carried.where.statement].line
                    hop = Place(carried.where.facts.path, line, f"`{project.scope(site).name}` keeps it")
                    yield (
                        facts.path,
                        judged._replace(statement=call.statement, call=call.number, via=(hop, *judged.via)),
                    )


def _blame(project: Project, carried: Carried, found: Found) -> tuple[str, int, int | None, tuple[Place, ...]]:
    """Return what must change so that it isn't kept: the assignment, or the call that passes it to a method."""
    visit, statement, call = carried.visit, carried.where.statement, None
    expr = carried.expr
    hops: list[Place] = []
    while visit.caller is not None and visit.call is not None:
        facts = project.modules[visit.site.path]
        receiver = visit.frame.receiver if visit.frame else None
        bare = Frame(visit.site.scope, visit.site.path, {}, True, receiver)
        where = Where(facts, visit.site.scope, statement, bare)
        if any(each.expr is found.expr for each in held(project, expr, where)):
            break
        hops.insert(
            0, Place(facts.path, facts.statements[statement].line, f"`{project.scope(visit.site).name}` keeps it")
        )
        statement, call = visit.statement, visit.call.number
        expr = Collection("tuple", (*visit.call.args, *(value for _, value in visit.call.keywords)))
        visit = visit.caller
    return visit.site.path, statement, call, tuple(hops)


def _judged(project: Project, site: Site, carried: Carried, found: Found) -> Unsendable | None:
    """Tell under which start methods it fails, None if under none."""
    methods = _of_other_context(project, site, found.forked) if found.forked else _SENDING
    if not methods:
        return None
    breaks = tuple(Breakage(method, found.kind.error) for method in methods)
    always = carried.always and not isinstance(carried.expr, Choice)
    confidence: Confidence = "certain" if always else "likely"
    if found.kind.confidence != "certain":
        confidence = found.kind.confidence
    return Unsendable(0, None, f"self.{carried.attr}", found.kind, breaks, confidence, found.via)


def _of_other_context(project: Project, site: Site, forked: frozenset[str]) -> tuple[StartMethod, ...]:
    """Return the default start methods under which something is made for forked processes and sent to others.

    Workers start by the default, unless their loader has a ``multiprocessing_context``.
    """
    contexts = [loader.methods for loader in workers.loaders_of(project, site) if loader.confidence is not None]
    default = frozenset(START_METHODS)

    def sends(method: StartMethod) -> bool:
        return any((each if each != default else {method}) != {"fork"} for each in contexts or [default])

    return tuple(method for method in START_METHODS if method in forked and sends(method))
