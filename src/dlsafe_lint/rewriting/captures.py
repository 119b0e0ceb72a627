"""What a lambda, function or class takes from the code around it, and whether that can be handed over by itself.

A function at module level finds the module's names as before. What it took from a function around it must be handed
over (`functools.partial`), and then the value is the one of that moment: nothing may bind the name later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import libcst as cst

from dlsafe_lint.analysis.holdings import Spot, held, held_by_class
from dlsafe_lint.analysis.openings import opened
from dlsafe_lint.analysis.workers import is_dataset
from dlsafe_lint.apis import attributes
from dlsafe_lint.apis.datasets import ITERATORS
from dlsafe_lint.facts import Comprehension, Name
from dlsafe_lint.project import Site, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.facts import Binding, Expr, Import, ModuleFacts
    from dlsafe_lint.project import Project, Value
    from dlsafe_lint.rule import Tree

Piece: TypeAlias = cst.Lambda | cst.FunctionDef | cst.ClassDef

_COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
_MADE_BY = (
    "threading.",
    "_thread.",
    "queue.",
    "socket.",
    "subprocess.",
    "asyncio.",
    "multiprocessing.",
    "contextvars.",
)
"""How the names of what makes locks, queues, processes and connections start: none of that can be pickled at will."""

INSIDE = -2
"""The scope of a comprehension's own variable, in place of a number."""


class File(NamedTuple):
    """A file in its three forms: its tree, its facts, and the project that it belongs to."""

    tree: Tree
    facts: ModuleFacts
    project: Project


class Captures(NamedTuple):
    """What a piece of code takes from around it, by name.

    Attributes:
        values: variables and parameters, with the scope that binds each (0: the module, under its main guard).
        definitions: functions and classes, with the scope of each.
        imports: what functions around it import, by the number of the import.
    """

    values: dict[str, int]
    definitions: dict[str, int]
    imports: dict[str, int]


