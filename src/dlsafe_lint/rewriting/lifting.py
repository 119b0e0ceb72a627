"""Moves lambdas, local functions and local classes to module level, where workers find them by their names.

What they take from the functions around them is handed over by `functools.partial`; a lambda that uses `self` becomes a
method. Where that would mean something else, or could not be sent either, there is no fix but advice.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dlsafe_lint.analysis.holdings import Spot
from dlsafe_lint.apis import BUILTINS
from dlsafe_lint.facts import Name
from dlsafe_lint.project import Site, Where
from dlsafe_lint.rewriting import naming
from dlsafe_lint.rewriting.captures import (
    Captures,
    File,
    Piece,
    binder,
    captures,
    carries,
    inside,
    is_early,
    is_guarded,
    names_in,
    own_scope,
    scope_at,
    why_not_pickled,
    why_not_sent,
)
from dlsafe_lint.rewriting.forwarding import Forward, forward
from dlsafe_lint.rewriting.functions import Handed, from_lambda, is_constant, moved, with_more_arguments, with_names
from dlsafe_lint.rewriting.lazy_property import line_length
from dlsafe_lint.rewriting.placing import Change, Line, draft, number_of, partial_at, top_of
from dlsafe_lint.suppressions import is_for_other_checkers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import TypeGuard

    from dlsafe_lint.finding import Place
    from dlsafe_lint.rule import Draft

_SAME_WHEREVER = frozenset(
    {
        "torch.no_grad",
        "torch.inference_mode",
        "torch.enable_grad",
        "contextlib.contextmanager",
        "dataclasses.dataclass",
        "typing.final",
        "typing.no_type_check",
        "property",
        "staticmethod",
        "classmethod",
    }
)
"""Decorators that mean the same when they run once, on import; their result has the name of what they decorate."""

_DESCRIBING = frozenset({"dataclasses.field", "functools.partial", "typing.TypeVar", "typing.NewType"})
"""What only keeps what it is given, and calls none of it then."""

_COMPUTING = frozenset(
    {
        "tuple", "list", "dict", "set", "frozenset", "range", "slice", "str", "int", "float", "bool", "bytes",
        "len", "min", "max", "sum", "abs", "round", "sorted", "re.compile", "pathlib.Path", "os.path.join",
        "collections.OrderedDict", "collections.namedtuple",
    }
)  # fmt: skip
"""What gives the same result for the same constants whenever it is called, and does nothing else."""

_LOOK_AROUND = frozenset({"locals", "vars", "eval", "exec"})
_KNOWN_BASES = ("torch.utils.data.", "typing.", "object", "abc.ABC")
"""How the library classes start whose attributes we know: a method that is added to a subclass hides none of them."""

_HAND_OVER = "Hand over "

_NO_SPACE = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


_IN_NOTEBOOK = (
    "write it as a function of a module, and import that (`%%writefile` makes a module of a cell): "
    "a worker finds no function of the notebook"
)


class Lift(NamedTuple):
    """What becomes of a callable: the fix, None if there is none, and in words what to do."""

    draft: Draft | None
    help: str


class _Definition(NamedTuple):
    """Something with a name that moves: its name, the scope that binds it, what it is, and the line to take out."""

    name: str
    scope: int
    piece: Piece
    line: Line


class _NotLiftedError(Exception):
    """There is no fix; the message says why and what to do by hand."""


def lift_lambda(file: File, found: cst.Lambda, role: str, given: dict[str, str]) -> Lift:
    """Return how a lambda becomes a function of the module, or a method.

    Args:
        file: the file.
        found: the lambda.
        role: what workers call it ("collate_fn"), where the code has no better word.
        given: the names that were given so far, with what each stands for; the new ones are added.
    """
    if file.facts.is_notebook:
        return Lift(None, _IN_NOTEBOOK)
    taken = captures(file, found)
    try:
        made = _lambda(file, found, role, taken, given)
    except _NotLiftedError as why:
        return Lift(None, f"write it as a function at module level: {why}")
    if made.title.endswith("method"):
        return Lift(made, "write it as a method")
    if made.title.startswith(_HAND_OVER):
        return Lift(made, f"h{made.title[1:]}{_with_partial(_quoted(name) for name in taken.values)}")
    receiver = _receiver(file, taken)
    names = (f"attributes of `{name}`" if name == receiver else f"`{name}`" for name in taken.values)
    return Lift(made, f"write it as a function at module level{_with_partial(names)}")


def lift_definition(file: File, name: str, place: Place, given: dict[str, str]) -> Lift:
    """Return how a function or class, defined inside a function or under the main guard, becomes one of the module.

    Args:
        file: the file in which it is handed to workers.
        name: its name.
        place: where it is defined.
        given: the names that were given so far, with what each stands for; the new ones are added.
    """
    facts = file.facts
    if place.path != facts.path:
        where = f"in `{place.path.rpartition('/')[2]}`"
        return Lift(None, f"define `{name}` at module level {where}; what it takes from around it becomes an argument")
    if facts.is_notebook:
        return Lift(None, _IN_NOTEBOOK)
    found = (each for each in facts.scopes if each.line == place.line and each.name == name)
    scope = next(each for each in found if each.kind in ("function", "class"))
    while facts.scopes[scope.parent].kind == "class":
        scope = facts.scopes[scope.parent]
    node = file.tree.statements[scope.statement]
    assert isinstance(node, (cst.FunctionDef, cst.ClassDef))
    try:
        made = _definition(file, _Definition(scope.name, scope.parent, node, node), given)
    except _NotLiftedError as why:
        return Lift(None, f"define `{scope.name}` at module level: {why}")
    return Lift(
        made, f"define `{scope.name}` at module level{_with_partial(map(_quoted, captures(file, node).values))}"
    )


def _with_partial(words: Iterable[str]) -> str:
    listed = ", ".join(words)
    return f" and hand {listed} over by `functools.partial`" if listed else ""


def _quoted(name: str) -> str:
    return f"`{name}`"


def _words(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _both(definitions: Iterable[_Definition], handed: Iterable[Handed]) -> str:
    """Say that something takes both functions and values from around it."""
    return f"pass {_words([*(each.name for each in definitions), *(each.name for each in handed)])} on as arguments"


# --- lambdas ---


def _lambda(file: File, found: cst.Lambda, role: str, taken: Captures, given: dict[str, str]) -> Draft:
    _check(file, found)
    variable = _variable(file, found)
    if variable is not None and variable.scope == 0 and not is_guarded(file.facts, variable.name):
        if guarded := (*taken.values, *taken.definitions, *taken.imports):
            raise _NotLiftedError(f"it uses {_words(guarded)}, which workers don't have: put that above the main guard")
        return _in_place(file, found, variable)
    receiver = _receiver(file, taken)
    passed_on = forward(file, found, taken, number_of(file, _top(file, found))) if receiver is None else None
    if passed_on is not None and (not passed_on.handed or _open_call(file, found) is None):
        return _forwarded(file, found, taken, passed_on)
    if variable is not None and receiver is None:
        return _definition(file, variable, given)
    wanted = naming.role(file, found, role)
    if wanted == "default" and any(isinstance(node, cst.Lambda) for node in inside(found.body)):
        raise _NotLiftedError("what it returns holds a lambda, which can't be sent either")
    handed = [*_defaults(file, found), *_values(file, found, taken, receiver)]
    body = found
    if receiver is not None:
        body, attributes = _attributes(file, found, receiver, taken.values[receiver])
        if not attributes:
            return _method(file, found, receiver, wanted, handed, given)
        handed += attributes
    others = _companions(file, taken)
    if others and handed:
        raise _NotLiftedError(_both(others, handed))
    change = Change(_top(file, found))
    _move(file, others, change, given, user=found)
    imports = _imports(file, found, change)
    name = None if others else _existing_lambda(file, found, body, handed, imports, change)
    title = f"Use `{name}`, which does the same"
    if name is None:
        name = _new_name(file, found, wanted, given)
        function = from_lambda(file.tree.module, body, name, handed=handed, first=imports)
        change.functions.append(_whole(function))
        change.defines.append(name)
        title = f"Make the lambda a function of the module, `{name}`"
    _hand_over(file, found, cst.Name(name), handed, change)
    imports += [line for each in others for line in _imports(file, each.piece, change)]
    return draft(file, title, change, "unsafe" if handed or imports else "safe")


def _forwarded(file: File, found: cst.Lambda, taken: Captures, passed_on: Forward) -> Draft:
    """Return the fix that hands over the function that the lambda calls."""
    _values(file, found, taken)
    change = Change(_top(file, found))
    _hand_over(file, found, passed_on.function, passed_on.handed, change)
    title = f"{_HAND_OVER}`{_code(file, passed_on.function)}` itself"
    return draft(file, title, change, "unsafe" if passed_on.handed else "safe")


def _variable(file: File, found: cst.Lambda) -> _Definition | None:
    """Return the variable that is bound to the lambda alone, once and for all."""
    tree, facts = file.tree, file.facts
    assign = tree.parents[found]
    line = tree.parents[assign]
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return None
    match assign:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))]):
            comment = line.trailing_whitespace.comment
            if comment is not None and comment.value.startswith("# type:"):
                return None
        case cst.AnnAssign(target=cst.Name(value=name), annotation=annotation) if _types(annotation, found):
            # the types of a local variable are never looked up, those of a function are
            top = _top(file, line)
            names = () if facts.future_annotations else names_in(file, annotation)
            if line is not top and not all(_is_there(file, each, top) for each in names):
                return None
        case _:
            return None
    scope = scope_at(file, assign)
    bindings = [each for each in facts.scopes[scope].bindings.get(name, ()) if each.how != "annotation"]
    if len(bindings) != 1 or name in facts.scopes[scope].declared or facts.scopes[scope].kind == "class":
        return None
    if scope == 0 and tree.parents[line] is not tree.module and not is_guarded(facts, name):
        return None
    return _Definition(name, scope, found, line)


def _types(annotation: cst.Annotation, found: cst.Lambda) -> tuple[list[cst.Annotation], cst.Annotation] | None:
    """Return the types of the parameters and of the result that ``Callable[[A, B], R]`` gives a lambda."""
    params = found.params
    match annotation.annotation:
        case cst.Subscript(
            value=cst.Name(value="Callable") | cst.Attribute(attr=cst.Name(value="Callable")),
            slice=[
                cst.SubscriptElement(slice=cst.Index(value=cst.List(elements=elements))),
                cst.SubscriptElement(slice=cst.Index(value=result)),
            ],
        ) if len(elements) == len(params.params) and not (params.posonly_params or params.kwonly_params):
            types = [cst.Annotation(each.value) for each in elements if isinstance(each, cst.Element)]
            if len(types) == len(elements):
                return types, cst.Annotation(result)
    return None


def _typed(file: File, function: cst.FunctionDef, found: cst.Lambda) -> cst.FunctionDef:
    """Return the function with the types that the annotation of the variable gave the lambda."""
    assign = file.tree.parents[found]
    types = _types(assign.annotation, found) if isinstance(assign, cst.AnnAssign) else None
    if types is None:
        return function
    params, result = types
    typed = [
        param.with_changes(annotation=each, equal=cst.AssignEqual() if param.default else cst.MaybeSentinel.DEFAULT)
        for param, each in zip(function.params.params, params, strict=False)
    ]
    rest = function.params.params[len(params) :]
    return function.with_changes(params=function.params.with_changes(params=[*typed, *rest]), returns=result)


def _in_place(file: File, found: cst.Lambda, variable: _Definition) -> Draft:
    """Return the fix that makes a variable of the module a function of that name, where it stands."""
    line = variable.line
    if not isinstance(line, cst.SimpleStatementLine) or _defaults(file, found):
        raise _NotLiftedError("its defaults are values of that moment")
    function = from_lambda(file.tree.module, found, variable.name, trailing=line.trailing_whitespace)
    change = Change(line, instead=_typed(file, _whole(function), found))
    return draft(file, f"Make `{variable.name}` a function", change, "safe")


def _whole(function: cst.FunctionDef | None) -> cst.FunctionDef:
    if function is None:
        raise _NotLiftedError("its comments would get lost")
    return function


def _defaults(file: File, found: cst.Lambda) -> list[Handed]:
    """Return the defaults of a lambda that are values of the moment (``lambda x, i=i: ...``): they are handed over."""
    facts = file.facts
    scope = facts.scopes[own_scope(file, found)]
    where = Where(facts, scope.parent, scope.statement)
    exprs = {each.name: each.default for each in scope.params}
    made = []
    for param in (*found.params.posonly_params, *found.params.params, *found.params.kwonly_params):
        expr = exprs.get(param.name.value)
        if param.default is None or expr is None or _is_settled(file, found, param.default):
            continue
        if why := why_not_pickled(file.project, expr, where, f"`{param.name.value}`"):
            raise _NotLiftedError(why)
        if param in found.params.posonly_params:
            raise _NotLiftedError(f"the default of `{param.name.value}` is a value of that moment")
        made.append(Handed(param.name.value, param.default))
    return made


def _is_settled(file: File, found: cst.Lambda, default: cst.BaseExpression) -> bool:
    """Whether a default is the same where the function will stand: a constant, or a name that the module binds once."""
    if not isinstance(default, cst.Name) or is_constant(default):
        return is_constant(default)
    bindings = file.facts.scopes[0].bindings.get(default.value, ())
    if binder(file, default) != 0 or len(bindings) != 1 or is_guarded(file.facts, default.value):
        return False
    return bindings[0].statement < number_of(file, _top(file, found))


def _values(file: File, piece: Piece, taken: Captures, receiver: str | None = None) -> list[Handed]:
    """Return the captured values, which are handed over by their own names.

    Raises:
        _NotLiftedError: one can't be.
    """
    at = file.facts.scopes[own_scope(file, piece)].statement
    made = []
    for name, scope in taken.values.items():
        if name == receiver:
            continue
        if why := why_not_sent(file, name, scope, piece, at):
            raise _NotLiftedError(why)
        made.append(Handed(name, cst.Name(name), _annotation(file, piece, name, scope)))
    return made


def _annotation(file: File, piece: Piece, name: str, scope: int) -> cst.Annotation | None:
    """Return the type of a parameter that is captured, for a function that has types itself."""
    function = file.tree.statements[file.facts.scopes[scope].statement] if scope > 0 else None
    if not isinstance(piece, cst.FunctionDef) or not isinstance(function, cst.FunctionDef):
        return None
    params = (*function.params.params, *function.params.kwonly_params)
    found = next((each.annotation for each in params if each.name.value == name), None)
    if found is None or not any(each.annotation for each in piece.params.params):
        return None
    return found if all(_is_there(file, each, _top(file, piece)) for each in names_in(file, found)) else None


def _new_name(file: File, found: cst.Lambda, wanted: str, given: dict[str, str]) -> str:
    """Return a name that is free; lambdas that are the same and do the same share it."""
    name = naming.fresh(file, wanted, _others(file, found, given), found, naming.around(file, found))
    given[name] = _code(file, found)
    return name


def _existing_lambda(
    file: File,
    found: cst.Lambda,
    body: cst.Lambda,
    handed: Sequence[Handed],
    imports: Sequence[cst.SimpleStatementLine],
    change: Change,
) -> str | None:
    """Return the name of a function further up in the module that is what the lambda would become."""
    for node in _functions_above(file, change.top):
        name = node.name.value
        made = from_lambda(file.tree.module, body, name, handed=handed, first=imports)
        if made is not None and _text(file, made) == _text(file, node):
            return name if file.facts.resolve(name, scope_at(file, found)) == 0 else None
    return None


def _functions_above(file: File, top: cst.CSTNode) -> list[cst.FunctionDef | cst.ClassDef]:
    """Return the functions and classes of the module that stand above a statement and are all that their names mean."""
    bindings = file.facts.scopes[0].bindings
    above = itertools.takewhile(lambda each: each is not top, file.tree.module.body)
    found = [node for node in above if isinstance(node, (cst.FunctionDef, cst.ClassDef))]
    return [node for node in found if len(bindings.get(node.name.value, ())) == 1]


def _text(file: File, node: cst.FunctionDef | cst.ClassDef) -> str:
    return file.tree.module.code_for_node(node.with_changes(leading_lines=(), lines_after_decorators=()))


def _hand_over(
    file: File, node: cst.BaseExpression, name: cst.BaseExpression, handed: Sequence[Handed], change: Change
) -> None:
    """Put the new name of a callable, with the values that are handed over, in its place."""
    parens = () if isinstance(node, cst.Lambda) else (*node.lpar, *node.rpar)
    if any(isinstance(each, cst.Comment) for paren in parens for each in inside(paren)):
        name = name.with_changes(lpar=node.lpar, rpar=node.rpar)
    if not handed:
        change.replacements[node] = name
        return
    arguments = [cst.Arg(each.value, cst.Name(each.name), equal=_NO_SPACE) for each in handed]
    call = _open_call(file, node)
    if call is None:
        partial = partial_at(file, node, change)
        if partial is None:
            raise _NotLiftedError(f"hand {_words(each.name for each in handed)} over by `functools.partial`")
        change.replacements[node] = cst.Call(partial, [cst.Arg(name), *arguments])
    elif call.func is node:
        change.replacements[call] = with_more_arguments(call.with_changes(func=name), arguments)
    else:
        first, *rest = call.args
        partial = call.with_changes(args=[first.with_changes(value=name), *rest])
        change.replacements[call] = with_more_arguments(partial, arguments)


def _open_call(file: File, node: cst.BaseExpression) -> cst.Call | None:
    """Return the call of the callable, or the `functools.partial` of it, that can take more arguments by name."""
    around = file.tree.parents[node]
    call = file.tree.parents[around] if isinstance(around, cst.Arg) else around
    if not isinstance(call, cst.Call) or any(each.star == "**" for each in call.args):
        return None
    if call.func is node:
        return call
    partial = file.project.callee(file.facts, file.facts.calls[file.tree.numbers[call]]) == "functools.partial"
    return call if partial and call.args[0] is around else None


def _imports(file: File, piece: Piece, change: Change | None = None) -> list[cst.SimpleStatementLine]:
    """Return the local imports that a function needs; those that nobody else needs move into it."""
    made = []
    within = set(inside(piece))
    for name, number in sorted(captures(file, piece).imports.items(), key=lambda pair: pair[::-1]):
        statement = file.tree.statements[file.facts.imports[number].statement]
        assert isinstance(statement, (cst.Import, cst.ImportFrom))
        names = () if isinstance(statement.names, cst.ImportStar) else statement.names
        alias = next(each for each in names if (each.evaluated_alias or each.evaluated_name.partition(".")[0]) == name)
        reduced = statement.with_changes(names=[alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)])
        if isinstance(reduced, cst.ImportFrom):
            reduced = reduced.with_changes(lpar=None, rpar=None)
        line = file.tree.parents[statement]
        made.append(_with_directive(cst.SimpleStatementLine([reduced]), line))
        scope = file.facts.imports[number].scope
        others = [each for each in file.tree.names(name) if each not in within and binder(file, each) == scope]
        tried = any(isinstance(each, (cst.Try, cst.TryStar)) for each in file.tree.enclosing(statement))
        if change is not None and len(names) == 1 and not others and not tried and _is_bare(line):
            change.gone.append(line)
            change.unbinds += [name] if scope == 0 else []
    return made


def _with_directive(made: cst.SimpleStatementLine, line: cst.CSTNode) -> cst.SimpleStatementLine:
    """Return an import with what its line tells type checkers and linters: ``# type: ignore``, ``# noqa``."""
    if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1:
        comment = line.trailing_whitespace.comment
        if comment is not None and is_for_other_checkers(comment.value):
            return made.with_changes(trailing_whitespace=line.trailing_whitespace)
    return made


