"""Which handles Datasets open on first use and then keep: once the parent has read an item, its workers get them too.

Evidence (table lazy_open: torch 2.13, CPython 3.11, Linux): of a dozen ways to open lazily only one was right under
every start method after the parent had read. It compares the process id, so that forked workers open anew, and has a
``__getstate__`` that leaves the handle out, so that spawned ones can be sent the Dataset.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis import workers
from dlsafe_lint.analysis.datasets import CONSTRUCTORS, construction, drops, knows_processes, use
from dlsafe_lint.analysis.openings import is_closed, opened
from dlsafe_lint.apis import handles
from dlsafe_lint.apis.datasets import READERS
from dlsafe_lint.facts import Attribute, dotted
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Site, Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlsafe_lint.analysis.datasets import Carried
    from dlsafe_lint.apis.handles import Handle
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.finding import Confidence
    from dlsafe_lint.project import Project


# How many objects inside each other are looked into.
_DEEP = 3


class Shared(NamedTuple):
    """A handle that a Dataset opens on first use and keeps.

    Attributes:
        statement: the assignment that keeps it, or the ``return`` of a cached property, in the module asked for.
        name: what keeps it, as it is written ("self.file").
        kind: what kind of handle.
        closed: whether it is closed again, though not dropped.
        sent: whether a pickled Dataset holds it: there is no ``__getstate__`` that leaves it out.
        forked: whether forked workers use the parent's: nothing compares the process.
        measured: whether ``len()`` opens it, which a loader asks for in the parent.
        confidence: how sure the hazard is.
        via: the hops that lead to it.
    """

    statement: int
    name: str
    kind: Handle
    closed: bool
    sent: bool
    forked: bool
    measured: bool
    confidence: Confidence
    via: tuple[Place, ...] = ()


def shared(project: Project) -> dict[str, list[Shared]]:
    """Return the handles that the project's Datasets open on first use and keep, by the path of the module."""
    return project.answer("handles kept on first use", lambda: _shared(project))


def _shared(project: Project) -> dict[str, list[Shared]]:
    found: dict[str, dict[int, Shared]] = defaultdict(dict)
    for site in project.classes():
        made_dataset = workers.is_dataset(project, site)
        is_idle = made_dataset is not None and workers.idle(project, site)
        if made_dataset is None or (is_idle and not _loads_others(project)):
            continue
        for path, each in (*_of_class(project, site, ("__len__", *READERS)), *_of_parts(project, site)):
            if is_idle:
                each = each._replace(confidence="possible")
            known = found[path].get(each.statement)
            if known is None or (each.measured and not known.measured):
                found[path][each.statement] = each._replace(via=(*each.via, *made_dataset))
    return {path: [rows[statement] for statement in sorted(rows)] for path, rows in found.items() if rows}


def _loads_others(project: Project) -> bool:
    """Whether a loader with workers takes a Dataset that can't be followed: any of the project's, perhaps."""

    def unseen() -> bool:
        return any(
            loader.confidence is not None
            and any(value.kind in ("unknown", "missing") for value in workers.dataset_values(project, loader))
            for loader in workers.loaders(project)
        )

    return project.answer("loads others", unseen)


def _of_parts(project: Project, site: Site, depth: int = 0) -> Iterator[tuple[str, Shared]]:
    """Yield what the objects of other classes of the project open that a Dataset makes or is given, and keeps."""
    for carried in construction(project, site).carried:
        if depth >= _DEEP or drops(project, site, carried.attr):
            continue
        line = carried.where.facts.statements[carried.where.statement].line
        kept = Place(carried.where.facts.path, line, f"kept as `self.{carried.attr}` of `{project.scope(site).name}`")
        for value in project.values(carried.expr, carried.where, 1):
            part = value.site if value.kind == "instance" else None
            if part is None or part == site or workers.is_dataset(project, part) is not None:
                continue
            for path, each in (
                *_of_class(project, part, _methods(project, part)),
                *_of_parts(project, part, depth + 1),
            ):
                yield path, each._replace(measured=False, confidence="possible", via=(*each.via, kept))


