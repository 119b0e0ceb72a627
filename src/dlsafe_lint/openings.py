"""Which handles the project's Datasets keep: where each is opened, what keeps it, and which workers it reaches how."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

from dlsafe_lint import workers
from dlsafe_lint.apis import handles
from dlsafe_lint.datasets import (
    CONSTRUCTORS,
    Carried,
    Visit,
    certainly_after,
    construction,
    drops,
    expressions,
    knows_processes,
)
from dlsafe_lint.facts import (
    Attribute,
    Call,
    Choice,
    Collection,
    Compared,
    Comprehension,
    Derived,
    Expr,
    Lambda,
    Name,
    Subscript,
    dotted,
    walk,
)
from dlsafe_lint.facts import Literal as LiteralExpr
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Frame, Project, Site, Value, Where, reaching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.apis.handles import Handle
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.finding import Confidence

_MAX_DEPTH = 6

Fate = Literal["open", "closed", "shared"]


class Opened(NamedTuple):
    """A handle that an expression holds.

    Attributes:
        kind: what kind of handle.
        call, where: the call that opens it.
        outer: the call that brings it in: of a wrapper class that keeps it, or `call` itself.
        sure: whether it is certain that the call opens one.
        via: the hops from the expression to the call.
    """

    kind: Handle
    call: Call
    where: Where
    outer: Call
    sure: bool = True
    via: tuple[Place, ...] = ()


class Kept(NamedTuple):
    """A handle that reaches worker processes because a Dataset keeps it.

    Attributes:
        statement: what must change, in the module for which it was asked.
        call: the number of the call that must change where it is no whole statement, else None.
        opener: the number of the call that opens the handle if that stands in the statement, else None.
        name: what keeps it, as it is written ("self.file").
        kind: what kind of handle.
        fate: "open", "closed" (kept, but closed), "shared" (by a module or class: never sent, only inherited by fork).
        sent, forked: whether spawned workers are sent it, and whether forked ones use it.
        confidence: how sure that is.
        via: the hops that lead to it.
    """

    statement: int
    call: int | None
    opener: int | None
    name: str
    kind: Handle
    fate: Fate
    sent: bool
    forked: bool
    confidence: Confidence
    via: tuple[Place, ...] = ()


def kept(project: Project) -> dict[str, list[Kept]]:
    """Return the handles that the project's Datasets keep, by the path of the module in which something must change."""
    known = project.answers.get("kept handles")
    if isinstance(known, dict):
        return known
    found: dict[str, dict[tuple[int, int | None, str], Kept]] = defaultdict(dict)
    if _mentioned(project):
        for site in project.classes():
            made_dataset = workers.is_dataset(project, site)
            if made_dataset is None:
                continue
            for path, each in (*_constructed(project, site), *_shared(project, site)):
                each = each._replace(via=(*each.via, *made_dataset))
                found[path].setdefault((each.statement, each.call, each.name), each)
    table = {path: _single(list(rows.values())) for path, rows in found.items()}
    project.answers["kept handles"] = table
    return table


def _single(rows: list[Kept]) -> list[Kept]:
    """Leave out the second name for a handle in one statement (``self.a = self.b = open(p)``)."""
    seen: set[tuple[int, int | None]] = set()
    made = []
    for row in sorted(rows, key=lambda row: row.statement):
        if (row.statement, row.call) not in seen:
            made.append(row)
            seen.add((row.statement, row.call))
    return made


def _mentioned(project: Project) -> bool:
    """Whether the project calls anything by the name of an opener."""
    names = {name.rpartition(".")[2].removesuffix("()") for name in (*handles.HANDLES, *project.handles)}
    return any(name in project.calls_by_name or project.renamed.get(name) for name in names) or any(
        name in ("map", "starmap") for name in project.calls_by_name
    )


# --- what an expression holds ---