def _is_bare(line: cst.CSTNode) -> TypeGuard[cst.SimpleStatementLine]:
    """Whether a line holds a single statement and no comment belongs to it."""
    return (
        isinstance(line, cst.SimpleStatementLine)
        and len(line.body) == 1
        and not any(isinstance(each, cst.Comment) for each in inside(line))
    )


# --- methods ---


def _receiver(file: File, taken: Captures) -> str | None:
    """Return the name of `self` if it is captured."""
    for name, scope in taken.values.items():
        owner = file.facts.scopes[scope]
        receiver = file.project.receiver(file.facts, owner)
        if receiver is not None and receiver.kind == "instance" and owner.params and owner.params[0].name == name:
            return name
    return None


def _attributes(file: File, found: cst.Lambda, receiver: str, scope: int) -> tuple[cst.Lambda, list[Handed]]:
    """Return a lambda that gets the attributes of `self` by themselves, and these; none where `self` can be sent.

    Only attributes that are set once, when the instance is made, have that value later as well.
    """
    facts, project = file.facts, file.project
    owner = facts.scopes[scope]
    site = Site(facts.path, owner.parent)
    if carries(file, site, Spot(facts.path, "lambda", file.tree.numbers[found])):
        return found, []
    at = facts.scopes[own_scope(file, found)].statement
    handed: dict[str, Handed] = {}
    renamed: dict[cst.CSTNode, cst.CSTNode] = {}
    for name in names_in(file, found):
        if name.value != receiver:
            continue
        node = file.tree.parents[name]
        stores = project.stores(site, node.attr.value) if isinstance(node, cst.Attribute) else []
        if not isinstance(node, cst.Attribute) or not stores or project.class_attribute(site, node.attr.value):
            return found, []
        attr = node.attr.value
        for there, store in stores:
            early = store.scope == scope and store.statement < at
            where = Where(there, store.scope, store.statement)
            made = there.scopes[store.scope].name == "__init__" and (owner.name != "__init__" or early)
            if not made or store.value is None or why_not_pickled(project, store.value, where, attr):
                return found, []
        names = {each.value for each in names_in(file, found)} | _params(found)
        if attr in names or attr.startswith("_"):
            return found, []
        renamed[node] = cst.Name(attr, lpar=node.lpar, rpar=node.rpar)
        handed[attr] = Handed(attr, node.with_changes(lpar=(), rpar=()))
    return with_names(found, renamed), list(reversed(handed.values()))


