"""Which handles the project's Datasets keep: where each is opened, what keeps it, and which workers it reaches how."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from dlsafe_lint.analysis import workers
from dlsafe_lint.analysis.datasets import (
    CONSTRUCTORS,
    Carried,
    Visit,
    certainly_after,
    construction,
    drops,
    expressions,
    fields,
    keyed_by_worker,
    knows_processes,
)
from dlsafe_lint.apis import handles
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
from dlsafe_lint.project import Frame, Project, Site, Value, Where, reaching, taken_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.apis.handles import Handle
    from dlsafe_lint.facts import ModuleFacts, Store
    from dlsafe_lint.finding import Confidence

_MAX_DEPTH = 6
_MAX_STEPS = 400
_MAX_FUNCTIONS = 30
_JOINS = frozenset({"Add", "Mult", "BitOr"})
_ITERATED = handles.CONTAINERS | {"map", "zip", "enumerate", "reversed", "iter", "itertools.chain"}

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

    def add(site: Site, path: str, each: Kept) -> None:
        """Add a finding about a class, or put it in the place of one about a class that is rather harmless."""
        each = _doubted(project, site, each)
        rows, key = found[path], (each.statement, each.call, each.name)
        if key not in rows or (rows[key].confidence == "possible" and each.confidence != "possible"):
            rows[key] = each

    if _mentioned(project):
        for site in project.classes():
            made_dataset = workers.is_dataset(project, site)
            if made_dataset is None:
                continue
            for path, each in (*_constructed(project, site), *_shared(project, site)):
                add(site, path, each._replace(via=(*each.via, *made_dataset)))
        for site, path, each in _from_outside(project):
            made_dataset = workers.is_dataset(project, site)
            if made_dataset is not None:
                add(site, path, each._replace(via=(*each.via, *made_dataset)))
    table = {path: _single(list(rows.values())) for path, rows in found.items()}
    project.answers["kept handles"] = table
    return table


def _doubted(project: Project, site: Site, found: Kept) -> Kept:
    """Return a finding with the confidence that is left by how the project loads the class and starts its workers."""
    by_fork_only = not (found.sent and _breaks(found.kind, found.fate, sent=True, forked=False))
    if workers.idle(project, site) or (by_fork_only and workers.never_forks(project, site)):
        return found._replace(confidence="possible")
    return found


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
    names = _words(project)
    return (
        any(name in project.calls_by_name or project.renamed.get(name) for name in names)
        or any(name in ("map", "starmap", "partial") for name in project.calls_by_name)
        or any(
            (dotted(base) or "").rpartition(".")[2] in names
            for each in project.classes()
            for base in project.scope(each).bases
        )
    )


def _words(project: Project) -> set[str]:
    """Return the last parts of the openers' names."""
    return {name.rpartition(".")[2].removesuffix("()") for name in (*handles.HANDLES, *project.handles)}


# --- what an expression holds ---


@dataclass(frozen=True, slots=True)
class Search:
    """One search for the handles that something holds: how many containers deep it is, and how far it went in all."""

    depth: int = 0
    steps: list[None] = field(default_factory=list)

    def inside(self, containers: int = 1) -> Search:
        """Return the same search, that many containers deeper."""
        return Search(self.depth + containers, self.steps)

    def goes_on(self) -> bool:
        """Whether it is neither too deep nor too long yet; counts a step."""
        self.steps.append(None)
        return self.depth <= _MAX_DEPTH and len(self.steps) <= _MAX_STEPS


def opened(project: Project, expr: Expr, where: Where, search: Search | None = None) -> list[Opened]:
    """Return the handles that what an expression stands for holds.

    Args:
        project: the project.
        expr: an expression; lists, dicts, comprehensions and wrapper classes of the project are looked into.
        where: where it is evaluated.
        search: the search that this is part of, where the expression is inside another one.
    """
    search = search or Search()
    if not search.goes_on():
        return []
    found: list[Opened] = []
    if isinstance(expr, Derived) and expr.how == "starred":
        return [
            each for value in project.values(expr.value, where) for each in _spread(project, value, search.inside())
        ]
    if isinstance(expr, (LiteralExpr, Lambda)) or (isinstance(expr, Compared) and expr.op not in _JOINS):
        return []
    if project.handles and isinstance(expr, Call):
        for callee in project.values(expr.func, where):
            name = _qualified(project, callee.site) if callee.kind == "function" and callee.site else ""
            if name in project.handles:
                return [Opened(handles.added(name), expr, where, expr)]
    for value in project.values(expr, where):
        found.extend(_held(project, value, search))
    return found


