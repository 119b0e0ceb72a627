"""The statements at the top level of a file: what each does for the module, which names it binds, reads and changes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import libcst as cst

from dlsafe_lint.apis import BUILTINS
from dlsafe_lint.facts import Attribute, Call, Name, Subscript
from dlsafe_lint.project import Where
from dlsafe_lint.rewriting.captures import binder, inside
from dlsafe_lint.rewriting.effects import (
    callee,
    changes_arguments,
    effects_of,
    is_imported,
    is_in_place,
    is_repeatable,
    qualified,
    running,
)
from dlsafe_lint.rewriting.indenting import is_guard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dlsafe_lint.facts import Expr, ModuleFacts
    from dlsafe_lint.rewriting.captures import File

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

_IN_PARENT = ("torch.optim.", "torch.nn.", "threading.", "signal.", "atexit.", "concurrent.futures.Thread")

_CALL_HERE = frozenset(
    {"sorted", "map", "filter", "max", "min", "print", "callable", "isinstance", "issubclass", "type"}
)
"""Functions that call what they are given in the process that they are called in."""

_KEEP_BY_NAME = frozenset(
    {"no_grad", "inference_mode", "enable_grad", "main", "command", "option", "argument", "version_option"}
)
"""Decorators that hand a function to nobody who would call it in a worker."""


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


class Program(NamedTuple):
    """A file as a list of statements.

    Attributes:
        file: the file.
        units: its statements.
        values: the names of its functions and classes that are not only called.
        fixed: the names whose values can't be changed in place, and are the same in every process.
    """

    file: File
    units: list[Unit]
    values: set[str]
    fixed: set[str]

    def makers(self, name: str) -> list[Unit]:
        """Return the statements that give a name its value, or change that."""
        return [each for each in self.units if name in each.binds or name in each.changes or name in each.handles]


def read_program(file: File, started: Sequence[int]) -> Program:
    """Take a file apart into the statements at its top level.

    Args:
        file: the file.
        started: the numbers of statements that start workers: what holds them runs the program, whatever it looks like.
    """
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
    given = {name for each in binds for name, hows in each.items() if hows.isdisjoint(("import", "def", "class"))}
    for index, (piece, _) in enumerate(nodes):
        if sets_names(file, running(piece)):
            changes[index] |= given
    handles: list[set[str]] = [set() for _ in nodes]
    for statement, name in _handles(file):
        handles[bisect_right(numbers, statement) - 1].add(name)
    starting = {bisect_right(numbers, number) - 1 for number in started}
    units = [
        Unit(
            index,
            node,
            line,
            numbers[index],
            "run" if index in starting else _kind(file, node),
            binds[index],
            names[index].now,
            names[index].called,
            names[index].later,
            changes[index],
            handles[index],
        )
        for index, (node, line) in enumerate(nodes)
    ]
    return Program(file, units, values, _fixed(file, units))


def unit_at(program: Program, statement: int) -> int:
    """Return the index of the unit that holds a statement."""
    return bisect_right([each.number for each in program.units], statement) - 1


_FIXED_CALLS = frozenset(
    {"int", "float", "str", "bool", "bytes", "tuple", "frozenset", "len", "min", "max", "round", "abs", "range"}
)
_FIXED_LIBRARIES = (
    *("torch.device", "torch.Size", "torch.cuda.is_available", "torch.cuda.device_count", "os.path.join"),
    *("os.path.dirname", "os.path.basename", "os.path.abspath", "os.path.realpath", "os.path.expanduser"),
    *("os.path.splitext", "os.path.normpath", "pathlib.", "os.cpu_count", "os.getcwd", "os.getenv", "os.environ.get"),
    *("re.compile", "math.", "operator.", "logging.getLogger", "multiprocessing.cpu_count", "typing."),
)
"""What returns values that nobody changes in place, the same in every process; a dot at the end stands for a module."""


def _fixed(file: File, units: Sequence[Unit]) -> set[str]:
    """Return the names whose values can't be changed in place."""
    makers: dict[str, list[Unit]] = {}
    for unit in units:
        for name in unit.binds:
            makers.setdefault(name, []).append(unit)
    found = {name for name, given in makers.items() if all(_may_be_fixed(each) for each in given)}
    while True:
        left = {name for name in found if all(_is_fixed(file, unit.node, found) for unit in makers[name])}
        if left == found:
            return found
        found = left


def _may_be_fixed(unit: Unit) -> bool:
    return unit.kind in ("def", "import") or isinstance(unit.node, (cst.Assign, cst.AnnAssign, cst.AugAssign))


