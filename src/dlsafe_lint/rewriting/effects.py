"""What statements at a file's top level do besides giving names values, and whether they can be repeated in workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from dlsafe_lint.apis import BUILTINS, effects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.apis.effects import Effect
    from dlsafe_lint.rewriting.captures import File

_QUIET = frozenset({"nothing", "output"})
_MANY = 50


def qualified(file: File, node: cst.BaseExpression) -> str:
    """Return the dotted name of what an imported name or an attribute of one is, "" for anything else.

    Args:
        file: the file.
        node: the expression: ``np.random.seed``, ``os.environ["X"]``.
    """
    attributes: list[str] = []
    while isinstance(node, (cst.Attribute, cst.Subscript)):
        if isinstance(node, cst.Attribute):
            attributes.insert(0, node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return ""
    if not file.facts.scopes[0].bindings.get(node.value) and node.value in BUILTINS:
        return ".".join([node.value, *attributes])
    for statement in file.facts.imports:
        for each in statement.names:
            if each.asname == node.value or (each.asname is None and each.name.partition(".")[0] == node.value):
                module = f"{statement.module}." if statement.is_from and statement.module else ""
                name = each.name if each.asname or statement.is_from else node.value
                return ".".join([module + name, *attributes])
    return ".".join([node.value, *attributes]) if is_imported(file, node) else ""  # a star may bring it


def is_imported(file: File, node: cst.BaseExpression) -> bool:
    """Tell whether an expression is a name that an import binds, or an attribute of one."""
    while isinstance(node, (cst.Attribute, cst.Subscript)):
        node = node.value
    if not isinstance(node, cst.Name):
        return False
    bindings = file.facts.scopes[0].bindings.get(node.value, ())
    if not bindings and node.value not in BUILTINS:
        return any(each.name == "*" for statement in file.facts.imports for each in statement.names)
    return bool(bindings) and all(each.how == "import" for each in bindings)


def callee(file: File, call: cst.Call) -> str:
    """Return the qualified name of the library function or builtin that a call calls, "" where that isn't known."""
    known = file.facts.calls[file.tree.numbers[call]] if call in file.tree.numbers else None
    name = file.project.callee(file.facts, known) if known is not None else ""
    return name or qualified(file, call.func)


