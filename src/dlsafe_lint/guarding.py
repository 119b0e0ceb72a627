"""Puts the statements that run a program under its main guard, where workers that import the file don't run them.

Imports, functions, classes and what these need stay at module level: workers look for them there by name. The rest
moves, in order. Where the order would not stay right, or somebody needs a name that moves, there is no fix but advice.
"""

from __future__ import annotations

import itertools
import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import libcst as cst

from dlsafe_lint import starts, suppressions
from dlsafe_lint.captures import binder, inside
from dlsafe_lint.facts import Attribute, Call, Collection, Name, Subscript
from dlsafe_lint.facts import Literal as Constant
from dlsafe_lint.indenting import GUARD, Layout, Piece, can_be_cut, freezes, is_guard, pieces, written
from dlsafe_lint.project import Site
from dlsafe_lint.rule import Draft
from dlsafe_lint.workers import is_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dlsafe_lint.captures import File
    from dlsafe_lint.facts import Expr, ModuleFacts
    from dlsafe_lint.finding import Applicability
    from dlsafe_lint.rule import Replacement

Kind: TypeAlias = Literal["import", "def", "definition", "constant", "setting", "run", "guard", "other guard"]

_PURE = (
    *("torch.device", "torch.cuda.is_available", "torch.cuda.device_count", "torch.backends.mps.is_available"),
    *("os.path.", "os.environ.get", "os.getenv", "os.getcwd", "os.cpu_count", "multiprocessing.cpu_count"),
    *("pathlib.Path", "pathlib.PurePath", "logging.getLogger", "re.compile", "platform.", "typing.", "torch.Size"),
    *("collections.", "functools.partial", "numpy.array", "math.", "operator."),
)
"""What library functions do nothing but return a value; a dot at the end stands for all of a module."""

_PURE_BUILTINS = frozenset(
    {
        *("abs", "bool", "bytes", "dict", "divmod", "float", "frozenset", "getattr", "hasattr", "int", "isinstance"),
        *("len", "list", "max", "min", "object", "pow", "range", "repr", "reversed", "round", "set", "slice"),
        *("sorted", "str", "sum", "tuple", "type", "zip", "enumerate"),
    }
)
_PURE_METHODS = frozenset(
    {
        *("absolute", "as_posix", "copy", "encode", "expanduser", "format", "get", "items", "join", "joinpath", "keys"),
        *("lower", "parent", "replace", "resolve", "split", "strip", "upper", "values", "with_suffix"),
    }
)
_SETTERS = ("set", "seed", "manual_seed", "filterwarnings", "simplefilter", "basicConfig", "disable", "enable", "use")
"""How the names of functions start that set something for the whole process."""

_FOR_WORKERS = (
    *("set_default_dtype", "set_default_tensor_type", "set_num_threads", "setNumThreads", "set_sharing_strategy"),
    *("filterwarnings", "simplefilter", "setrecursionlimit", "setrlimit", "set_option"),
)
"""Settings that workers need as well."""

_KEEP_BY_NAME = frozenset(
    {"no_grad", "inference_mode", "enable_grad", "main", "command", "option", "argument", "version_option"}
)
"""Decorators that hand a function to nobody who would call it in a worker."""

_IN_PARENT = ("torch.optim.", "torch.nn.", "threading.", "signal.", "atexit.", "concurrent.futures.Thread")
_CALL_HERE = frozenset(
    {"sorted", "map", "filter", "max", "min", "print", "callable", "isinstance", "issubclass", "type"}
)
"""Functions that call what they are given in the process that they are called in."""

_LOOK_AROUND = frozenset({"globals", "locals", "vars", "eval", "exec", "dir"})
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


