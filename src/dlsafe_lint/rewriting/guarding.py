"""Puts the statements that run a program under its main guard, where workers that import the file don't run them.

Imports, functions, classes and what these need stay at module level: workers look for them there by name. The rest
moves, in order. Where the order would not stay right, or somebody needs a name that moves, there is no fix but advice.
"""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dlsafe_lint.analysis import starts
from dlsafe_lint.facts import Attribute, Name
from dlsafe_lint.rewriting.captures import inside
from dlsafe_lint.rewriting.effects import conflict, effects_of, is_check, is_once, settings_of
from dlsafe_lint.rewriting.indenting import GUARD, Layout, Piece, can_be_cut, freezes, pieces, written
from dlsafe_lint.rewriting.needs import (
    Workers,
    changed_by,
    differing,
    exported,
    finishing,
    imports_in_use,
    is_made_once,
    looks_around,
    needed,
    needed_by_workers,
    read_when_called,
    suppressed,
    touched_by,
    used_elsewhere,
)
from dlsafe_lint.rewriting.top_level import (
    Program,
    Unit,
    is_accumulator,
    is_later,
    is_text,
    may_be_imported_for,
    read_program,
    title_of,
    unit_at,
)
from dlsafe_lint.rule import Draft

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dlsafe_lint.apis.effects import Effect
    from dlsafe_lint.project import Site
    from dlsafe_lint.rewriting.captures import File
    from dlsafe_lint.rule import Replacement

_HARMLESS = frozenset(
    {
        *("set_start_method", "get_start_method", "get_all_start_methods", "set_sharing_strategy", "get_context"),
        *("get_sharing_strategy", "cpu_count", "freeze_support", "get_logger", "log_to_stderr", "current_process"),
        *("parent_process", "active_children", "set_executable", "set_forkserver_preload"),
    }
)
"""Functions of multiprocessing after which the start method can still be set."""

_CELL = re.compile(r"# In\[[\d ]*\]:|# %%")
"""What stands above a cell of a notebook that was exported as a script."""

_REPEATED: frozenset[Effect] = frozenset({"output", "files", "settings"})
_SHOWN_DOUBTS = 2
_LONG = 60

_MESSAGE = f"put what runs the program under `{GUARD}`"


class Guarded(NamedTuple):
    """What becomes of a program without a guard.

    Attributes:
        draft: the fix, None if there is none.
        help: in words what to do.
        doubts: in words why the fix may not be safe, "" if it is; it goes behind the help.
    """

    draft: Draft | None
    help: str
    doubts: str = ""


class _NotGuardedError(Exception):
    """There is no fix; the message says why."""


class _Plan(NamedTuple):
    """What moves.

    Attributes:
        moves: the indices of what moves, in order.
        doubts: why that may not be safe, in words; none if it is.
    """

    moves: list[int]
    doubts: list[str]


def guard_program(file: File, statements: Sequence[int]) -> Guarded:
    """Return how what starts workers at import time goes under the main guard.

    Args:
        file: the file.
        statements: the numbers of the statements that start workers.
    """
    calls = [found.call.statement for found in starts.methods_set_at_import(file.project, file.facts)]
    return _guarded(file, statements, calls, _MESSAGE)


def guard_start_method(file: File) -> Guarded:
    """Return how the calls of ``set_start_method`` go under the main guard, with what they must precede."""
    calls = [found.call.statement for found in starts.methods_set_at_import(file.project, file.facts)]
    started = [found.at.statement for found in starts.unguarded(file.project, file.facts)]
    return _guarded(file, started, calls, f"call it under `{GUARD}`")


def _guarded(file: File, started: Sequence[int], calls: Sequence[int], help: str) -> Guarded:  # noqa: A002
    try:
        draft, doubts = _draft(file, started, calls)
    except _NotGuardedError as why:
        return Guarded(None, f"{help}: {why}")
    return Guarded(draft, help, f"; look out: {'; '.join(doubts[:_SHOWN_DOUBTS])}" if doubts else "")