def _params(found: cst.Lambda) -> set[str]:
    return {each.name.value for each in inside(found.params) if isinstance(each, cst.Param)}


def _method(
    file: File, found: cst.Lambda, receiver: str, wanted: str, handed: Sequence[Handed], given: dict[str, str]
) -> Draft:
    """Return the fix that makes the lambda a method, behind the method that holds it."""
    facts, project = file.facts, file.project
    taken = captures(file, found)
    owner = facts.scopes[taken.values[receiver]]
    site = Site(facts.path, owner.parent)
    class_ = facts.scopes[owner.parent]
    bases = project.ancestors(site)
    known = all(base.site is not None or base.name.startswith(_KNOWN_BASES) for base in bases)
    if taken.definitions or class_.parent != 0 or facts.in_block(class_.statement, "guard") or not known:
        raise _NotLiftedError(f"it uses `{receiver}`: make it a method of `{class_.name}`")
    if len(owner.bindings[receiver]) > 1:
        raise _NotLiftedError(f"it uses `{receiver}`, which is bound again")
    if not carries(file, site, Spot(facts.path, "lambda", file.tree.numbers[found])):
        raise _NotLiftedError(
            f"it uses `{receiver}`, and `{class_.name}` would be sent along with all it holds: "
            "hand over what it needs of it by `functools.partial`"
        )
    attributes = {node.attr.value for node in inside(file.tree.module) if isinstance(node, cst.Attribute)}
    family = [base.site for base in bases if base.site is not None] + project.subclasses(site)
    attributes.update(name for each in family for name in project.scope(each).bindings)
    name = naming.fresh(file, f"_{wanted}", {*given, *attributes}, around=naming.around(file, found))
    given[name] = _code(file, found)
    holder = _last_part(file, file.tree.statements[owner.statement])
    method = from_lambda(file.tree.module, found, name, handed=handed, first=_imports(file, found), receiver=receiver)
    change = Change(_top(file, found), methods={holder: _whole(method)}, defines=[f"behind {holder.name.value}"])
    _hand_over(file, found, cst.Attribute(cst.Name(receiver), cst.Name(name)), handed, change)
    return draft(file, f"Make the lambda `{class_.name}.{name}`, a method", change, "unsafe")


