"""What importing a package really loads: the imports of all its modules, run in Python's order without running them.

Which module an import statement loads depends on what ran before it: ``from pkg import train`` takes a name that the
package has by then, and loads the submodule only if there is none. So this goes through the modules as the interpreter
does (language reference, "The import system"; ``importlib._bootstrap._handle_fromlist`` for what ``from`` does).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis.import_calls import Module, may_import, named_by_call
from dlsafe_lint.analysis.loading import exported
from dlsafe_lint.analysis.running import ALL, ran_from
from dlsafe_lint.facts import Block, Collection, Compared, Literal, Name
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Project, Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dlsafe_lint.facts import Import, ModuleFacts


class Step(NamedTuple):
    """Something that may load modules while its module is loaded.

    Attributes:
        statement: the statement of the module that gets there.
        place: where it stands: in the module, or in a function that the statement calls.
        facts: the module in which it stands.
        number: the import's number in that module, -1 for a call.
        modules: what a call names.
        proxy: whether the module is put among the loaded ones but only runs when it is used (``lazy_loader.load``).
    """

    statement: int
    place: Place
    facts: ModuleFacts
    number: int = -1
    modules: tuple[Module, ...] = ()
    proxy: bool = False


class Hop(NamedTuple):
    """While ``module`` is loaded, a step asks for another one; ``name`` is the import's name that it is, or ""."""

    module: str
    step: Step
    name: str


class Cut(NamedTuple):
    """A name of an import that is taken out: the module at ``path``, the import's number, the name as written."""

    path: str
    number: int
    name: str


def steps(project: Project, facts: ModuleFacts) -> list[Step]:
    """Return what may load modules while a module is loaded, in the order in which it runs."""

    def make() -> list[Step]:
        found = list(_steps_in(project, facts, -1))
        for site, statement in ran_from(project, facts).items():
            if any(_is_switched_off(facts, block) for block in facts.enclosing_blocks(statement)):
                continue
            inner = project.modules[site.path]
            found += [step._replace(statement=statement) for step in _steps_in(project, inner, site.scope)]
        return sorted(found, key=lambda step: step.statement)

    return project.answer(("steps", facts.path), make)


def _steps_in(project: Project, facts: ModuleFacts, function: int) -> Iterator[Step]:
    """Yield the steps of a function's own statements, of what runs when the module is imported for -1."""

    def runs(scope: int, statement: int) -> bool:
        here = facts.runs_at_import(scope) if function < 0 else facts.function_of(scope) == function
        return here and not any(_is_switched_off(facts, block) for block in facts.enclosing_blocks(statement))

    for number, statement in enumerate(facts.imports):
        if not statement.lazy and runs(statement.scope, statement.statement):
            yield Step(statement.statement, Place(facts.path, statement.line, ""), facts, number)
    for call in facts.calls:
        if may_import(project, call) and runs(call.scope, call.statement):
            if function >= 0 and not _only_called_at_import(project, Site(facts.path, function)):
                continue
            modules, proxy = named_by_call(project, facts, call)
            if modules:
                place = Place(facts.path, call.line, "")
                yield Step(call.statement, place, facts, modules=modules, proxy=proxy)


def _only_called_at_import(project: Project, site: Site) -> bool:
    """Whether what a function's parameters stand for is what import-time calls pass."""
    return all(caller.runs_at_import(call.scope) for caller, call in project.callers(site))


# --- loading ---