def _draft(file: File, started: Sequence[int], calls: Sequence[int]) -> tuple[Draft, list[str]]:
    _check(file, alone=not started)
    program = read_program(file, started)
    seeds = {unit_at(program, number) for number in started}
    if any(isinstance(program.units[index].node, (cst.FunctionDef, cst.ClassDef)) for index in seeds):
        raise _NotGuardedError("it starts workers while a class or function is being defined")
    setters = {unit_at(program, number) for number in calls}
    muted = suppressed(program)
    if (seeds | setters) & muted:
        if seeds & muted or not seeds:
            raise _NotGuardedError("a comment keeps it where it is")
        setters -= muted
    plan = _plan(program, seeds, setters, muted)
    return _written(program, plan, "" if started else "set_start_method"), plan.doubts


def _check(file: File, *, alone: bool) -> None:
    facts, project = file.facts, file.project
    if facts.is_package:
        raise _NotGuardedError("a package is not run as a program; do it in a function that its users call")
    importers = [each for each, _ in starts.importers(project, facts)]
    if importers and not used_elsewhere(file):
        name = importers[0].path.rpartition("/")[2]
        raise _NotGuardedError(f"`{name}` imports this file for what it does; call a function there instead")
    if alone and not starts.at_import(project, facts, guarded=True):
        raise _NotGuardedError("the program is another file; make it a function that is called under the guard there")
    for node in file.tree.parents:
        if isinstance(node, (cst.Await, cst.Yield, cst.Return)) and not is_later(file, node):
            raise _NotGuardedError("something stands outside of a function that may only stand inside")


def _is_entry_point(file: File) -> bool:
    return any(name.partition(":")[0] == file.facts.name for name in file.project.entry_points)


def _plan(program: Program, seeds: set[int], setters: set[int], muted: set[int]) -> _Plan:
    units = program.units
    frozen = {unit.index for unit in units if freezes(unit.node)}
    apart = (setters | frozen) - seeds
    seeds = seeds | {
        unit.index
        for unit in units
        if setters and unit.index > min(setters) and unit.kind in ("run", "setting") and _ties(program, unit)
    }
    seeds -= apart
    if setters and setters & seeds and not (seeds - setters):
        apart, seeds = apart | setters, set()
    first = min(seeds, default=math.inf)
    reasons: dict[int, str] = {}

    moving = seeds | apart | {unit.index for unit in units if unit.index > first and unit.kind in ("run", "setting")}

    def demand(names: Iterable[str], why: str, before: float = math.inf) -> None:
        for name in sorted(names):
            for index in needed(program, [name], before, moving):
                if index in moving:
                    raise _NotGuardedError(why.format(f"`{name}`"))
                reasons.setdefault(index, why)

    elsewhere = used_elsewhere(program.file)
    bound = {name for unit in units for name in unit.binds}
    demand(
        (bound if "*" in elsewhere else elsewhere & bound),
        "other files import {} from here, make it in a function that they call",
    )
    demand(exported(program) & bound, "{} is in `__all__`")
    for unit in units:
        if unit.kind in ("def", "definition"):
            names = unit.now | read_when_called(program, unit.called)
            what = title_of(unit)
            demand(names, f"{{}} is needed when {what} is defined", unit.index)
    workers = needed_by_workers(program)
    demand(workers.certain, "{} is needed by a function or class that workers run")
    doubts: list[str] = []
    for name in sorted(workers.possible - workers.certain):
        found = needed(program, [name], moving=moving)
        if found & moving or any(_is_once(program, index) for index in found):
            doubts.append(f"a class that may be used in workers reads `{name}`, which they don't have then")
        else:
            reasons.update(dict.fromkeys(found - reasons.keys(), ""))
    for unit in units:
        if unit.kind in ("def", "definition"):
            for name in sorted(unit.later):
                found = needed(program, [name], moving=moving)
                if all(units[index].kind not in ("run", "setting") and is_made_once(program, index) for index in found):
                    reasons.update(dict.fromkeys(found - reasons.keys(), ""))
    stays = set(reasons)
    stays |= finishing(program, stays, first)
    kept = muted - seeds - apart
    if any(
        index > first and units[index].kind == "run" and _sets_start_method(program, units[index]) for index in kept
    ):
        raise _NotGuardedError("a comment keeps `set_start_method` where it is")
    stays |= {index for index in kept if _sets_start_method(program, units[index])}
    if not seeds:
        return _only_apart(program, apart, setters, doubts)
    stays = _in_order(program, stays, first, moving)
    stays |= _preparing(program, workers, first, moving)
    stays = _settings(program, stays, first, moving)
    moves = _moving(program, first, stays, apart)
    _check_order(program, moves, apart)
    for unit in units:
        if unit.index in stays and unit.index not in moves and _is_once(program, unit.index):
            raise _NotGuardedError(f"{_shown(program, unit)} can't run again in every worker, and what stays needs it")
    moves |= apart
    return _Plan(sorted(moves), [*_doubts(program, moves, first, workers), *doubts])


