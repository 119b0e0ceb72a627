"""What one program loads when it starts, in order: by which ways it comes to slow libraries, and what keeps them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis.loading import Edge, edges
from dlsafe_lint.analysis.programs import Entry, entries
from dlsafe_lint.analysis.readers import module_path
from dlsafe_lint.analysis.running import ALL, ran
from dlsafe_lint.analysis.slow import own_and_brought
from dlsafe_lint.analysis.startup import can_move, import_in_words, obstacle, start_edges, start_paths
from dlsafe_lint.apis import heavy
from dlsafe_lint.finding import Place
from dlsafe_lint.import_times import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dlsafe_lint.facts import Import, ModuleFacts
    from dlsafe_lint.project import Project, Site, Target


_STANDARD = sys.stdlib_module_names


class Link(NamedTuple):
    """An import on the way from a program to slow libraries.

    Attributes:
        path, line: where it stands.
        words: the import, shortened.
        roots: the slow libraries that it loads itself.
        inner: the imports in the modules that it loads which lead on; empty where an earlier import has loaded them.
        again: whether these stand under an earlier import.
        stays: why it can't move into functions, "" if it can.
    """

    path: str
    line: int
    words: str
    roots: tuple[str, ...]
    inner: tuple[Link, ...] = ()
    again: bool = False
    stays: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """What stays the same when lines move."""
        return self.path, self.words


class Start(NamedTuple):
    """What a program loads before it has read its arguments.

    Attributes:
        name: the program's name, see `name_of`.
        entry: the program.
        tree: the modules in the order in which they are loaded; the time of libraries is estimated, in microseconds.
        modules: files of the project that are loaded; ``names`` are their dotted names.
        libraries: top-level names of what else is imported, the standard library aside.
        roots: the slow libraries, each with the milliseconds that it adds to what is loaded before it; those that only
            come along with one of them are not counted again.
        unmeasured: those of them whose cost is not known.
        links: the imports that lead to them, as a tree.
    """

    name: str
    entry: Entry
    tree: Loaded
    modules: tuple[str, ...]
    names: tuple[str, ...]
    libraries: tuple[str, ...]
    roots: Mapping[str, int]
    unmeasured: tuple[str, ...]
    links: tuple[Link, ...]

    @property
    def seconds(self) -> float:
        """The estimated time of all imports."""
        return self.tree.total / 1e6


def all_links(links: Sequence[Link]) -> Iterator[Link]:
    """Yield the links and all below them, in the order in which they run."""
    for link in links:
        yield link
        yield from all_links(link.inner)


# --- programs by name ---


def name_of(project: Project, entry: Entry) -> str:
    """Return what a program is called: "tools/train.py", "pkg.cli:main"."""
    if entry.function >= 0:
        facts = project.modules[entry.path]
        return f"{facts.name}:{facts.scopes[entry.function].qualname}"
    return entry.path.removeprefix(f"{project.root}/")


def named(project: Project, name: str) -> list[Entry]:
    """Return the programs that a name means; those for which it would not pay to start light can be asked for too.

    Args:
        project: the project.
        name: a path, absolute or from the project's folder, or a module ("pkg.cli"); with ":main" for a function.
    """
    module, _, attribute = name.partition(":")
    path = next((each for each in (module, f"{project.root}/{module}") if each in project.modules), None)
    if path is None:
        path = module_path(project, module)
    if path is None:
        path = module_path(project, f"{module}.__main__")
    if path is None:
        return []
    facts = project.modules[path]
    known = [each for each in entries(project) if each.path == path]
    if not attribute:
        return known or [Entry(path, -1, "asked for", Place(path, 1, "asked for"), ALL, {})]
    found: list[Entry] = []
    for value in project.member(path, attribute.partition(".")[0]):
        if value.kind == "function" and value.site is not None:
            site = value.site
            mine = [each for each in entries(project) if (each.path, each.function) == site]
            line = project.modules[site.path].scopes[site.scope].line
            found += mine or [Entry(site.path, site.scope, "asked for", Place(site.path, line, "asked for"), ALL, {})]
        elif attribute in facts.scopes[0].bindings:
            found.append(Entry(path, -1, "asked for", Place(path, 1, "asked for"), ALL, {}))
    return found[:1]


# --- what is loaded ---


def start(project: Project, entry: Entry) -> Start:
    """Follow the imports of a program, as the interpreter would, up to the place where it reads its arguments.

    Args:
        project: the project.
        entry: one of its programs.
    """
    walk = _Walk(project, entry)
    loaded: list[Loaded] = []
    links: list[Link] = []
    for path in reversed(start_paths(project, entry)):  # packages come first
        inside, found = walk.visit(path)
        loaded += inside if path == entry.path else [walk.module(path, inside)]
        links += found
    name = name_of(project, entry)
    return Start(
        name=name,
        entry=entry,
        tree=Loaded(name, 0, sum(each.total for each in loaded), tuple(loaded)),
        modules=tuple(walk.seen),
        names=tuple(project.modules[path].name for path in walk.seen),
        libraries=tuple(
            dict.fromkeys(top for each in walk.libraries if (top := each.partition(".")[0]) not in _STANDARD)
        ),
        roots=walk.roots,
        unmeasured=tuple(root for root in walk.roots if not _costs(project, root)),
        links=tuple(links),
    )


class _Walk:
    """One program's imports, followed in order; what was loaded before is not loaded again."""

    def __init__(self, project: Project, entry: Entry) -> None:
        self.project = project
        self.entry = entry
        self.seen: dict[str, None] = {}
        self.libraries: dict[str, None] = {}
        self.roots: dict[str, int] = {}
        self.early: dict[Site, int] = dict(entry.early)
        self._counted: frozenset[str] = frozenset()
        self._leads: set[str] = set()

    def visit(self, path: str) -> tuple[list[Loaded], list[Link]]:
        """Load what a file imports; return that, and the imports that lead to something slow."""
        self.seen[path] = None
        facts = self.project.modules[path]
        if path != self.entry.path or self.entry.function >= 0:
            self.early.update(ran(self.project, facts))
        loaded: list[Loaded] = []
        links: list[Link] = []
        found = start_edges(self.project, self.entry, path) if path == self.entry.path else edges(self.project, facts)
        for edge in _statements(found):
            inner: list[Link] = []
            roots: dict[str, None] = {}
            again = False
            for target in edge.targets:
                if target.path is None:
                    roots.update(dict.fromkeys(self._slow(target)))
                    loaded += self._library(target)
                elif target.path not in self.seen:
                    inside, below = self.visit(target.path)
                    loaded.append(self.module(target.path, inside))
                    inner += below
                else:
                    again = again or target.path in self._leads
            if roots or inner or again:
                links.append(self._link(facts, edge, tuple(roots), tuple(inner), again=again))
        if links:
            self._leads.add(path)
        return loaded, links

    def module(self, path: str, inside: Sequence[Loaded]) -> Loaded:
        """Return a module of the project; its own time is not estimated."""
        name = self.project.modules[path].name
        return Loaded(name, 0, sum(each.total for each in inside), tuple(inside), path)

    def _library(self, target: Target) -> list[Loaded]:
        """Load a library, and say what that adds to what was loaded before."""
        if target.name in self.libraries:
            return []
        self.libraries[target.name] = None
        costing = _costs(self.project, target.name)
        before = heavy.estimate(self._counted)
        self._counted |= costing
        added = max(heavy.estimate(self._counted) - before, 0)
        for root in self._slow(target):
            self.roots.setdefault(root, added)
        return [Loaded(target.name, 1000 * added, 1000 * added)]

    def _slow(self, target: Target) -> tuple[str, ...]:
        """Return the slow library that it is, or, if it is none itself, those that it brings along."""
        own, brought = own_and_brought(self.project, target.name)
        if own:
            return (own,)
        return tuple(sorted(root for root in brought if own_and_brought(self.project, root)[0] == root))

    def _link(
        self, facts: ModuleFacts, edge: Edge, roots: tuple[str, ...], inner: tuple[Link, ...], *, again: bool
    ) -> Link:
        stands = self.project.modules[edge.path]
        if edge.number >= 0:
            statement = stands.imports[edge.number]
            bound = [each.asname or each.name for each in statement.names]
            names = edge.names or (bound if statement.is_from else [each.partition(".")[0] for each in bound])
            words = import_in_words(stands, edge.number, names)
        else:
            words = f"loads {' and '.join(f'`{target.name}`' for target in edge.targets[-1:])}"
        return Link(edge.path, edge.line, words, roots, inner, again and not inner, self._stays(facts, edge))

    def _stays(self, facts: ModuleFacts, edge: Edge) -> str:
        if edge.path == facts.path and can_move(self.project, (self.early,), edge):
            return ""
        found = obstacle(self.project, (self.early,), edge)
        return f"{found.reason} at line {found.place.line}" if found.place.line != edge.line else found.reason