@dataclass(slots=True)
class Loading:
    """What has been loaded so far, and how.

    Attributes:
        project: the project.
        cuts: names of imports that are taken out.
        lazy: names that packages import on demand instead: (the package's ``__init__``, name) to the module.
        progress: per module the statement at which it is, `ALL` for one that is done.
        chains: per module the hops that led to it first; none for what was asked for from outside.
        asked: per module every hop in an ``__init__`` that asks for it, whether it is there already or not.
        submodules: per package the submodules that it has as attributes.
        taken: the lazy names that a module takes while it is loaded itself, with its path.
        tops: folders of packages that are imported by their bare names.
    """

    project: Project
    cuts: frozenset[Cut] = frozenset()
    lazy: Mapping[tuple[str, str], str] = field(default_factory=dict)
    progress: dict[str, int] = field(default_factory=dict)
    chains: dict[str, tuple[Hop, ...]] = field(default_factory=dict)
    asked: dict[str, list[Hop]] = field(default_factory=dict)
    submodules: dict[str, set[str]] = field(default_factory=dict)
    taken: dict[tuple[str, str], str] = field(default_factory=dict)
    tops: set[str] = field(default_factory=set)

    def copy(self) -> Loading:
        """Return one that goes on from here by itself."""
        return Loading(
            self.project,
            self.cuts,
            self.lazy,
            dict(self.progress),
            dict(self.chains),
            {path: list(hops) for path, hops in self.asked.items()},
            {path: set(names) for path, names in self.submodules.items()},
            dict(self.taken),
            set(self.tops),
        )

    def load(self, path: str) -> None:
        """Load a module whose parents are loaded already, and everything that this loads."""
        if path in self.progress:
            return
        hops: list[Hop] = []
        running = [self._loaded(path, hops)]
        while running:
            hop = next(running[-1], None)
            if hop is None:
                running.pop()
                if hops:
                    hops.pop()
                continue
            wanted, asking = hop
            if asking.module.endswith("/__init__.py"):
                self.asked.setdefault(wanted, []).append(asking)
            if wanted not in self.progress:
                hops.append(asking)
                if asking.step.proxy:
                    self.progress[wanted], self.chains[wanted] = ALL, tuple(hops)
                    self._finished(wanted)
                    hops.pop()
                else:
                    running.append(self._loaded(wanted, hops))

    def _loaded(self, path: str, hops: list[Hop]) -> Iterator[tuple[str, Hop]]:
        """Run a module: yield each module that it asks for, which must be loaded before the next one is asked for."""
        self.progress[path], self.chains[path] = -1, tuple(hops)
        for step in steps(self.project, self.project.modules[path]):
            self.progress[path] = step.statement
            for wanted, name in self._wanted(step):
                yield wanted, Hop(path, step, name)
        self.progress[path] = ALL
        self._finished(path)

    def _finished(self, path: str) -> None:
        """Make a module that is loaded an attribute of its package."""
        folder, _, name = path.rpartition("/")
        if name == "__init__.py":
            folder, _, name = folder.rpartition("/")
        self.submodules.setdefault(f"{folder}/__init__.py", set()).add(name.removesuffix(".py"))

    # --- which modules a step asks for ---

    def _wanted(self, step: Step) -> Iterator[tuple[str, str]]:
        """Yield the modules that a step asks for, each with the name of the import because of which it does."""
        if step.number < 0:
            for module in step.modules:
                for path in self._prefixes(step.facts, module.name, module.level):
                    yield path, ""
            return
        statement = step.facts.imports[step.number]
        plain = statement.scope == 0 and statement.block == 0
        names = [each.name for each in statement.names if Cut(step.facts.path, step.number, each.name) not in self.cuts]
        if not statement.is_from:
            for name in names:
                if not (plain and name in step.facts.lazy_modules):
                    for path in self._prefixes(step.facts, name, 0):
                        yield path, name
            return
        if not names or (plain and "*" not in names and (statement.module or "") in step.facts.lazy_modules):
            return
        found = None
        for found in self._prefixes(step.facts, statement.module or "", statement.level):
            yield found, ""
        if statement.module and self.project.find(step.facts, statement.module, statement.level) != found:
            found = None  # a folder without an `__init__`
        for name in names:
            for path in self._from(step, statement, found, name):
                yield path, name

    def _from(self, step: Step, statement: Import, module: str | None, name: str) -> Iterator[str]:
        """Yield what ``from module import name`` asks for once the module is there."""
        if name == "*":
            if module is not None and "__all__" in self.project.modules[module].scopes[0].bindings:
                for each in sorted(exported(self.project.modules[module])):
                    yield from self._from(step, statement, module, each)
            return
        if module is not None:
            if self.has(module, name):
                return
            if (module, name) in self.lazy:
                self.taken[module, name] = step.facts.path
                yield self.lazy[module, name]
                return
            made = list(self.by_getattr(module, name))
            if made:
                yield from made
                return
        inner = f"{statement.module}.{name}" if statement.module else name
        path = self.project.find(step.facts, inner, statement.level)
        if path is not None:
            yield path

    def _prefixes(self, facts: ModuleFacts, name: str, level: int) -> Iterator[str]:
        """Yield the files of a module and of the packages around it, the outermost first."""
        parts = name.split(".") if name else []
        if not parts:
            path = self.project.find(facts, "", level)
            if path is not None:
                yield path
        for count in range(1, len(parts) + 1):
            path = self.project.find(facts, ".".join(parts[:count]), level)
            if path is not None and (level or count > 1 or not self._in_package(path)):
                if not level and count == 1 and path.endswith("/__init__.py"):
                    self.tops.add(path.rpartition("/")[0])
                yield path

    def _in_package(self, path: str) -> bool:
        """Whether a module has a package around it, so that its bare name does not mean it."""
        folder, _, name = path.rpartition("/")
        if name == "__init__.py":
            folder = folder.rpartition("/")[0]
        return len(folder) > len(self.project.root) and f"{folder}/__init__.py" in self.project.modules

    # --- what a module has ---

    def has(self, path: str, name: str, depth: int = 0) -> bool:
        """Tell whether a module has a name by now."""
        if name in self.submodules.get(path, ()):
            return True
        facts = self.project.modules[path]
        now = self.progress.get(path, -1)
        bound = False
        for binding in facts.scopes[0].bindings.get(name, ()):
            if binding.statement >= now or binding.how == "annotation" or _stands_switched_off(facts, binding.block):
                continue
            cut = binding.how == "import" and any(
                Cut(path, binding.target, each.name) in self.cuts
                for each in facts.imports[binding.target].names
                if (each.asname or each.name) == name
            )
            bound = binding.how != "del" and not cut
        return bound or (depth < 10 and self._has_by_star(facts, name, now, depth))

    def _has_by_star(self, facts: ModuleFacts, name: str, now: int, depth: int) -> bool:
        for number, statement in enumerate(facts.imports):
            if statement.scope != 0 or statement.statement >= now or all(each.name != "*" for each in statement.names):
                continue
            inner = self.project.find(facts, statement.module or "", statement.level)
            if inner is None or inner == facts.path or Cut(facts.path, number, "*") in self.cuts:
                continue
            other = self.project.modules[inner]
            if "__all__" in other.scopes[0].bindings:
                if name in exported(other):
                    return True
            elif not name.startswith("_") and self.has(inner, name, depth + 1):
                return True
        return False

    def by_getattr(self, path: str, name: str) -> Iterator[str]:
        """Yield what the ``__getattr__`` of a module loads for a name, where it asks for the name itself."""
        facts = self.project.modules[path]
        for binding in facts.scopes[0].bindings.get("__getattr__", ()):
            if binding.how != "def" or binding.statement >= self.progress.get(path, -1):
                continue
            function = facts.scopes[binding.target]
            for step in _steps_in(self.project, facts, binding.target) if len(function.params) == 1 else ():
                at = step.facts.imports[step.number].statement if step.number >= 0 else step.statement
                blocks = [each for each in facts.enclosing_blocks(at) if each.scope == binding.target]
                verdicts = [_asks(block, function.params[0].name, name) for block in blocks if block.parent >= 0]
                if verdicts and all(verdicts):
                    for wanted, _ in self._wanted(step):
                        yield wanted