def _is_once(program: Program, index: int) -> bool:
    """Whether a statement runs something that can't be repeated."""
    unit = program.units[index]
    return unit.kind in ("run", "setting") and is_once(program.file, unit.node)


def _shown(program: Program, unit: Unit) -> str:
    """Return the first line of a statement, in short."""
    first = program.file.tree.module.code_for_node(unit.node).strip().partition("\n")[0]
    return f"`{first}`" if len(first) <= _LONG else f"`{first[: _LONG - 1].rstrip()}…`"


def _sets_start_method(program: Program, unit: Unit) -> bool:
    return any(
        unit_at(program, call.statement) == unit.index
        for call in program.file.facts.calls
        if isinstance(call.func, (Name, Attribute))
        and (call.func.id if isinstance(call.func, Name) else call.func.attr) == "set_start_method"
    )


def _ties(program: Program, unit: Unit) -> bool:
    """Whether a statement makes something of multiprocessing, after which no start method can be set."""
    file = program.file
    for call in file.facts.calls:
        if not file.facts.runs_at_import(call.scope) or unit_at(program, call.statement) != unit.index:
            continue
        for value in file.project.called(file.facts, call):
            if _makes_context(value.name if value.kind in ("external", "part") else ""):
                return True
            if value.site is not None and _is_tied(file, value.site, set()):
                return True
    return False


def _makes_context(name: str) -> bool:
    return name.startswith(("multiprocessing.", "torch.multiprocessing.")) and name.rpartition(".")[2] not in _HARMLESS


def _is_tied(file: File, site: Site, seen: set[Site]) -> bool:
    """Whether a function or class of the project uses multiprocessing when it is called."""
    if site in seen or len(seen) > 50:
        return False
    seen.add(site)
    facts = file.project.modules[site.path]
    for call in facts.calls:
        scope = call.scope
        while scope >= 0 and scope != site.scope:
            scope = facts.scopes[scope].parent
        if scope < 0:
            continue
        for value in file.project.called(facts, call):
            if _makes_context(value.name if value.kind == "external" else ""):
                return True
            if value.site is not None and _is_tied(file, value.site, seen):
                return True
    return False


