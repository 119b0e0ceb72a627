"""What a function that was a lambda is called: its name comes from the place that it had, and clashes with nothing."""

from __future__ import annotations

import itertools
import keyword
import re
from typing import TYPE_CHECKING

import libcst as cst

from dlsafe_lint.apis import BUILTINS
from dlsafe_lint.facts import Lambda, walk
from dlsafe_lint.rewriting.captures import binder, scope_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.rewriting.captures import File

_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "collate_fn": ("collate", "collate_batch"),
    "worker_init_fn": ("init_worker",),
    "transform": ("transform_item",),
    "target_transform": ("transform_target",),
    "default": ("make_default",),
}
"""What else to call a function with such a role where that name is taken."""

_ROLES_OF_METHODS = {"map": "transform", "filter": "is_kept", "select": "is_kept", "compose": "transform"}
"""The role of what is passed to a method of a stream of items."""

_HOLDERS = {"Compose": "transform", "Lambda": "transform", "Sequential": "transform", "partial": "", "list": ""}
"""What passes its function on: the name comes from the code around it, or else from here."""

_MAKERS = ("make_", "get_", "create_", "build_", "resolve_", "select_", "choose_")
_TELL_LITTLE = frozenset({"apply", "call", "forward", "func", "function", "get", "item", "run", "transform"})
"""Methods and functions that say nothing of what somebody who calls them does."""

_VAGUE = frozenset({"lambd", "fun", "transforms", "default_factory"})
"""Words that say nothing of what a function does."""


def role(file: File, found: cst.Lambda, otherwise: str) -> str:
    """Return what a lambda is called by the code around it.

    The argument, attribute, key or variable that it is, or that the collection or transform around it is.

    Args:
        file: the file.
        found: the lambda.
        otherwise: what the argument is called that workers are handed; used where the code has no better word.
    """
    words = fallback = ""
    default = several = False
    node: cst.CSTNode = found
    for around in file.tree.enclosing(found):
        match around:
            case cst.Arg(keyword=cst.Name(value=word)) if word not in _VAGUE:
                words = word
            case cst.Call():
                holder = _HOLDERS.get(_tail(around))
                words = "" if holder is not None else _of_argument(file, around, node, found, otherwise)
                fallback = fallback or holder or ""
                if holder is None and not words:
                    break
            case cst.DictElement(key=cst.SimpleString() as key) if around.value is node:
                words = str(key.evaluated_value)
            case cst.List() | cst.Tuple() | cst.Set():
                several = True
            case cst.BooleanOperation():
                default = True
            case cst.IfExp():
                other = around.orelse if around.body is node else around.body
                default = default or (isinstance(other, cst.Name) and other.value in _params_around(file, found))
            case cst.Param():
                default = True
                words = around.name.value
            case cst.Assign(targets=[cst.AssignTarget(target=target), *_]) | cst.AnnAssign(target=target):
                # a variable that holds the function among others has a name of its own
                words = "" if fallback and isinstance(target, cst.Name) else _of_target(target, several=several)
            case cst.Return():
                words = _of_maker(file, around)
        if words or isinstance(around, cst.BaseSmallStatement):
            break
        node = around
    wanted = _clean(words) or fallback or otherwise or "work"
    return f"default_{wanted}" if default and wanted in _params_around(file, found) else wanted


def _tail(call: cst.Call) -> str:
    """Return the last part of the name of what is called."""
    match call.func:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
    return ""


def _of_argument(file: File, call: cst.Call, argument: cst.CSTNode, found: cst.Lambda, otherwise: str) -> str:
    """Return what the parameter of a call is called that gets the lambda, "" where the code does not tell."""
    tail = _tail(call)
    if tail == "defaultdict":
        return "default"
    if isinstance(call.func, cst.Attribute):
        if tail in _ROLES_OF_METHODS and argument is call.args[0] and otherwise not in ("func", "fn"):
            return _ROLES_OF_METHODS[tail]
        if tail in ("append", "insert", "add"):
            return _of_target(call.func.value, several=True)
    made = file.facts.calls[file.tree.numbers[call]]
    number = file.tree.numbers[found]
    for value in file.project.called(file.facts, made):
        site = value.site
        if value.kind == "class" and site is not None:
            site = file.project.method(site, "__init__")
        bound = file.project.bind(site, file.facts, made) if site is not None else None
        for name, (expr, _) in (bound.args if bound is not None else {}).items():
            if any(isinstance(part, Lambda) and part.number == number for part in walk(expr)) and name not in _VAGUE:
                return name
    return ""


def _of_target(target: cst.BaseExpression, *, several: bool = False) -> str:
    """Return what something that is assigned to a target is called."""
    match target:
        case cst.Name(value=word) | cst.Attribute(attr=cst.Name(value=word)):
            return _clean(word, several=several)
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]):
            return str(key.evaluated_value)
        case cst.Subscript(value=value):
            return _of_target(value, several=True)
    return ""


def _of_maker(file: File, node: cst.CSTNode) -> str:
    """Return what a function that returns a lambda is named after: ``make_transform`` makes a transform."""
    for around in file.tree.enclosing(node):
        if isinstance(around, cst.FunctionDef):
            word = around.name.value.lstrip("_")
            for prefix in _MAKERS:
                if word.startswith(prefix):
                    return word.removeprefix(prefix)
            return ""
    return ""