@dataclass(frozen=True, slots=True)
class Unit:
    """A statement of a module's body; of a line with several statements, one of them.

    Attributes:
        index: its place in the body.
        node: the statement.
        line: which line of the body it is or stands in.
        number: its number in the facts.
        kind: what it does for the module.
        binds: the names of the module that it binds, by how.
        now: the names of the module that it reads when it runs; ``called``: those that it calls.
        later: the names that functions in it read.
        changes: the names whose values it changes in place; ``handles``: those that it does something with, which may
            change them.
    """

    index: int
    node: cst.CSTNode
    line: int
    number: int
    kind: Kind
    binds: dict[str, set[str]]
    now: set[str]
    called: set[str]
    later: set[str]
    changes: set[str]
    handles: set[str]


class _NotGuardedError(Exception):
    """There is no fix; the message says why."""


class _Program(NamedTuple):
    """A file as a list of statements."""

    file: File
    units: list[Unit]
    values: set[str]

    def makers(self, name: str) -> list[Unit]:
        """Return the statements that give a name its value, or change that."""
        return [each for each in self.units if name in each.binds or name in each.changes or name in each.handles]


class _Workers(NamedTuple):
    """The names that workers need: by what certainly runs in them, and by what may."""

    certain: set[str]
    possible: set[str]


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
    program = _program(file, started)
    seeds = {_at(program, number) for number in started}
    setters = {_at(program, number) for number in calls}
    muted = _suppressed(program)
    if (seeds | setters) & muted:
        if seeds & muted or not seeds:
            raise _NotGuardedError("a comment keeps it where it is")
        setters -= muted
    plan = _plan(program, seeds, setters, muted)
    return _written(program, plan, "" if started else "set_start_method")


# --- whether the file is a program ---


def _check(file: File, *, alone: bool) -> None:
    facts, project = file.facts, file.project
    if facts.is_package:
        raise _NotGuardedError("a package is not run as a program; do it in a function that its users call")
    importers = [each for each, _ in starts.importers(project, facts)]
    if importers and not _used_elsewhere(file):
        name = importers[0].path.rpartition("/")[2]
        raise _NotGuardedError(f"`{name}` imports this file for what it does; call a function there instead")
    if alone and not starts.at_import(project, facts, guarded=True):
        raise _NotGuardedError("the program is another file; make it a function that is called under the guard there")
    for node in file.tree.parents:
        if isinstance(node, (cst.Await, cst.Yield, cst.Return)) and not _is_later(file, node):
            raise _NotGuardedError("something stands outside of a function that may only stand inside")


def _used_elsewhere(file: File) -> set[str]:
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


def _is_entry_point(file: File) -> bool:
    return any(name.partition(":")[0] == file.facts.name for name in file.project.entry_points)


# --- the statements of a file ---


def _program(file: File, started: Sequence[int]) -> _Program:
    tree, facts = file.tree, file.facts
    nodes: list[tuple[cst.CSTNode, int]] = []
    for line, node in enumerate(tree.module.body):
        if isinstance(node, cst.SimpleStatementLine):
            nodes += [(small, line) for small in node.body]
        else:
            nodes.append((node, line))
    numbers = [tree.numbers[node] for node, _ in nodes]
    at = {id(node): index for index, (node, _) in enumerate(nodes)}
    names = [_Names(set(), set(), set()) for _ in nodes]
    values = _gather(file, at, names)
    binds: list[dict[str, set[str]]] = [{} for _ in nodes]
    for name, bindings in facts.scopes[0].bindings.items():
        for binding in bindings:
            if binding.how != "annotation" and facts.runs_at_import(facts.statements[binding.statement].scope):
                unit = bisect_right(numbers, binding.statement) - 1
                binds[unit].setdefault(name, set()).add(binding.how)
    changes: list[set[str]] = [set() for _ in nodes]
    for statement, name in _changes(file):
        changes[bisect_right(numbers, statement) - 1].add(name)
    handles: list[set[str]] = [set() for _ in nodes]
    for statement, name in _handles(file):
        handles[bisect_right(numbers, statement) - 1].add(name)
    running = {bisect_right(numbers, number) - 1 for number in started}
    units = [
        Unit(
            index,
            node,
            line,
            numbers[index],
            "run" if index in running else _kind(file, node),
            binds[index],
            names[index].now,
            names[index].called,
            names[index].later,
            changes[index],
            handles[index],
        )
        for index, (node, line) in enumerate(nodes)
    ]
    for index in running:
        if isinstance(units[index].node, (cst.FunctionDef, cst.ClassDef)):
            raise _NotGuardedError("it starts workers while a class or function is being defined")
    return _Program(file, units, values)