def opened(project: Project, expr: Expr, where: Where, depth: int = 0) -> list[Opened]:
    """Return the handles that what an expression stands for holds.

    Args:
        project: the project.
        expr: an expression; lists, dicts, comprehensions and wrapper classes of the project are looked into.
        where: where it is evaluated.
        depth: how many containers it is inside.
    """
    if depth > _MAX_DEPTH:
        return []
    found: list[Opened] = []
    if isinstance(expr, Derived) and expr.how == "starred":
        expr = expr.value
    if isinstance(expr, (LiteralExpr, Lambda, Compared)):
        return []
    if project.handles and isinstance(expr, Call):
        for callee in project.values(expr.func, where):
            name = _qualified(project, callee.site) if callee.kind == "function" and callee.site else ""
            if name in project.handles:
                return [Opened(handles.added(name), expr, where, expr)]
    for value in project.values(expr, where):
        found.extend(_held(project, value, depth))
    return found


def _qualified(project: Project, site: Site) -> str:
    return f"{project.modules[site.path].name}.{project.scope(site).qualname}"


def _held(project: Project, value: Value, depth: int) -> list[Opened]:
    match value:
        case Value("collection", expr=Collection(_, items), where=where) if where is not None:
            return [each for item in items for each in opened(project, item, where, depth + 1)]
        case Value("comprehension", expr=Comprehension(kind, element, _, scope), where=where) if where is not None:
            if kind == "generator" and depth == 0:
                return []
            inner = Where(where.facts, scope, where.statement, where.frame)
            return opened(project, element, inner, depth + 1)
        case Value("made" | "part"):
            return _taken(project, value, depth)
        case Value("instance", site=site, expr=Call() as call, where=where) if site is not None and where is not None:
            if _qualified(project, site) in project.handles:
                return [Opened(handles.added(_qualified(project, site)), call, where, call)]
            return _wrapped(project, value, site, call, where, depth)
    return []


def _taken(project: Project, value: Value, depth: int) -> list[Opened]:
    """Return the handle that a library call makes, or that something taken out of one still holds."""
    root, steps = _steps(value)
    if root.kind != "made" or not isinstance(root.expr, Call) or root.where is None:
        return []
    call, where = root.expr, root.where
    if steps and isinstance(value.expr, Call) and value.where is not None:
        by_method = _kind(project, f"{root.name}().{steps[-1]}", value.expr, value.where)
        if by_method is not None:
            return [Opened(by_method, value.expr, value.where, value.expr, via=value.via)]
    kind = _kind(project, root.name, call, where)
    if kind is not None:
        sure = True
        if root.name == "numpy.load":
            verdict = _is_archive(project, call, where)
            if verdict is None:
                return []
            sure = verdict
        if not handles.part(kind, steps):
            return []
        if not kind.fork:
            inside = [each for arg in call.args[:1] for each in opened(project, arg, where, depth + 1)]
            kind = kind._replace(fork=next((each.kind.fork for each in inside if each.kind.fork), ""))
        return [Opened(kind, call, where, call, sure, value.via)]
    if steps:
        holds = f"{root.name}().{steps[-1]}" in handles.HOLDERS and isinstance(value.expr, Call)
        entered = any(
            each is call for each in _entered(project, where.facts).get(where.facts.function_of(where.scope), ())
        )
        if holds and not entered and isinstance(value.expr, Call) and value.where is not None:
            return [each for arg in value.expr.args for each in opened(project, arg, value.where, depth + 1)]
        return []
    args = (*call.args, *(inner for _, inner in call.keywords))
    if root.name in handles.HOLDERS:
        if root.name == "map" and call.args:
            mapped = _mapped(project, call, where)
            if mapped:
                return mapped
        return [each for arg in args for each in opened(project, arg, where, depth + 1)]
    if root.name in handles.CONTAINERS:
        return [
            each
            for arg in args
            for inner in project.values(arg, where)
            if inner.kind in ("collection", "comprehension") or (inner.kind == "made" and inner.name in ("map", "zip"))
            for each in _held(project, inner, depth + 1)
        ]
    return []


