"""What is loaded when a program starts, and where the chain can be cut (DLS5)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis.deferring import (
    Obstacle,
    functions,
    insertion,
    needed,
    only_annotates,
    outermost,
    top_statement,
)
from dlsafe_lint.analysis.effects import declares_options, effect_of_loading
from dlsafe_lint.analysis.loading import Edge, edges, edges_of
from dlsafe_lint.analysis.programs import Entry, entries
from dlsafe_lint.analysis.running import ALL, may_run, packages_around, ran
from dlsafe_lint.analysis.slow import certainly_leads_to, leads_to, own_and_brought
from dlsafe_lint.apis import heavy
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Project, Site, Target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from dlsafe_lint.facts import ModuleFacts, Use

__all__ = [
    "Cut",
    "Edge",
    "Entry",
    "Kept",
    "Obstacle",
    "before_what",
    "cuts",
    "edges",
    "entries",
    "functions",
    "import_in_words",
    "insertion",
    "kept",
    "needed",
    "only_for_annotations",
    "slow_libraries",
]
"""Whoever asks about the start of a program asks here."""


class Cut(NamedTuple):
    """A statement that can move, and then takes slow libraries off a program's start-up.

    Attributes:
        path: the file; ``number`` the import's number in it.
        names: the names that move.
        roots: the slow libraries, the slowest first.
        milliseconds: what is saved, 0 if it was never measured.
        own: whether the statement imports a library, not a module of the project.
        entries: the programs; none with the setting ``heavy-imports = "everywhere"``.
        via: hops from the first program to the statement, and on to the library.
        on_demand: whether a package should import the names when somebody asks for them (PEP 562).
        effects: what modules of the project do while they are loaded that would happen later; None if nothing.
    """

    path: str
    number: int
    names: tuple[str, ...]
    roots: tuple[str, ...]
    milliseconds: int
    own: bool
    entries: tuple[Entry, ...]
    via: tuple[Place, ...]
    on_demand: bool = False
    effects: Place | None = None


class _World(NamedTuple):
    """What all programs load together, once for all.

    Attributes:
        early: functions that run while a module is imported.
        leads: per slow library, the files whose import ends up loading it.
        forced: per slow library, those of them in which no statement can move that would avoid it.
        roots: per file, the slow libraries that importing it certainly loads.
    """

    early: Mapping[Site, int]
    leads: Mapping[str, set[str]]
    forced: Mapping[str, set[str]]
    roots: Mapping[str, set[str]]


def start_edges(project: Project, entry: Entry, path: str) -> list[Edge]:
    """Return what loads modules while one of the files that a program begins with is loaded, up to its arguments."""
    facts = project.modules[path]
    main = path == entry.path and entry.function < 0 and entry.reason != "workers"
    found = edges(project, facts, main=main)
    if main:
        found = [edge for edge in found if edge.statement <= entry.last]
    if path == entry.path and entry.reason != "workers":
        for site, last in entry.early.items():
            inner = project.modules[site.path]
            for number, statement in enumerate(inner.imports):
                if (
                    inner.function_of(statement.scope) == site.scope
                    and statement.statement <= last
                    and may_run(project, inner, statement.statement)
                ):
                    found = found + [edge._replace(names=()) for edge in edges_of(project, inner, number, statement)]
    return found


def start_paths(project: Project, entry: Entry) -> list[str]:
    """Return the files that a program begins with: its own, and its packages' where it can only run as a module."""
    facts = project.modules[entry.path]
    as_module = entry.function >= 0 or any(statement.level for statement in facts.imports)
    return [entry.path, *(packages_around(project, entry.path) if as_module else ())]