def _clean(words: str, *, several: bool = False) -> str:
    """Return words as the name of a function, in the singular if it is one of several; "" where they are no name."""
    name = words.strip("_")
    name = name.lower() if name.isupper() else name
    if several:
        name = name.removesuffix("_list")
    if several and name.endswith("s") and not name.endswith("ss") and len(name) > 2:
        name = name[:-1]
    if name in _VAGUE or len(name) < 2:
        return ""
    usable = name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and name == name.lower()
    return name if usable else ""


def _params_around(file: File, node: cst.CSTNode) -> set[str]:
    found: set[str] = set()
    for around in file.tree.enclosing(node):
        if isinstance(around, cst.FunctionDef):
            found.update(each.name.value for each in (*around.params.params, *around.params.kwonly_params))
    return found


def fresh(file: File, wanted: str, taken: set[str], found: cst.Lambda | None = None, around: str = "") -> str:
    """Return the name, or one like it, that nothing in the file is called and no other module expects there.

    Args:
        file: the file.
        wanted: what it should be called.
        taken: further names that are none.
        found: the lambda that gets the name, which may be called after what it calls.
        around: the name of the function or class that it is taken out of.
    """
    nodes = [node for node in file.tree.parents if isinstance(node, cst.Name)]
    attributes = {node for node in nodes if _is_attribute(file, node)}
    used = set(BUILTINS) | taken | _expected(file) | {node.value for node in nodes if node not in attributes}
    for scope in file.facts.scopes:
        used.update(scope.bindings, scope.declared, (param.name for param in scope.params))
    mentioned = used | {node.value for node in attributes}
    called = _of_call(found, used) if found is not None and wanted in mentioned else ""
    return called or next(name for name in _candidates(wanted, around) if name not in mentioned)


def _is_attribute(file: File, node: cst.Name) -> bool:
    parent = file.tree.parents[node]
    return isinstance(parent, cst.Attribute) and parent.attr is node


def _of_call(found: cst.Lambda, used: set[str]) -> str:
    """Return what a lambda that is a single call is named after, "" if that is taken or says little.

    ``lambda image: image.crop(box)`` is ``crop``; where that is a name of the file, ``crop_image``.
    """
    call = found.body
    name = _tail(call) if isinstance(call, cst.Call) else ""
    if _clean(name) != name or len(name) < 3 or name in _TELL_LITTLE:
        return ""
    params = [each.name.value for each in found.params.params[:1] if len(each.name.value) > 2]
    return next((each for each in (name, *(f"{name}_{param}" for param in params)) if each not in used), "")


def _candidates(wanted: str, around: str) -> Iterator[str]:
    private = "_" if wanted.startswith("_") else ""
    plain = wanted.removeprefix(private)
    others = _OTHER_NAMES.get(plain, () if plain.endswith("_fn") else (f"{plain}_fn",))
    names = [f"{private}{other}" for other in others]
    if around and plain not in around:
        names.append(f"{private}{around}_{plain}")
    return itertools.chain([wanted], names, (f"{wanted}_{number}" for number in itertools.count(2)))


def around(file: File, node: cst.CSTNode) -> str:
    """Return the name of the function around a node, or of the class of a constructor, as the start of a name."""
    for each in file.tree.enclosing(node):
        if isinstance(each, (cst.FunctionDef, cst.ClassDef)):
            name = each.name.value
            if not (name.startswith("__") and name.endswith("__")):
                words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
                return words.strip("_").lower()
    return ""


def kept(file: File, name: str, scope: int, uses: list[cst.Name], taken: set[str], piece: cst.CSTNode) -> str:
    """Return the name of a local function or class under which the module can have it: its own, if that means nothing.

    Args:
        file: the file.
        name: what it is called.
        scope: the scope that binds it.
        uses: where it is used.
        taken: further names that it can't have.
        piece: the function or class.
    """
    if scope == 0:
        return name
    facts = file.facts
    elsewhere = [node for node in file.tree.names(name) if node not in uses and binder(file, node) in (0, -1)]
    between = any(
        name in facts.scopes[each].bindings
        for each in {0, *(up for use in uses for up in _scopes_up(file, use))}
        if each != scope
    )
    if name in BUILTINS or name in taken or name in _expected(file) or elsewhere or between:
        return fresh(file, name, taken, around=around(file, piece) if name.islower() else "")
    return name


def _scopes_up(file: File, node: cst.CSTNode) -> Iterator[int]:
    at = scope_at(file, node)
    while at >= 0:
        yield at
        at = file.facts.scopes[at].parent


def _expected(file: File) -> frozenset[str]:
    """Return the names that other modules look for in this one: what they import from it, and its submodules."""
    facts, project = file.facts, file.project

    def names() -> frozenset[str]:
        own = facts.name.rpartition(".")[2]
        found: set[str] = set()
        for importer in project.modules.values():
            for statement in importer.imports:
                tail = (statement.module or "").rpartition(".")[2]
                if not statement.is_from or tail not in (own, ""):
                    continue
                if project.find(importer, statement.module or "", statement.level) == facts.path:
                    found.update(each.name for each in statement.names)
        if facts.is_package:
            folder = f"{facts.path.rpartition('/')[0]}/"
            inner = (path.removeprefix(folder) for path in project.modules if path.startswith(folder))
            found.update(path.partition("/")[0].removesuffix(".py") for path in inner)
        return frozenset(found)

    return project.answer(("names that others expect", facts.path), names)