def _mapped(project: Project, call: Call, where: Where) -> list[Opened]:
    """Return what ``map(opener, names)`` holds."""
    found = []
    for value in project.values(call.args[0], where):
        kind = handles.handle(value.name, {0: ...}) if value.kind == "external" and value.name != "numpy.load" else None
        if kind is not None:
            found.append(Opened(kind, call, where, call, via=value.via))
    return found


def _steps(value: Value) -> tuple[Value, tuple[str, ...]]:
    """Return the call from which a value is taken, and by which steps: ("get()", "[x]")."""
    steps: list[str] = []
    while value.kind == "part" and value.of is not None:
        inner = value.of
        if value.name.endswith("()") and inner.kind == "part" and value.name == f"{inner.name}()":
            inner = inner.of or inner
        steps.append(value.name)
        value = inner
    return value, tuple(reversed(steps))


def _kind(project: Project, name: str, call: Call, where: Where) -> Handle | None:
    if name in project.handles:
        return handles.added(name)
    return handles.handle(name, _arguments(project, call, where)) if name in handles.HANDLES else None


def _arguments(project: Project, call: Call, where: Where) -> dict[str | int, object]:
    """Return a call's arguments as `handles.handle` wants them: literal values, `...` for anything else."""
    found: dict[str | int, object] = {index: _value(project, arg, where) for index, arg in enumerate(call.args[:3])}
    for name, arg in call.keywords:
        if name is None:
            found["**"] = ...
        elif name in handles.TELLING:
            found[name] = _value(project, arg, where)
    if "**" in found:
        for name in handles.TELLING:
            passed = project.argument_at(call, where, name)
            if passed is not None:
                found[name] = _value(project, *passed)
    return found


def _value(project: Project, expr: Expr, where: Where) -> object:
    if isinstance(expr, LiteralExpr):
        return expr.value
    if not isinstance(expr, (Name, Attribute)):
        return ...
    values = project.values(expr, where)
    literals = {value.expr.value for value in values if isinstance(value.expr, LiteralExpr) and value.kind == "literal"}
    return literals.pop() if len(literals) == 1 and all(value.kind == "literal" for value in values) else ...


def _wrapped(project: Project, value: Value, site: Site, call: Call, where: Where, depth: int) -> list[Opened]:
    """Return the handle that an instance of a project class keeps, unless it is a Dataset with findings of its own."""
    if depth >= 3 or workers.is_dataset(project, site) is not None:
        return []
    found = _kept_by_class(project, site)
    if not found:
        args = (*call.args, *(passed for _, passed in call.keywords))
        passed = [each for arg in args for each in opened(project, arg, where, depth + 2)]
        if passed and not any(project.method(site, name) for name in CONSTRUCTORS):
            found = passed  # a data class or named tuple keeps what it is given
        elif passed:
            found = _kept_by(project, site, value, depth)
    return [each._replace(outer=call, via=(*value.via, *each.via)) for each in found[:1]]


def _kept_by_class(project: Project, site: Site) -> list[Opened]:
    """Return the handles that the constructor of a class opens and keeps, whoever calls it."""
    key = ("kept by class", site)
    known = project.answers.get(key)
    if isinstance(known, list):
        return known
    project.answers[key] = []  # a class that keeps an instance of itself
    found = _kept_by(project, site, None, 0)
    project.answers[key] = found
    return found


def _kept_by(project: Project, site: Site, made: Value | None, depth: int) -> list[Opened]:
    found: list[Opened] = []
    for each in construction(project, site, made).carried:
        for handle in opened(project, each.expr, each.where, depth + 2):
            if each.closed or is_closed(project, handle) or drops(project, site, each.attr):
                continue
            line = each.where.facts.statements[each.where.statement].line
            hop = Place(each.where.facts.path, line, f"`{project.scope(site).name}` keeps it as `{each.attr}`")
            kind = handle.kind._replace(fork="") if knows_processes(project, site) else handle.kind
            found.append(handle._replace(kind=kind, via=(hop, *handle.via)))
    return found


# --- numpy.load: an archive or an array ---