def _at(program: _Program, statement: int) -> int:
    """Return the index of the unit that holds a statement."""
    return bisect_right([each.number for each in program.units], statement) - 1


class _Names(NamedTuple):
    now: set[str]
    called: set[str]
    later: set[str]


def _gather(file: File, at: Mapping[int, int], names: list[_Names]) -> set[str]:
    """Fill in which names of the module each statement reads; return those that are not only called."""
    parents = file.tree.parents
    bound = file.facts.scopes[0].bindings
    values: set[str] = set()
    for node in parents:
        if not isinstance(node, cst.Name) or node.value not in bound or binder(file, node) != 0:
            continue
        later = False
        child: cst.CSTNode = node
        while id(child) not in at:
            around = parents[child]
            later |= isinstance(around, (cst.FunctionDef, cst.Lambda)) and around.body is child
            if isinstance(around, cst.Annotation) and file.facts.future_annotations:
                break
            child = around
        if id(child) not in at:
            continue
        unit = names[at[id(child)]]
        around = parents[node]
        called = isinstance(around, cst.Call) and around.func is node
        if later:
            unit.later.add(node.value)
        elif _is_target(file, node):
            continue
        else:
            unit.now.add(node.value)
            if called or isinstance(around, cst.Decorator):
                unit.called.add(node.value)
        if not called and not _stays_in_parent(file, node):
            values.add(node.value)
    for scope in file.facts.scopes:
        for decorator in scope.decorators:
            func = decorator.func if isinstance(decorator, Call) else decorator
            last = func.attr if isinstance(func, Attribute) else func.id if isinstance(func, Name) else ""
            if last not in _KEEP_BY_NAME:
                values.add(scope.name)
    return values


def _stays_in_parent(file: File, node: cst.Name) -> bool:
    """Whether a function is handed to something that calls it in the same process, such as a scheduler or `sorted`."""
    around = file.tree.parents[node]
    call = file.tree.parents.get(around)
    if not isinstance(around, cst.Arg) or not isinstance(call, cst.Call):
        return False
    if isinstance(call.func, cst.Name) and file.facts.resolve(call.func.value, 0) < 0:
        return call.func.value in _CALL_HERE
    return file.project.callee(file.facts, file.facts.calls[file.tree.numbers[call]]).startswith(_IN_PARENT)


def _is_target(file: File, node: cst.CSTNode) -> bool:
    """Whether a name only gets a value there."""
    around = file.tree.parents[node]
    while isinstance(around, (cst.Tuple, cst.List, cst.Element, cst.StarredElement)):
        node, around = around, file.tree.parents[around]
    match around:
        case cst.AssignTarget() | cst.AsName():
            return True
        case cst.AnnAssign(target=target) | cst.For(target=target) | cst.NamedExpr(target=target):
            return target is node
    return False


def _is_later(file: File, node: cst.CSTNode) -> bool:
    child = node
    for around in file.tree.enclosing(node):
        if isinstance(around, (cst.FunctionDef, cst.Lambda)) and around.body is child:
            return True
        child = around
    return False


def _changes(file: File) -> Iterator[tuple[int, str]]:
    """Yield the statements of the module that change values in place, with the names of these values."""
    facts = file.facts
    for store in facts.stores:
        if facts.runs_at_import(store.scope):
            yield from ((store.statement, name) for name in _roots(facts, [store.base]))


