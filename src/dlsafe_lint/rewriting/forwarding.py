"""Lambdas that only pass what they are given on to a function of the project: that can be handed over itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dlsafe_lint.facts import Name, dotted
from dlsafe_lint.project import Where
from dlsafe_lint.rewriting.captures import binder, inside, is_guarded
from dlsafe_lint.rewriting.functions import Handed, is_constant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlsafe_lint.facts import Scope
    from dlsafe_lint.project import Site, Value
    from dlsafe_lint.rewriting.captures import Captures, File


class Forward(NamedTuple):
    """What does the same as a lambda: a function, and what it is handed besides the lambda's arguments."""

    function: cst.BaseExpression
    handed: list[Handed]


def forward(file: File, found: cst.Lambda, taken: Captures, before: int) -> Forward | None:
    """Return the function of the project that a lambda only passes its arguments on to, None if it does more.

    Args:
        file: the file.
        found: the lambda.
        taken: what it takes from around it.
        before: the number of a statement; what is bound further down might not be there yet.
    """
    call = found.body
    if not isinstance(call, cst.Call) or taken.definitions or taken.imports:
        return None
    if any(isinstance(node, cst.Comment) for node in inside(found)):
        return None
    names = _plain_params(found)
    passed = [each.value.value for each in call.args if _is_plain(each) and isinstance(each.value, cst.Name)]
    if names is None or passed[: len(names)] != names or not all(map(_is_plain, call.args[: len(names)])):
        return None
    scope = _function(file, call, before)
    if scope is None or not _can_be_called_so(file, names, scope):
        return None
    more = call.args[len(names) :]
    if not more and not taken.values:
        return Forward(call.func.with_changes(lpar=(), rpar=()), [])
    handed = _handed(file, call, scope, more, len(names))
    if handed is None or {each.value.value for each in handed if isinstance(each.value, cst.Name)} < set(taken.values):
        return None
    if not all(is_constant(each.value) or _is_one_of(each.value, taken.values) for each in handed):
        return None
    return Forward(call.func, handed) if taken.values else None


def _is_plain(arg: cst.Arg) -> bool:
    return arg.keyword is None and not arg.star


def _is_one_of(value: cst.BaseExpression, names: dict[str, int]) -> bool:
    return isinstance(value, cst.Name) and value.value in names


def _plain_params(found: cst.Lambda) -> list[str] | None:
    """Return the names of a lambda's parameters, None if it has any that are not just positional."""
    params = found.params
    if params.kwonly_params or params.star_kwarg or isinstance(params.star_arg, (cst.Param, cst.ParamStar)):
        return None
    plain = (*params.posonly_params, *params.params)
    return None if any(each.default for each in plain) else [each.name.value for each in plain]


def _function(file: File, call: cst.Call, before: int) -> Scope | None:
    """Return the function or class that a call calls, if the name that it has here is one that pickle finds it by."""
    root, base = call.func, None
    if isinstance(root, cst.Attribute):
        root = base = root.value
    if not isinstance(root, cst.Name) or binder(file, root) != 0 or is_guarded(file.facts, root.value):
        return None
    top = file.facts.scopes[0]
    bindings = top.bindings.get(root.value, ())
    if len(bindings) != 1 or bindings[0].how not in ("def", "class", "import") or bindings[0].block != top.body:
        return None
    made = file.facts.calls[file.tree.numbers[call]]
    if bindings[0].statement >= before:
        return None
    if base is not None:
        owners = file.project.values(Name(root.value), Where(file.facts, 0, before))
        if len(owners) != 1 or owners[0].kind not in ("class", "module"):
            return None
    values = file.project.called(file.facts, made)
    return _found_by_name(file, values[0]) if len(values) == 1 else None


def _found_by_name(file: File, value: Value) -> Scope | None:
    """Return the function or class that a value is, if it is bound once where it is defined, and is what it seems."""
    if value.kind not in ("function", "class") or value.site is None:
        return None
    site: Site = value.site
    facts = file.project.modules[site.path]
    scope = facts.scopes[site.scope]
    outer = facts.scopes[scope.parent]
    if len(outer.bindings.get(scope.name, ())) != 1 or (is_guarded(facts, scope.name) and scope.parent == 0):
        return None
    if scope.parent == 0:
        return None if scope.decorators else scope
    is_method = outer.kind == "class" and outer.parent == 0 and value.kind == "function"
    of_class = {dotted(each) for each in scope.decorators} <= {"classmethod", "staticmethod"}
    return scope if is_method and of_class else None


def _can_be_called_so(file: File, names: Sequence[str], scope: Scope) -> bool:
    """Whether nobody calls something by a keyword that the lambda has and the function has not."""
    own = {param.name for param in scope.params}
    other = {name for name in names if name not in own}
    return not other or not any(
        keyword in other
        for facts in file.project.modules.values()
        for call in facts.calls
        for keyword, _ in call.keywords
    )


def _handed(file: File, call: cst.Call, scope: Scope, more: Sequence[cst.Arg], first: int) -> list[Handed] | None:
    """Return further arguments of a call by the names of the parameters, None where those are not known.

    Args:
        file: the file.
        call: the call.
        scope: the function that it calls.
        more: the arguments.
        first: how many arguments come before.
    """
    node = next(
        (
            each
            for each in file.tree.module.body
            if isinstance(each, cst.FunctionDef)
            and isinstance(call.func, cst.Name)
            and each.name.value == call.func.value
        ),
        None,
    )
    if node is None or scope.kind != "function" or node.params.posonly_params:
        return None
    names = [each.name.value for each in node.params.params]
    handed = []
    for index, arg in enumerate(more, first):
        if arg.star or (arg.keyword is None and index >= len(names)):
            return None
        handed.append(Handed(arg.keyword.value if arg.keyword else names[index], arg.value))
    passed_first = set(names[:first])
    return None if first > len(names) or any(each.name in passed_first for each in handed) else handed