def _in_order(program: Program, stays: set[int], first: float, moving: set[int]) -> set[int]:
    """Return what stays, with what must stay because something that stays below may depend on what it does.

    In a notebook, whose cells import what they need, an import that nothing else uses moves like the rest.
    """
    units = program.units
    stays = set(stays)
    cells = _has_cells(program)
    while True:
        # what reads these moves with them
        made = {name for unit in units if unit.kind == "run" and unit.index not in stays for name in unit.binds}
        used = imports_in_use(program, stays)
        imports = {u.index for u in units if u.kind == "import" and (not cells or u.index in used)}
        imports |= {u.index for u in units if u.kind == "definition"}
        found: set[int] = set()
        for unit in units:
            if unit.index >= first or unit.index in stays or unit.kind not in ("run", "setting"):
                continue
            done = effects_of(program.file, unit.node)
            check = is_check(program.file, unit.node)
            for below in units[unit.index + 1 :]:
                if below.index >= first:
                    break
                if below.index in imports:
                    depends = may_be_imported_for(program, unit, below)
                elif check and (below.index in stays or (below.kind == "constant" and not below.now & made)):
                    depends = _asks_about(program, unit, below)
                else:
                    runs = below.index in stays and below.kind in ("run", "setting")
                    depends = runs and conflict(done, effects_of(program.file, below.node))
                if depends:
                    found |= {unit.index} | _inputs(program, unit, moving)
                    break
        if found <= stays:
            return stays
        stays |= found


def _asks_about(program: Program, check: Unit, below: Unit) -> bool:
    """Whether a check may be one of what a statement below it reads: a variable of both, the command line."""
    imported = {name for unit in program.units for name, hows in unit.binds.items() if hows == {"import"}}
    if check.now & below.now - imported:
        return True
    code = program.file.tree.module.code_for_node
    return all("sys.argv" in code(unit.node) for unit in (check, below))


def _inputs(program: Program, unit: Unit, moving: set[int]) -> set[int]:
    """Return what must run before a statement that stays."""
    names = unit.now | read_when_called(program, unit.called)
    found = needed(program, names, unit.index, moving)
    if late := found & moving:
        raise _NotGuardedError(f"{_shown(program, unit)} needs {_shown(program, program.units[min(late)])}")
    return found


def _settings(program: Program, stays: set[int], first: float, moving: set[int]) -> set[int]:
    """Return what stays, with the settings that each worker may make for itself, in the order in which they stand."""
    units = program.units
    stays = set(stays)
    above: set[Effect] = set()
    moved = False
    loaders = _only_loaders(program)
    for unit in units:
        if unit.index >= first:
            break
        if unit.index in stays or unit.kind not in ("run", "setting"):
            continue
        done = effects_of(program.file, unit.node)
        if unit.kind == "setting":
            inputs = {i for i in _inputs(program, unit, moving) if units[i].kind in ("run", "setting")}
            wanted = not moved or settings_of(program.file, unit.node, loaders=loaders)
            again = not is_once(program.file, unit.node)
            if wanted and again and inputs <= stays and not conflict(above, done):
                stays |= {unit.index} | _inputs(program, unit, moving)
                continue
        moved = True
        above |= done
    return stays


def _preparing(program: Program, workers: Workers, first: float, moving: set[int]) -> set[int]:
    """Return what sets what workers read, where that takes nothing but what may run again.

    Attributes of modules that are set, and calls of functions of the file that change its names: ``fill(table)``.
    """
    found: set[int] = set()
    for unit in program.units:
        if unit.index >= first or unit.kind not in ("run", "setting"):
            continue
        match unit.node:
            case cst.Assign() if unit.kind == "setting":
                read = unit.now & workers.possible
            case cst.Expr(value=cst.Call()):
                read = changed_by(program, unit.called) & workers.possible
            case _:
                continue
        if read:
            wanted = {unit.index} | _inputs(program, unit, moving)
            if all(_may_repeat(program, index) for index in wanted):
                found |= wanted
    return found


def _may_repeat(program: Program, index: int) -> bool:
    """Whether a statement does no harm in a worker, as far as it is known what it does."""
    node = program.units[index].node
    return effects_of(program.file, node) <= _REPEATED and not is_once(program.file, node)


