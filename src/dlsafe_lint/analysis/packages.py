"""Which scripts a package loads when it is imported, and how it can do without."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis.deferring import outermost
from dlsafe_lint.analysis.importing import Cut, imported, imported_without
from dlsafe_lint.analysis.loading import exported
from dlsafe_lint.analysis.readers import hides_names, readers
from dlsafe_lint.analysis.running import packages_around, ran
from dlsafe_lint.facts import Collection as Display
from dlsafe_lint.facts import Literal, Name
from dlsafe_lint.finding import CONFIDENCES, Place
from dlsafe_lint.project import Site, Where

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from dlsafe_lint.analysis.importing import Hop, Loading
    from dlsafe_lint.facts import Call, Import, ImportedName, ModuleFacts
    from dlsafe_lint.finding import Confidence
    from dlsafe_lint.project import Project, Value


class Loaded(NamedTuple):
    """A statement of a package's ``__init__`` that ends up loading scripts of that package.

    Attributes:
        number: the import's number, -1 for a call.
        line, statement: where it stands.
        scripts: the paths of the scripts.
        direct: whether it imports them itself.
        confidence: how sure it is that one of them is run with ``python -m``.
        via: the hops to the first script.
        behind: the paths of scripts that one of these loads in turn, or that it loads through others.
    """

    number: int
    line: int
    statement: int
    scripts: tuple[str, ...]
    direct: bool
    confidence: Confidence
    via: tuple[Place, ...]
    behind: tuple[str, ...] = ()


def loaded_scripts(project: Project) -> dict[str, list[Loaded]]:
    """Return, per package ``__init__``, its statements that end up loading a script of that package.

    What loads a script itself is named, all of it; otherwise the statement by which it is loaded first, in the
    innermost of the packages around it.
    """

    def make() -> dict[str, list[Loaded]]:
        found: dict[str, dict[int, Loaded]] = {}
        for facts in project.modules.values():
            sure = None if facts.is_package else script(project, facts)
            if sure is not None:
                for path, loaded in _loading(project, facts.path, sure):
                    mine = found.setdefault(path, {})
                    mine[loaded.statement] = _together(mine.get(loaded.statement), loaded)
        return {path: [mine[number] for number in sorted(mine)] for path, mine in found.items()}

    return project.answer("loaded-scripts", make)


def _loading(project: Project, path: str, sure: Confidence) -> Iterator[tuple[str, Loaded]]:
    """Yield what loads a script, with the ``__init__`` that it stands in."""
    around = _around(project, path)
    if not around:
        return
    state = imported(project, around)
    if path not in state.progress:
        return
    # what lies in `pkg/_vendor/packaging` and is imported as `packaging` is no module of `pkg`
    top = max((folder for folder in state.tops if path.startswith(f"{folder}/")), key=len, default="")
    around = tuple(package for package in around if package.startswith(top))
    direct = [hop for hop in state.asked.get(path, ()) if hop.module in around]
    for hop in direct:
        via = _hops(project, (hop,), path)
        yield hop.module, Loaded(hop.step.number, _line(project, hop), hop.step.statement, (path,), True, sure, via)
    chain = state.chains[path]
    last = max((index for index, hop in enumerate(chain) if hop.module in around), default=-1)
    if not direct and last >= 0:
        hop, via = chain[last], _hops(project, chain[last:], path)
        number = hop.step.number if hop.step.facts.path == hop.module else -1
        yield hop.module, Loaded(number, _line(project, hop), hop.step.statement, (path,), False, sure, via)


def _line(project: Project, hop: Hop) -> int:
    return project.modules[hop.module].statements[hop.step.statement].line


def _around(project: Project, path: str) -> tuple[str, ...]:
    """Return the ``__init__`` files that are loaded before a module, the outermost first."""
    return tuple(packages_around(project, path))[::-1]


def _hops(project: Project, chain: tuple[Hop, ...], path: str) -> tuple[Place, ...]:
    """Return the hops behind the statement of the ``__init__`` that a chain begins with."""
    places = []
    for index, hop in enumerate(chain):
        target = chain[index + 1].module if index + 1 < len(chain) else path
        if index or hop.step.place.path != hop.module or hop.step.place.line != _line(project, hop):
            at = hop.step.place
            places.append(Place(at.path, at.line, f"loads `{project.modules[target].name}`"))
    return tuple(places)


def _together(one: Loaded | None, other: Loaded) -> Loaded:
    """Put the scripts that one statement loads together.

    Those that it imports itself come first, the others stand behind them; possible ones don't count beside others.
    """
    if one is None:
        return other
    first, last = sorted((one, other), key=lambda each: (each.confidence == "possible", not each.direct))
    if last.confidence == "possible" != first.confidence:
        return first
    sure = max(first.confidence, last.confidence, key=CONFIDENCES.index)
    if first.direct == last.direct:
        first, last = first._replace(scripts=(*first.scripts, *last.scripts)), last._replace(scripts=())
    behind = dict.fromkeys((*first.behind, *last.scripts, *last.behind))
    return first._replace(
        scripts=tuple(dict.fromkeys(first.scripts)),
        behind=tuple(path for path in behind if path not in first.scripts),
        confidence=sure,
    )


def script(project: Project, facts: ModuleFacts) -> Confidence | None:
    """Tell how sure it is that somebody runs the module with ``python -m``; None if nobody does."""
    if facts.path.endswith("/__main__.py"):
        return "certain"
    guarded = [
        call for call in facts.calls if facts.runs_at_import(call.scope) and facts.in_block(call.statement, "guard")
    ]
    if project.is_script(facts) and not all(_is_own_test(facts, call) for call in guarded):
        return "likely"
    has_guard = any(block.kind == "guard" and facts.runs_at_import(block.scope) for block in facts.blocks)
    return "possible" if has_guard else None


def _is_own_test(facts: ModuleFacts, call: Call) -> bool:
    """Whether the call runs a function of the file that is named as a test."""
    name = call.func.id if isinstance(call.func, Name) else ""
    return name.lower().startswith("test") and any(
        binding.how == "def" for binding in facts.scopes[0].bindings.get(name, ())
    )


# --- how the package can do without ---


class Move(NamedTuple):
    """A name that an import of a package's ``__init__`` takes from a script, and what becomes of it.

    Attributes:
        number: the import's number.
        written: the name as the import has it: "main", "pkg.train", "*".
        name: what it is called in the package.
        module: the module that it comes from, as an import statement has it: ".train", "pkg.train".
        attr: what it is in that module, "" where it is the module itself.
        script: the path of the script.
        lazy: whether the package has to offer it on demand, in a module ``__getattr__``.
        functions: the functions of the ``__init__`` that use it, which have to import it themselves.
        annotated: whether an annotation of the ``__init__`` names it.
        safe: whether that changes nothing but when the script is loaded.
    """

    number: int
    written: str
    name: str
    module: str
    attr: str
    script: str
    lazy: bool
    functions: tuple[int, ...] = ()
    annotated: bool = False
    safe: bool = True


class Plan(NamedTuple):
    """What becomes of the imports of scripts in a package's ``__init__``.

    Attributes:
        path: the ``__init__``.
        moves: what can go, by statement.
        kept: why a statement has to stay, by statement.
        submodules: submodules that somebody reads as attributes of the package, who so far found them there because the
            scripts load them; they have to be offered on demand as well.
    """

    path: str
    moves: Mapping[int, tuple[Move, ...]]
    kept: Mapping[int, str]
    submodules: tuple[Move, ...]


def plan(project: Project, facts: ModuleFacts, kept: Mapping[int, str]) -> Plan:
    """Find out which imports of scripts a package can do without.

    A script that another package around it goes on loading is none of them: nothing would be gained.

    Args:
        project: the project.
        facts: the package's ``__init__``.
        kept: statements that have to stay, and why.
    """
    reasons = dict(kept)
    while True:
        made = _plan(project, facts, reasons)
        refused = {
            statement: reason
            for statement, moves in made.moves.items()
            if (reason := _loaded_by_others(project, facts, made, moves))
        }
        if not refused:
            return made
        reasons.update(refused)


def _loaded_by_others(project: Project, facts: ModuleFacts, made: Plan, moves: Collection[Move]) -> str:
    """Tell which other package loads a script whatever is done there, "" if none does."""
    for script_path in {move.script: None for move in moves}:
        around = _around(project, script_path)
        others = [each for each in around if each != facts.path and each in loaded_scripts(project)]
        if not others:
            continue
        plans = [made, *(_plan_of(project, each) for each in others)]
        all_moves = [(each.path, move) for each in plans for found in each.moves.values() for move in found]
        cuts = frozenset(Cut(path, move.number, move.written) for path, move in all_moves)
        lazy = {(path, move.name): move.script for path, move in all_moves if move.lazy}
        state = imported_without(project, around, cuts, lazy)
        hop = next((hop for hop in state.chains.get(script_path, ())[::-1] if hop.module in around), None)
        if hop is not None:
            return f"line {_line(project, hop)} of `{project.modules[hop.module].name}` loads it as well"
    return ""


def _plan_of(project: Project, path: str) -> Plan:
    return project.answer(("plan", path), lambda: _plan(project, project.modules[path], {}))


def _plan(project: Project, facts: ModuleFacts, kept: Mapping[int, str]) -> Plan:
    """Find out the same for a package by itself."""
    reasons = dict(kept)
    moves: dict[int, tuple[Move, ...]] = {}
    for loaded in loaded_scripts(project)[facts.path]:
        found, reason = _moves(project, facts, loaded)
        reason = reasons.get(loaded.statement) or reason
        if reason:
            reasons[loaded.statement] = reason
        else:
            moves[loaded.statement] = found
    submodules: tuple[Move, ...] = ()
    while moves:
        refused, submodules = _without(project, facts, [move for each in moves.values() for move in each])
        if not refused:
            break
        reasons.update(refused)
        moves = {statement: each for statement, each in moves.items() if statement not in refused}
    return Plan(facts.path, moves, reasons, submodules if moves else ())


def _moves(project: Project, facts: ModuleFacts, loaded: Loaded) -> tuple[tuple[Move, ...], str]:
    """Return what becomes of the names that a statement takes from scripts, or why it has to stay."""
    if not loaded.direct:
        at = loaded.via[-1]
        name = project.modules[at.path].name
        return (), f"`{name}` imports it on line {at.line}: import it there inside the functions that need it"
    if loaded.number < 0 or loaded.via:
        return (), "it is imported by a call"
    statement = facts.imports[loaded.number]
    if statement.scope != 0 or statement.block != 0:
        return (), "it is imported on a condition"
    if hides_names(facts):
        return (), "the package looks up its names by string"
    found: list[Move] = []
    for each, path in _taken(project, facts, statement, loaded.scripts):
        made = _move(project, facts, loaded.number, each, path)
        if isinstance(made, str):
            return (), made
        found += made
    # a function that imports the name itself no longer sees what somebody puts in its place in the package
    read = readers(project)
    found = [
        each._replace(safe=False) if each.functions and (facts.path, each.name) in read else each for each in found
    ]
    return tuple(found), "" if found else "it is not known which names it takes"


def taken(project: Project, facts: ModuleFacts, number: int, scripts: Collection[str]) -> frozenset[str]:
    """Return the names of an import, as written, that make it load scripts."""
    return frozenset(each.name for each, _ in _taken(project, facts, facts.imports[number], scripts))


def _taken(
    project: Project, facts: ModuleFacts, statement: Import, scripts: Collection[str]
) -> Iterator[tuple[ImportedName, str]]:
    """Yield the names of an import that make it load scripts, each with the script."""
    module = project.find(facts, statement.module or "", statement.level) if statement.is_from else None
    for each in statement.names:
        inner = f"{statement.module}.{each.name}" if statement.module else each.name
        path = module if module in scripts else project.find(facts, inner, statement.level)
        if path in scripts and path is not None:
            yield each, path


def _move(project: Project, facts: ModuleFacts, number: int, each: ImportedName, path: str) -> str | list[Move]:
    """Return what becomes of one name of an import (the names, for ``*``), or why it has to stay."""
    statement = facts.imports[number]
    if not statement.is_from:
        bound = each.asname or each.name.partition(".")[0]
        move = Move(number, each.name, bound, each.name, "", path, True, safe=_is_safe(project, path, ""))
        return _bare(project, facts, move) if each.asname is None else _moved(project, facts, move)
    module = f"{'.' * statement.level}{statement.module or ''}"
    is_name = project.find(facts, statement.module or "", statement.level) == path
    if each.name == "*":
        return _star(project, facts, Move(number, "*", "*", module, "*", path, True))
    bound = each.asname or each.name
    move = Move(number, each.name, bound, module, each.name, path, True, safe=_is_safe(project, path, each.name))
    if not is_name:
        move = move._replace(module=f"{module}{'' if module.endswith('.') else '.'}{each.name}", attr="")
    return _moved(project, facts, move)


def _moved(project: Project, facts: ModuleFacts, move: Move) -> str | list[Move]:
    """Return a name with what has to become of it, or why it has to stay."""
    reason = _needed(facts, move.name)
    if reason:
        return reason
    own = not move.attr and move.script == f"{facts.path.rpartition('/')[0]}/{move.name}.py"
    if not own and _is_submodule(project, facts, move.name):
        return f"`{move.name}` is a module of the package too: once that is loaded it hides the other one"
    taker = _starred(project, facts)
    if taker and "__all__" not in facts.scopes[0].bindings and not move.name.startswith("_"):
        return f"`{project.modules[taker].name}` takes it with `import *`: write an `__all__`"
    uses = facts.uses.get(move.name, ())
    annotated = any(use.how == "annotation" and facts.runs_at_import(use.scope) for use in uses)
    inside = {outermost(facts, use.scope) for use in uses if not facts.runs_at_import(use.scope)}
    return [
        move._replace(
            lazy=not own or (bool(taker) and move.name in exported(facts)),
            functions=tuple(sorted(inside)),
            annotated=annotated,
            safe=move.safe and not annotated,
        )
    ]


def _bare(project: Project, facts: ModuleFacts, move: Move) -> str | list[Move]:
    """Return what becomes of ``import pkg.train``, which binds ``pkg``, or why it has to stay."""
    uses = facts.uses.get(move.name, ())
    if uses:
        return f"line {facts.statements[uses[0].statement].line} uses `{move.name}`"
    if any(binding.how != "import" for binding in facts.scopes[0].bindings[move.name]):
        return f"`{move.name}` is bound in another way too"
    if move.name in exported(facts) or (facts.path, move.name) in readers(project):
        return f"another module reads `{move.name}` here"
    return [move._replace(lazy=False)]


def _star(project: Project, facts: ModuleFacts, move: Move) -> str | list[Move]:
    """Return what becomes of the names that ``from .train import *`` takes, or why they have to stay."""
    inner = project.modules[move.script]
    names = sorted(exported(inner))
    if not _is_written_out(inner):
        return "`import *` takes whatever is there: name what the package offers"
    for name in names:
        if _is_submodule(project, facts, name) or name in facts.scopes[0].bindings:
            return f"`{name}` means something else in the package too"
    taker = _starred(project, facts)
    if taker and "__all__" not in facts.scopes[0].bindings:
        return f"`{project.modules[taker].name}` takes it with `import *`: write an `__all__`"
    return [move._replace(name=name, attr=name, safe=_is_safe(project, move.script, name)) for name in names]


def _is_written_out(facts: ModuleFacts) -> bool:
    """Whether the module's ``__all__`` is a list of strings and nothing else."""
    bindings = facts.scopes[0].bindings.get("__all__", ())
    if len(bindings) != 1 or not isinstance(bindings[0].value, Display):
        return False
    items = bindings[0].value.items
    return len(exported(facts)) == len(items) and all(isinstance(item, Literal) for item in items)