def _handles(file: File) -> Iterator[tuple[int, str]]:
    """Yield the statements of the module that are nothing but a call, with the values that it is given or called on."""
    facts = file.facts
    for number, node in enumerate(file.tree.statements):
        if not isinstance(node, cst.Expr) or not isinstance(node.value, cst.Call):
            continue
        call = facts.calls[file.tree.numbers[node.value]]
        if facts.runs_at_import(call.scope) and call.func != Name("print"):
            passed = [*call.args, *(value for _, value in call.keywords)]
            exprs: list[Expr] = [each for each in passed if isinstance(each, Name)]
            if isinstance(call.func, Attribute):
                exprs.append(call.func.value)
            yield from ((number, name) for name in _roots(facts, exprs))


def _roots(facts: ModuleFacts, exprs: Iterable[Expr]) -> Iterator[str]:
    """Yield the variables of the module at the roots of expressions; functions and modules are none."""
    for expr in exprs:
        while isinstance(expr, (Attribute, Subscript, Call)):
            expr = expr.func if isinstance(expr, Call) else expr.value
        if isinstance(expr, Name):
            bindings = facts.scopes[0].bindings.get(expr.id, ())
            if any(each.how not in ("import", "def") for each in bindings):
                yield expr.id


# --- what a statement does for the module ---


def _kind(file: File, node: cst.CSTNode) -> Kind:
    facts = file.facts
    number = file.tree.numbers[node]
    match node:
        case cst.FunctionDef() | cst.ClassDef():
            return "def"
        case cst.Import() | cst.ImportFrom():
            return "import"
        case cst.If():
            kinds = {block.kind for block in facts.blocks if block.statement == number}
            if kinds & {"guard", "unguarded"}:
                return "guard" if is_guard(node) else "other guard"
    if any(block.kind == "guard" and block.statement == number for block in facts.blocks):
        return "other guard"
    if _is_constant(file, node):
        return "constant"
    if _only_defines(file, node):
        return "definition" if any(_is_definition(each) for each in _statements_in(node)) else "constant"
    return "setting" if _is_setting(file, node) else "run"


def _is_constant(file: File, node: cst.CSTNode) -> bool:
    match node:
        case cst.Pass() | cst.Global() | cst.TypeAlias():
            return True
        case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString() | cst.Ellipsis()):
            return True
        case cst.Assign(targets=targets, value=value):
            return all(_is_plain_target(each.target) for each in targets) and _is_pure(file, value)
        case cst.AnnAssign(target=cst.Name(), value=given):
            return given is None or _is_pure(file, given)
    return False


def _is_plain_target(node: cst.BaseExpression) -> bool:
    if isinstance(node, (cst.Tuple, cst.List)):
        return all(_is_plain_target(each.value) for each in node.elements)
    return isinstance(node, cst.Name)


def _is_pure(file: File, node: cst.CSTNode) -> bool:
    """Whether an expression does nothing but give a value, whenever it is evaluated."""
    for each in inside(node):
        match each:
            case cst.Await() | cst.Yield() | cst.NamedExpr():
                return False
            case cst.Call() if not _is_pure_call(file, each):
                return False
    return True


def _is_pure_call(file: File, node: cst.Call) -> bool:
    call = file.facts.calls[file.tree.numbers[node]] if node in file.tree.numbers else None
    if call is None:
        return False
    name = file.project.callee(file.facts, call)
    if any(name.startswith(each) if each.endswith(".") else name == each for each in _PURE):
        return True
    match node.func:
        case cst.Name(value=builtin):
            return builtin in _PURE_BUILTINS and file.facts.resolve(builtin, 0) < 0
        case cst.Attribute(value=owner, attr=cst.Name(value=method)):
            return method in _PURE_METHODS and not _is_imported(file, owner)
    return False