def _only_loaders(program: Program) -> bool:
    """Whether all workers that the program starts are those of loaders, which torch seeds."""
    file = program.file
    return all(each.start.kind == "loader" for each in starts.unguarded(file.project, file.facts))


def _moving(program: Program, first: float, stays: set[int], apart: set[int]) -> set[int]:
    """Return what moves: all that is neither defined nor needed, from the first statement on that runs something."""
    units = program.units
    blocked = next((unit.index for unit in units if unit.kind == "other guard"), None)
    if blocked is not None and blocked > first and any(index > blocked for index in _running(units)):
        raise _NotGuardedError("there is a guard already, in a form that nothing can be added to")
    end = len(units) if blocked is None or blocked < first else blocked
    fixed = stays | imports_in_use(program, stays)
    fixed |= {unit.index for unit in units if unit.kind in ("def", "definition", "other guard")}
    tail = max((index + 1 for index in fixed if index < min(end, first)), default=0)
    moves: set[int] = set()
    cells = _has_cells(program)
    running = False
    for unit in units[:end]:
        if unit.index in fixed or unit.index in apart:
            continue
        early = unit.kind == "constant" and unit.index < tail and not _reads_moved(program, unit, moves)
        if early and (not running or all(name.isupper() for name in unit.binds)) and unit.binds:
            continue
        passive = unit.kind == "constant" and not is_accumulator(unit)
        running |= unit.kind == "guard" or not (passive or unit.kind == "import")
        if running and unit.kind != "guard" and (unit.kind != "import" or cells or unit.index > first):
            moves.add(unit.index)
    for unit in reversed(units[1:end]):
        if is_text(unit.node) and unit.index + 1 < end and "guard" not in units[unit.index + 1].kind:
            # a string that says what comes next
            moves.discard(unit.index)
            if unit.index + 1 in moves:
                moves.add(unit.index)
    return moves


def _reads_moved(program: Program, unit: Unit, moves: set[int]) -> bool:
    """Whether a statement reads or binds a name that something that moves gives a value."""
    names = {name for index in moves for name in (*program.units[index].binds, *program.units[index].changes)}
    return bool(names & (unit.now | unit.binds.keys()))


def _has_cells(program: Program) -> bool:
    """Whether the file is a notebook that was exported as a script."""
    lines = (line for node in program.file.tree.module.body for line in node.leading_lines)
    return any(line.comment and _CELL.match(line.comment.value) for line in lines)


def _running(units: Sequence[Unit]) -> list[int]:
    return [unit.index for unit in units if unit.kind == "run"]


def _check_order(program: Program, moves: set[int], apart: set[int]) -> None:
    """Refuse where a statement that stays would come before one that moves and one of them matters to the other."""
    units = program.units
    begin = min(moves)
    for unit in units[begin:]:
        if unit.index in moves or unit.index in apart or "guard" in unit.kind:
            continue
        above = [units[index] for index in sorted(moves) if index < unit.index]
        if not above:
            continue
        if unit.kind == "import" and any(
            each.kind == "setting" and may_be_imported_for(program, each, unit) for each in above
        ):
            raise _NotGuardedError("an import depends on a setting that is made between statements that run")
        for name in unit.binds:
            others = [each for each in units[: unit.index] if name in each.binds]
            if unit.kind in ("import", "definition") and all(each.binds[name] == {"import"} for each in others):
                continue
            if others and any(name in each.binds or name in touched_by(program, each) for each in above):
                raise _NotGuardedError(f"`{name}` is bound more than once, with statements between that use it")
        if unit.kind in ("constant", "definition"):
            for each in above:
                if common := (unit.now & (each.changes | each.handles | each.binds.keys())):
                    raise _NotGuardedError(f"`{min(common)}` changes before something that stays reads it")
    for index in moves:
        unit = units[index]
        for name, hows in unit.binds.items():
            if "class" in hows or ("def" in hows and name in program.values):
                raise _NotGuardedError(f"`{name}` is defined inside of it, where workers don't find it")