def _spread(project: Project, value: Value, search: Search) -> list[Opened]:
    """Return the handles among what iterating over a value yields: a handle that is iterated over is read out."""
    if search.depth > _MAX_DEPTH:
        return []
    if value.kind in ("collection", "comprehension"):
        return _held(project, value, search)
    call, where = value.expr, value.where
    if value.kind == "made" and value.name in _ITERATED and isinstance(call, Call) and where is not None:
        if value.name == "map":
            return _mapped(project, call, where)
        found = [
            each
            for arg in call.args
            for inner in project.values(arg, where)
            for each in _spread(project, inner, search.inside())
        ]
        if value.name.endswith(("dict", "Dict")):
            found += [
                each for name, arg in call.keywords if name for each in opened(project, arg, where, search.inside())
            ]
        return found
    root, steps = taken_from(value)
    if root.kind == "made" and root.name in handles.HANDLES and steps[-1:] in (("values()",), ("items()",)):
        return _taken(project, value, search)
    return []


def _qualified(project: Project, site: Site) -> str:
    return f"{project.modules[site.path].name}.{project.scope(site).qualname}"


def _held(project: Project, value: Value, search: Search) -> list[Opened]:
    match value:
        case Value("collection", expr=Collection(_, items), where=where) if where is not None:
            return [each for item in items for each in opened(project, item, where, search.inside())]
        case Value("comprehension", expr=Comprehension(kind, element, _, scope), where=where) if where is not None:
            if kind == "generator" and search.depth == 0:
                return []
            inner = Where(where.facts, scope, where.statement, where.frame)
            return opened(project, element, inner, search.inside())
        case Value("made" | "part"):
            return _taken(project, value, search)
        case Value("instance", site=site, expr=Call() as call, where=where) if site is not None and where is not None:
            if _qualified(project, site) in project.handles:
                return [Opened(handles.added(_qualified(project, site)), call, where, call)]
            inherited = _inherited(project, site, call, where)
            if inherited is not None:
                return [Opened(inherited, call, where, call, via=value.via)]
            return _wrapped(project, value, site, call, where, search)
    return []


def _inherited(project: Project, site: Site, call: Call, where: Where) -> Handle | None:
    """Return the kind of handle that instances of a project class are because it derives from a library's class."""
    base = next((each for each in project.ancestors(site) if each.site is None and each.name in handles.HANDLES), None)
    if base is None or any(project.method(site, name) for name in ("__getstate__", "__reduce__", "__reduce_ex__")):
        return None
    return _kind(project, base.name, call, where)


def _taken(project: Project, value: Value, search: Search) -> list[Opened]:
    """Return the handle that a library call makes, or that something taken out of one still holds."""
    root, steps = _called_partial(project, value)
    if root.kind != "made" or root.expr is None or root.where is None:
        return []
    if steps and isinstance(value.expr, Call) and value.where is not None:
        maker = "pathlib.Path" if root.name in handles.PATHS else root.name
        by_method = _kind(project, f"{maker}().{steps[-1]}", value.expr, value.where)
        if by_method is not None:
            return [Opened(by_method, value.expr, value.where, value.expr, via=value.via)]
    call, where = root.expr, root.where
    if not isinstance(call, Call):
        return []
    kind = _kind(project, root.name, call, where)
    if kind is not None:
        sure = True
        if root.name == "numpy.load":
            verdict = _is_archive(project, call, where)
            if verdict is None:
                return []
            sure = verdict
        left = handles.taken(kind, steps)
        if left is None:
            return []
        kind = left
        if not kind.fork:
            inside = [each for arg in call.args[:1] for each in opened(project, arg, where, search.inside())]
            kind = kind._replace(fork=next((each.kind.fork for each in inside if each.kind.fork), ""))
        return [Opened(kind, call, where, call, sure, value.via)]
    if steps:
        holds = f"{root.name}().{steps[-1]}" in handles.HOLDERS and isinstance(value.expr, Call)
        entered = any(
            each is call for each in _entered(project, where.facts).get(where.facts.function_of(where.scope), ())
        )
        if holds and not entered and isinstance(value.expr, Call) and value.where is not None:
            return [each for arg in value.expr.args for each in opened(project, arg, value.where, search.inside())]
        return []
    args = (*call.args, *(inner for _, inner in call.keywords))
    if root.name in handles.HOLDERS:
        if root.name == "map" and call.args:
            mapped = _mapped(project, call, where)
            if mapped:
                return mapped
        return [each for arg in args for each in opened(project, arg, where, search.inside())]
    return _spread(project, value, search)


