"""Which programs a project has, and why it pays for them to start light."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis.loading import edges, edges_of
from dlsafe_lint.analysis.readers import module_path
from dlsafe_lint.analysis.running import ALL, called_in, follow, is_command, is_given
from dlsafe_lint.analysis.slow import own_and_brought
from dlsafe_lint.analysis.workers import context_methods, loaders
from dlsafe_lint.apis import cli
from dlsafe_lint.apis.workers import CONTEXTS, HANDOVERS
from dlsafe_lint.facts import Attribute, Call, Expr, Name
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Site, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dlsafe_lint.analysis.loading import Edge
    from dlsafe_lint.facts import ModuleFacts, Scope
    from dlsafe_lint.project import Project


class Entry(NamedTuple):
    """A program.

    Attributes:
        path: the file that is run, or in which the function stands.
        function: the function's scope, -1 where the file itself is run.
        reason: why it pays to start light: "arguments", "console script", "workers" (that import it again).
        place: where it reads its arguments, or what makes it a program.
        last: the number of the file's last statement that runs before the arguments are read.
        early: functions that run before that, with the last statement that does; for "workers" what runs in them.
        needs: slow libraries that it needs anyway.
    """

    path: str
    function: int
    reason: str
    place: Place
    last: int
    early: Mapping[Site, int]
    needs: frozenset[str] = frozenset()


def entries(project: Project) -> list[Entry]:
    """Return the programs for which it pays to start light."""
    known = project.answers.get("entries")
    if isinstance(known, list):
        return known
    found: dict[tuple[str, int], Entry] = {}
    for declared in project.entry_points:
        module, _, attribute = declared.partition(":")
        path = module_path(project, module)
        if path is None:
            continue
        facts = project.modules[path]
        if not attribute:
            made = _program(project, facts)
            found[path, -1] = made or _entry(facts)
            continue
        for value in project.member(path, attribute.partition(".")[0]):
            if value.kind == "function" and value.site is not None:
                found[value.site.path, value.site.scope] = _console_script(project, value.site)
            elif value.kind != "unknown":
                found[path, -1] = _entry(facts)
    for facts in project.modules.values():
        if (facts.path, -1) not in found and not project.is_test(facts) and (made := _program(project, facts)):
            found[made.path, made.function] = made
    project.answers["entries"] = list(found.values())
    return list(found.values())


def _entry(facts: ModuleFacts) -> Entry:
    return Entry(facts.path, -1, "console script", Place(facts.path, 1, "declared as a program"), ALL, {})


def _console_script(project: Project, site: Site) -> Entry:
    facts = project.modules[site.path]
    scope = facts.scopes[site.scope]
    if is_command(project, facts, scope):
        place = Place(site.path, scope.line, "the arguments are read before this runs")
        return Entry(site.path, site.scope, "arguments", place, ALL, {})
    early: dict[Site, int] = {site: ALL}
    run = follow(project, facts, site.scope, early, main=False, stop=True, depth=0)
    early[site] = run.last
    place = run.place or Place(site.path, scope.line, "declared as a program")
    return Entry(site.path, site.scope, "arguments" if run.place else "console script", place, ALL, early)


def _program(project: Project, facts: ModuleFacts) -> Entry | None:
    """Return the program that a file is, None if it is none or if it does not pay to start light."""
    guarded = project.is_script(facts) is not None
    if not guarded and not _may_parse(project, facts):
        return None
    early: dict[Site, int] = {}
    run = follow(project, facts, 0, early, main=True, stop=True, depth=0)
    imported = _first_import_that_parses(project, facts) if guarded or run.place else None
    if imported is not None and imported.statement < run.last:
        place = Place(facts.path, imported.line, "the arguments are read by a module that this loads")
        return Entry(facts.path, -1, "arguments", place, imported.statement, early)
    if run.place is not None:
        return Entry(facts.path, -1, "arguments", run.place, run.last, early)
    return _reimported(project, facts, early) if guarded and not facts.path.endswith("/__main__.py") else None


def _reimported(project: Project, facts: ModuleFacts, ran_in_parent: Mapping[Site, int]) -> Entry | None:
    """Return the program as its own workers load it: under spawn and forkserver each of them imports the script again.

    What a worker runs may need a library in the worker: every function that the program hands to something, and every
    method of what looks like a Dataset.
    """
    place = None
    needs: set[str] = set()
    inside: dict[Site, int] = {}
    made = {id(loader.call) for loader in loaders(project) if loader.confidence and loader.methods - {"fork"}}
    calls = [
        (module, call)
        for path, scope in ((facts.path, 0), *ran_in_parent)
        for module in (project.modules[path],)
        for _, _, call in called_in(project, module, scope)
        if call is not None
    ]
    for module, call in calls:
        if id(call) in made:
            needs.add("torch")
        starts = id(call) in made or _starts_process(project, module, call)
        if starts:
            place = place or Place(module.path, call.line, "its workers import it again")
        if starts or _last_name(call.func).endswith(("Dataset", "Compose")):
            needs |= _used_with(project, module, call)
    if place is None:
        return None
    for module, call in calls:
        for each in (*call.args, *(value for _, value in call.keywords)):
            if isinstance(each, (Name, Attribute)) and not is_given(project, module, each, call.scope):
                values = project.values(each, Where(module, call.scope, call.statement))
                _add_inside(project, inside, (value.site for value in values if value.kind == "function"))
    for site in project.classes() if needs else ():
        names = project.scope(site).bindings
        if "__getitem__" in names or "__iter__" in names or "__getitems__" in names:
            methods = [binding.target for each in names.values() for binding in each if binding.how == "def"]
            _add_inside(project, inside, (Site(site.path, method) for method in methods))
    return Entry(facts.path, -1, "workers", place, ALL, inside, frozenset(needs))


def _used_with(project: Project, facts: ModuleFacts, call: Call) -> set[str]:
    """Return the slow libraries that the function around a call uses: its workers may get something made of them."""
    function = facts.function_of(call.scope)
    found: set[str] = set()
    for name, uses in facts.uses.items():
        if any(facts.function_of(use.scope) == function for use in uses):
            for binding in facts.scopes[0].bindings[name]:
                if binding.how == "import":
                    statement = facts.imports[binding.target]
                    for edge in edges_of(project, facts, binding.target, statement):
                        found |= {
                            own_and_brought(project, target.name)[0] for target in edge.targets if target.path is None
                        }
    return found - {""}


def _add_inside(project: Project, inside: dict[Site, int], sites: Iterable[Site | None]) -> None:
    for site in sites:
        if site is not None and site not in inside:
            inside[site] = ALL
            follow(project, project.modules[site.path], site.scope, inside, main=False, stop=False, depth=1)


def _starts_process(project: Project, facts: ModuleFacts, call: Call) -> bool:
    """Whether the call makes processes that may be spawned."""
    if _last_name(call.func) not in ("Pool", "Process", "ProcessPoolExecutor", "spawn", "start_processes"):
        return False
    for value in project.called(facts, call):
        if value.kind == "external" and value.name in HANDOVERS:
            return True
        made = value.of
        if value.kind == "part" and made is not None and made.name in CONTEXTS and isinstance(made.expr, Call):
            where = made.where or Where(facts, call.scope, call.statement)
            return bool(context_methods(project, made.expr, where) - {"fork"})
    return False


def _may_parse(project: Project, facts: ModuleFacts) -> bool:
    """Whether the module's top level calls something by the name of what reads arguments: a quick look."""
    return any(_last_name(func) in _parsing_names(project) for _, func, _ in called_in(project, facts, 0))