def _is_imported(file: File, node: cst.BaseExpression) -> bool:
    """Whether an expression is a name that an import binds, or an attribute of one."""
    while isinstance(node, (cst.Attribute, cst.Subscript)):
        node = node.value
    if not isinstance(node, cst.Name):
        return False
    bindings = file.facts.scopes[0].bindings.get(node.value, ())
    return bool(bindings) and all(each.how == "import" for each in bindings)


def _only_defines(file: File, node: cst.CSTNode) -> bool:
    """Whether a compound statement holds nothing but imports, definitions and constants."""
    match node:
        case cst.If(test=test):
            if not _is_pure(file, test):
                return False
        case cst.Try():
            pass
        case cst.With(items=items):
            # `with suppress(ImportError):`
            calls = [each.item for each in items if isinstance(each.item, cst.Call)]
            names = [file.project.callee(file.facts, file.facts.calls[file.tree.numbers[call]]) for call in calls]
            if len(calls) != len(items) or any(name != "contextlib.suppress" for name in names):
                return False
        case _:
            return False
    return all(_is_defining(file, each) for each in _statements_in(node))


def _statements_in(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the statements in the bodies of a compound statement, those of other branches too."""
    stack: list[cst.CSTNode] = [node]
    while stack:
        at = stack.pop()
        for name in ("body", "orelse", "handlers", "finalbody"):
            child = getattr(at, name, None)
            for each in child if isinstance(child, (list, tuple)) else [child]:
                if isinstance(each, (cst.BaseSuite, cst.SimpleStatementLine, cst.Else, cst.ExceptHandler, cst.Finally)):
                    stack.append(each)
                elif isinstance(each, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
                    yield each


def _is_definition(node: cst.CSTNode) -> bool:
    if isinstance(node, (cst.If, cst.Try, cst.With)):
        return any(_is_definition(each) for each in _statements_in(node))
    return isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Import, cst.ImportFrom))


def _is_defining(file: File, node: cst.CSTNode) -> bool:
    match node:
        case cst.FunctionDef() | cst.ClassDef() | cst.Import() | cst.ImportFrom() | cst.Raise():
            return True
        case cst.Expr(value=cst.Call(func=cst.Name(value="print"))):
            return True  # "apex is not installed"
    return _is_constant(file, node) or _only_defines(file, node) or _is_setting(file, node)


def _is_setting(file: File, node: cst.CSTNode) -> bool:
    """Whether a statement sets something of a library, and nothing else."""
    match node:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute() | cst.Subscript() as target)], value=value):
            return _is_imported(file, target) and _is_pure(file, value)
        case cst.Expr(value=cst.Call(func=cst.Attribute(attr=cst.Name(value=name)) as func, args=args)):
            known = name.startswith(_SETTERS) or _is_search_path(func)
            return known and _is_imported(file, func) and all(_is_pure(file, each.value) for each in args)
        case cst.Expr(value=cst.Call(func=cst.Name(value=name) as func, args=args)):
            known = name.startswith(_SETTERS)
            return known and _is_imported(file, func) and all(_is_pure(file, each.value) for each in args)
    return False


def _is_search_path(func: cst.Attribute) -> bool:
    return cst.Module([]).code_for_node(func.value) in ("sys.path", "site")


def _is_for_workers(unit: Unit) -> bool:
    """Whether a setting is one that workers need as well."""
    if unit.kind != "setting":
        return False
    match unit.node:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute())]):
            return True
        case cst.Expr(value=cst.Call(func=cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)))):
            return name in _FOR_WORKERS
    return False


def _may_be_imported_for(unit: Unit) -> bool:
    """Whether an import below a statement may depend on it: ``sys.path.append``, ``setup()``, no mere output."""
    if unit.kind == "setting":
        return True
    match unit.node:
        case cst.Expr(value=cst.Call(func=cst.Name(value="print"))):
            return False
        case cst.Expr(value=cst.Call()):
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute() | cst.Subscript())]):
            return True
        case cst.If() | cst.Try() | cst.With():
            return any(_is_call(each) for each in _statements_in(unit.node))
    return False


def _is_call(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.Call)


# --- what must stay ---


def _needed(program: _Program, names: Iterable[str], before: float = math.inf, moving: Iterable[int] = ()) -> set[int]:
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
                todo += [(each, unit.index) for each in _called(program, unit.called)]
                if unit.kind not in ("def", "definition"):
                    todo += [(each, math.inf) for each in unit.later]
    return found


def _called(program: _Program, names: Iterable[str]) -> set[str]:
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


def _needed_by_workers(program: _Program) -> _Workers:
    """Return the names that functions and classes read which may run in workers.

    A function that is only ever called by name, by nobody but the program itself or other such functions, runs in no
    worker: nothing hands it to one.
    """
    file = program.file
    elsewhere = _used_elsewhere(file)
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
    if _looks_around(program):
        possible |= {name for unit in program.units for name, hows in unit.binds.items() if hows & {"def", "class"}}
    reads = [_reads(program, each) for each in (certain, certain | possible)]
    lambdas = {name for unit in program.units if unit.kind in ("constant", "setting") for name in unit.later}
    return _Workers(reads[0], reads[1] | lambdas)


def _reads(program: _Program, names: Iterable[str]) -> set[str]:
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


def _looks_around(program: _Program) -> bool:
    """Whether the file looks names up by their strings."""
    facts = program.file.facts
    return any(isinstance(call.func, Name) and call.func.id in _LOOK_AROUND for call in facts.calls)


def _exported(program: _Program) -> set[str]:
    """Return the names in ``__all__``."""
    found: set[str] = set()
    for binding in program.file.facts.scopes[0].bindings.get("__all__", ()):
        if isinstance(binding.value, Collection):
            found.update(
                item.value for item in binding.value.items if isinstance(item, Constant) and isinstance(item.value, str)
            )
    return found


def _suppressed(program: _Program) -> set[int]:
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
                found.add(_at(program, number))
    return found


# --- what moves ---


def _plan(program: _Program, seeds: set[int], setters: set[int], muted: set[int]) -> _Plan:
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
            for index in _needed(program, [name], before, moving):
                if index in moving:
                    raise _NotGuardedError(why.format(f"`{name}`"))
                reasons.setdefault(index, why)

    elsewhere = _used_elsewhere(program.file)
    bound = {name for unit in units for name in unit.binds}
    demand(
        (bound if "*" in elsewhere else elsewhere & bound),
        "other files import {} from here, make it in a function that they call",
    )
    demand(_exported(program) & bound, "{} is in `__all__`")
    for unit in units:
        if unit.kind in ("def", "definition"):
            names = unit.now | _called(program, unit.called)
            what = _title(unit)
            demand(names, f"{{}} is needed when {what} is defined", unit.index)
    workers = _needed_by_workers(program)
    demand(workers.certain, "{} is needed by a function or class that workers run")
    risky = False
    for name in sorted(workers.possible - workers.certain):
        found = _needed(program, [name], moving=moving)
        if found & moving:
            risky = True
        else:
            reasons.update(dict.fromkeys(found - reasons.keys(), ""))
    for unit in units:
        if unit.kind in ("def", "definition"):
            for name in sorted(unit.later):
                found = _needed(program, [name], moving=moving)
                if all(units[index].kind not in ("run", "setting") and _is_only(program, index) for index in found):
                    reasons.update(dict.fromkeys(found - reasons.keys(), ""))
    stays = set(reasons)
    stays |= _finishing(program, stays, first)
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


def _finishing(program: _Program, stays: set[int], first: float) -> set[int]:
    """Return the statements that go on with values that stay anyway: ``archive.close()`` where `archive` was opened."""
    units = program.units
    found: set[int] = set()
    for unit in units:
        kept = stays | found
        if unit.kind != "run" or unit.index >= first or unit.index in kept or not unit.handles:
            continue
        makers = [maker.index for name in unit.handles for maker in program.makers(name) if maker.index < unit.index]
        inputs = _needed(program, unit.now, unit.index)
        moving = {index for index in inputs if units[index].kind in ("run", "setting")} - kept
        if not moving and any(index in kept and units[index].kind == "run" for index in makers):
            found.add(unit.index)
    return found


def _is_only(program: _Program, index: int) -> bool:
    """Whether a statement is the only one that gives its names a value."""
    return all(len(program.makers(name)) == 1 for name in program.units[index].binds)


def _title(unit: Unit) -> str:
    match unit.node:
        case cst.FunctionDef(name=name) | cst.ClassDef(name=name):
            return f"`{name.value}`"
    return "something that stays"


def _sets_start_method(program: _Program, unit: Unit) -> bool:
    return any(
        _at(program, call.statement) == unit.index
        for call in program.file.facts.calls
        if isinstance(call.func, (Name, Attribute))
        and (call.func.id if isinstance(call.func, Name) else call.func.attr) == "set_start_method"
    )


def _ties(program: _Program, unit: Unit) -> bool:
    """Whether a statement makes something of multiprocessing, after which no start method can be set."""
    file = program.file
    for call in file.facts.calls:
        if not file.facts.runs_at_import(call.scope) or _at(program, call.statement) != unit.index:
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


def _border(program: _Program, first: float, stays: set[int]) -> int:
    """Return where what may move begins: everything above stays, because something that stays depends on it."""
    units = program.units
    border = 0
    waiting = False
    for unit in units:
        if unit.index >= first:
            break
        wanted = unit.index in stays or _is_for_workers(unit)
        if (wanted and unit.kind in ("run", "setting")) or (waiting and unit.kind in ("import", "definition")):
            border = unit.index + 1
        waiting |= _may_be_imported_for(unit)
    return border


def _moving(program: _Program, border: int, first: float, stays: set[int], apart: set[int]) -> set[int]:
    """Return what moves below the border: the file's tail, or all that is neither defined nor needed."""
    units = program.units
    blocked = next((unit.index for unit in units if unit.kind == "other guard"), None)
    if blocked is not None and blocked > first and any(index > blocked for index in _running(units)):
        raise _NotGuardedError("there is a guard already, in a form that nothing can be added to")
    end = len(units) if blocked is None or blocked < first else blocked
    fixed = stays | _imports_in_use(program, stays)
    fixed |= {unit.index for unit in units if unit.kind in ("def", "definition", "other guard")}
    tail = max((index + 1 for index in fixed if border <= index < end), default=border)
    begin = border
    if tail <= first:
        early = units[border:tail]
        if not any(unit.kind == "run" and not _is_quiet(unit) and unit.index not in apart for unit in early):
            begin = tail
    moves: set[int] = set()
    cells = any(line.comment and _CELL.match(line.comment.value) for node in _lines(program) for line in node)
    running = any(unit.kind == "guard" for unit in units[:begin])
    for unit in units[begin:end]:
        if unit.index in fixed or unit.index in apart:
            continue
        passive = unit.kind in ("constant", "setting") and not _is_accumulator(unit)
        running |= unit.kind == "guard" or not (passive or unit.kind == "import")
        if running and unit.kind != "guard" and (unit.kind != "import" or cells or unit.index > first):
            moves.add(unit.index)
    return moves


def _lines(program: _Program) -> Iterator[Sequence[cst.EmptyLine]]:
    """Yield the blank lines and comments above each statement of the module."""
    return (node.leading_lines for node in program.file.tree.module.body)


def _is_accumulator(unit: Unit) -> bool:
    """Whether a constant is a container that the program may fill."""
    if all(name.isupper() for name in unit.binds):
        return False
    filled = (cst.List, cst.Dict, cst.Set, cst.ListComp, cst.DictComp, cst.SetComp, cst.Call)
    match unit.node:
        case cst.Assign(value=value) | cst.AnnAssign(value=cst.BaseExpression() as value):
            return isinstance(value, filled) and not _is_dotted_call(value)
    return False


def _is_dotted_call(node: cst.BaseExpression) -> bool:
    """Whether an expression is a call like ``torch.device("cpu")``, unlike ``list()``."""
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)


