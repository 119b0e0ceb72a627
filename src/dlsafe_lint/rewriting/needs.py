"""Which statements at a file's top level must run in every process that imports it, and for whom."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dlsafe_lint import suppressions
from dlsafe_lint.analysis.workers import is_dataset
from dlsafe_lint.facts import Collection, Name
from dlsafe_lint.facts import Literal as Constant
from dlsafe_lint.project import Site, Where
from dlsafe_lint.rewriting.captures import inside
from dlsafe_lint.rewriting.top_level import Program, Unit, is_future, unit_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlsafe_lint.rewriting.captures import File


class Workers(NamedTuple):
    """The names that workers need: by what certainly runs in them, and by what may."""

    certain: set[str]
    possible: set[str]


def used_elsewhere(file: File) -> set[str]:
    """Return the names of the module that other modules use, "*" for all."""
    facts, project = file.facts, file.project
    last = facts.name.rpartition(".")[2]
    found: set[str] = set()
    for other in project.modules.values():
        if other is facts:
            continue
        for statement in other.imports:
            module = statement.module or ""
            if statement.is_from and project.find(other, module, statement.level) == facts.path:
                found.update(each.name for each in statement.names)
                continue
            for each in statement.names:
                whole = f"{module}.{each.name}" if module and statement.is_from else each.name
                if whole.rpartition(".")[2] != last or project.find(other, whole, statement.level) != facts.path:
                    continue
                bound = each.asname or each.name
                for chain in other.reads:
                    if chain.startswith(f"{bound}."):
                        found.add(chain[len(bound) + 1 :].partition(".")[0])
    return found


def needed(program: Program, names: Iterable[str], before: float = math.inf, moving: Iterable[int] = ()) -> set[int]:
    """Return the statements that must run at module level for names to have their values there.

    Args:
        program: the file.
        names: the names.
        before: only what stands above this statement counts.
        moving: what moves in any case; if it only handles a value, that may do without.
    """
    found: set[int] = set()
    seen: set[tuple[str, float]] = set()
    todo = [(name, before) for name in names]
    while todo:
        name, limit = item = todo.pop()
        if item in seen:
            continue
        seen.add(item)
        for unit in program.makers(name):
            if unit.index >= limit or "guard" in unit.kind:
                continue
            if unit.index in moving and name not in unit.binds and name not in unit.changes:
                continue
            if unit.index not in found:
                found.add(unit.index)
                todo += [(each, unit.index) for each in unit.now]
                todo += [(each, unit.index) for each in read_when_called(program, unit.called)]
                if unit.kind not in ("def", "definition"):
                    todo += [(each, math.inf) for each in unit.later]
    return found


def read_when_called(program: Program, names: Iterable[str]) -> set[str]:
    """Return what the functions and classes with these names read when they are called, and what they call."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for unit in program.units:
            if unit.binds.get(name, set()) & {"def", "class"}:
                found |= unit.later
                todo += unit.later
    return found


def needed_by_workers(program: Program) -> Workers:
    """Return the names that functions and classes read which may run in workers.

    A function that is only ever called by name, by nobody but the program itself or other such functions, runs in no
    worker: nothing hands it to one.
    """
    file = program.file
    elsewhere = used_elsewhere(file)
    certain: set[str] = set()
    possible: set[str] = set()
    for unit in program.units:
        if unit.kind not in ("def", "definition"):
            continue
        for name, hows in unit.binds.items():
            handed = name in program.values or name in elsewhere
            if "def" in hows and handed:
                certain.add(name)
            if "class" in hows:
                (certain if _is_dataset(file, name) else possible).add(name)
    if looks_around(program):
        possible |= {name for unit in program.units for name, hows in unit.binds.items() if hows & {"def", "class"}}
    reads = [_reads(program, each) for each in (certain, certain | possible)]
    return Workers(reads[0], reads[1])


_FIXED_CALLS = frozenset(
    {"int", "float", "str", "bool", "bytes", "tuple", "frozenset", "len", "min", "max", "round", "abs", "range"}
)
_FIXED_LIBRARIES = ("torch.device", "os.path.", "pathlib.", "os.cpu_count", "re.compile")
"""What returns values that nobody changes in place; a dot at the end stands for all of a module."""


def may_differ(program: Program, workers: Workers) -> bool:
    """Whether workers may find other values of the file's names than the program, which goes on to change them.

    A number that a function sets with ``global``, a list or an object that is filled, the state of another module.
    """
    facts, project = program.file.facts, program.file.project
    set_by_functions = {name for scope in facts.scopes for name, how in scope.declared.items() if how == "global"}
    for unit in program.units:
        for name in workers.possible & unit.binds.keys():
            if unit.kind in ("constant", "setting", "run") and (
                name in set_by_functions or not _is_fixed(program.file, unit.node)
            ):
                return True
            if "import" in unit.binds[name]:
                for value in project.values(Name(name), Where(facts, 0, unit.number)):
                    other = project.modules.get(value.site.path if value.site else value.name)
                    is_state = value.kind not in ("function", "class", "external", "module", "unknown")
                    if is_state or (other is not None and any("global" in s.declared.values() for s in other.scopes)):
                        return True
    return False