def _is_safe(project: Project, path: str, attr: str) -> bool:
    """Whether it makes no difference when a name is taken from a script.

    It does where a function of the script binds the name anew, where the script runs without a guard, and where others
    know what it defines as soon as it is loaded.
    """
    facts = project.modules[path]
    if _registers(project, facts):
        return False
    rebound = any(scope.declared.get(attr) == "global" for scope in facts.scopes)
    return not rebound and any(block.kind == "guard" for block in facts.blocks)


def _registers(project: Project, facts: ModuleFacts) -> bool:
    """Whether another module of the project is told of what a module defines when that is loaded.

    By a decorator, a call, ``__init_subclass__``, or because it asks for ``__subclasses__()``.
    """

    def told(values: Iterable[Value]) -> bool:
        return any(value.site is not None and value.site.path != facts.path for value in values)

    if any(
        facts.runs_at_import(call.scope)
        and not facts.in_block(call.statement, "guard")
        and told(project.called(facts, call))
        for call in facts.calls
    ):
        return True
    for scope in facts.scopes:
        if scope.parent != 0:
            continue
        at = Where(facts, 0, scope.statement)
        if any(told(project.values(each, at)) for each in scope.decorators):
            return True
        if scope.kind == "class":
            site = Site(facts.path, scope.index)
            above = [base.site for base in project.ancestors(site) if base.site is not None and base.site != site]
            if above and ("__subclasses__" in project.calls_by_name or project.method(site, "__init_subclass__")):
                return True
    return False