def _is_archive(project: Project, call: Call, where: Where) -> bool | None:
    """Tell whether ``numpy.load`` opens an archive: True certainly, False likely, None not as far as can be seen."""
    if not call.args:
        return None
    texts = [text for text in _texts(project, call.args[0], where, 0) if "." in text]
    if any(text.endswith(".npz") for text in texts):
        return True
    if any(text.endswith((".npy", ".pkl", ".pickle", ".txt", ".bin")) for text in texts):
        return None
    facts = where.facts
    owners: set[tuple[str, str]] = set()
    function = facts.function_of(where.scope)
    for scope in facts.scopes:
        for name, bindings in scope.bindings.items():
            if any(binding.value is call for binding in bindings):
                owners.add((str(function), name))
    for store in facts.stores:
        if store.value is call and store.attr is not None:
            owners.add((str(facts.scopes[function].parent), f"{dotted(store.base)}.{store.attr}"))
    uses = _archive_uses(project, facts)
    if owners & uses:
        return True
    saves_archives = "savez" in project.calls_by_name or "savez_compressed" in project.calls_by_name
    saves_arrays = any(project.callee(at, inner) == "numpy.save" for at, inner in project.calls_by_name.get("save", ()))
    return False if saves_archives and not saves_arrays else None


def _texts(project: Project, expr: Expr, where: Where, depth: int) -> Iterator[str]:
    """Yield the literal strings from which an expression is put together, as far as the code shows."""
    if depth > 4:
        return
    for inner in walk(expr):
        if isinstance(inner, LiteralExpr) and isinstance(inner.value, str):
            yield inner.value
        elif isinstance(inner, Name):
            scope = where.facts.resolve(inner.id, where.scope)
            if scope >= 0:
                for binding in reaching(where.facts, scope, inner.id, where):
                    if binding.how in ("assign", "walrus"):
                        at = Where(where.facts, scope, binding.statement, where.frame)
                        yield from _texts(project, binding.value, at, depth + 1)
                    elif binding.how == "param":
                        for value in project.values(inner, where):
                            if isinstance(value.expr, LiteralExpr) and isinstance(value.expr.value, str):
                                yield value.expr.value
        elif isinstance(inner, Attribute) and isinstance(inner.value, Name):
            for value in project.values(inner.value, where):
                if value.kind == "instance" and value.site:
                    for facts, store in project.stores(value.site, inner.attr):
                        if store.value is not None:
                            at = Where(facts, store.scope, store.statement)
                            yield from _texts(project, store.value, at, depth + 1)


def _archive_uses(project: Project, facts: ModuleFacts) -> set[tuple[str, str]]:
    """Return the names whose items are taken by a string or whose ``files`` are asked for, with function or class."""
    key = ("archive uses", facts.path)
    known = project.answers.get(key)
    if isinstance(known, set):
        return known
    found: set[tuple[str, str]] = set()
    for expr, scope, _ in expressions(facts):
        for inner in walk(expr):
            match inner:
                case (
                    Subscript(value, LiteralExpr(str()))
                    | Subscript(value, Derived("joined", _))
                    | Attribute(value, "files")
                ):
                    owner = dotted(value)
                    if owner:
                        function = facts.function_of(scope)
                        at = facts.scopes[function].parent if "." in owner else function
                        found.add((str(at), owner))
    project.answers[key] = found
    return found


# --- closed handles ---


def is_closed(project: Project, handle: Opened) -> bool:
    """Whether the function that opens the handle closes it on every path, by ``with`` or by a call."""
    facts = handle.where.facts
    function = facts.function_of(handle.where.scope)
    for entered in _entered(project, facts).get(function, ()):
        if entered is handle.call or _is_same(entered, handle):
            return True
    for name in handles.CLOSERS:
        for caller, call in project.calls_by_name.get(name, ()):
            if (
                caller is facts
                and facts.function_of(call.scope) == function
                and isinstance(call.func, Attribute)
                and not isinstance(call.func.value, Attribute)
                and certainly_after(facts, call.statement, handle.call.statement)
                and _is_same(call.func.value, handle)
            ):
                return True
    return False