def _mapped(project: Project, call: Call, where: Where) -> list[Opened]:
    """Return what ``map(opener, names)`` holds."""
    found = []
    for value in project.values(call.args[0], where):
        kind = handles.handle(value.name, {0: ...}) if value.kind == "external" and value.name != "numpy.load" else None
        if kind is not None:
            found.append(Opened(kind, call, where, call, via=value.via))
    return found


def _called_partial(project: Project, value: Value) -> tuple[Value, tuple[str, ...]]:
    """Return what `_steps` does; the call of a ``functools.partial`` counts as a call of what it was made of."""
    root, steps = taken_from(value)
    if root.name != "functools.partial" or steps[:1] != ("functools.partial()",) or root.where is None:
        return root, steps
    call = root.expr
    if isinstance(call, Call) and call.args:
        for callee in project.values(call.args[0], root.where):
            if callee.kind == "external":
                made = value
                while len(taken_from(made)[1]) > 1 and made.of is not None:
                    made = made.of
                if isinstance(made.expr, Call):
                    keywords = (*made.expr.keywords, *call.keywords)
                    made_call = made.expr._replace(args=(*call.args[1:], *made.expr.args), keywords=keywords)
                    return root._replace(name=callee.name, expr=made_call, where=made.where), steps[1:]
    return root, steps


def _kind(project: Project, name: str, call: Call, where: Where) -> Handle | None:
    if project.handles and name.replace("()", "") in project.handles:
        return handles.added(name.replace("()", ""))
    if name == "os.open" and not _reads_descriptors(project, where.facts):
        return None
    return handles.handle(name, _arguments(project, call, where)) if name in handles.HANDLES else None


def _reads_descriptors(project: Project, facts: ModuleFacts) -> bool:
    """Whether a module reads from file descriptors: one that is only mapped or closed is no use in a worker anyway."""
    return any(
        at is facts and project.callee(at, call) in handles.READ_DESCRIPTORS
        for name in handles.READ_DESCRIPTORS
        for at, call in project.calls_by_name.get(name.rpartition(".")[2], ())
    )


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


def _wrapped(project: Project, value: Value, site: Site, call: Call, where: Where, search: Search) -> list[Opened]:
    """Return the handle that an instance of a project class keeps, unless it is a Dataset with findings of its own."""
    if search.depth >= 3 or workers.is_dataset(project, site) is not None:
        return []
    found = _kept_by_class(project, site)
    if not found:
        args = (*call.args, *(passed for _, passed in call.keywords))
        passed = [each for arg in args for each in opened(project, arg, where, search.inside(2))]
        if passed and not any(project.method(site, name) for name in CONSTRUCTORS):
            found = passed  # a data class or named tuple keeps what it is given
        elif passed:
            found = _kept_by(project, site, value, search)
    return [each._replace(outer=call, via=(*value.via, *each.via)) for each in found[:1]]


def _kept_by_class(project: Project, site: Site) -> list[Opened]:
    """Return the handles that the constructor of a class opens and keeps, whoever calls it."""
    key = ("kept by class", site)
    known = project.answers.get(key)
    if isinstance(known, list):
        return known
    project.answers[key] = []  # a class that keeps an instance of itself
    found = _kept_by(project, site, None, Search())
    project.answers[key] = found
    return found