def inside(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a node and all nodes in it."""
    stack: list[cst.CSTNode] = [node]
    while stack:
        at = stack.pop()
        yield at
        stack.extend(at.children)


def own_scope(file: File, piece: Piece) -> int:
    """Return the number of the scope that a lambda, function or class is."""
    number = file.tree.numbers[piece]
    if isinstance(piece, cst.Lambda):
        return file.facts.lambdas[number].scope
    return next(
        scope.index
        for scope in file.facts.scopes
        if scope.statement == number and scope.kind in ("function", "class") and scope.name == piece.name.value
    )


def scope_at(file: File, node: cst.CSTNode) -> int:
    """Return the number of the function, lambda, class or module in whose body a node is evaluated."""
    parents = file.tree.parents
    while node in parents:
        around = parents[node]
        if isinstance(around, (cst.Lambda, cst.FunctionDef, cst.ClassDef)) and around.body is node:
            return own_scope(file, around)
        node = around
    return 0


def binder(file: File, name: cst.Name) -> int:
    """Return the scope that binds a name where it is read, `INSIDE` for a comprehension's variable; -1: none here."""
    parents = file.tree.parents
    node: cst.CSTNode = name
    first = None
    while node in parents:
        around = parents[node]
        if isinstance(around, cst.CompFor) and around.iter is node:
            first = around  # the first iterable is evaluated outside of the comprehension
        if isinstance(around, _COMPREHENSIONS):
            targets = {each.value for each in _targets(around.for_in)}
            if name.value in targets and first is not around.for_in:
                return INSIDE
            first = None
        if isinstance(around, (cst.Lambda, cst.FunctionDef, cst.ClassDef)) and around.body is node:
            return file.facts.resolve(name.value, own_scope(file, around))
        node = around
    return file.facts.resolve(name.value, 0)


def _targets(loop: cst.CompFor) -> Iterator[cst.Name]:
    at: cst.CompFor | None = loop
    while at is not None:
        yield from (node for node in inside(at.target) if isinstance(node, cst.Name))
        at = at.inner_for_in


def names_in(file: File, piece: cst.CSTNode) -> list[cst.Name]:
    """Return the variables that a piece of code reads or binds, in no order."""
    return [node for node in inside(piece) if isinstance(node, cst.Name) and node in file.tree.parents]


def captures(file: File, piece: Piece) -> Captures:
    """Return what a piece of code takes from the functions and classes around it, or finds only in the main module.

    What the defaults of a lambda take is not among it: that is a value of the moment already.
    """
    facts = file.facts
    own = own_scope(file, piece)
    found = Captures({}, {}, {})
    for name in reversed(names_in(file, piece)):
        scope = binder(file, name)
        if scope < 0 or _is_within(facts, scope, own) or (scope == 0 and not is_guarded(facts, name.value)):
            continue
        if isinstance(piece, cst.Lambda) and is_early(file, piece, name):
            continue
        bindings = [each for each in facts.scopes[scope].bindings[name.value] if each.how != "annotation"]
        if all(each.how == "import" for each in bindings):
            if len(bindings) == 1 and not _has_same_import(facts, name.value, bindings[0]):
                found.imports[name.value] = bindings[0].target
        elif len(bindings) == 1 and bindings[0].how in ("def", "class"):
            found.definitions[name.value] = bindings[0].target
        else:
            found.values[name.value] = scope
    return found


def _is_within(facts: ModuleFacts, scope: int, outer: int) -> bool:
    while scope >= 0:
        if scope == outer:
            return True
        scope = facts.scopes[scope].parent
    return False


def is_early(file: File, piece: Piece, node: cst.CSTNode) -> bool:
    """Whether something is evaluated where the piece is defined: in a default, a decorator, a base, a class body.

    Args:
        file: the file.
        piece: a lambda, function or class.
        node: a name or call in it.
    """
    while node is not piece:
        around = file.tree.parents[node]
        if isinstance(around, (cst.FunctionDef, cst.Lambda)) and around.body is node:
            return False
        node = around
    return True


def is_guarded(facts: ModuleFacts, name: str) -> bool:
    """Whether the module binds a name under its main guard only."""
    bindings = facts.scopes[0].bindings.get(name, ())
    return bool(bindings) and all(
        facts.in_block(each.statement, "guard") or not facts.runs_at_import(facts.statements[each.statement].scope)
        for each in bindings
    )


def _has_same_import(facts: ModuleFacts, name: str, binding: Binding) -> bool:
    """Whether the module imports the very same thing under that name for all of its functions."""
    return any(
        each.how == "import"
        and facts.statements[each.statement].scope == 0
        and _source(facts.imports[each.target], name) == _source(facts.imports[binding.target], name)
        for each in facts.scopes[0].bindings.get(name, ())
        if not facts.in_block(each.statement, "guard") and not facts.in_block(each.statement, "typing")
    )


def _source(statement: Import, name: str) -> tuple[str | None, int, str]:
    """Return where an import statement takes a name from."""
    for each in statement.names:
        plain = each.name if statement.is_from else each.name.partition(".")[0]
        if (each.asname or plain) == name:
            return (statement.module, statement.level, each.name if each.asname else plain)
    return (statement.module, statement.level, name)


# --- whether the value of a name can be handed over ---


def why_not_sent(file: File, name: str, scope: int, piece: Piece, at: int) -> str:
    """Return why the value of a captured name can't be handed over by itself, "" if it can as far as the code shows.

    Args:
        file: the file.
        name: the captured name.
        scope: the scope that binds it.
        piece: who captures it.
        at: the statement in which its value would be handed over.
    """
    facts = file.facts
    inner = facts.scopes[own_scope(file, piece)].parent
    if scope == 0 and facts.function_of(inner) != 0:
        return f"`{name}` only exists under the main guard: pass it on as an argument"
    while scope not in (inner, facts.function_of(inner)):
        at = facts.scopes[inner].statement
        inner = facts.scopes[inner].parent
    if changed := _why_not_stable(facts, name, scope, at):
        return changed
    where = Where(facts, facts.scopes[own_scope(file, piece)].parent, at)
    return why_not_pickled(file.project, Name(name), where, f"`{name}`")


def _why_not_stable(facts: ModuleFacts, name: str, scope: int, at: int) -> str:
    """Return how a name may stand for something else later than in the statement ``at``."""
    owner = facts.scopes[scope]
    later = f"`{name}` is bound again after that: hand over the value that is meant"
    if owner.kind == "comprehension":
        return f"`{name}` is the variable of a loop: hand over the value that is meant"
    loops = {block for block in _chain(facts, facts.statements[at].block) if facts.blocks[block].kind == "loop"}
    for binding in owner.bindings[name]:
        if binding.how == "annotation":
            continue
        if binding.how in ("for", "except", "del", "match", "with"):
            words = {"for": "is the variable of a loop", "with": "only lives as long as its `with` block"}
            return f"`{name}` {words.get(binding.how, 'does not keep its value')}: hand over the value that is meant"
        if binding.how != "param" and binding.statement >= at:
            return later
        if loops & set(_chain(facts, binding.block)):
            return f"`{name}` changes with each round of the loop: hand over the value that is meant"
        if scope == 0 and facts.statements[binding.statement].scope != 0:
            return later
    if any(each.declared.get(name) == "nonlocal" for each in facts.scopes):
        return f"a function rebinds `{name}`: make it an attribute of a class with `__call__`"
    return ""


def _chain(facts: ModuleFacts, block: int) -> Iterator[int]:
    while block >= 0:
        yield block
        block = facts.blocks[block].parent


def why_not_pickled(project: Project, expr: Expr, where: Where, words: str) -> str:
    """Return why what an expression stands for can't be sent to a worker, "" if nothing in the code says so.

    Args:
        project: the project.
        expr: the expression.
        where: where it is evaluated.
        words: what to call it.
    """
    for handle in opened(project, expr, where):
        if handle.kind.pickle or handle.kind.fork:
            return f"{words} is an {handle.kind.what}, which can't be sent either: open it in the worker"
    spot = Spot(where.facts.path, "statement", where.statement)
    for origin in held(project, expr, where, spot):
        what = {"lambda": "a lambda", "local": f"`{origin.name}`, which is local"}.get(origin.kind, f"`{origin.name}`")
        return f"{words} holds {what}, which can't be sent either"
    for value in project.values(expr, where):
        if what := _unpicklable(value):
            return f"{words} is {what}, which can't be sent either: make it in the worker"
    return ""


def _unpicklable(value: Value) -> str:
    """Return what kind of thing that can't be pickled a value is, "" if it is none that we know."""
    root = value
    while root.kind == "part" and root.of is not None:
        root = root.of
    if value.kind == "generator" or (isinstance(value.expr, Comprehension) and value.expr.kind == "generator"):
        return "a generator"
    if value.kind == "made" and value.name in (*ITERATORS, "iter", "zip", "enumerate", "reversed"):
        return "an iterator"
    if value.kind == "module":
        return "a module"
    if root.kind in ("made", "part") and root.name.startswith(_MADE_BY):
        return f"made by `{root.name}`"
    row = attributes.refused(value.name) if value.kind == "made" else None
    return row.what if row is not None else ""


def carries(file: File, receiver: Site, spot: Spot) -> bool:
    """Whether workers may be sent the instance: it is sent to them anyway, or holds plain values only.

    Args:
        file: the file.
        receiver: the class of the instance.
        spot: what the instance may hold.
    """
    if is_dataset(file.project, receiver) or any(each.spot == spot for each in held_by_class(file.project, receiver)):
        return True
    return _is_plain(file.project, receiver, 0)


def _is_plain(project: Project, site: Site, depth: int) -> bool:
    """Whether instances of a class hold plain values only, as far as the code shows: numbers, lists, arguments."""
    if depth > 3 or any(base.site is None and base.name != "object" for base in project.ancestors(site)):
        return False
    for facts, store in project.stores(site):
        if store.value is None:
            continue
        for value in project.values(store.value, Where(facts, store.scope, store.statement)):
            match value.kind:
                case "literal" | "class" | "function" | "missing":
                    continue
                case "unknown" if value.name == "argument":
                    continue
                case "instance" if value.site is not None and _is_plain(project, value.site, depth + 1):
                    continue
                case "collection" if value.expr is not None and value.where is not None:
                    if not why_not_pickled(project, value.expr, value.where, ""):
                        continue
            return False
    return not any(True for _ in held_by_class(project, site))