def _entered(project: Project, facts: ModuleFacts) -> dict[int, list[Expr]]:
    """Return what each function enters by ``with``."""
    key = ("entered", facts.path)
    known = project.answers.get(key)
    if isinstance(known, dict):
        return known
    table: dict[int, list[Expr]] = defaultdict(list)
    for entered in facts.entered:
        table[facts.function_of(entered.scope)].append(entered.value)
    project.answers[key] = table
    return table


def _is_same(expr: Expr, handle: Opened) -> bool:
    """Whether a local name stands for the handle itself."""
    if not isinstance(expr, Name):
        return False
    facts = handle.where.facts
    scope = facts.resolve(expr.id, handle.where.scope)
    return scope >= 0 and any(binding.value is handle.call for binding in facts.scopes[scope].bindings.get(expr.id, ()))


# --- what Datasets keep ---


def _constructed(project: Project, site: Site) -> Iterator[tuple[str, Kept]]:
    """Yield what instances of a Dataset keep when their construction has ended."""
    built = construction(project, site)
    for carried in built.carried:
        for handle in _of(project, carried):
            yield from _report(project, site, carried, handle, built.functions)
    for name in CONSTRUCTORS:
        constructor = project.method(site, name)
        if constructor is not None:
            yield from _passed(project, site, constructor)


def _report(
    project: Project, site: Site, carried: Carried, handle: Opened, functions: frozenset[Site]
) -> Iterator[tuple[str, Kept]]:
    path, statement, call, via = _blame(project, site, carried, handle, functions)
    made = _judged(project, site, carried, handle)
    if made is not None:
        opener = _opener_in(handle, project.modules[path], statement)
        yield path, made._replace(statement=statement, call=call, opener=opener, via=(*via, *made.via))


def _judged(project: Project, site: Site, carried: Carried, handle: Opened) -> Kept | None:
    """Tell which workers a carried handle reaches, None if none that would mind."""
    closed = carried.closed or is_closed(project, handle)
    sent = not drops(project, site, carried.attr)
    forked = not closed and not knows_processes(project, site)
    if not _breaks(handle.kind, "closed" if closed else "open", sent, forked):
        return None
    confidence: Confidence = (
        "certain" if handle.sure and carried.always and not workers.idle(project, site) else "likely"
    )
    if handle.kind.confidence == "possible":
        confidence = "possible"
    name = f"self.{carried.attr}"
    fate: Fate = "closed" if closed else "open"
    return Kept(0, None, None, name, handle.kind, fate, sent, forked, confidence, handle.via)


def _breaks(kind: Handle, fate: Fate, sent: bool, forked: bool) -> bool:
    text = kind.closed if fate == "closed" and kind.closed != handles.SAME else kind.pickle
    return bool((sent and text) or (forked and kind.fork))


def _blame(
    project: Project, site: Site, carried: Carried, handle: Opened, functions: frozenset[Site]
) -> tuple[str, int, int | None, tuple[Place, ...]]:
    """Return what must change so that the handle isn't kept: the assignment, or a call that leads to it.

    A call is to blame where it passes the handle, or where it runs a method early that opens lazily for other methods.
    """
    visit, statement, call = carried.visit, carried.where.statement, None
    expr: Expr | None = carried.expr
    via: list[Place] = []
    while visit.caller is not None:
        facts = project.modules[visit.site.path]
        name = project.scope(visit.site).name
        if expr is not None and not _own(project, expr, visit, statement, handle):
            reason = f"`{name}` keeps it"
        elif _is_lazy(project, site, visit, functions):
            reason = f"`{name}` opens it"
        else:
            break
        via.insert(0, Place(facts.path, facts.statements[statement].line, reason))
        statement = visit.statement
        if visit.call is not None:
            call = visit.call.number
            args = (*visit.call.args, *(value for _, value in visit.call.keywords))
            expr = Collection("tuple", args) if reason.endswith("keeps it") else None
        else:
            call, expr = None, None
        visit = visit.caller
    return visit.site.path, statement, call, tuple(via)