def _kept_by(project: Project, site: Site, made: Value | None, search: Search) -> list[Opened]:
    found: list[Opened] = []
    for each in construction(project, site, made).carried:
        for handle in opened(project, each.expr, each.where, search.inside(2)):
            if each.closed or is_closed(project, handle):
                continue
            line = each.where.facts.statements[each.where.statement].line
            hop = Place(each.where.facts.path, line, f"`{project.scope(site).name}` keeps it as `{each.attr}`")
            kind = handle.kind
            if drops(project, site, each.attr):
                kind = kind._replace(pickle="", closed="")
            if knows_processes(project, site):
                kind = kind._replace(fork="")
            if kind.pickle or kind.fork:
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
    closes: dict[str, list[int]] = defaultdict(list)
    for name in handles.CLOSERS:
        for caller, call in project.calls_by_name.get(name, ()):
            if (
                caller is facts
                and facts.function_of(call.scope) == function
                and isinstance(call.func, Attribute)
                and isinstance(call.func.value, Name)
                and _is_same(call.func.value, handle)
            ):
                closes[call.func.value.id].append(call.statement)
    return any(
        certainly_after(project, facts, handle.call.statement, statements, name) for name, statements in closes.items()
    )


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
    return scope >= 0 and any(
        isinstance(binding.value, Call) and binding.value.number == handle.call.number
        for binding in facts.scopes[scope].bindings.get(expr.id, ())
    )


# --- what Datasets keep ---


def _constructed(project: Project, site: Site) -> Iterator[tuple[str, Kept]]:
    """Yield what instances of a Dataset keep when their construction has ended."""
    built = construction(project, site)
    for carried in built.carried:
        for handle in _of(project, carried):
            yield from _report(project, site, carried, handle, built.functions)
    yield from _on_class(project, site, built.functions)
    for name in CONSTRUCTORS:
        constructor = project.method(site, name)
        if constructor is not None:
            yield from _passed(project, site, constructor)
    if project.method(site, "__init__") is None:
        yield from _passed_as_field(project, site)


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
    name = f"self.{carried.attr}"
    sure = handle.sure and carried.always
    if not carried.own:
        return None if closed else _inherited_by_forks(project, site, handle, name, sure=sure)
    sent = not drops(project, site, carried.attr)
    told_apart = knows_processes(project, site) or keyed_by_worker(project, site, carried.attr)
    forked = not closed and not told_apart
    if not _breaks(handle.kind, "closed" if closed else "open", sent=sent, forked=forked):
        return None
    confidence: Confidence = "certain" if sure else "likely"
    if handle.kind.confidence == "possible":
        confidence = "possible"
    fate: Fate = "closed" if closed else "open"
    return Kept(0, None, None, name, handle.kind, fate, sent, forked, confidence, handle.via)


def _inherited_by_forks(project: Project, site: Site, handle: Opened, name: str, *, sure: bool) -> Kept | None:
    """Return the finding for a handle that lies on a class or module: it is never sent, and forked workers share it."""
    kind, confidence = handle.kind, handle.kind.confidence
    if not kind.fork and kind.warned:
        kind, confidence = kind._replace(fork=kind.warned), "possible"
    if not kind.fork or knows_processes(project, site):
        return None
    if confidence == "certain" and not sure:
        confidence = "likely"
    return Kept(0, None, None, name, kind, "shared", False, True, confidence, handle.via)


def _breaks(kind: Handle, fate: Fate, *, sent: bool, forked: bool) -> bool:
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


def _passed_as_field(project: Project, site: Site) -> Iterator[tuple[str, Kept]]:
    """Yield the handles that callers pass for a field of a Dataset that is a data class."""
    names = fields(project, site)
    spelled = project.scope(site).name
    for spelling in (spelled, *sorted(project.renamed.get(spelled, ()))) if names else ():
        for facts, call in project.calls_by_name.get(spelling, ()):
            where = Where(facts, call.scope, call.statement)
            passed = [
                *zip(names, call.args, strict=False),
                *((name, value) for name, value in call.keywords if name in names),
            ]
            for name, arg in passed:
                if not _brings(project, arg, where) or all(each.site != site for each in project.called(facts, call)):
                    continue
                carried = Carried(name or "", arg, where, Visit(site, "", None))
                for handle in opened(project, arg, where) if reaches_workers(project, facts, call) else ():
                    judged = _judged(project, site, carried, handle)
                    if judged is not None:
                        opener = _opener_in(handle, facts, call.statement)
                        yield facts.path, judged._replace(statement=call.statement, call=call.number, opener=opener)


