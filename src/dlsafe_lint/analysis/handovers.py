"""Which callables that can't be pickled reach worker processes: where each is written, who gets it, through which hops.

A loader's ``collate_fn``, the target of a `Process`, what goes through a pool's queue, everything that a Dataset holds:
all of it is pickled. What fails where, and with which words, was seen by running each case (evidence table callables:
Linux, CPython 3.11, torch 2.13). What holds such a callable is the business of holdings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from dlsafe_lint.analysis.holdings import Origin, Spot, held, held_by, held_by_class, tied_to_process
from dlsafe_lint.analysis.workers import (
    Loader,
    context_methods,
    dataset_values,
    idle,
    loaders,
    loaders_of,
    made_per_caller,
    per_caller,
    unwrapped,
    ways_to_repeat,
)
from dlsafe_lint.analysis.workers import is_dataset as dataset_class
from dlsafe_lint.apis.datasets import ITERATORS
from dlsafe_lint.apis.workers import ALWAYS_SPAWN, HANDOVERS, POOL_METHODS, POOLS, WORKER_ARGUMENTS
from dlsafe_lint.facts import (
    Attribute,
    Call,
    Comprehension,
    Expr,
    ModuleFacts,
    Subscript,
)
from dlsafe_lint.facts import Literal as LiteralExpr
from dlsafe_lint.finding import START_METHODS, Breakage, Place
from dlsafe_lint.project import Project, Value, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.facts import Store
    from dlsafe_lint.finding import Confidence, StartMethod

Taken = Literal["loader", "dataset", "process", "pool", "executor", "spawn"]

# A chain of more hops than this goes through calls that need not belong together.
_FAR = 6
_FORK: frozenset[StartMethod] = frozenset({"fork"})
# A forked worker has these; any other looks for their names in a main module that has none of them.
_UNKNOWN_TO_WORKERS = ("guarded", "notebook")


class Taker(NamedTuple):
    """Who hands it to workers.

    Attributes:
        kind: what workers they are and how they get it.
        role: the argument ("collate_fn", "target"), the attribute of a Dataset, or "".
        what: in words, to be read after "a lambda" ("as the `target` of a `Process`").
        place: the call or assignment.
        queued: it goes through a queue, so fork pickles it as well.
        methods: start methods under which the program may run.
        confidence: how sure it is that there are workers.
        forgotten: nobody asks for the task's result, so nobody hears that it never ran.
        spawned: the workers are spawned whatever the default start method is.
    """

    kind: Taken
    role: str
    what: str
    place: Place
    queued: bool
    methods: frozenset[StartMethod]
    confidence: Confidence
    forgotten: bool = False
    spawned: bool = False


class Handed(NamedTuple):
    """A callable that can't be pickled, and who hands it to workers."""

    origin: Origin
    taker: Taker

    @property
    def breaks(self) -> tuple[Breakage, ...]:
        """What happens, per start method."""
        return tuple(Breakage(method, _outcome(self, method)) for method in START_METHODS if _fails(self, method))

    @property
    def related(self) -> tuple[Place, ...]:
        """The chain of evidence: the definition, the hops, the handover."""
        places = [*self.origin.via, self.taker.place]
        if self.origin.kind != "lambda":
            places.insert(0, self.origin.definition)
        return tuple(dict.fromkeys(places))


def handovers(project: Project) -> dict[str, list[Handed]]:
    """Return every callable that workers can't get and that the project hands to them, by the path it is reported in.

    A callable that reaches workers in several ways is one entry; an argument of a loader, process or pool comes before
    what a Dataset holds.
    """
    known = project.answers.get("handovers")
    if isinstance(known, dict):
        return known
    best: dict[tuple[Spot, str], Handed] = {}
    for handed in _found(project):
        if not handed.breaks:
            continue
        if len(handed.origin.via) > _FAR:
            handed = handed._replace(taker=handed.taker._replace(confidence="possible"))
        named = "" if handed.origin.kind == "lambda" else f"{handed.origin.definition.path}:{handed.origin.qualname}"
        key = (handed.origin.spot, named)
        other = best.get(key)
        if other is None or _rank(handed) > _rank(other):
            best[key] = handed
    table: dict[str, list[Handed]] = {}
    for (spot, _), handed in best.items():
        table.setdefault(spot.path, []).append(handed)
    for path, entries in table.items():
        entries.sort(key=lambda each: (*each.origin.spot[1:3], str(each.origin.spot.key)))
        table[path] = _once(project, entries)
    project.answers["handovers"] = table
    return table