def _is_fixed(file: File, node: cst.CSTNode, fixed: set[str]) -> bool:
    """Whether a statement gives names values that can't be changed in place."""
    if isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Import, cst.ImportFrom)):
        return True
    value = node.value if isinstance(node, (cst.Assign, cst.AnnAssign, cst.AugAssign)) else None
    return value is None or _is_fixed_value(file, value, fixed)


def _is_fixed_value(file: File, node: cst.CSTNode, fixed: set[str]) -> bool:
    match node:
        case cst.List() | cst.Dict() | cst.Set() | cst.ListComp() | cst.DictComp() | cst.SetComp() | cst.GeneratorExp():
            return False
        case cst.Lambda():
            return True
        case cst.Name(value=name):
            return name in BUILTINS or name in fixed
        case cst.Attribute():
            where = Where(file.facts, 0, len(file.facts.statements))
            known = file.project.values(Name(_root(node)), where) if is_imported(file, node) else []
            return bool(known) and all(each.kind == "external" for each in known)
        case cst.Subscript():
            return qualified(file, node).startswith(("os.environ", "sys.argv"))
        case cst.Call(func=cst.Name(value=builtin)) if builtin in _FIXED_CALLS:
            return True
        case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name(value=method))) if method in _PURE_METHODS:
            return is_imported(file, owner) or _is_fixed_value(file, owner, fixed)
        case cst.Call():
            name = callee(file, node)
            return any(name.startswith(one) if one.endswith(".") else name == one for one in _FIXED_LIBRARIES)
    return all(_is_fixed_value(file, child, fixed) for child in node.children if isinstance(child, _VALUES))


def _root(node: cst.BaseExpression) -> str:
    while isinstance(node, (cst.Attribute, cst.Subscript)):
        node = node.value
    return node.value if isinstance(node, cst.Name) else ""


_VALUES = (cst.BaseExpression, cst.BaseElement, cst.BaseFormattedStringContent, cst.ComparisonTarget)


class _Names(NamedTuple):
    now: set[str]
    called: set[str]
    later: set[str]


def _gather(file: File, at: Mapping[int, int], names: list[_Names]) -> set[str]:
    """Fill in which names of the module each statement reads; return those that are not only called."""
    parents = file.tree.parents
    bound = file.facts.scopes[0].bindings
    values: set[str] = set()
    partials: list[tuple[str, str]] = []
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
            if holder := _partial_of(file, node):
                partials.append((holder, node.value))
            else:
                values.add(node.value)
    values.update(name for holder, name in partials if holder in values)
    for scope in file.facts.scopes:
        for decorator in scope.decorators:
            func = decorator.func if isinstance(decorator, Call) else decorator
            last = func.attr if isinstance(func, Attribute) else func.id if isinstance(func, Name) else ""
            if last not in _KEEP_BY_NAME:
                values.add(scope.name)
    return values


def _partial_of(file: File, node: cst.Name) -> str:
    """Return the variable that a function is bound to with some arguments, ``train = partial(run, 1)``, or ""."""
    around = file.tree.parents[node]
    call = file.tree.parents.get(around)
    if isinstance(around, cst.Arg) and isinstance(call, cst.Call) and callee(file, call) == "functools.partial":
        match file.tree.parents[call]:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))]):
                return name
    return ""


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


def is_later(file: File, node: cst.CSTNode) -> bool:
    """Tell whether a node stands in the body of a function, which runs when that is called."""
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


def sets_names(file: File, nodes: Iterable[cst.CSTNode]) -> bool:
    """Tell whether code may give names of the module other values: ``exec(…)``, ``globals()["x"] = …``.

    Args:
        file: the file.
        nodes: the nodes of that code.
    """
    for node in nodes:
        match node:
            case cst.Call(func=cst.Name(value="exec")):
                return file.facts.resolve("exec", 0) < 0
            case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name(value="update" | "setdefault" | "pop"))):
                if _is_namespace(owner):
                    return True
            case cst.AssignTarget(target=cst.Subscript(value=owner)) | cst.AugAssign(target=cst.Subscript(value=owner)):
                if _is_namespace(owner):
                    return True
    return False


def _is_namespace(node: cst.CSTNode) -> bool:
    match node:
        case cst.Call(func=cst.Name(value="globals" | "locals" | "vars"), args=[]):
            return True
    return False