def _of(project: Project, carried: Carried) -> list[Opened]:
    return opened(project, carried.expr, carried.where)


def _opener_in(handle: Opened, facts: ModuleFacts, statement: int) -> int | None:
    """Return the number of the call that opens the handle if the statement holds it."""
    inside = handle.where.facts is facts and handle.call.statement == statement
    return handle.call.number if inside else None


def _brings(project: Project, arg: Expr, where: Where) -> bool:
    """Whether an argument holds a handle: the caller's own, or whatever its callers pass if that always is one."""
    if isinstance(arg, Derived) and arg.how == "starred":
        arg = arg.value
    if not isinstance(arg, (Name, Attribute, Call, Collection, Comprehension, Choice, Subscript)):
        return False
    function = where.facts.function_of(where.scope)
    bare = where._replace(frame=Frame(function, where.facts.path, {}, True))
    if opened(project, arg, bare):
        return True
    values = project.values(arg, where)
    return all(_held(project, value, Search()) for value in values)


def reaches_workers(project: Project, facts: ModuleFacts, call: Call) -> bool:
    """Whether workers may get the Dataset that a call makes.

    Not if it is only loaded without workers, iterated over directly, or made in a worker.
    """
    idle = False
    for loader in workers.loaders(project):
        if any(value.expr is call for value in workers.dataset_values(project, loader)):
            if not workers.without_workers(project, loader):
                return True
            idle = True
    if idle or workers.made_in_worker(facts, call):
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
        names |= project.answer("through functions", lambda: _through_functions(project)).get(base.site, set())
    for path, scope, name in sorted(names):
        for at, handle, made in _module_handle(project, project.modules[path], scope, name, site):
            carried = construction(project, site).carried if handle.where.scope == 0 else ()
            if not any(_same(each, handle) for one in carried if one.own for each in _of(project, one)):
                yield at, made


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


def _same(one: Opened, other: Opened) -> bool:
    return one.where.facts is other.where.facts and one.call.number == other.call.number


def _module_handle(
    project: Project, facts: ModuleFacts, scope: int, name: str, site: Site
) -> Iterator[tuple[str, Opened, Kept]]:
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
        for handle in opened(project, binding.value, Where(facts, scope, binding.statement)):
            scope_name = facts.scopes[scope].name
            shown = f"{scope_name}.{name}" if scope_name else name
            made = (
                None
                if is_closed(project, handle)
                else _inherited_by_forks(project, site, handle, shown, sure=handle.sure)
            )
            if made is not None:
                yield facts.path, handle, _placed(project, made, site, facts, binding.statement, handle)


def _placed(project: Project, made: Kept, site: Site, facts: ModuleFacts, statement: int, handle: Opened) -> Kept:
    """Put a finding about a shared handle on the statement that keeps it."""
    hop = Place(site.path, project.scope(site).line, f"`{project.scope(site).name}` uses it")
    return made._replace(statement=statement, opener=_opener_in(handle, facts, statement), via=(*made.via, hop))


def _on_class(project: Project, site: Site, functions: frozenset[Site]) -> Iterator[tuple[str, Kept]]:
    """Yield the handles that the construction of a Dataset stores on its class or in a variable of a module."""
    family = {base.site for base in project.ancestors(site)}
    for function in sorted(functions):
        facts = project.modules[function.path]
        receiver = facts.scopes[function.scope].params[:1]
        for store in facts.stores:
            if facts.function_of(store.scope) != function.scope or store.attr is None or store.value is None:
                continue
            if _is_class(project, facts, store, receiver[0].name if receiver else "", family):
                shown = f"{project.scope(site).name}.{store.attr}"
                yield from _stored(project, site, facts, store.value, store.scope, store.statement, shown)
        for name, how in facts.scopes[function.scope].declared.items():
            for binding in facts.scopes[0].bindings.get(name, ()) if how == "global" else ():
                scope = facts.statements[binding.statement].scope
                if binding.how == "assign" and scope == function.scope:
                    yield from _stored(project, site, facts, binding.value, scope, binding.statement, name)