def of_notebook(project: Project, path: str) -> list[Handed]:
    """Return what a notebook defines and hands to workers, wherever it does that: each definition once, in order.

    Args:
        project: the project.
        path: the notebook.
    """

    def table() -> dict[str, dict[tuple[int, str], Handed]]:
        found: dict[str, dict[tuple[int, str], Handed]] = {}
        for entries in handovers(project).values():
            for handed in entries:
                origin = handed.origin
                if origin.kind == "notebook":
                    mine = found.setdefault(origin.definition.path, {})
                    key = (origin.definition.line, origin.name)
                    if key not in mine or _rank(handed) > _rank(mine[key]):
                        mine[key] = handed
        return found

    mine = project.answer("handovers: notebooks", table).get(path, {})
    return [mine[key] for key in sorted(mine)]


def _once(project: Project, entries: list[Handed]) -> list[Handed]:
    """Leave out what one function hands to the same kind of workers again: one definition to move is one finding."""
    seen: set[tuple[object, ...]] = set()
    kept: list[Handed] = []
    for handed in entries:
        origin = handed.origin
        if origin.kind != "lambda":
            key = (origin.definition, origin.qualname, handed.taker.kind, _function(project, origin.spot))
            if key in seen:
                continue
            seen.add(key)
        kept.append(handed)
    return kept


def _function(project: Project, spot: Spot) -> int:
    """Return the function in which a finding stands."""
    facts = project.modules[spot.path]
    scope = facts.calls[spot.number].scope if spot.kind == "argument" else facts.statements[spot.number].scope
    return facts.function_of(scope)


def _rank(handed: Handed) -> tuple[bool, bool, bool, int]:
    taker = handed.taker
    return (
        taker.kind != "dataset" and not handed.origin.held,
        taker.kind == "dataset",
        taker.confidence == "certain",
        len(handed.breaks),
    )


def _found(project: Project) -> Iterator[Handed]:
    yield from _of_loaders(project)
    yield from _of_datasets(project)
    yield from _of_processes(project)
    yield from _of_pools(project)


# --- what happens ---


def _fails(handed: Handed, method: StartMethod) -> bool:
    if method not in handed.taker.methods:
        return False
    if method != "fork" or handed.taker.spawned:
        return True
    return handed.taker.queued and handed.origin.kind not in _UNKNOWN_TO_WORKERS


def _outcome(handed: Handed, method: StartMethod) -> str:
    origin, taker = handed
    if origin.kind in _UNKNOWN_TO_WORKERS:
        main = "'__main__' (built-in)" if origin.kind == "notebook" else "'__mp_main__'"
        missing = f"AttributeError: Can't get attribute '{origin.qualname}' on <module {main}>"
        died = f"RuntimeError: DataLoader worker exited unexpectedly{f' ({missing})' * (origin.kind == 'notebook')}"
        return {
            "loader": died,
            "dataset": died,
            "process": f"the child dies ({missing}), the parent goes on{' and exits 0' * (origin.kind == 'guarded')}",
            "pool": f"hangs for ever: each worker dies ({missing}) and is replaced",
            "executor": "BrokenProcessPool: A process in the process pool was terminated abruptly",
            "spawn": "ProcessExitedException: process 0 terminated with exit code 1",
        }[taker.kind]
    if taker.forgotten:
        return "the task never runs, exit 0, nothing on stderr"
    if origin.error:
        return origin.error
    if "<locals>" in origin.qualname:
        return f"AttributeError: Can't pickle local object '{origin.qualname}'"
    del method
    what = f"<class '{origin.qualname}'>" if origin.of_class else f"<function {origin.qualname}>"
    return f"PicklingError: Can't pickle {what}: attribute lookup {origin.qualname} failed"


# --- who gets something ---