def _world(project: Project) -> _World:
    early: dict[Site, int] = {}
    backwards: dict[str, list[tuple[str, bool]]] = {}
    loaded: dict[str, dict[str, bool]] = {}
    starts = [(entry, path) for entry in entries(project) for path in start_paths(project, entry)]
    queue = deque(path for entry, path in starts if entry.function >= 0 or path != entry.path)
    queue.extend(
        target.path
        for entry, path in starts
        for edge in start_edges(project, entry, path)
        for target in edge.targets
        if target.path
    )
    libraries = {
        target.name
        for entry, path in starts
        for edge in start_edges(project, entry, path)
        for target in edge.targets
        if not target.path
    }
    seen: set[str] = set()
    while queue:
        path = queue.popleft()
        if path in seen:
            continue
        seen.add(path)
        facts = project.modules[path]
        early.update(ran(project, facts))
        for edge in edges(project, facts):
            stays = edge.how != "export" and (not edge.names or _stays(project, edge))
            for target in edge.targets:
                if target.path is not None:
                    backwards.setdefault(target.path, []).append((path, stays))
                    queue.append(target.path)
                else:
                    libraries.add(target.name)
                    into = loaded.setdefault(target.name, {})
                    into[path] = into.get(path, False) or stays
    found = {root for name in libraries for root in (own_and_brought(project, name)[0],) if root}
    brought = {root for name in libraries for root in own_and_brought(project, name)[1]}
    found |= {root for root in brought if own_and_brought(project, root)[0] == root}
    leads: dict[str, set[str]] = {}
    forced: dict[str, set[str]] = {}
    roots: dict[str, set[str]] = {}
    for root in found:
        direct = [
            item
            for name, paths in loaded.items()
            if leads_to(project, Target(None, name), root)
            for item in paths.items()
        ]
        leads[root] = _spread({path for path, _ in direct}, backwards, stays_only=False)
        forced[root] = _spread({path for path, stays in direct if stays}, backwards, stays_only=True)
        certain = {path for name in loaded if certainly_leads_to(project, name, root) for path in loaded[name]}
        for path in _spread(certain, backwards, stays_only=False):
            roots.setdefault(path, set()).add(root)
    return _World(early, leads, forced, roots)


def _answered_world(project: Project) -> _World:
    return project.answer("world", lambda: _world(project))


def _spread(start: set[str], backwards: Mapping[str, list[tuple[str, bool]]], *, stays_only: bool) -> set[str]:
    """Return the files from which imports lead to the files; with ``stays_only`` by imports that can't move."""
    found = set(start)
    queue = deque(found)
    while queue:
        for path, stays in backwards.get(queue.popleft(), ()):
            if path not in found and (stays or not stays_only):
                found.add(path)
                queue.append(path)
    return found


class _Found(NamedTuple):
    edge: Edge
    via: tuple[Place, ...]


def _roots_of(project: Project, world: _World, entry: Entry) -> set[str]:
    """Return the slow libraries that a program loads before it has read its arguments."""
    found: set[str] = set()
    for path in start_paths(project, entry):
        for edge in start_edges(project, entry, path):
            for target in edge.targets:
                if target.path is not None:
                    found |= world.roots.get(target.path, set())
                else:
                    found |= {root for root in world.leads if certainly_leads_to(project, target.name, root)}
    return found


def _cuts_for(project: Project, entry: Entry, world: _World, root: str) -> list[_Found] | None:
    """Return the statements, nearest to the program, that have to move for it not to load a slow library.

    What leads there only through an import of the library that has to move anyway is none of them. None if there is a
    way to the library that can't be cut.
    """
    if root in entry.needs:
        return None
    leads, forced = world.leads[root], world.forced[root]
    found: list[_Found] = []
    stack: list[tuple[str, tuple[Place, ...]]] = [(path, ()) for path in start_paths(project, entry)]
    seen = {path for path, _ in stack}
    while stack:
        path, via = stack.pop()
        for edge in start_edges(project, entry, path):
            inner = [target.path for target in edge.targets if target.path is not None and target.path in leads]
            outer = any(target.path is None and leads_to(project, target, root) for target in edge.targets)
            if not inner and not outer:
                continue
            # what a worker unpickles loads modules by itself: only the script's own imports are sure to be saved
            own = path == entry.path and not any(target.path for target in edge.targets)
            if (own or entry.reason != "workers") and can_move(project, (world.early, entry.early), edge):
                found.append(_Found(edge, via))
                continue
            if outer or any(each in forced for each in inner):
                return None
            for each in inner:
                if each not in seen:
                    seen.add(each)
                    name = project.modules[each].name
                    stack.append((each, (*via, Place(edge.path, edge.line, f"loads `{name}`"))))
    return _without_spare(project, leads, root, found)