def _last_part(file: File, method: cst.CSTNode) -> cst.FunctionDef:
    """Return the last of a method and the private methods behind it that it uses itself: its parts stay in order."""
    assert isinstance(method, cst.FunctionDef)
    used = {node.attr.value for node in inside(method) if isinstance(node, cst.Attribute)}
    body = list(file.tree.parents[method].children)
    for node in body[body.index(method) + 1 :]:
        if not isinstance(node, cst.FunctionDef) or node.name.value not in used or node.name.value.startswith("__"):
            break
        method = node
    return method


# --- functions and classes ---


def _definition(file: File, first: _Definition, given: dict[str, str]) -> Draft:
    """Return the fix that moves a definition to module level, with the local ones that it uses."""
    taken = captures(file, first.piece)
    others = [each for each in _companions(file, taken) if each.piece is not first.piece]
    receiver = _receiver(file, taken)
    if receiver is not None:
        raise _NotLiftedError(f"it uses `{receiver}`: make it a method")
    for name, scope in taken.values.items():
        if scope == 0:
            raise _NotLiftedError(f"`{name}` only exists under the main guard: pass it on as an argument")
    if isinstance(first.piece, cst.ClassDef) and taken.values:
        raise _NotLiftedError(f"make {_words(taken.values)}, which it takes from around it, an argument")
    if isinstance(first.piece, cst.ClassDef) and taken.imports:
        raise _NotLiftedError(f"import {_words(taken.imports)} at module level first")
    handed = [
        *(_defaults(file, first.piece) if isinstance(first.piece, cst.Lambda) else ()),
        *_values(file, first.piece, taken),
    ]
    if handed and others:
        raise _NotLiftedError(_both(others, handed))
    change = Change(_top(file, first.line))
    _move(file, [first, *others], change, given, handed)
    imports = [line for each in (first, *others) for line in _imports(file, each.piece, change)]
    unsafe = handed or imports or any(_has_state(each.piece) for each in (first, *others))
    names = _words(each.name for each in (first, *others))
    return draft(file, f"Move {names} to module level", change, "unsafe" if unsafe else "safe")