def _running(units: Sequence[Unit]) -> list[int]:
    return [unit.index for unit in units if unit.kind == "run"]


def _is_quiet(unit: Unit) -> bool:
    """Whether a statement only gives names values, so that it may as well run once more in each worker."""
    return isinstance(unit.node, (cst.Assign, cst.AnnAssign, cst.AugAssign))


def _imports_in_use(program: _Program, stays: set[int]) -> set[int]:
    """Return the imports that what stays uses, and star imports."""
    found = set()
    names: set[str] = set()
    for unit in program.units:
        if unit.index in stays or unit.kind in ("def", "definition"):
            names |= unit.now | unit.later
    for unit in program.units:
        if unit.kind == "import":
            star = isinstance(unit.node, cst.ImportFrom) and isinstance(unit.node.names, cst.ImportStar)
            if star or names & unit.binds.keys() or _is_future(unit.node):
                found.add(unit.index)
    return found


def _is_future(node: cst.CSTNode) -> bool:
    match node:
        case cst.ImportFrom(module=cst.Name(value="__future__")):
            return True
    return False


def _check_order(program: _Program, moves: set[int], apart: set[int]) -> None:
    """Refuse where a statement that stays would come before one that moves and one of them matters to the other."""
    units = program.units
    begin = min(moves)
    for unit in units[begin:]:
        if unit.index in moves or unit.index in apart or "guard" in unit.kind:
            continue
        above = [units[index] for index in sorted(moves) if index < unit.index]
        if not above:
            continue
        if unit.kind == "import" and any(_may_be_imported_for(each) and each.kind == "setting" for each in above):
            raise _NotGuardedError("an import depends on a setting that is made between statements that run")
        for name in unit.binds:
            others = [each for each in units[: unit.index] if name in each.binds]
            if unit.kind in ("import", "definition") and all(each.binds[name] == {"import"} for each in others):
                continue
            if others and any(name in each.binds or name in _touched(program, each) for each in above):
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