def _is_fixed(file: File, node: cst.CSTNode) -> bool:
    """Whether a statement gives names values that can't be changed in place."""
    for each in inside(node):
        match each:
            case cst.List() | cst.Dict() | cst.Set() | cst.ListComp() | cst.DictComp() | cst.SetComp():
                return False
            case cst.Call(func=cst.Name(value=builtin)) if builtin in _FIXED_CALLS:
                continue
            case cst.Call():
                call = file.facts.calls[file.tree.numbers[each]] if each in file.tree.numbers else None
                name = file.project.callee(file.facts, call) if call is not None else ""
                if not any(name.startswith(one) if one.endswith(".") else name == one for one in _FIXED_LIBRARIES):
                    return False
    return True


def _reads(program: Program, names: Iterable[str]) -> set[str]:
    """Return the names that functions and classes read, and those that they use."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for unit in program.units:
            if unit.kind in ("def", "definition") and name in unit.binds:
                found |= unit.now | unit.later
                todo += unit.now | unit.later
    return found


def _is_dataset(file: File, name: str) -> bool:
    scopes = (each for each in file.facts.scopes if each.kind == "class" and each.parent == 0 and each.name == name)
    return any(is_dataset(file.project, Site(file.facts.path, scope.index)) is not None for scope in scopes)


def looks_around(program: Program) -> bool:
    """Whether the file looks names of the module up by their strings."""
    facts = program.file.facts
    for call in facts.calls:
        name = call.func.id if isinstance(call.func, Name) else ""
        if name in ("globals", "eval", "exec"):
            return True
        if name in ("vars", "locals", "dir") and not call.args and facts.runs_at_import(call.scope):
            return True
    return False


def exported(program: Program) -> set[str]:
    """Return the names in ``__all__``."""
    found: set[str] = set()
    for binding in program.file.facts.scopes[0].bindings.get("__all__", ()):
        if isinstance(binding.value, Collection):
            found.update(
                item.value for item in binding.value.items if isinstance(item, Constant) and isinstance(item.value, str)
            )
    return found


def suppressed(program: Program) -> set[int]:
    """Return the statements in which a comment says that we keep quiet about starting workers there."""
    found = set()
    facts = program.file.facts
    for comment in suppressions.parse(program.file.tree.module.code):
        if not {"DLS301", "DLS302"} & set(comment.codes) and comment.codes:
            continue
        if comment.kind == "file":
            return {unit.index for unit in program.units} if comment.codes else set()
        line = comment.statement_line if comment.own_line else comment.line
        for number, statement in enumerate(facts.statements):
            if statement.line <= line <= statement.end_line and facts.runs_at_import(statement.scope):
                found.add(unit_at(program, number))
    return found


def finishing(program: Program, stays: set[int], first: float) -> set[int]:
    """Return the statements that go on with values that stay anyway: ``archive.close()`` where `archive` was opened."""
    units = program.units
    found: set[int] = set()
    for unit in units:
        kept = stays | found
        if unit.kind != "run" or unit.index >= first or unit.index in kept or not unit.handles:
            continue
        makers = [maker.index for name in unit.handles for maker in program.makers(name) if maker.index < unit.index]
        inputs = needed(program, unit.now, unit.index)
        moving = {index for index in inputs if units[index].kind in ("run", "setting")} - kept
        if not moving and any(index in kept and units[index].kind == "run" for index in makers):
            found.add(unit.index)
    return found


def is_made_once(program: Program, index: int) -> bool:
    """Whether a statement is the only one that gives its names a value."""
    return all(len(program.makers(name)) == 1 for name in program.units[index].binds)


def imports_in_use(program: Program, stays: set[int]) -> set[int]:
    """Return the imports that what stays uses, and star imports."""
    found = set()
    names: set[str] = set()
    for unit in program.units:
        if unit.index in stays or unit.kind in ("def", "definition"):
            names |= unit.now | unit.later
    for unit in program.units:
        if unit.kind == "import":
            star = isinstance(unit.node, cst.ImportFrom) and isinstance(unit.node.names, cst.ImportStar)
            if star or names & unit.binds.keys() or is_future(unit.node):
                found.add(unit.index)
    return found


def touched_by(program: Program, unit: Unit) -> set[str]:
    """Return the names that a statement reads, and those that functions read which it holds or calls."""
    return unit.now | unit.later | read_when_called(program, unit.called)