def _companions(file: File, taken: Captures, seen: frozenset[int] = frozenset()) -> list[_Definition]:
    """Return the local functions and classes that something uses, with those that they use, in source order.

    Raises:
        _NotLiftedError: one of them takes more than that from around it.
    """
    found: dict[int, _Definition] = {}
    for name, scope in taken.definitions.items():
        if scope in seen:
            continue
        inner = file.facts.scopes[scope]
        node = file.tree.statements[inner.statement]
        assert isinstance(node, (cst.FunctionDef, cst.ClassDef))
        more = captures(file, node)
        wanted = (*more.values, *(more.imports if isinstance(node, cst.ClassDef) else ()))
        if wanted:
            raise _NotLiftedError(f"`{name}`, which it uses, takes {_words(wanted)} from around it")
        found[inner.statement] = _Definition(name, inner.parent, node, node)
        for other in _companions(file, more, seen | {scope}):
            found[file.tree.numbers[other.piece]] = other
    return [found[number] for number in sorted(found)]


def _move(
    file: File,
    definitions: Sequence[_Definition],
    change: Change,
    given: dict[str, str],
    handed: Sequence[Handed] = (),
    user: cst.CSTNode | None = None,
) -> None:
    """Put definitions at module level and let those who use them find them there.

    Args:
        file: the file.
        definitions: what moves; the first is the one that ``handed`` is for.
        change: what becomes of the file.
        given: the names that were given so far.
        handed: what is handed over to the first.
        user: a lambda that moves as well and uses them.
    """
    within = {node for each in definitions for node in inside(each.piece)} | set(inside(user) if user else ())
    uses = {each.name: _uses(file, each) for each in definitions}
    twin = _existing(file, definitions[0], change) if len(definitions) == 1 and not handed else None
    names = {
        each.name: twin
        or naming.kept(file, each.name, each.scope, uses[each.name], _others(file, each.piece, given), each.piece)
        for each in definitions
    }
    renamed: dict[cst.CSTNode, cst.CSTNode] = {}
    stays = bool(handed) and _is_too_long(file, definitions[0], uses[definitions[0].name], handed)
    if stays:
        first = definitions[0]
        others = {first.name, *_others(file, first.piece, given)}
        names[first.name] = naming.fresh(file, first.name, others, around=naming.around(file, first.piece))
        _keep_partial(file, first, names[first.name], handed, change)
    for index, each in enumerate(definitions):
        _check(file, each.piece)
        _check_early(file, each.piece, change.top, names)
        values = handed if index == 0 else ()
        for use in uses[each.name]:
            same = names[each.name] == each.name
            if use in within and (values or (user is not None and not same)):
                raise _NotLiftedError(f"`{each.name}` is used by what moves along with it")
            if use in within and not same:
                renamed[use] = use.with_changes(value=names[each.name])
            elif use not in within and (values or not same):
                if values and isinstance(file.tree.parents[use], (cst.Attribute, cst.Decorator)):
                    raise _NotLiftedError(f"`{each.name}` is used as no `functools.partial` could be")
                _check_values(file, each, use, values)
                if stays:
                    continue
                _hand_over(file, use, cst.Name(names[each.name]), values, change)
    change.gone += [each.line for each in definitions if not stays]
    if twin:
        return
    made = [
        (number_of(file, each.line), _made(file, each, names[each.name], handed if index == 0 else (), renamed))
        for index, each in enumerate(definitions)
    ]
    change.functions += [node for _, node in sorted(made, key=lambda pair: pair[0])]
    change.defines += names.values()
    given.update((names[each.name], _code(file, each.piece)) for each in definitions)