def _own(project: Project, expr: Expr, visit: Visit, statement: int, handle: Opened) -> bool:
    """Whether the function itself gets the handle, not through its parameters."""
    facts = project.modules[visit.site.path]
    receiver = visit.frame.receiver if visit.frame else None
    bare = Frame(visit.site.scope, visit.site.path, {}, True, receiver)
    where = Where(facts, visit.site.scope, statement, bare)
    return any(each.call is handle.call for each in opened(project, expr, where))


def _is_lazy(project: Project, site: Site, visit: Visit, functions: frozenset[Site]) -> bool:
    """Whether the method also runs at other times than construction."""
    if visit.call is None:
        return True
    name = project.scope(visit.site).name
    if name in CONSTRUCTORS:
        return False
    family = {base.site for base in project.ancestors(site) if base.site} | set(project.subclasses(site))
    for facts, call in project.calls_by_name.get(name, ()):
        if isinstance(call.func, Attribute) and isinstance(call.func.value, Name):
            scope = facts.scopes[facts.function_of(call.scope)]
            owner = Site(facts.path, scope.parent)
            own = scope.params and scope.params[0].name == call.func.value.id
            if owner in family and own and Site(facts.path, scope.index) not in functions:
                return True
    return False


def _passed(project: Project, site: Site, constructor: Site) -> Iterator[tuple[str, Kept]]:
    """Yield the handles that callers pass to the constructor of a Dataset that keeps them."""
    for facts, call in project.callers(constructor):
        if isinstance(call.func, Attribute) and call.func.attr in CONSTRUCTORS:
            continue  # a subclass's constructor, which is followed from the subclass
        where = Where(facts, call.scope, call.statement)
        args = (*call.args, *(value for _, value in call.keywords))
        if not any(_brings(project, arg, where) for arg in args):
            continue
        made = next((value for value in project.values(call, where) if value.expr is call and value.site == site), None)
        if made is None or not reaches_workers(project, facts, call):
            continue
        own = {id(each.call) for carried in construction(project, site).carried for each in _of(project, carried)}
        for carried in construction(project, site, made).carried:
            for handle in _of(project, carried):
                judged = _judged(project, site, carried, handle) if id(handle.call) not in own else None
                if judged is not None:
                    line = carried.where.facts.statements[carried.where.statement].line
                    hop = Place(carried.where.facts.path, line, f"`{project.scope(site).name}` keeps it")
                    yield (
                        facts.path,
                        judged._replace(
                            statement=call.statement,
                            call=call.number,
                            opener=_opener_in(handle, facts, call.statement),
                            via=(hop, *judged.via),
                        ),
                    )


def _of(project: Project, carried: Carried) -> list[Opened]:
    return opened(project, carried.expr, carried.where)


def _opener_in(handle: Opened, facts: ModuleFacts, statement: int) -> int | None:
    """Return the number of the call that opens the handle if the statement holds it."""
    inside = handle.where.facts is facts and handle.call.statement == statement
    return handle.call.number if inside else None


def _brings(project: Project, arg: Expr, where: Where) -> bool:
    """Whether an argument holds a handle: the caller's own, or whatever its callers pass if that always is one."""
    if not isinstance(arg, (Name, Attribute, Call, Collection, Comprehension, Choice, Subscript)):
        return False
    function = where.facts.function_of(where.scope)
    bare = where._replace(frame=Frame(function, where.facts.path, {}, True))
    if opened(project, arg, bare):
        return True
    values = project.values(arg, where)
    return all(_held(project, value, 0) for value in values)


def reaches_workers(project: Project, facts: ModuleFacts, call: Call) -> bool:
    """Whether workers may get the Dataset that a call makes: not if it is only loaded without them or read directly."""
    idle = False
    for loader in workers.loaders(project):
        if any(value.expr is call for value in workers.dataset_values(project, loader)):
            if loader.confidence is not None:
                return True
            idle = True
    if idle:
        return False
    return not any(
        any(value.expr is call for value in project.values(each.iterable, Where(facts, each.scope, each.statement)))
        for each in facts.iterations
    )