def _of_loaders(project: Project) -> Iterator[Handed]:
    for loader in _loaders(project):
        if loader.confidence is None or loader.methods <= _FORK:
            continue
        words = f"a loader with workers ({loader.workers})" if loader.workers else "a loader with workers"
        hop = Place(loader.facts.path, loader.call.line, f"handed to {words}")
        for role, position in zip(WORKER_ARGUMENTS, (loader.api.collate, _init_position(loader)), strict=True):
            argument = project.argument_at(loader.call, loader.where, role, position)
            if argument is None:
                continue
            what = f"as `{role}` of {words}"
            taker = Taker("loader", role, what, hop, False, loader.methods, loader.confidence)
            yield from _handed(project, argument, loader.call, role, position, taker, loader.via)
        if loader.api.dataset is None:
            continue
        argument = project.argument_at(loader.call, loader.where, "dataset", loader.api.dataset)
        if argument is not None:
            taker = Taker(
                "dataset", "dataset", f"in the dataset of {words}", hop, False, loader.methods, loader.confidence
            )
            yield from _handed(project, argument, loader.call, "dataset", loader.api.dataset, taker, loader.via)


def _init_position(loader: Loader) -> int | None:
    """Return the position of ``worker_init_fn``: four after ``collate_fn`` in torch's signature."""
    return loader.api.collate + 4 if loader.api.collate is not None else None


def _loaders(project: Project) -> Iterator[Loader]:
    """Yield the loaders of the project; a subclass that passes ``**kwargs`` on also once per call that makes one."""
    for loader in loaders(project):
        yield from per_caller(project, loader)
    for facts, call in _makers(project, "torch.utils.data.DataLoader"):
        where = Where(facts, call.scope, call.statement)
        for value in project.values(call, where):
            if value.kind == "instance" and value.expr is call:
                for made in made_per_caller(project, value):
                    if made.call is not call:
                        yield made


def _makers(project: Project, base: str) -> Iterator[tuple[ModuleFacts, Call]]:
    """Yield the calls that may make an instance of a project class deriving from the library class."""
    names = set()
    for site in project.classes():
        if project.scope(site).bases and project.derives_from(site, frozenset({base})):
            name = project.scope(site).name
            names |= {name, *project.renamed.get(name, ())}
    for name in sorted(names):
        yield from project.calls_by_name.get(name, ())


def _of_datasets(project: Project) -> Iterator[Handed]:
    """Yield what the project's Datasets hold by themselves, whoever makes them, and what is set on one from outside."""
    for site in project.classes():
        if dataset_class(project, site) is None or idle(project, site, written=True):
            continue
        known = loaders_of(project, site)
        name = project.scope(site).name
        sure: Confidence = "certain" if any(loader.confidence == "certain" for loader in known) else "likely"
        place = Place(site.path, project.scope(site).line, f"`{name}` is a Dataset")
        taker = Taker("dataset", "", f"kept by the Dataset `{name}`", place, False, frozenset(START_METHODS), sure)
        for origin in held_by_class(project, site):
            if origin.kind != "notebook":  # whose class is in the notebook, too
                yield Handed(origin, taker)
    yield from _set_from_outside(project)


def _set_from_outside(project: Project) -> Iterator[Handed]:
    """Yield what statements like ``dataset.transform = lambda x: x`` put on a Dataset that workers may load."""
    loaded: dict[tuple[str, int], Loader] = {}
    for loader in loaders(project):
        if loader.confidence is not None and not loader.methods <= _FORK:
            for value in dataset_values(project, loader):
                if isinstance(value.expr, Call) and value.where is not None:
                    loaded.setdefault((value.where.facts.path, value.expr.number), loader)
    for facts in project.modules.values():
        for store in facts.stores:
            own = facts.class_of_self(store.base, store.scope) is not None  # `_contents` looks at those
            if store.attr is None or store.value is None or own:
                continue
            where = Where(facts, store.scope, store.statement)
            if not _may_hold(store.value, where):
                continue
            for value in _set_on(project, store.base, where):
                by = _loader_taking(value, loaded)
                if by is None or not _is_same(facts, store, value, by):
                    continue
                line = facts.statements[store.statement].line
                hop = Place(facts.path, line, f"set as `{store.attr}` of the dataset")
                last = Place(by.facts.path, by.call.line, f"handed to a loader with workers ({by.workers})")
                what = "in the dataset of a loader with workers"
                sure: Confidence = by.confidence or "likely"
                taker = Taker("dataset", store.attr, what, last, False, by.methods, sure)
                spot = Spot(facts.path, "statement", store.statement)
                for origin in held(project, store.value, where, spot, (hop,)):
                    yield Handed(origin, taker)
                break


def _set_on(project: Project, base: Expr, where: Where) -> list[Value]:
    """Return the objects whose attribute is set; ``subset.dataset`` is the Dataset that was split."""
    if isinstance(base, Attribute) and base.attr == "dataset":
        inside = project.values(base.value, where)
        found = [value for value in unwrapped(project, inside) if value not in inside]
        if found:
            return found
    return project.values(base, where)