def _only_apart(program: Program, apart: set[int], setters: set[int], doubts: list[str]) -> _Plan:
    """Return the plan that takes the calls of ``set_start_method`` to the guard, and nothing else."""
    units = program.units
    guards = [unit.index for unit in units if "guard" in unit.kind]
    if not guards:
        raise _NotGuardedError("there is no guard that it could stand under")
    moves = {index for index in apart if index < guards[0]}
    if setters - moves:
        raise _NotGuardedError("it stands below the guard")
    passed = [unit for unit in units[min(moves) : guards[0]] if unit.index not in moves]
    doubts = list(doubts)
    for unit in passed:
        if unit.kind not in ("def", "constant"):
            doubts.append(f"{_shown(program, unit)} then runs before the start method is set")
            break
    return _Plan(sorted(moves), [*doubts, *_importing(program)])


def _importing(program: Program) -> list[str]:
    """Return that others import the file, who then no longer run what moves."""
    importers = starts.importers(program.file.project, program.file.facts)
    names = [each.path.rpartition("/")[2] for each, _ in importers]
    return [f"`{name}` imports this file, and no longer runs that then" for name in names[:1]]


def _doubts(program: Program, moves: set[int], first: float, workers: Workers) -> list[str]:
    """Return why a plan may not be safe.

    It is where what moves only passes constants and settings, nothing that may run in a worker needs it, nothing else
    runs again there, what workers read of the file always is what the file says, and nobody imports the file.
    """
    file, units = program.file, program.units
    loaders = _only_loaders(program)
    found: list[str] = []
    if again := [unit for unit in units if unit.kind == "run" and unit.index not in moves]:
        worst = next((unit for unit in again if effects_of(file, unit.node)), again[-1])
        found.append(f"every worker runs {_shown(program, worst)} again, which it needs")
    for index in sorted(moves):
        unit = units[index]
        made = settings_of(file, unit.node, loaders=loaders) if index < first else []
        if made:
            found.append(f"workers no longer have what `{made[0]}` sets")
            break
    found += [
        f"workers don't see what the program makes of `{name}` after it has set it"
        for name in differing(program, workers)[:1]
    ]
    bound = {name for index in moves for name in units[index].binds}
    read = {name for unit in units if unit.index not in moves and unit.kind == "constant" for name in unit.later}
    if names := bound & (workers.possible | read):
        found.append(f"`{min(names)}`, which something that stays may read in a worker, is not set there")
    below = [unit for unit in units[min(moves) :] if unit.index not in moves]
    if passed := [unit for unit in below if unit.kind in ("def", "definition", "import", "other guard")]:
        what = title_of(passed[0]) if passed[0].kind == "def" else _shown(program, passed[0])
        found.append(f"{what} now comes before what stood above it")
    looks = looks_around(program)
    if looks.sets or looks.blind:
        found.append("the program looks names of this file up by strings")
    if _is_entry_point(file):
        found.append("a command that is installed runs this file by importing it")
    return [*found, *_importing(program)]