def _is_too_long(file: File, definition: _Definition, uses: Iterable[cst.Name], handed: Sequence[Handed]) -> bool:
    """Whether a `functools.partial` in the place of a name would make a line longer than those of the file are."""
    module = file.tree.module
    arguments = [cst.Arg(each.value, cst.Name(each.name), equal=_NO_SPACE) for each in handed]
    func = partial_at(file, definition.line, Change(_top(file, definition.line)))
    if func is None:
        return False
    partial = cst.Call(func, [cst.Arg(cst.Name(definition.name)), *arguments])
    for use in uses:
        around = file.tree.enclosing(use)
        line = next((each for each in around if isinstance(each, cst.SimpleStatementLine)), None)
        if line is None or _open_call(file, use) is not None:
            continue
        depth = sum(isinstance(each, cst.IndentedBlock) for each in around)
        lines = _code(file, file.tree.replaced(line, {use: partial})).splitlines()
        width = max(len(each) for each in lines if f"{_code(file, func)}(" in each)
        if width + depth * len(module.default_indent.expandtabs(4)) > line_length(module):
            return True
    return False


def _keep_partial(file: File, definition: _Definition, name: str, handed: Sequence[Handed], change: Change) -> None:
    """Let a `functools.partial` of what moves stand where that stood, under the name that it had there."""
    partial = partial_at(file, definition.line, change)
    if partial is None:
        raise _NotLiftedError(f"hand {_words(each.name for each in handed)} over by `functools.partial`")
    module = file.tree.module
    arguments = [
        cst.Arg(cst.Name(name)),
        *(cst.Arg(each.value, cst.Name(each.name), equal=_NO_SPACE) for each in handed),
    ]
    call = cst.Call(partial, arguments)
    depth = sum(isinstance(each, cst.IndentedBlock) for each in file.tree.enclosing(definition.line))
    width = depth * len(module.default_indent.expandtabs(4)) + len(f"{definition.name} = {_code(file, call)}")
    if width > line_length(module):
        inner, outer = (
            cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(text))
            for text in (module.default_indent, "")
        )
        *most, last = arguments
        call = cst.Call(
            partial,
            [
                *(each.with_changes(comma=cst.Comma(whitespace_after=inner)) for each in most),
                last.with_changes(comma=cst.Comma(whitespace_after=outer)),
            ],
            whitespace_before_args=inner,
        )
    blanks = list(itertools.takewhile(lambda each: each.comment is None, definition.line.leading_lines))
    assign = cst.Assign([cst.AssignTarget(cst.Name(definition.name))], call)
    change.replacements[definition.line] = cst.SimpleStatementLine([assign], leading_lines=blanks)