def _statements(found: Sequence[Edge]) -> list[Edge]:
    """Return one edge per statement, with all its names and targets."""
    merged: dict[tuple[str, int, int, int], Edge] = {}
    for edge in found:
        key = (edge.path, edge.statement, edge.number, edge.line)
        known = merged.get(key)
        if known is None:
            merged[key] = edge
        else:
            names = tuple(dict.fromkeys((*known.names, *edge.names)))
            merged[key] = known._replace(names=names, targets=(*known.targets, *edge.targets))
    return list(merged.values())


def _costs(project: Project, name: str) -> frozenset[str]:
    """Return the measured names that make up the cost of importing a library's module."""
    known = heavy.nearest(name)
    if known:
        return frozenset((known,))
    return frozenset(each for each in own_and_brought(project, name)[1] if heavy.nearest(each))


# --- what an interpreter would have to run ---


class Step(NamedTuple):
    """An import statement that runs when the program starts: its text, where it stands, whether it may fail."""

    text: str
    path: str
    line: int
    may_fail: bool = False


def steps(project: Project, entry: Entry) -> list[Step]:
    """Return the imports of a program's own file that run when it starts, as statements, in order.

    What loads modules without being an import statement there is given as a plain import of the modules. What stands
    under a condition or in a ``try`` is taken to run, and may fail.

    Args:
        project: the project.
        entry: one of its programs.
    """
    facts = project.modules[entry.path]
    found = [
        Step(f"import {project.modules[path].name}", path, 1)
        for path in reversed(start_paths(project, entry))
        if path != entry.path or entry.function >= 0
    ]
    for edge in _statements(start_edges(project, entry, entry.path)):
        if edge.number >= 0 and edge.path == entry.path:
            statement = facts.imports[edge.number]
            if entry.function >= 0 and facts.runs_at_import(statement.scope):
                continue  # the module is imported as a whole
            blocks = {block.kind for block in facts.enclosing_blocks(statement.statement)}
            found.append(Step(_spelled(statement), edge.path, edge.line, bool(blocks - {"body", "guard", "with"})))
        elif entry.function < 0:
            found += [Step(f"import {target.name}", edge.path, edge.line, may_fail=True) for target in edge.targets]
    return list(dict.fromkeys(found))


def package_of(project: Project, entry: Entry) -> str:
    """Return the package that a program's relative imports start from, "" if it has none."""
    facts = project.modules[entry.path]
    if not any(statement.level for statement in facts.imports):
        return ""
    return facts.name if facts.is_package else facts.name.rpartition(".")[0]


def search_path(project: Project, entry: Entry) -> list[str]:
    """Return the folders in which a program's modules may be: first the one that its own interpreter begins with."""
    folder = entry.path.rpartition("/")[0]
    if len(start_paths(project, entry)) > 1 or entry.function >= 0:
        while f"{folder}/__init__.py" in project.modules:
            folder = folder.rpartition("/")[0]
    roots = (folder, *project.source_roots, f"{project.root}/src", f"{project.root}/lib", project.root)
    return list(dict.fromkeys(each for each in roots if each == folder or each in project.folders | {project.root}))


def _spelled(statement: Import) -> str:
    names = ", ".join(f"{each.name} as {each.asname}" if each.asname else each.name for each in statement.names)
    return (
        f"from {'.' * statement.level}{statement.module or ''} import {names}"
        if statement.is_from
        else f"import {names}"
    )