def _is_class(project: Project, facts: ModuleFacts, store: Store, receiver: str, family: set[Site | None]) -> bool:
    """Whether an attribute is stored on the class: ``Reader.file = …``, ``type(self).file = …``."""
    match store.base:
        case Attribute(Name(base), "__class__") | Call(_, Name("type"), (Name(base),)):
            return base == receiver
        case Name(base) if base != receiver:
            values = project.values(store.base, Where(facts, store.scope, store.statement))
            return any(value.kind == "class" and value.site in family for value in values)
    return False


def _stored(
    project: Project, site: Site, facts: ModuleFacts, value: Expr, scope: int, statement: int, shown: str
) -> Iterator[tuple[str, Kept]]:
    for handle in opened(project, value, Where(facts, scope, statement)):
        made = _inherited_by_forks(project, site, handle, shown, sure=False)
        if made is not None and not is_closed(project, handle):
            yield facts.path, _placed(project, made, site, facts, statement, handle)


def _through_functions(project: Project) -> dict[Site, set[tuple[str, int, str]]]:
    """Return the module handles that classes use by calling functions which read them: path, scope, name."""
    words = _words(project)
    table: dict[Site, set[tuple[str, int, str]]] = defaultdict(set)
    for facts in project.modules.values():
        names = {
            name
            for name, bindings in facts.scopes[0].bindings.items()
            for binding in bindings
            if binding.how == "assign"
            and facts.statements[binding.statement].scope == 0
            and isinstance(binding.value, Call)
            and (dotted(binding.value.func) or "").rpartition(".")[2] in words
        }
        for function, name in _readers(facts, names) if names else ():
            asks = any(
                caller is facts and facts.function_of(call.scope) == function
                for caller, call in project.calls_by_name.get("getpid", ())
            )
            todo, seen = [Site(facts.path, function)], {Site(facts.path, function)}
            for at in todo if not asks else ():
                for caller, call in project.callers(at):
                    scope = caller.scopes[caller.function_of(call.scope)]
                    user = Site(caller.path, scope.index)
                    if scope.index and caller.scopes[scope.parent].kind == "class":
                        table[Site(caller.path, scope.parent)].add((facts.path, 0, name))
                    elif scope.index and user not in seen and len(seen) < _MAX_FUNCTIONS:
                        seen.add(user)
                        todo.append(user)
    return table


def _readers(facts: ModuleFacts, names: set[str]) -> set[tuple[int, str]]:
    """Return which plain functions of a module read which of its variables."""
    found: set[tuple[int, str]] = set()
    for expr, scope, _ in expressions(facts):
        function = facts.function_of(scope)
        if function > 0 and facts.scopes[facts.scopes[function].parent].kind == "module":
            for inner in walk(expr):
                if isinstance(inner, Name) and inner.id in names and facts.resolve(inner.id, scope) == 0:
                    found.add((function, inner.id))
    return found


def _from_outside(project: Project) -> Iterator[tuple[Site, str, Kept]]:
    """Yield the handles that are stored on a Dataset after it was made: ``dataset.file = open(path)``."""
    words = _words(project)
    for facts in project.modules.values():
        for store in facts.stores:
            if store.attr is None or store.value is None or not isinstance(store.base, Name):
                continue
            if not any(
                isinstance(each, Call) and (dotted(each.func) or "").rpartition(".")[2] in words
                for each in walk(store.value)
            ):
                continue
            where = Where(facts, store.scope, store.statement)
            for value in project.values(store.base, where):
                if (
                    value.kind != "instance"
                    or value.site is None
                    or not isinstance(value.expr, Call)
                    or value.where is None
                ):
                    continue  # the receiver of a method has no call
                if _is_reset(facts, store) or not reaches_workers(project, value.where.facts, value.expr):
                    continue
                carried = Carried(store.attr, store.value, where, Visit(value.site, "", None), always=False)
                for handle in opened(project, store.value, where):
                    made = _judged(project, value.site, carried, handle)
                    if made is not None:
                        opener = _opener_in(handle, facts, store.statement)
                        name = f"{store.base.id}.{store.attr}"
                        yield value.site, facts.path, made._replace(statement=store.statement, opener=opener, name=name)


def _is_reset(facts: ModuleFacts, store: Store) -> bool:
    """Whether something else is stored there later in the function."""
    return any(
        each.attr == store.attr
        and each.base == store.base
        and each.scope == store.scope
        and each.statement > store.statement
        for each in facts.stores
    )