def _methods(project: Project, site: Site) -> list[str]:
    """Return the names of a class's methods, inherited ones as well; what it is constructed by is none."""
    sites = [base.site for base in project.ancestors(site) if base.site is not None]
    family = {(each.path, each.scope) for each in sites}
    names = {
        scope.name: None
        for path in dict.fromkeys(each.path for each in sites)
        for scope in project.modules[path].scopes
        if scope.kind == "function" and (path, scope.parent) in family and scope.name not in CONSTRUCTORS
    }
    return list(names)


def _of_class(project: Project, site: Site, methods: Sequence[str]) -> Iterator[tuple[str, Shared]]:
    eager = {
        carried.attr for carried in construction(project, site).carried if opened(project, carried.expr, carried.where)
    }
    for name in methods:
        run = use(project, site, name)
        for carried in run.carried if run is not None else ():
            if carried.attr in eager or project.scope(carried.visit.site).name in CONSTRUCTORS:
                continue
            made = _judged(project, site, carried, measured=name == "__len__")
            if made is not None:
                yield made


def _judged(project: Project, site: Site, carried: Carried, *, measured: bool) -> tuple[str, Shared] | None:
    """Tell which workers get a handle that is opened on first use, None if none that would mind."""
    handle = next(iter(opened(project, carried.expr, carried.where)), None)
    if handle is None or handle.kind.confidence == "possible":
        return None
    kind = handle.kind
    closed = carried.closed or is_closed(project, handle)
    sent = bool(kind.pickle if not closed or kind.closed == handles.SAME else kind.closed)
    sent &= not drops(project, site, carried.attr)
    told_apart = kind.what not in handles.ONLY_IN_WORKERS and _tells_processes_apart(project, site, carried)
    forked = bool(kind.fork) and not closed and not told_apart
    if not (sent or forked):
        return None
    facts = carried.where.facts
    statement = carried.where.statement
    prop = _cached_property(project, site, carried)
    if prop is not None:
        facts = project.modules[prop.path]
        statement = next(
            (
                each.statement
                for each in facts.results
                if each.scope == prop.scope and opened(project, each.value, Where(facts, prop.scope, each.statement))
            ),
            facts.scopes[prop.scope].statement,
        )
    hops = handle.via if prop is None else ()
    if measured:
        method = project.method(site, "__len__")
        if method is not None:
            hops = (
                *hops,
                Place(method.path, project.scope(method).line, "`len()` opens it, which the loader asks for"),
            )
    return facts.path, Shared(
        statement,
        f"self.{carried.attr}",
        kind,
        closed,
        sent,
        forked,
        measured,
        "likely" if measured else "possible",
        hops,
    )


def _cached_property(project: Project, site: Site, carried: Carried) -> Site | None:
    """Return the cached property that keeps what it returns, None if an assignment does."""
    if not isinstance(carried.expr, Attribute) or carried.expr.attr != carried.attr:
        return None
    method = project.method(site, carried.attr)
    names = {dotted(each) for each in project.scope(method).decorators} if method else set()
    return method if any(name and name.rpartition(".")[2] == "cached_property" for name in names) else None


# --- which process reads ---


def _tells_processes_apart(project: Project, site: Site, carried: Carried) -> bool:
    """Whether a forked worker opens a handle of its own although the parent has opened one.

    The class asks for the process id, the function that opens it for the worker, or the project drops the parent's
    handle in the worker: after a fork, or in a ``worker_init_fn``.
    """
    if knows_processes(project, site):
        return True
    family = {base.site for base in project.ancestors(site)}
    opener = project.scope(carried.visit.site)
    for name in ("get_worker_info", "register_at_fork"):
        for facts, call in project.calls_by_name.get(name, ()):
            function = facts.scopes[facts.function_of(call.scope)]
            if Site(facts.path, function.parent) in family:
                # `__iter__` asks for the worker in order to share out the items
                if name == "register_at_fork" or (function.name == opener.name and function.name != "__iter__"):
                    return True
            elif name == "get_worker_info" and _resets(facts, function.index, carried.attr, opener.name):
                return True
    return False


def _resets(facts: ModuleFacts, function: int, attr: str, opener: str) -> bool:
    """Whether a function outside the class sets the attribute or calls the method that opens it."""
    stores = any(store.attr == attr and facts.function_of(store.scope) == function for store in facts.stores)
    calls = any(
        isinstance(call.func, Attribute) and call.func.attr == opener and facts.function_of(call.scope) == function
        for call in facts.calls
    )
    return stores or calls