def _parsing_names(project: Project) -> set[str]:
    """Return the names of everything that reads arguments, and of the project's functions that call such a name."""
    known = project.answers.get("parsing-names")
    if isinstance(known, set):
        return known
    found = {*cli.METHODS, *(name.rpartition(".")[2] for name in cli.FUNCTIONS)}
    commands = {name.rpartition(".")[2] for name in cli.DECORATORS}
    called_by: dict[str, set[str]] = {}
    for facts in project.modules.values():
        for statement in facts.imports:
            for each in statement.names:
                if each.asname:
                    called_by.setdefault(each.name.rpartition(".")[2], set()).add(each.asname)
        for scope in facts.scopes:
            if scope.kind != "function":
                continue
            if any(_last_name(each.func if isinstance(each, Call) else each) in commands for each in scope.decorators):
                found.add(_called_name(facts, scope))
        for call in facts.calls:
            scope = facts.scopes[facts.function_of(call.scope)]
            if scope.kind == "function":
                called_by.setdefault(_last_name(call.func), set()).add(_called_name(facts, scope))
        for name, bindings in facts.scopes[0].bindings.items():
            for binding in bindings:
                if isinstance(binding.value, Call) and any(
                    each.endswith(f".{_last_name(binding.value.func)}") for each in cli.APPLICATIONS
                ):
                    found.add(name)
    queue = deque(found)
    while queue:
        for caller in called_by.get(queue.popleft(), ()):
            if caller not in found:
                found.add(caller)
                queue.append(caller)
    project.answers["parsing-names"] = found
    return found


def _called_name(facts: ModuleFacts, function: Scope) -> str:
    """Return the name by which a function is called: for a constructor its class's."""
    return function.name if function.name != "__init__" else facts.scopes[function.parent].name


def _last_name(expr: Expr) -> str:
    return expr.attr if isinstance(expr, Attribute) else expr.id if isinstance(expr, Name) else ""


def _first_import_that_parses(project: Project, facts: ModuleFacts) -> Edge | None:
    """Return the first import of a program that loads a module which reads the arguments while it is imported."""
    for edge in edges(project, facts, main=True):
        for target in edge.targets:
            if target.path and _reads_arguments_at_import(project, target.path):
                return edge
    return None


def _reads_arguments_at_import(project: Project, path: str) -> bool:
    key = ("reads-arguments-at-import", path)
    if key not in project.answers:
        facts = project.modules[path]
        project.answers[key] = (
            _may_parse(project, facts)
            and follow(project, facts, 0, {}, main=False, stop=True, depth=0).place is not None
        )
    return project.answers[key] is True