def _is_submodule(project: Project, facts: ModuleFacts, name: str) -> bool:
    return project.find(facts, name, 1) is not None


def _starred(project: Project, facts: ModuleFacts) -> str:
    """Return a module that takes everything from the package with ``import *``, "" if none does."""
    return next(iter(readers(project).get((facts.path, "*"), ())), "")


def _needed(facts: ModuleFacts, name: str) -> str:
    """Tell why the package needs a name while it is loaded; "" if it does not."""
    if len(facts.scopes[0].bindings.get(name, ())) != 1:
        return f"`{name}` is bound in another way too"
    if any(name in scope.declared for scope in facts.scopes):
        return f"`{name}` is declared global"
    for use in facts.uses.get(name, ()):
        line = facts.statements[use.statement].line
        if facts.runs_at_import(use.scope):
            if use.how == "run" or not facts.future_annotations:
                return f"line {line} needs `{name}` while the package is loaded"
        elif facts.scopes[outermost(facts, use.scope)].kind == "lambda":
            return f"the lambda on line {line} uses `{name}`"
    return ""


# --- what else depends on it ---


def _without(project: Project, facts: ModuleFacts, moves: Collection[Move]) -> tuple[dict[int, str], tuple[Move, ...]]:
    """Return which statements have to stay, and why, after a look at what the package loads without them.

    Returns:
        Reasons by statement, and the submodules that have to be offered on demand.
    """
    cuts = frozenset(Cut(facts.path, move.number, move.written) for move in moves)
    lazy = {(facts.path, move.name): move.script for move in moves if move.lazy}
    refused: dict[int, str] = {}
    around_scripts = {_around(project, move.script) for move in moves}
    states = {around: imported_without(project, around, cuts, lazy) for around in around_scripts}
    for move in moves:
        state = states[_around(project, move.script)]
        reason = _still_loaded(project, facts, state, move.script)
        for (path, name), taker in state.taken.items():
            if path == facts.path and lazy[path, name] == move.script:
                reason = f"`{project.modules[taker].name}` takes `{name}` while the package is loaded"
        reason = reason or _runs_early(project, facts, state, move)
        if reason:
            refused[facts.imports[move.number].statement] = reason
    if refused:
        return refused, ()
    around = (*_around(project, facts.path), facts.path)
    after = imported_without(project, around, cuts, lazy)
    submodules = []
    for path in imported(project, around).progress.keys() - after.progress.keys():
        package, name = _place_of(path)
        read_by = [each for each in readers(project).get((package, name), ()) if each != path]
        if not read_by:
            continue
        shown = f"`{project.modules[read_by[0]].name}`" if read_by[0] else "an entry point"
        if package != facts.path or any(_reads_at_import(project, after, each, name) for each in read_by):
            reason = f"{shown} reads `{project.modules[path].name}` without importing it"
            return dict.fromkeys((facts.imports[move.number].statement for move in moves), reason), ()
        if not any(move.lazy and move.name == name for move in moves) and not list(after.by_getattr(package, name)):
            submodules.append(Move(-1, name, name, f".{name}", "", path, lazy=True))
    for move in moves:
        for reader in readers(project).get((facts.path, move.name), ()):
            if _reads_at_import(project, after, reader, move.name):
                reason = f"`{project.modules[reader].name}` reads `{move.name}` while the package is loaded"
                refused[facts.imports[move.number].statement] = reason
    return refused, tuple(sorted(submodules))