def _others(file: File, piece: Piece, given: dict[str, str]) -> set[str]:
    """Return the names that were given to something else: what is the same is to share one name."""
    return {name for name, text in given.items() if text != _code(file, piece)}


def _made(
    file: File, definition: _Definition, name: str, handed: Sequence[Handed], renamed: dict[cst.CSTNode, cst.CSTNode]
) -> cst.FunctionDef | cst.ClassDef:
    """Return what stands at module level for a definition, with the comments above it."""
    piece, line = definition.piece, definition.line
    imports = _imports(file, piece)
    if not isinstance(piece, cst.Lambda):
        return moved(file.tree, piece, name, renamed=renamed, handed=handed, first=imports)
    trailing = line.trailing_whitespace if isinstance(line, cst.SimpleStatementLine) else None
    function = from_lambda(file.tree.module, piece, name, handed=handed, first=imports, trailing=trailing)
    return _typed(file, _whole(function), piece).with_changes(leading_lines=line.leading_lines)


def _existing(file: File, definition: _Definition, change: Change) -> str | None:
    """Return the name of a function or class further up in the module that is the very same as a local one."""
    if any(each.comment for each in definition.line.leading_lines):
        return None
    for node in _functions_above(file, change.top):
        name = node.name.value
        if _text(file, _made(file, definition, name, (), {})) == _text(file, node):
            others = (scope_at(file, use) for use in _uses(file, definition))
            scopes = {file.facts.resolve(name, scope) for scope in others}
            return name if scopes <= {0, definition.scope if name == definition.name else 0} else None
    return None


def _uses(file: File, definition: _Definition) -> list[cst.Name]:
    """Return where the name of a definition is read.

    Raises:
        _NotLiftedError: the name may stand for something else as well.
    """
    facts, name = file.facts, definition.name
    owner = facts.scopes[definition.scope]
    bindings = [each for each in owner.bindings[name] if each.how != "annotation"]
    if len(bindings) > 1 or name in owner.declared or any(name in each.declared for each in facts.scopes):
        raise _NotLiftedError(f"`{name}` is bound more than once")
    uses = [each for each in file.tree.names(name) if binder(file, each) == definition.scope]
    uses = [each for each in uses if not isinstance(file.tree.parents[each], (cst.AssignTarget, cst.AnnAssign))]
    for store in facts.stores:
        if store.base == Name(name) and store.attr and facts.resolve(name, store.scope) == definition.scope:
            raise _NotLiftedError(f"`{name}.{store.attr}` is set: each call makes a `{name}` of its own")
    return uses


def _check_values(file: File, definition: _Definition, use: cst.Name, handed: Iterable[Handed]) -> None:
    """Make sure that what is handed over where a function is used is what it would find when it is called."""
    at = number_of(file, use)
    taken = captures(file, definition.piece)
    for each in handed:
        scope = taken.values.get(each.name)
        if scope is None:
            continue
        if file.facts.resolve(each.name, scope_at(file, use)) != scope:
            raise _NotLiftedError(f"`{each.name}` is something else where `{definition.name}` is used")
        if why := why_not_sent(file, each.name, scope, definition.piece, at):
            raise _NotLiftedError(why)


# --- what can't move ---


def _top(file: File, node: cst.CSTNode) -> Line:
    top = top_of(file, node)
    if top is None:
        raise _NotLiftedError("put it above what keeps workers from running the rest of the file")
    return top


def _check(file: File, piece: Piece) -> None:
    """Make sure that a piece of code means the same at module level, whatever it takes from around it."""
    if file.facts.path.endswith("/__main__.py"):
        raise _NotLiftedError("in another module, since workers don't import `__main__.py`")
    nodes = list(inside(piece))
    if isinstance(piece, cst.Lambda) and any(isinstance(each, (cst.Yield, cst.Await, cst.NamedExpr)) for each in nodes):
        raise _NotLiftedError("it yields, awaits or assigns")
    names = {node.value for node in nodes if isinstance(node, cst.Name)}
    for name in names:
        mangled = name.startswith("__") and not name.endswith("__")
        if mangled and any(isinstance(each, cst.ClassDef) for each in file.tree.enclosing(piece)):
            raise _NotLiftedError(f"`{name}` belongs to the class around it")
    for node in names_in(file, piece):
        if node.value in ("super", "__class__") and not _is_in_inner_class(file, piece, node):
            raise _NotLiftedError(f"it uses `{node.value}`: make it a method")
        if node.value in _LOOK_AROUND and binder(file, node) == -1:
            raise _NotLiftedError(f"it uses `{node.value}`, which sees what is around it")
    own = own_scope(file, piece)
    for scope in file.facts.scopes:
        for name, how in scope.declared.items():
            if how == "nonlocal" and _is_within(file, scope.index, own) and not _binds(file, name, scope.parent, own):
                raise _NotLiftedError(f"it rebinds `{name}` of the function around it: make it a class with `__call__`")