def _without_spare(project: Project, leads: Collection[str], root: str, found: list[_Found]) -> list[_Found]:
    """Leave out imports of project modules that load the library only through its imports that were found as well."""
    moved = frozenset(
        each.edge
        for each in found
        if any(target.path is None and leads_to(project, target, root) for target in each.edge.targets)
    )
    if not moved or len(moved) == len(found):
        return found
    key = ("still", root, moved)
    still = project.answers.get(key)
    if not isinstance(still, set):
        backwards: dict[str, list[tuple[str, bool]]] = {}
        start: set[str] = set()
        for path in leads:
            for edge in edges(project, project.modules[path]):
                if edge in moved:
                    continue
                for target in edge.targets:
                    if target.path in leads and target.path is not None:
                        backwards.setdefault(target.path, []).append((path, False))
                    elif target.path is None and leads_to(project, target, root):
                        start.add(path)
        still = start | _spread(start, backwards, stays_only=False)
        project.answers[key] = still
    return [each for each in found if each.edge in moved or any(target.path in still for target in each.edge.targets)]


def _stays(project: Project, edge: Edge) -> bool:
    """Whether a statement can't go, whichever program loads it."""
    facts = project.modules[edge.path]
    return any(needed(project, facts, name) is not None for name in edge.names) or bool(
        declares_options(project, [target.path for target in edge.targets if target.path])
    )


def can_move(project: Project, early: tuple[Mapping[Site, int], ...], edge: Edge) -> bool:
    """Whether a statement can go, given the functions that run at start-up."""
    if edge.how == "export":
        return True
    if edge.number < 0 or not edge.names or _stays(project, edge):
        return False
    facts = project.modules[edge.path]
    return not any(_early_use(runs, facts, name) for runs in early for name in edge.names)


def _early_use(early: Mapping[Site, int], facts: ModuleFacts, name: str) -> Use | None:
    """Return where a function that runs at start-up, or one inside it, uses a name before the arguments are read."""
    needing = functions(facts, name)
    for use in facts.uses.get(name, ()):
        if facts.runs_at_import(use.scope) or (function := outermost(facts, use.scope)) not in needing:
            continue
        last = early.get(Site(facts.path, function))
        if last is None:
            continue
        if last == ALL or top_statement(facts, function, use.statement) <= top_statement(facts, function, last):
            return use
    return None


class Kept(NamedTuple):
    """Why a program can't start without a slow library.

    Attributes:
        root: the slow library.
        via: hops from the program to the statement that needs it.
        obstacle: what keeps that statement where it is, and where.
    """

    root: str
    via: tuple[Place, ...]
    obstacle: Obstacle


def kept(project: Project, entry: Entry) -> list[Kept]:
    """Return, for each slow library that a program needs to start, every statement that keeps it.

    "`torch` is needed at import time: base class `nn.Module`" is the root and the obstacle's reason in words.

    Args:
        project: the project.
        entry: one of its programs (see `entries`).
    """
    world = _answered_world(project)
    found: list[Kept] = []
    for root in sorted(_roots_of(project, world, entry)):
        if _cuts_for(project, entry, world, root) is None:
            found += _kept(project, entry, world, root)
    return found


def _kept(project: Project, entry: Entry, world: _World, root: str) -> Iterator[Kept]:
    if root in entry.needs:
        yield Kept(root, (), Obstacle("the program's workers need it", entry.place))
        return
    leads = world.leads[root]
    queue: deque[tuple[str, tuple[Place, ...]]] = deque((path, ()) for path in start_paths(project, entry))
    seen = {path for path, _ in queue}
    while queue:
        path, via = queue.popleft()
        for edge in start_edges(project, entry, path):
            inner = [target for target in edge.targets if target.path in leads and target.path is not None]
            outer = [target for target in edge.targets if target.path is None and leads_to(project, target, root)]
            if not inner and not outer:
                continue
            own = path == entry.path and not any(target.path for target in edge.targets)
            early = (world.early, entry.early)
            if (own or entry.reason != "workers") and can_move(project, early, edge):
                continue
            declaring = declares_options(project, [target.path for target in edge.targets if target.path])
            if declaring is not None:
                hop = Place(edge.path, edge.line, f"loads `{inner[0].name}`")
                yield Kept(root, (*via, hop), Obstacle(declaring.message, declaring))
                continue
            for target in outer:
                hop = Place(edge.path, edge.line, f"loads `{target.name}`")
                yield Kept(root, (*via, hop), obstacle(project, early, edge))
                break
            for target in inner:
                if target.path is not None and target.path not in seen:
                    seen.add(target.path)
                    hop = Place(edge.path, edge.line, f"loads `{target.name}`")
                    queue.append((target.path, (*via, hop)))