def _handles(file: File) -> Iterator[tuple[int, str]]:
    """Yield the statements of the module that are nothing but a call, with the values that it is given or called on."""
    facts = file.facts
    for number, node in enumerate(file.tree.statements):
        if not isinstance(node, cst.Expr) or not isinstance(node.value, cst.Call):
            continue
        call = facts.calls[file.tree.numbers[node.value]]
        if facts.runs_at_import(call.scope):
            exprs: list[Expr] = []
            if changes_arguments(file, node.value):
                passed = [*call.args, *(value for _, value in call.keywords)]
                parts = (Name, Attribute) if is_in_place(file, node.value) else Name
                exprs += [each for each in passed if isinstance(each, parts)]
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
        if any(_is_definition(each) for each in _statements_in(node)):
            return "definition"
        calls = [each for each in _statements_in(node) if _is_call(each)]
        if not calls:
            return "constant"
        if all(_is_setting(file, each) for each in calls):
            return "setting"
    return "setting" if _is_setting(file, node) else "run"


def _is_constant(file: File, node: cst.CSTNode) -> bool:
    match node:
        case cst.Pass() | cst.Global() | cst.TypeAlias():
            return True
        case cst.Expr(value=cst.Ellipsis()):
            return True
        case cst.Expr() if is_text(node):
            return True
        case cst.Assign(targets=targets, value=value):
            return all(_is_plain_target(each.target) for each in targets) and _is_pure(file, value)
        case cst.AnnAssign(target=cst.Name(), value=given):
            return given is None or _is_pure(file, given)
    return False


def is_text(node: cst.CSTNode) -> bool:
    """Tell whether a statement is nothing but a string."""
    return isinstance(node, cst.Expr) and isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString))


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
            return method in _PURE_METHODS and not is_imported(file, owner)
    return False


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
            return is_imported(file, target) and _is_pure(file, value)
        case cst.Expr(value=cst.Call(func=cst.Attribute(attr=cst.Name(value=name)) as func, args=args)):
            known = name.startswith(_SETTERS) or _is_search_path(func) or is_repeatable(file, node)
            return known and is_imported(file, func) and all(_is_pure(file, each.value) for each in args)
        case cst.Expr(value=cst.Call(func=cst.Name(value=name) as func, args=args)):
            known = name.startswith(_SETTERS)
            return known and is_imported(file, func) and all(_is_pure(file, each.value) for each in args)
    return False


def _is_search_path(func: cst.Attribute) -> bool:
    return cst.Module([]).code_for_node(func.value) in ("sys.path", "site")


def may_be_imported_for(program: Program, unit: Unit, imported: Unit) -> bool:
    """Whether an import below a statement may depend on it: ``sys.path.append``, ``setup()``, no mere output.

    A library doesn't look at the program's files when it is imported, nor does it care for random numbers. A file of
    the project that runs something when it is imported may.
    """
    node = unit.node
    match node:
        case cst.Expr(value=cst.Call()):
            pass
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute() | cst.Subscript())]):
            pass
        case cst.If() | cst.Try() | cst.With() if any(_is_call(each) for each in _statements_in(node)):
            pass
        case _:
            return unit.kind == "setting"
    done = effects_of(program.file, node) - {"output"}
    if not _runs_something(program.file, imported):
        done -= {"files", "random"}
    return bool(done)


def _is_call(node: cst.CSTNode) -> bool:
    match node:
        case cst.Expr(value=cst.Call()):
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute() | cst.Subscript())]):
            return True
    return False


def _runs_something(file: File, imported: Unit) -> bool:
    """Whether a file of the project runs something when it is imported, besides defining."""
    names = [name for name, hows in imported.binds.items() if "import" in hows]
    found = set()
    for name in names:
        for value in file.project.values(Name(name), Where(file.facts, 0, len(file.facts.statements))):
            found.add(value.site.path if value.site else value.name)
    modules = [file.project.modules[path] for path in found if path in file.project.modules]
    return any(facts.runs_at_import(call.scope) for facts in modules for call in facts.calls)


def is_accumulator(unit: Unit) -> bool:
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


def is_future(node: cst.CSTNode) -> bool:
    """Tell whether a statement is a ``from __future__ import``."""
    match node:
        case cst.ImportFrom(module=cst.Name(value="__future__")):
            return True
    return False


def title_of(unit: Unit) -> str:
    """Return what to call a statement."""
    match unit.node:
        case cst.FunctionDef(name=name) | cst.ClassDef(name=name):
            return f"`{name.value}`"
    return "something that stays"