def running(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a statement and what runs with it, not the bodies of functions in it."""
    stack: list[cst.CSTNode] = [node]
    while stack:
        at = stack.pop()
        yield at
        if isinstance(at, (cst.FunctionDef, cst.Lambda)):
            stack.extend(child for child in at.children if child is not at.body)
        else:
            stack.extend(at.children)


def effects_of(file: File, node: cst.CSTNode) -> set[Effect]:
    """Return what a statement does, also in the file's functions that it calls."""
    found: set[Effect] = set()
    for each in _followed(file, node):
        match each:
            case cst.Call(func=func):
                found.add(_effect(file, each, func))
            case cst.AssignTarget(target=cst.Attribute() | cst.Subscript() as target) if is_imported(file, target):
                found.add("settings")
    return found - {"nothing"}


def _effect(file: File, call: cst.Call, func: cst.BaseExpression) -> Effect:
    if isinstance(func, cst.Name) and _function(file, func.value) is not None:
        return "nothing"  # it is followed
    found = effects.effect_of(callee(file, call))
    if found == "anything" and isinstance(func, cst.Attribute) and not is_imported(file, func):
        return effects.effect_of_method(func.attr.value)
    return found


def _followed(file: File, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield what runs with a statement, and with the functions of the file that it calls by name."""
    seen: set[str] = set()
    todo: list[cst.CSTNode] = [node]
    while todo and len(seen) < _MANY:
        for each in running(todo.pop()):
            yield each
            if isinstance(each, cst.Call) and isinstance(each.func, cst.Name) and each.func.value not in seen:
                seen.add(each.func.value)
                if (function := _function(file, each.func.value)) is not None:
                    todo.append(function.body)


def _function(file: File, name: str) -> cst.FunctionDef | None:
    """Return the function of the file with a name that is bound to nothing else."""
    bindings = file.facts.scopes[0].bindings.get(name, ())
    if len(bindings) != 1 or bindings[0].how != "def":
        return None
    node = file.tree.statements[bindings[0].statement]
    return node if isinstance(node, cst.FunctionDef) else None


def conflict(first: set[Effect], second: set[Effect]) -> bool:
    """Tell whether the order of two statements matters, as far as it is known what they do."""
    first, second = first - _QUIET, second - _QUIET
    return bool(first & second or (first and "anything" in second) or (second and "anything" in first))


def is_once(file: File, node: cst.CSTNode) -> bool:
    """Tell whether a statement fails, asks again or destroys what is there where it is run a second time."""
    asked = isinstance(node, (cst.If, cst.Try))  # `if not os.path.exists(folder): os.mkdir(folder)`
    for each in _followed(file, node):
        if not isinstance(each, cst.Call):
            continue
        name = callee(file, each)
        makes = name == "os.mkdir" or name in effects.UNLESS_TOLD
        if (
            isinstance(each.func, cst.Attribute)
            and each.func.attr.value == "mkdir"
            and not is_imported(file, each.func)
        ):
            makes, name = True, "pathlib.Path.mkdir"
        told = effects.UNLESS_TOLD.get(name, "exist_ok")
        if makes:
            if not asked and not any(arg.keyword and arg.keyword.value == told for arg in each.args):
                return True
        elif name in effects.ONCE or (name in effects.OPENERS and _empties(each)):
            return True
    return False


def _empties(call: cst.Call) -> bool:
    """Whether ``open`` or the like empties or makes the file."""
    modes = (1, "mode", "filemode")
    given = [arg.value for at, arg in enumerate(call.args) if (arg.keyword.value if arg.keyword else at) in modes]
    return any(isinstance(each, cst.SimpleString) and set(each.raw_value) & {"w", "x"} for each in given)


def settings_of(file: File, node: cst.CSTNode, *, loaders: bool) -> list[str]:
    """Return what a statement sets that workers lack where only the program runs it, as it stands in the file.

    What the called functions of libraries do that we don't know may be that, too.

    Args:
        file: the file.
        node: the statement.
        loaders: whether all workers are those of loaders.
    """
    code = file.tree.module.code_for_node
    found = []
    direct = {id(each) for each in running(node)}
    for each in _followed(file, node):
        match each:
            case cst.Expr(value=cst.Call(func=func) as call):
                name = callee(file, call)
                known = effects.is_repeatable(name)
                own = isinstance(func, cst.Name) and _function(file, func.value) is not None
                opaque = id(each) in direct and not own and is_imported(file, func)
                unknown = opaque and effects.effect_of(name) == "anything"
                if (known or unknown) and effects.is_missed(name or code(func), loaders=loaders):
                    found.append(f"{code(func)}()")
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute() | cst.Subscript() as target)]):
                name = qualified(file, target)
                if name and is_imported(file, target) and effects.is_missed(name, loaders=loaders):
                    found.append(code(target))
    return found


def is_check(file: File, node: cst.CSTNode) -> bool:
    """Tell whether a statement may end the program: ``if len(sys.argv) < 2: sys.exit("…")``, an assertion."""
    for each in running(node):
        if isinstance(each, (cst.Raise, cst.Assert)):
            return True
        if isinstance(each, cst.Call) and callee(file, each) in ("sys.exit", "exit", "quit"):
            return True
    return False


def is_repeatable(file: File, node: cst.CSTNode) -> bool:
    """Tell whether a statement is a call of a library that only sets something, the same however often it is made."""
    match node:
        case cst.Expr(value=cst.Call() as call):
            return effects.is_repeatable(callee(file, call))
    return False


def is_in_place(file: File, call: cst.Call) -> bool:
    """Tell whether a call is one of a library that changes what it is given: ``nn.init.zeros_(net.weight)``."""
    return effects.changes_arguments(callee(file, call))


def changes_arguments(file: File, call: cst.Call) -> bool:
    """Tell whether a call may change what it is given: any but those of libraries that are known not to.

    Args:
        file: the file.
        call: the call.
    """
    name = callee(file, call)
    if not name:
        return True
    if effects.changes_arguments(name):
        return True
    known = file.facts.calls[file.tree.numbers[call]] if call in file.tree.numbers else None
    return known is None or any(value.kind != "external" for value in file.project.called(file.facts, known))