def obstacle(project: Project, early: tuple[Mapping[Site, int], ...], edge: Edge) -> Obstacle:
    """Say why a statement that loads something can't move."""
    facts = project.modules[edge.path]
    line = Place(edge.path, edge.line, "")
    if edge.number < 0:
        return Obstacle("it is imported by a call or a function that runs at import time", line)
    statement = facts.imports[edge.number]
    lazy = statement.lazy or bool(
        facts.lazy_modules & {statement.module or "", *(each.name for each in statement.names)}
    )
    for name in edge.names:
        found = needed(project, facts, name)
        if found is not None and lazy:
            return Obstacle(f"`{name}` is imported lazily, but used at once: {found.reason}", found.place)
        if found is not None:
            return found
        for runs in early:
            if use := _early_use(runs, facts, name):
                function = facts.scopes[outermost(facts, use.scope)]
                place = Place(edge.path, facts.statements[use.statement].line, "")
                return Obstacle(f"`{function.name}` uses `{name}` and runs before the arguments are read", place)
    declaring = declares_options(project, [target.path for target in edge.targets if target.path])
    if declaring is not None:
        return Obstacle(declaring.message, declaring)
    if any(each.name == "*" for each in statement.names):
        return Obstacle("`import *` takes whatever is there", line)
    if statement.scope != 0 or statement.block != 0:
        return Obstacle("it is imported on a condition", line)
    return Obstacle("the program's workers import it again", line)


def cuts(project: Project) -> dict[str, list[Cut]]:
    """Return, per file, the import statements that make programs start faster when they move."""
    known = project.answers.get("cuts")
    if isinstance(known, dict):
        return known
    made: dict[str, list[Cut]] = {}
    if project.heavy_imports == "everywhere":
        made = _everywhere(project)
    elif project.heavy_imports == "startup":
        made = _at_startup(project)
    project.answers["cuts"] = made
    return made


class _Merged(NamedTuple):
    paths: dict[str, None]
    names: dict[str, None]
    roots: dict[str, int]
    entries: dict[tuple[str, int], Entry]
    via: tuple[Place, ...]
    own: bool
    on_demand: bool


def _at_startup(project: Project) -> dict[str, list[Cut]]:
    merged: dict[tuple[str, int], _Merged] = {}
    world = _answered_world(project)
    for entry in entries(project):
        answers = {root: _cuts_for(project, entry, world, root) for root in _roots_of(project, world, entry)}
        kept = frozenset(root for root, found in answers.items() if found is None)
        base = heavy.estimate(kept)
        answers = {
            root: found
            for root, found in answers.items()
            if not heavy.estimate(frozenset({root})) or heavy.estimate(kept | {root}) - base >= heavy.SLOW
        }
        mine: dict[tuple[str, int], set[str]] = {}
        for root, found in sorted(answers.items()):
            for edge, via in found or ():
                key = (edge.path, edge.number)
                mine.setdefault(key, set()).add(root)
                own = all(target.path is None for target in edge.targets)
                if key not in merged:
                    onward = () if own else _onward(project, edge, world, root)
                    merged[key] = _Merged({}, {}, {}, {}, (*via, *onward), own, edge.how == "export")
                merged[key].paths.update(dict.fromkeys(target.path for target in edge.targets if target.path))
                merged[key].names.update(dict.fromkeys(edge.names))
                merged[key].entries.setdefault((entry.path, entry.function), entry)
        for key, roots in mine.items():
            saved = heavy.estimate(kept | roots) - base
            for root in roots:
                merged[key].roots[root] = max(merged[key].roots.get(root, 0), saved)
    made: dict[str, list[Cut]] = {}
    for (path, index), each in sorted(merged.items()):
        saved = max(each.roots.values())
        made.setdefault(path, []).append(
            Cut(
                path,
                index,
                tuple(each.names),
                _shown(each),
                saved,
                each.own,
                tuple(each.entries.values()),
                each.via,
                each.on_demand,
                effect_of_loading(project, each.paths),
            )
        )
    return made