def _touched(program: _Program, unit: Unit) -> set[str]:
    return unit.now | unit.later | _called(program, unit.called)


def _only_apart(program: _Program, apart: set[int], setters: set[int], *, risky: bool) -> _Plan:
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


def _applicability(program: _Program, moves: set[int], workers: _Workers, *, risky: bool) -> Applicability:
    """Return whether the plan is safe.

    It is where what moves is the file's tail, nothing that may run in a worker needs it, and nobody imports the file.
    """
    file = program.file
    below = [unit for unit in program.units[min(moves) :] if unit.index not in moves and unit.kind != "guard"]
    bound = {name for index in moves for name in program.units[index].binds}
    if below or risky or bound & workers.possible or _looks_around(program) or _is_entry_point(file):
        return "unsafe"
    return "unsafe" if starts.importers(file.project, file.facts) else "safe"


# --- the text ---


def _written(program: _Program, plan: _Plan, only: str) -> Draft:
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


def _cuts(program: _Program, under: set[int]) -> tuple[list[list[int]], list[set[int]]]:
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


def _head(program: _Program, moves: set[int], guards: list[int]) -> str:
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
    if names & needed or blocked or _looks_around(program) or (guards and max(moves) > guards[0]):
        return ""
    if all(isinstance(units[index].node, cst.Expr) and not names for index in moves) and len(moves) == 1:
        return ""
    hinted = any(scope.returns is not None or any(each.annotation for each in scope.params) for scope in facts.scopes)
    return "def main() -> None:" if hinted else "def main():"


def _inner(unit: Unit) -> Iterator[cst.CSTNode]:
    return (node for node in inside(unit.node) if isinstance(node, (cst.FunctionDef, cst.ClassDef)))