def _shared(project: Project, site: Site) -> Iterator[tuple[str, Kept]]:
    """Yield the handles of modules and class bodies that methods of a Dataset use: what forks inherits them."""
    names: set[tuple[str, int, str]] = set()
    for base in project.ancestors(site):
        if base.site is None:
            continue
        facts = project.modules[base.site.path]
        body = facts.scopes[base.site.scope]
        names |= {(facts.path, body.index, name) for name in body.bindings}
        names |= _globals_read(project, facts).get(body.index, set())
    for path, scope, name in sorted(names):
        yield from _module_handle(project, project.modules[path], scope, name, site)


def _globals_read(project: Project, facts: ModuleFacts) -> dict[int, set[tuple[str, int, str]]]:
    """Return the variables of modules that the methods of each class read: path, scope, name."""
    key = ("globals read", facts.path)
    known = project.answers.get(key)
    if isinstance(known, dict):
        return known
    table: dict[int, set[tuple[str, int, str]]] = defaultdict(set)
    interesting = {
        name
        for name, bindings in facts.scopes[0].bindings.items()
        if any(binding.how in ("assign", "import") for binding in bindings)
    }
    for expr, scope, statement in expressions(facts):
        function = facts.function_of(scope)
        if function == 0:
            continue
        owner = function
        while owner > 0 and facts.scopes[owner].kind != "class":
            owner = facts.scopes[owner].parent
        if owner <= 0:
            continue
        for inner in walk(expr):
            if isinstance(inner, Name) and inner.id in interesting and facts.resolve(inner.id, scope) == 0:
                for binding in facts.scopes[0].bindings[inner.id]:
                    if binding.how == "assign":
                        table[owner].add((facts.path, 0, inner.id))
                    elif binding.how == "import":
                        statement_ = facts.imports[binding.target]
                        module = project.find(facts, statement_.module or "", statement_.level)
                        original = next((e.name for e in statement_.names if (e.asname or e.name) == inner.id), "")
                        if module and statement_.is_from and original in project.modules[module].scopes[0].bindings:
                            table[owner].add((module, 0, original))
            elif isinstance(inner, Attribute) and isinstance(inner.value, Name) and inner.value.id in interesting:
                for value in project.values(inner.value, Where(facts, scope, statement)):
                    if value.kind == "module" and inner.attr in project.modules[value.name].scopes[0].bindings:
                        table[owner].add((value.name, 0, inner.attr))
    project.answers[key] = table
    return table


def _module_handle(
    project: Project, facts: ModuleFacts, scope: int, name: str, site: Site
) -> Iterator[tuple[str, Kept]]:
    """Yield the handle to which a module or class body binds a name for good."""
    bindings = [
        each
        for each in facts.scopes[scope].bindings.get(name, ())
        if each.how != "annotation" and facts.statements[each.statement].scope == scope
    ]
    lasting = set(map(id, reaching(facts, scope, name, Where(facts, scope, len(facts.statements)))))
    for binding in bindings:
        if binding.how != "assign" or id(binding) not in lasting:
            continue
        where = Where(facts, scope, binding.statement)
        for handle in opened(project, binding.value, where):
            if is_closed(project, handle) or knows_processes(project, site):
                continue
            kind, confidence = handle.kind, handle.kind.confidence
            if not kind.fork and kind.warned:
                kind, confidence = kind._replace(fork=kind.warned), "possible"
            if not kind.fork:
                continue
            if confidence == "certain" and (not handle.sure or workers.idle(project, site)):
                confidence = "likely"
            opener = _opener_in(handle, facts, binding.statement)
            scope_name = facts.scopes[scope].name
            hop = Place(site.path, project.scope(site).line, f"`{project.scope(site).name}` uses it")
            yield (
                facts.path,
                Kept(
                    binding.statement, None, opener, f"{scope_name}.{name}" if scope_name else name, kind, "shared",
                    False, True, confidence, (*handle.via, hop),
                ),
            )  # fmt: skip