def _written(program: Program, plan: _Plan, only: str) -> Draft:
    units, module = program.units, program.file.tree.module
    moves = set(plan.moves)
    guards = [unit.index for unit in units if unit.kind == "guard"]
    frozen = [index for index in plan.moves if freezes(units[index].node)]
    if guards and max(moves) > guards[0]:
        under, at = moves | set(guards), math.inf
    else:
        under = moves | set(guards[:1])
        at = guards[0] if guards else math.inf
    if not guards and (other := [unit.index for unit in units if unit.kind == "other guard"]):
        at = other[0] - 0.5 if max(moves) < other[0] else math.inf
    cuts, group = _cuts(program, under)
    made = pieces(module, cuts)
    picked: dict[str, list[Piece]] = {"stays": [], "first": [], "guarded": []}
    for piece, indices in zip(made, group, strict=True):
        where = "first" if indices <= set(frozen) else "guarded" if indices <= under else "stays"
        picked[where].append(piece)
    place = next((made[i].index for i, indices in enumerate(group) if at in indices), math.inf)
    if at != math.inf and place == math.inf:
        place = next(made[i].index - 0.5 for i, indices in enumerate(group) if at + 0.5 in indices)
    head = _head(program, moves, guards) if not only else ""
    layout = Layout(picked["stays"], picked["first"], picked["guarded"], place, head)
    text = written(module, layout)
    unbinds = frozenset(name for index in moves for name in units[index].binds) if head else frozenset[str]()
    title = f"Call `{only}` under `{GUARD}`" if only else f"Put what runs the program under `{GUARD}`"
    defines = ("main",) if head else ()
    first = units[min(under)].line
    above = [module.code_for_node(node) for node in (*module.header, *module.body[:first])]
    whole: dict[cst.CSTNode, Replacement] = {module: cst.parse_module(text)}
    return Draft(title, whole, "unsafe" if plan.doubts else "safe", defines, unbinds, alone_from=sum(map(len, above)))


def _cuts(program: Program, under: set[int]) -> tuple[list[list[int]], list[set[int]]]:
    """Return where lines must be cut because not all of their statements move, and which units each piece holds."""
    cuts: list[list[int]] = []
    group: list[set[int]] = []
    by_line: dict[int, list[Unit]] = {}
    for unit in program.units:
        by_line.setdefault(unit.line, []).append(unit)
    for line, here in sorted(by_line.items()):
        node = program.file.tree.module.body[line]
        starts_at: list[int] = []
        group.append({here[0].index})
        for count, (last, unit) in enumerate(itertools.pairwise(here), 1):
            apart = freezes(last.node) or freezes(unit.node)
            if (last.index in under) != (unit.index in under) or (apart and unit.index in under):
                starts_at.append(count)
                group.append(set())
            group[-1].add(unit.index)
        if starts_at and isinstance(node, cst.SimpleStatementLine) and not can_be_cut(node):
            raise _NotGuardedError("statements that share a line would have to be taken apart")
        cuts.append(starts_at)
    return cuts, group


def _head(program: Program, moves: set[int], guards: list[int]) -> str:
    """Return the first line of the function that the setting ``guard-style`` asks for, "" where there can't be one."""
    units, facts = program.units, program.file.facts
    if program.file.project.guard_style != "main" or "main" in facts.scopes[0].bindings:
        return ""
    names = {name for index in moves for name in units[index].binds}
    others = [unit for unit in units if unit.index not in moves]
    needed = {name for unit in others for name in (*unit.now, *unit.later, *unit.binds)}
    needed |= {name for index in moves if any(True for _ in _inner(units[index])) for name in units[index].later}
    nodes = [node for index in moves for node in inside(units[index].node)]
    blocked = any(isinstance(node, (cst.Global, cst.ImportStar, cst.FunctionDef, cst.ClassDef)) for node in nodes)
    if names & needed or blocked or _by_string(program) or (guards and max(moves) > guards[0]):
        return ""
    if all(isinstance(units[index].node, cst.Expr) and not names for index in moves) and len(moves) == 1:
        return ""
    hinted = any(scope.returns is not None or any(each.annotation for each in scope.params) for scope in facts.scopes)
    return "def main() -> None:" if hinted else "def main():"


def _by_string(program: Program) -> bool:
    """Whether the file looks anything up by a string, which finds no local variable."""
    looks = looks_around(program)
    names = {node.func.value for node in program.file.tree.calls if isinstance(node.func, cst.Name)}
    return looks.sets or looks.blind or bool(names & {"eval", "exec", "globals"})


def _inner(unit: Unit) -> Iterator[cst.CSTNode]:
    return (node for node in inside(unit.node) if isinstance(node, (cst.FunctionDef, cst.ClassDef)))