def _still_loaded(project: Project, facts: ModuleFacts, state: Loading, path: str) -> str:
    """Tell what else in the package loads a script, "" if nothing does."""
    chain = state.chains.get(path, ())
    hop = next((each for each in chain if each.module == facts.path), None)
    if hop is None:
        return ""
    name = project.modules[path].name
    return f"line {_line(project, hop)} loads `{name}` as well"


def _runs_early(project: Project, facts: ModuleFacts, state: Loading, move: Move) -> str:
    """Tell whether a function that uses a name runs while the package is loaded, "" if none does."""
    for function in move.functions:
        site = Site(facts.path, function)
        if any(site in ran(project, project.modules[path]) for path in state.progress):
            return f"`{facts.scopes[function].name}` uses `{move.name}` and runs while the package is loaded"
    return ""


def _place_of(path: str) -> tuple[str, str]:
    """Return the ``__init__`` of the package that a module is an attribute of, and its name there."""
    folder, _, name = path.rpartition("/")
    if name == "__init__.py":
        folder, _, name = folder.rpartition("/")
    return f"{folder}/__init__.py", name.removesuffix(".py")


def _reads_at_import(project: Project, state: Loading, reader: str, name: str) -> bool:
    """Whether a module that the package loads may read an attribute of it while it is loaded itself."""
    if reader not in state.progress:
        return False
    facts = project.modules[reader]
    heads = {chain.partition(".")[0] for chain in facts.reads if name in chain.split(".")[1:]}
    return any(facts.runs_at_import(use.scope) for head in heads for use in facts.uses.get(head, ()))


# --- types ---


def is_typed(project: Project, facts: ModuleFacts) -> bool:
    """Tell whether type checkers look at a package: it has a ``py.typed``, or some module of it uses annotations."""
    top = (*_around(project, facts.path), facts.path)[0].rpartition("/")[0]
    if top in project.typed or any(use.how == "annotation" for uses in facts.uses.values() for use in uses):
        return True
    return any(_has_annotations(each) for path, each in project.modules.items() if path.startswith(f"{top}/"))


def _has_annotations(facts: ModuleFacts) -> bool:
    return any(
        scope.returns is not None or any(param.annotation is not None for param in scope.params)
        for scope in facts.scopes
        if scope.kind == "function"
    )
