"""Which statements at a file's top level must run in every process that imports it, and for whom."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dlsafe_lint import suppressions
from dlsafe_lint.analysis.workers import is_dataset
from dlsafe_lint.facts import Collection, Name
from dlsafe_lint.facts import Literal as Constant
from dlsafe_lint.project import Site, Where
from dlsafe_lint.rewriting.captures import binder, inside
from dlsafe_lint.rewriting.effects import changes_arguments
from dlsafe_lint.rewriting.top_level import Program, Unit, is_future, is_later, sets_names, unit_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
            if name not in unit.binds and name not in unit.changes and (unit.index in moving or name in program.fixed):
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

    def read(unit: Unit, name: str) -> set[str]:
        return unit.later if unit.binds.get(name, set()) & {"def", "class"} else set()

    return _followed(program, names, read)


def _followed(program: Program, names: Iterable[str], read: Callable[[Unit, str], set[str]]) -> set[str]:
    """Return the names that units read if they define one of these names, or a name that is found so."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for unit in program.units:
            more = read(unit, name)
            found |= more
            todo += more
    return found


def changed_by(program: Program, names: Iterable[str]) -> set[str]:
    """Return the names of the module that functions with these names change when they are called.

    They set them with ``global``, or do more with their values than read.

    Args:
        program: the file.
        names: the names of the functions.
    """
    file = program.file
    found: set[str] = set()
    seen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for unit in program.units:
            if "def" not in unit.binds.get(name, ()):
                continue
            todo += unit.later
            for scope in file.facts.scopes:
                if scope.name == name and scope.parent == 0:
                    found |= {each for each, how in scope.declared.items() if how == "global"}
            wanted = {each for each in unit.later - program.fixed if not _is_defined(program, each)}
            for node in inside(unit.node):
                named = isinstance(node, cst.Name) and node.value in wanted and binder(file, node) == 0
                if named and not _only_reads(file, node):
                    found.add(cst.ensure_type(node, cst.Name).value)
    return found


def _is_defined(program: Program, name: str) -> bool:
    """Whether a name is that of a function, a class or an import."""
    hows = {how for unit in program.units for how in unit.binds.get(name, ())}
    return hows <= {"def", "class", "import"}


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
    possible |= looks_around(program).reads
    given = _given_to_workers(file)
    reads = [_reads(program, each) - given for each in (certain, certain | possible)]
    return Workers(reads[0], reads[1])


def differing(program: Program, workers: Workers) -> list[str]:
    """Return the names that may have other values in workers than in the program, which goes on to change them.

    A number that a function sets with ``global``, a list or an object that is filled, the state of another module. A
    function that nobody calls by name is handed to something: the initializer of a pool, which runs in each worker.
    """
    facts, project = program.file.facts, program.file.project
    called = {call.func.id for call in facts.calls if isinstance(call.func, Name)}
    set_by_functions = {
        name
        for scope in facts.scopes
        for name, how in scope.declared.items()
        if how == "global" and (scope.name in called or scope.parent != 0)
    }
    found: list[str] = []
    for unit in program.units:
        for name in sorted(workers.possible & unit.binds.keys()):
            if unit.kind in ("constant", "setting", "run") and (
                name in set_by_functions or not (name in program.fixed or _is_left_alone(program, unit, name))
            ):
                found.append(name)
            if "import" in unit.binds[name]:
                for value in project.values(Name(name), Where(facts, 0, unit.number)):
                    other = project.modules.get(value.site.path if value.site else value.name)
                    is_state = value.kind not in ("function", "class", "external", "module", "unknown")
                    if is_state or (other is not None and any("global" in s.declared.values() for s in other.scopes)):
                        found.append(name)
    return list(dict.fromkeys(found))


def _given_to_workers(file: File) -> set[str]:
    """Return the names of the module that the initializer of a pool, or of a loader's workers, sets in each worker."""
    facts = file.facts
    makers = {"initializer", "worker_init_fn"}
    functions = {
        value.id
        for call in facts.calls
        for key, value in (*call.keywords, *(("initializer", each) for each in call.args[1:2]))
        if key in makers and isinstance(value, Name)
    }
    return {
        name
        for scope in facts.scopes
        if scope.name in functions and scope.parent == 0
        for name, how in scope.declared.items()
        if how == "global"
    }


_READING = frozenset(
    {
        *("get", "items", "keys", "values", "index", "count", "copy", "join", "format", "split", "startswith"),
        *("endswith", "lower", "upper", "strip", "replace", "union", "intersection", "difference", "issubset"),
    }
)
"""Methods of containers and strings that change nothing."""


