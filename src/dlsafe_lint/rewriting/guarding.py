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
from dlsafe_lint.rewriting.indenting import GUARD, Layout, Piece, can_be_cut, freezes, pieces, written
from dlsafe_lint.rewriting.needs import (
    Workers,
    exported,
    finishing,
    imports_in_use,
    is_made_once,
    looks_around,
    may_differ,
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
    is_for_workers,
    is_later,
    is_quiet,
    is_text,
    may_be_imported_for,
    read_program,
    title_of,
    unit_at,
)
from dlsafe_lint.rule import Draft

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dlsafe_lint.finding import Applicability
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

_MESSAGE = f"put what runs the program under `{GUARD}`"


class Guarded(NamedTuple):
    """What becomes of a program without a guard: the fix, None if there is none, and in words what to do."""

    draft: Draft | None
    help: str


class _NotGuardedError(Exception):
    """There is no fix; the message says why."""


class _Plan(NamedTuple):
    """What moves.

    Attributes:
        moves: the indices of what moves, in order.
        applicability: whether that is safe.
    """

    moves: list[int]
    applicability: Applicability


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
        return Guarded(_draft(file, started, calls), help)
    except _NotGuardedError as why:
        return Guarded(None, f"{help}: {why}")


def _draft(file: File, started: Sequence[int], calls: Sequence[int]) -> Draft:
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
    return _written(program, plan, "" if started else "set_start_method")


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
    risky = False
    for name in sorted(workers.possible - workers.certain):
        found = needed(program, [name], moving=moving)
        if found & moving:
            risky = True
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
    border = _border(program, first, stays | {i for i in kept if _sets_start_method(program, units[i])})
    if not seeds:
        return _only_apart(program, apart, setters, risky=risky)
    moves = _moving(program, border, first, stays, apart)
    _check_order(program, moves, apart)
    return _Plan(sorted(moves | apart), _applicability(program, moves | apart, workers, risky=risky))


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


def _border(program: Program, first: float, stays: set[int]) -> int:
    """Return where what may move begins: everything above stays, because something that stays depends on it.

    In a notebook, whose cells import what they need, an import that nothing else uses moves like the rest.
    """
    units = program.units
    used = imports_in_use(program, stays)
    cells = _has_cells(program)
    border = 0
    waiting = False
    for unit in units:
        if unit.index >= first:
            break
        wanted = unit.index in stays or is_for_workers(unit)
        imports = unit.kind in ("import", "definition") and (not cells or unit.index in used)
        if (wanted and unit.kind in ("run", "setting")) or (waiting and imports):
            border = unit.index + 1
        waiting |= may_be_imported_for(unit)
    return border


def _moving(program: Program, border: int, first: float, stays: set[int], apart: set[int]) -> set[int]:
    """Return what moves below the border: the file's tail, or all that is neither defined nor needed."""
    units = program.units
    blocked = next((unit.index for unit in units if unit.kind == "other guard"), None)
    if blocked is not None and blocked > first and any(index > blocked for index in _running(units)):
        raise _NotGuardedError("there is a guard already, in a form that nothing can be added to")
    end = len(units) if blocked is None or blocked < first else blocked
    fixed = stays | imports_in_use(program, stays)
    fixed |= {unit.index for unit in units if unit.kind in ("def", "definition", "other guard")}
    tail = max((index + 1 for index in fixed if border <= index < end), default=border)
    begin = border
    if tail <= first:
        early = units[border:tail]
        if not any(unit.kind == "run" and not is_quiet(unit) and unit.index not in apart for unit in early):
            begin = tail
    moves: set[int] = set()
    cells = _has_cells(program)
    running = any(unit.kind == "guard" for unit in units[:begin])
    for unit in units[begin:end]:
        if unit.index in fixed or unit.index in apart:
            continue
        passive = unit.kind in ("constant", "setting") and not is_accumulator(unit)
        running |= unit.kind == "guard" or not (passive or unit.kind == "import")
        if running and unit.kind != "guard" and (unit.kind != "import" or cells or unit.index > first):
            moves.add(unit.index)
    for unit in reversed(units[max(begin, 1) : end]):
        if is_text(unit.node) and unit.index + 1 < end and "guard" not in units[unit.index + 1].kind:
            # a string that says what comes next
            moves.discard(unit.index)
            if unit.index + 1 in moves:
                moves.add(unit.index)
    return moves


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
        if unit.kind == "import" and any(may_be_imported_for(each) and each.kind == "setting" for each in above):
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


def _only_apart(program: Program, apart: set[int], setters: set[int], *, risky: bool) -> _Plan:
    """Return the plan that takes the calls of ``set_start_method`` to the guard, and nothing else."""
    units = program.units
    guards = [unit.index for unit in units if "guard" in unit.kind]
    if not guards:
        raise _NotGuardedError("there is no guard that it could stand under")
    moves = {index for index in apart if index < guards[0]}
    if setters - moves:
        raise _NotGuardedError("it stands below the guard")
    passed = [unit for unit in units[min(moves) : guards[0]] if unit.index not in moves]
    certain = all(unit.kind in ("def", "constant") for unit in passed) and not risky
    imported = starts.importers(program.file.project, program.file.facts)
    return _Plan(sorted(moves), "safe" if certain and not imported else "unsafe")


def _applicability(program: Program, moves: set[int], workers: Workers, *, risky: bool) -> Applicability:
    """Return whether the plan is safe.

    It is where what moves is the file's tail, nothing that may run in a worker needs it, nothing else runs, what
    workers read of the file always is what the file says, and nobody imports the file.
    """
    file = program.file
    below = [unit for unit in program.units[min(moves) :] if unit.index not in moves and unit.kind != "guard"]
    bound = {name for index in moves for name in program.units[index].binds}
    read = {
        name for unit in program.units if unit.index not in moves and unit.kind == "constant" for name in unit.later
    }
    if below or risky or bound & (workers.possible | read) or looks_around(program) or _is_entry_point(file):
        return "unsafe"
    if any(unit.kind == "run" and unit.index not in moves for unit in program.units) or may_differ(program, workers):
        return "unsafe"  # it runs again in every worker, or what it changes isn't changed there
    return "unsafe" if starts.importers(file.project, file.facts) else "safe"


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
    return Draft(title, whole, plan.applicability, defines, unbinds, alone_from=sum(map(len, above)))


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
    if names & needed or blocked or looks_around(program) or (guards and max(moves) > guards[0]):
        return ""
    if all(isinstance(units[index].node, cst.Expr) and not names for index in moves) and len(moves) == 1:
        return ""
    hinted = any(scope.returns is not None or any(each.annotation for each in scope.params) for scope in facts.scopes)
    return "def main() -> None:" if hinted else "def main():"


def _inner(unit: Unit) -> Iterator[cst.CSTNode]:
    return (node for node in inside(unit.node) if isinstance(node, (cst.FunctionDef, cst.ClassDef)))