def _may_hold(expr: Expr, where: Where) -> bool:
    """Whether the value of an assignment from outside may be a callable at all; keeps the search small."""
    del where
    return not isinstance(expr, (LiteralExpr, Subscript, Comprehension))


def _loader_taking(value: Value, loaded: dict[tuple[str, int], Loader]) -> Loader | None:
    """Return a loader with workers that takes what the very same call made."""
    if value.kind in ("made", "instance") and isinstance(value.expr, Call) and value.where is not None:
        return loaded.get((value.where.facts.path, value.expr.number))
    return None


def _is_same(facts: ModuleFacts, store: Store, value: Value, loader: Loader) -> bool:
    """Whether it is the same object: the call is in the function of the assignment, or the object is on ``self``."""
    if isinstance(store.base, Attribute):
        return True
    here = (facts.path, facts.function_of(store.scope))
    made = value.where
    places = [(loader.facts.path, loader.facts.function_of(loader.call.scope))]
    if made is not None:
        places.append((made.facts.path, made.facts.function_of(made.scope)))
    return here in places


def _of_processes(project: Project) -> Iterator[Handed]:
    """Yield what `Process`, ``mp.spawn`` and the constructors of pools are given."""
    tails = {name.rpartition(".")[2] for name in HANDOVERS}
    names = tails | {renamed for tail in tails for renamed in project.renamed.get(tail, ())}
    for spelled in sorted(names):
        for facts, call in project.calls_by_name.get(spelled, ()):
            for callee in project.called(facts, call):
                name, methods = _library_name(project, callee)
                if name not in HANDOVERS:
                    continue
                for where, via in ways_to_repeat(project, facts, call):
                    yield from _handed_by(project, name, call, where, methods, via)
                break
    for facts, call in _makers(project, "multiprocessing.Process"):
        for value in project.called(facts, call):
            if value.kind != "class" or value.site is None:
                continue
            hop = Place(facts.path, call.line, f"`{value.name}` is a `Process`: all it holds is sent to the child")
            what = f"kept by the `Process` `{value.name}`"
            taker = Taker("process", "", what, hop, False, frozenset(START_METHODS), "certain")
            where = Where(facts, call.scope, call.statement)
            made = Value("instance", value.name, value.site, call, where)
            spot = Spot(facts.path, "argument", call.number)
            for origin in (*tied_to_process(project, made, value.name, spot, ()), *held_by(project, made)):
                yield Handed(origin, taker)


def _handed_by(
    project: Project,
    name: str,
    call: Call,
    where: Where,
    methods: frozenset[StartMethod],
    via: tuple[Place, ...],
) -> Iterator[Handed]:
    """Yield what the call of a library's name hands over, evaluated at ``where``."""
    handover = HANDOVERS[name]
    methods = _started_with(project, name, call, where, methods)
    told = project.argument_at(call, where, "start_method", 5)
    spawned = name in ALWAYS_SPAWN or (_taken_by(name) == "spawn" and told is None)
    for role, position in handover.arguments:
        argument = project.argument_at(call, where, role, position)
        if argument is not None:
            what = f"{'in the' if role in handover.iterables else 'as'} `{role}` of {handover.what}"
            hop = Place(where.facts.path, call.line, f"handed over as `{role}` of {handover.what}")
            queued = handover.pickled_under_fork
            taker = Taker(_taken_by(name), role, what, hop, queued, methods, "certain", spawned=spawned)
            yield from _handed(project, argument, call, role, position, taker, via)


def _library_name(project: Project, callee: Value) -> tuple[str, frozenset[StartMethod]]:
    """Return the library name that a callee is, with the start methods of the context it was taken from."""
    everything = frozenset(START_METHODS)
    if callee.kind == "external":
        return callee.name, everything
    if callee.kind == "part" and callee.of is not None and callee.of.name == "multiprocessing.get_context":
        context = callee.of
        if isinstance(context.expr, Call) and context.where is not None:
            return f"multiprocessing.{callee.name}", context_methods(project, context.expr, context.where)
        return f"multiprocessing.{callee.name}", everything
    return "", everything