def _shown(merged: _Merged) -> tuple[str, ...]:
    """Return the slow libraries to name: not those that only come along with another one."""
    roots = sorted(merged.roots, key=lambda root: (-heavy.estimate(frozenset((root,))), root))
    brought = {part for root in roots for part in heavy.brings(root)}
    first = [root for root in roots if root.partition(".")[0] not in brought]
    return tuple(first or roots)


def _onward(project: Project, edge: Edge, world: _World, root: str) -> tuple[Place, ...]:
    """Return the hops from a project module that an edge loads to the import of the slow library."""
    leads = world.leads[root]
    queue: deque[tuple[str, tuple[Place, ...]]] = deque(
        (target.path, ()) for target in edge.targets if target.path in leads and target.path is not None
    )
    seen = {path for path, _ in queue}
    while queue:
        path, via = queue.popleft()
        for inner in edges(project, project.modules[path]):
            for target in inner.targets:
                if target.path is None and leads_to(project, target, root):
                    return (*via, Place(inner.path, inner.line, f"loads `{target.name}`"))
                if target.path in leads and target.path is not None and target.path not in seen:
                    seen.add(target.path)
                    queue.append((target.path, (*via, Place(inner.path, inner.line, f"loads `{target.name}`"))))
    return ()


def _everywhere(project: Project) -> dict[str, list[Cut]]:
    made: dict[str, list[Cut]] = {}
    for facts in project.modules.values():
        if project.is_test(facts):
            continue
        for edge in edges(project, facts):
            roots = {own_and_brought(project, target.name)[0] for target in edge.targets if target.path is None} - {""}
            if roots and can_move(project, (ran(project, facts),), edge):
                saved = heavy.estimate(frozenset(roots))
                made.setdefault(facts.path, []).append(
                    Cut(facts.path, edge.number, edge.names, tuple(sorted(roots)), saved, True, (), ())
                )
    return made


def only_for_annotations(facts: ModuleFacts, cut: Cut) -> bool:
    """Tell whether annotations alone use the names that should move."""
    return not cut.on_demand and all(only_annotates(facts, name) for name in cut.names)


def before_what(cut: Cut) -> str:
    """Say in words which programs load something too early: "before `train.py` has read its arguments"."""
    if not cut.entries:
        return "as soon as this module is imported"
    first = next((entry for entry in cut.entries if entry.reason != "workers"), cut.entries[0])
    name = first.path.rpartition("/")[2]
    more = len(cut.entries) - 1
    others = f" and {more} more program{'s' * (more > 1)}" if more else ""
    if first.reason == "workers":
        return f"in each worker that imports `{name}`{others} again"
    read = any(entry.reason == "arguments" for entry in cut.entries)
    has, its = ("have", "their") if more else ("has", "its")
    return f"before `{name}`{others} {f'{has} read {its} arguments' if read else f'{has} started'}"


def slow_libraries(cut: Cut) -> str:
    """Say in words what is loaded and what it costs: "`torch` (about 1.9 s)"."""
    *others, last = (f"`{root}`" for root in cut.roots)
    names = f"{', '.join(others)} and {last}" if others else last
    return f"{names} (about {cut.milliseconds / 1000:.1f} s)" if cut.milliseconds else names


def import_in_words(facts: ModuleFacts, number: int, names: Iterable[str]) -> str:
    """Return an import statement with only the names that matter, shortened: "from a import b, c, …"."""
    statement = facts.imports[number]
    wanted = set(names)
    words = []
    for each in statement.names:
        bound = each.asname or (each.name if statement.is_from else each.name.partition(".")[0])
        if bound in wanted:
            words.append(f"{each.name} as {each.asname}" if each.asname else each.name)
    listed = ", ".join(words[:3]) + (", …" if len(words) > 3 else "")
    return (
        f"from {'.' * statement.level}{statement.module or ''} import {listed}"
        if statement.is_from
        else f"import {listed}"
    )