def _is_left_alone(program: Program, unit: Unit, name: str) -> bool:
    """Whether a name is bound to a literal container, once, that nothing in the file changes or keeps."""
    file = program.file
    if unit.kind != "constant" or len([each for each in program.units if name in each.binds]) != 1:
        return False
    value = unit.node.value if isinstance(unit.node, (cst.Assign, cst.AnnAssign)) else None
    if value is None or not all(_is_plain(each) for each in inside(value)):
        return False
    return all(_only_reads(file, node) for node in file.tree.names(name) if binder(file, node) == 0)


def _is_plain(node: cst.CSTNode) -> bool:
    """Whether a node may stand in a container of plain values: no name, no call."""
    return not isinstance(node, (cst.Name, cst.Call, cst.Attribute, cst.Lambda))


def _only_reads(file: File, node: cst.CSTNode) -> bool:
    """Whether what is done with a container where it is named leaves it as it is."""
    parents = file.tree.parents
    around = parents[node]
    while isinstance(around, cst.Subscript) and around.value is node:
        node, around = around, parents[around]
        if (
            isinstance(around, (cst.AssignTarget, cst.AugAssign, cst.Del))
            and getattr(around, "value", None) is not node
        ):
            return False
    match around:
        case cst.AssignTarget() | cst.AnnAssign():
            return isinstance(node, cst.Name)
        case cst.Attribute(value=owner, attr=cst.Name(value=method)) if owner is node:
            return method in _READING
        case cst.Arg():
            call = parents[around]
            return isinstance(call, cst.Call) and not changes_arguments(file, call)
    return isinstance(
        around,
        (
            *(cst.For, cst.CompFor, cst.Comparison, cst.ComparisonTarget, cst.BinaryOperation, cst.If, cst.IfExp),
            *(cst.FormattedStringExpression, cst.Index, cst.BooleanOperation, cst.UnaryOperation, cst.Assert),
        ),
    )


def _reads(program: Program, names: Iterable[str]) -> set[str]:
    """Return the names that functions and classes read, and those that they use."""

    def read(unit: Unit, name: str) -> set[str]:
        return unit.now | unit.later if unit.kind in ("def", "definition") and name in unit.binds else set()

    return _followed(program, names, read)


def _is_dataset(file: File, name: str) -> bool:
    scopes = (each for each in file.facts.scopes if each.kind == "class" and each.parent == 0 and each.name == name)
    return any(is_dataset(file.project, Site(file.facts.path, scope.index)) is not None for scope in scopes)


class Looks(NamedTuple):
    """What a file looks up by strings.

    Attributes:
        reads: the names of functions and classes that it may get hold of, and hand to workers.
        sets: whether it may give any name of the module another value.
        blind: whether it looks up a name that isn't written down.
    """

    reads: set[str]
    sets: bool
    blind: bool


def looks_around(program: Program) -> Looks:
    """Return what the file looks up by strings: with ``eval``, ``exec``, ``globals``, or ``vars`` of the module.

    What ``eval(text)(…)`` finds is called there and then: so no worker runs it, but for an object of a class, and
    classes count anyway.
    """
    file = program.file
    defined = {name for unit in program.units for name, hows in unit.binds.items() if hows & {"def", "class"}}
    reads: set[str] = set()
    blind = False
    for node in file.tree.calls:
        name = node.func.value if isinstance(node.func, cst.Name) else ""
        own = name in ("vars", "locals", "dir") and not node.args and not is_later(file, node)
        if not (own or name in ("globals", "eval", "exec")) or file.facts.resolve(name, 0) >= 0:
            continue
        around = file.tree.parents[node]
        text = _text(node.args[0].value) if node.args else ""
        if name in ("eval", "exec") and text is not None:
            reads |= defined & set(re.findall(r"\w+", text))
            continue
        looked_up: cst.CSTNode = node
        if isinstance(around, cst.Subscript) and around.value is node:
            key = _text(around.slice[0].slice.value) if isinstance(around.slice[0].slice, cst.Index) else None
            looked_up, around = around, file.tree.parents[around]
            if key is not None:
                reads |= defined & {key}
                continue
        blind = True
        if not (isinstance(around, cst.Call) and around.func is looked_up):
            reads |= defined
    return Looks(reads, sets_names(file, file.tree.parents), blind)


def _text(node: cst.BaseExpression) -> str | None:
    """Return the value of a string that is written down, None for anything else."""
    if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None


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