def _started_with(
    project: Project, name: str, call: Call, where: Where, methods: frozenset[StartMethod]
) -> frozenset[StartMethod]:
    """Return the start methods of the workers that a call makes."""
    if name == "torch.multiprocessing.start_processes":
        argument = project.argument_at(call, where, "start_method", 5)
        return context_methods(project, *argument) if argument else methods
    if name == "concurrent.futures.ProcessPoolExecutor":
        argument = project.argument_at(call, where, "mp_context", 1)
        return context_methods(project, *argument) if argument else methods
    return methods


def _taken_by(name: str) -> Taken:
    tail = name.rpartition(".")[2]
    kinds: dict[str, Taken] = {
        "Process": "process",
        "Pool": "pool",
        "ProcessPoolExecutor": "executor",
        "process_map": "executor",
    }
    return kinds.get(tail, "spawn")


def _of_pools(project: Project) -> Iterator[Handed]:
    """Yield what the methods of pools of processes are given."""
    if not any(project.calls_by_name.get(name) for name in _pool_spellings(project)):
        return
    for method in sorted({method for _, method in POOL_METHODS}):
        for facts, call in project.calls_by_name.get(method, ()):
            if not isinstance(call.func, Attribute) or not (call.args or call.keywords):
                continue
            where = Where(facts, call.scope, call.statement)
            for receiver in project.values(call.func.value, where):
                kind, methods = _pool(project, receiver)
                handover = POOL_METHODS.get((kind, method))
                if handover is None:
                    continue
                silent = method in ("apply_async", "map_async", "starmap_async", "submit") and _is_dropped(facts, call)
                for role, position in handover.arguments:
                    argument = project.argument_at(call, where, role, position)
                    if argument is None or (role == "iterable" and _is_read_out(project, *argument)):
                        continue
                    what = (
                        f"handed to {handover.what}"
                        if role in ("func", "fn")
                        else f"among the arguments of {handover.what}"
                    )
                    hop = Place(facts.path, call.line, f"goes through the queue of {handover.what}")
                    by: Taken = "pool" if kind == "Pool" else "executor"
                    taker = Taker(by, role.lstrip("*"), what, hop, True, methods, "certain", silent)
                    yield from _handed(project, argument, call, role, position, taker)
                break


def _is_read_out(project: Project, expr: Expr, where: Where) -> bool:
    """Whether it is an iterator like ``map(f, x)``: the pool reads it in the parent and sends what comes out."""
    return any(value.kind == "made" and value.name in ITERATORS for value in project.values(expr, where))


def _pool_spellings(project: Project) -> set[str]:
    names = {name.rpartition(".")[2] for name in POOLS}
    names |= {renamed for name in tuple(names) for renamed in project.renamed.get(name, ())}
    for site in project.classes():
        if project.scope(site).bases and project.derives_from(site, frozenset(POOLS)):
            names.add(project.scope(site).name)
    return names


def _pool(project: Project, value: Value) -> tuple[str, frozenset[StartMethod]]:
    """Return which kind of pool a value is ("" for none) and the start methods of its workers."""
    everything = frozenset(START_METHODS)
    if value.kind == "made" and value.name in POOLS and isinstance(value.expr, Call) and value.where is not None:
        methods = _started_with(project, value.name, value.expr, value.where, everything)
        return POOLS[value.name], methods
    if value.kind == "part" and value.name.endswith("()") and value.of is not None:
        name, methods = _library_name(project, value.of)
        return POOLS.get(name, ""), methods
    if value.kind == "instance" and value.site is not None:
        base = project.derives_from(value.site, frozenset(POOLS))
        return (POOLS[base.name], everything) if base else ("", everything)
    return "", everything


def _is_dropped(facts: ModuleFacts, call: Call) -> bool:
    """Whether the statement throws the call's result away."""
    if facts.statements[call.statement].kind != "expr":
        return False
    before = facts.calls[call.number - 1] if call.number else None
    return before is None or before.statement != call.statement


def _handed(
    project: Project,
    argument: tuple[Expr, Where],
    call: Call,
    role: str,
    position: int | None,
    taker: Taker,
    via: tuple[Place, ...] = (),
) -> Iterator[Handed]:
    """Yield what one argument of a handover holds."""
    expr, where = argument
    passed = any(key == role for key, _ in call.keywords)
    key: str | int = role if passed or position is None else position
    spot = Spot(taker.place.path, "argument", call.number, key)
    for origin in held(project, expr, where, spot, via, tied=taker.kind != "dataset"):
        yield Handed(origin, taker)