def _asks(block: Block, param: str, name: str) -> bool:
    """Whether a block of a ``__getattr__`` runs for the name: ``if name == "main":``, ``if name in ("main", "x"):``."""
    if block.kind != "if":
        return False
    match block.test:
        case Compared("Eq", Name(asked), Literal(wanted)):
            return asked == param and wanted == name
        case Compared("In", Name(asked), Collection(_, items)):
            return asked == param and Literal(name) in items
    return False


_SWITCHED_OFF = frozenset({"typing", "guard", "never"})
"""Kinds of blocks that don't run when a module is imported."""


def _is_switched_off(facts: ModuleFacts, block: Block) -> bool:
    """Whether a block does not run when the module is imported; also ``if DEBUG:`` where ``DEBUG = False``."""
    if block.kind in _SWITCHED_OFF:
        return True
    if block.kind != "if" or not isinstance(block.test, Name) or facts.resolve(block.test.id, block.scope) != 0:
        return False
    bindings = facts.scopes[0].bindings[block.test.id]
    declared = any(block.test.id in scope.declared for scope in facts.scopes)
    return (
        not declared and len(bindings) == 1 and isinstance(bindings[0].value, Literal) and not bindings[0].value.value
    )


def _stands_switched_off(facts: ModuleFacts, block: int) -> bool:
    while block >= 0:
        if _is_switched_off(facts, facts.blocks[block]):
            return True
        block = facts.blocks[block].parent
    return False


def imported(project: Project, packages: tuple[str, ...]) -> Loading:
    """Return what importing a package loads.

    Args:
        project: the project.
        packages: the ``__init__`` files of the package and of those around it, the outermost first.
    """

    def make() -> Loading:
        before = imported(project, packages[:-1])
        if packages[-1] in before.progress:
            return before
        made = before.copy()
        made.load(packages[-1])
        return made

    return project.answer(("imported", packages), make) if packages else Loading(project)


def imported_without(
    project: Project, packages: tuple[str, ...], cuts: frozenset[Cut], lazy: Mapping[tuple[str, str], str]
) -> Loading:
    """Return what importing a package would load without some names of imports.

    Args:
        project: the project.
        packages: as for `imported`.
        cuts: the names.
        lazy: what takes their place: (the package's ``__init__``, name) to the module that is loaded on demand.
    """
    made = Loading(project, cuts, lazy)
    for package in packages:
        made.load(package)
    return made