def _is_in_inner_class(file: File, piece: Piece, node: cst.CSTNode) -> bool:
    inner = itertools.takewhile(lambda each: each is not piece, file.tree.enclosing(node))
    return isinstance(piece, cst.ClassDef) or any(isinstance(each, cst.ClassDef) for each in inner)


def _is_within(file: File, scope: int, outer: int) -> bool:
    while scope not in (outer, -1):
        scope = file.facts.scopes[scope].parent
    return scope == outer


def _binds(file: File, name: str, scope: int, outer: int) -> bool:
    """Whether a scope inside the outer one, or that itself, binds the name for those inside it."""
    return _is_within(file, file.facts.resolve(name, scope), outer)


def _check_early(file: File, piece: Piece, top: Line, moving: Collection[str]) -> None:
    """Make sure that what is looked up where a function is defined is there, and the same, at its new place."""
    if isinstance(piece, cst.Lambda):
        return
    facts = file.facts
    for decorator in (
        each for node in inside(piece) if isinstance(node, (cst.FunctionDef, cst.ClassDef)) for each in node.decorators
    ):
        func = decorator.decorator.func if isinstance(decorator.decorator, cst.Call) else decorator.decorator
        name = _library_name(file, func)
        if name not in _SAME_WHEREVER and not name.endswith((".setter", ".getter", ".deleter")):
            raise _NotLiftedError(f"its decorator `{_code(file, decorator.decorator)}` would run on import")
    for node in reversed(list(inside(piece))):
        if isinstance(node, cst.Call) and is_early(file, piece, node) and not _is_repeatable(file, node):
            raise _NotLiftedError(
                f"`{_code(file, node.func)}`, which is called when it is defined, would run on import"
            )
    for node in names_in(file, piece):
        if not is_early(file, piece, node) or (facts.future_annotations and _is_annotation(file, node)):
            continue
        scope = binder(file, node)
        own = scope > 0 and _is_within(file, scope, own_scope(file, piece))
        if not own and node.value not in moving and not _is_there(file, node, top):
            raise _NotLiftedError(f"`{node.value}`, which it needs when it is defined, must be there before")


def _is_there(file: File, name: cst.Name, top: Line) -> bool:
    """Whether the module binds what a name stands for before a statement, in workers as well."""
    facts = file.facts
    scope = binder(file, name)
    if scope == -1:
        return name.value in BUILTINS
    bindings = facts.scopes[0].bindings[name.value] if scope == 0 and not is_guarded(facts, name.value) else []
    early = [each for each in bindings if each.statement < number_of(file, top)]
    kinds = {facts.blocks[each.block].kind for each in early}
    return bool(kinds - {"if", "case", "guard", "typing", "never", "loop"})


def _is_repeatable(file: File, call: cst.Call) -> bool:
    """Whether a call means the same on import: it only keeps what it is given, or computes from constants.

    Decorators have a list of their own.
    """
    if isinstance(file.tree.parents[call], cst.Decorator):
        return True
    name = _library_name(file, call.func)
    return name in _DESCRIBING or (name in _COMPUTING and all(_is_fixed(file, each.value) for each in call.args))


def _is_fixed(file: File, value: cst.BaseExpression) -> bool:
    """Whether an expression is made of constants only."""
    match value:
        case cst.Call():
            return _is_repeatable(file, value)
        case cst.List(elements=elements) | cst.Tuple(elements=elements) | cst.Set(elements=elements):
            return all(isinstance(each, cst.Element) and _is_fixed(file, each.value) for each in elements)
        case cst.Dict(elements=pairs):
            return all(isinstance(each, cst.DictElement) and _is_fixed(file, each.value) for each in pairs)
    return is_constant(value)


def _library_name(file: File, node: cst.BaseExpression) -> str:
    """Return the library name of what is called, "" if it is none."""
    scope, at = scope_at(file, node), number_of(file, node)
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return ""
    where = Where(file.facts, scope, at)
    for value in file.project.values(Name(node.value), where):
        if value.kind == "external":
            return ".".join([value.name, *reversed(parts)])
    return ".".join([node.value, *reversed(parts)]) if parts else ""


def _code(file: File, node: cst.CSTNode) -> str:
    return file.tree.module.code_for_node(node)


def _is_annotation(file: File, node: cst.CSTNode) -> bool:
    return any(isinstance(each, cst.Annotation) for each in file.tree.enclosing(node))


def _has_state(piece: Piece) -> bool:
    """Whether each run of the definition made something of its own that all share once it stands at module level."""
    if isinstance(piece, cst.Lambda):
        return False
    for node in inside(piece):
        if isinstance(node, cst.Param) and node.default is not None and not _is_shared(node.default):
            return True
        if isinstance(node, cst.ClassDef):
            for line in node.body.body:
                if isinstance(line, cst.SimpleStatementLine) and not all(_is_plain(each) for each in line.body):
                    return True
    return False


def _is_plain(statement: cst.BaseSmallStatement) -> bool:
    match statement:
        case cst.Pass() | cst.AnnAssign(value=None):
            return True
        case cst.Expr(value=value) | cst.Assign(value=value) | cst.AnnAssign(value=value) if value is not None:
            return _is_shared(value)
    return False


def _is_shared(value: cst.BaseExpression) -> bool:
    """Whether an expression makes nothing new: a constant, a name."""
    return is_constant(value) or isinstance(value, (cst.Name, cst.Attribute, cst.ConcatenatedString, cst.Ellipsis))
