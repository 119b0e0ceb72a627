"""How many workers an expression asks for: some, none, or what somebody else decides.

A count is followed through names, arithmetic, conversions, configuration objects and the defaults of command-line
options. What a default says is what usually happens, not what always does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from dlsafe_lint.analysis.options import options
from dlsafe_lint.apis.workers import CONVERTING, DEFAULTED, ENVIRONMENT, PROCESSORS
from dlsafe_lint.facts import (
    Attribute,
    Call,
    Choice,
    Collection,
    Compared,
    Expr,
    ModuleFacts,
    Name,
    Store,
    Subscript,
    dotted,
)
from dlsafe_lint.facts import Literal as Constant
from dlsafe_lint.project import UNKNOWN, Project, Value, Where, assigned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.finding import Confidence

Count: TypeAlias = Literal["some", "none", "usually some", "usually none", "passed", "unknown"]
"""What a number of workers is: "passed" is whatever callers outside the project pass."""

_UNKNOWN: frozenset[Count] = frozenset({"unknown"})
_SOME: frozenset[Count] = frozenset({"some", "usually some"})
_NONE: frozenset[Count] = frozenset({"none", "usually none"})
_DEEP = 8


def positive(project: Project, expr: Expr, where: Where) -> Confidence | None:
    """Tell how sure it is that a ``num_workers`` is positive; None where it is zero as far as the project shows.

    Args:
        project: the project.
        expr: what is passed as the number of workers.
        where: where it is evaluated.
    """
    found = counts(project, expr, where)
    if found == {"some"}:
        return "certain"
    if found & {"some", "usually some", "unknown"} or found == {"passed"}:
        return "likely"
    return None


def counts(project: Project, expr: Expr, where: Where, depth: int = 0) -> frozenset[Count]:
    """Return all that a number of workers may be.

    Args:
        project: the project.
        expr: the number.
        where: where it is evaluated.
        depth: how many names and operations have been looked through.
    """
    if depth > _DEEP:
        return _UNKNOWN
    match expr:
        case Name(name):
            bound = assigned(name, where)
            if bound:
                return frozenset(each for inner, at in bound for each in counts(project, inner, at, depth + 1))
            if where.frame is not None and not where.frame.complete and name not in where.frame.args:
                spread = _option(project, name, UNKNOWN, where, depth)  # `main(**vars(parser.parse_args()))`
                if spread is not None:
                    return spread
        case Compared(op, left, right):
            sides = [counts(project, side, where, depth + 1) for side in (left, right)]
            return _calculated(op, *sides)
        case Choice(how, options):
            each = [counts(project, option, where, depth + 1) for option in options]
            if how == "or":  # what is zero gives way to the last one
                each = [one - _NONE for one in each[:-1]] + each[-1:]
            return frozenset().union(*each)
        case Attribute() | Subscript():
            put = _put(project, expr, where, depth)
            if put is not None:
                return put
    found: set[Count] = set()
    for value in project.values(expr, where, 1):
        found |= _of_value(project, value, expr, where, depth)
    if isinstance(expr, Attribute) and found <= _NONE:
        found |= _set_later(project, expr, where, depth)
    return frozenset(found)


def _calculated(op: str, left: frozenset[Count], right: frozenset[Count]) -> frozenset[Count]:
    """Return what becomes of two counts by arithmetic. ``cpu_count() - 1`` is as good as unknown."""
    if op == "Mult" and (left <= _NONE or right <= _NONE):
        return left if left <= _NONE else right
    if op == "Mult" and left <= _SOME and right <= _SOME:
        return left | right
    if op in ("FloorDiv", "Div") and (left <= _NONE or (left <= _SOME and right <= _SOME)):
        return _usually(left)
    if op == "Add" and (left <= _NONE or right <= _NONE):
        return right if left <= _NONE else left
    if op == "Add" and (left <= _SOME or right <= _SOME):
        return left | right if left <= _SOME and right <= _SOME else frozenset({"usually some"})
    return _UNKNOWN


def _usually(found: frozenset[Count]) -> frozenset[Count]:
    """Return what a default says."""
    usual: dict[Count, Count] = {"some": "usually some", "none": "usually none"}
    return frozenset(usual.get(each, each) for each in found)


def _of_value(project: Project, value: Value, expr: Expr, where: Where, depth: int) -> frozenset[Count]:
    match value:
        case Value("literal", expr=Constant(None)):
            # no number, but what stands there until the options are known
            return _option(project, _name(expr, value), value, where, depth) or frozenset({"none"})
        case Value("literal", expr=Constant(number)):
            return frozenset({_number(number)})
        case Value("missing", name=name):
            return _option(project, name, value, where, depth) or frozenset({"passed"})
        case Value("unknown", name="argument"):
            return frozenset({"passed"})
        case Value("made", name=name, expr=Call() as call, where=at) if at is not None:
            made = _made(project, name, call, at, depth)
            if made is not None:
                return made
        case Value("part", name="get()", expr=Call(_, _, (_, default)), where=at) if at is not None:
            return _usually(counts(project, default, at, depth + 1))
        case Value("part"):
            kept = _kept(project, value, depth)
            if kept is not None:
                return kept
    match expr:
        case Call(_, Attribute(_, "get"), (_, default)):
            return _usually(counts(project, default, where, depth + 1))
    return _option(project, _name(expr, value), value, where, depth) or _UNKNOWN


def _number(number: object) -> Count:
    if isinstance(number, str):
        return "some" if number.isdecimal() and int(number) else "none" if number.isdecimal() else "unknown"
    return "some" if isinstance(number, (int, float)) and number > 0 else "none"


def _made(project: Project, name: str, call: Call, where: Where, depth: int) -> frozenset[Count] | None:
    """Return what a call of a library's function returns as a count; None where nothing is known of it."""
    if name in PROCESSORS:
        return frozenset({"usually some"})
    if name in CONVERTING and call.args:
        return counts(project, call.args[0], where, depth + 1)
    if name in ("min", "max") and len(call.args) > 1:
        each = [counts(project, arg, where, depth + 1) for arg in call.args]
        decisive = _NONE if name == "min" else _SOME
        settled = [one for one in each if one <= decisive]
        return settled[0] if settled else frozenset().union(*each)
    if name in ENVIRONMENT:
        default = call.args[1] if len(call.args) > 1 else call.keyword("default")
        return _usually(counts(project, default, where, depth + 1)) if default is not None else _UNKNOWN
    if name in DEFAULTED:
        passed = project.argument_at(call, where, *DEFAULTED[name])
        return _usually(counts(project, *passed, depth + 1)) if passed else _UNKNOWN
    if name == "len":
        match call.args:
            case (Call(_, func),) if dotted(func) == "os.sched_getaffinity":
                return frozenset({"usually some"})
    return None


def _put(project: Project, expr: Attribute | Subscript, where: Where, depth: int) -> frozenset[Count] | None:
    """Return what is put into an attribute or item (``args.workers = 0``) before it is read there.

    None where nothing is put there, or only ``self`` has it, whose attributes are looked up in all methods.
    """
    facts, inner = where.facts, expr.value
    base = dotted(inner)
    if base is None or where.statement >= len(facts.statements):
        return None
    if facts.class_of_self(Name(base.partition(".")[0]), where.scope) is not None:
        return None
    function = facts.function_of(where.scope)
    block = facts.statements[where.statement].block
    found: frozenset[Count] = frozenset()
    overwritten = False
    for store in sorted(_stores(project, facts, expr), key=lambda store: store.statement, reverse=True):
        if store.value is None or dotted(store.base) != base or facts.function_of(store.scope) != function:
            continue
        if store.statement < where.statement:
            at = Where(facts, store.scope, store.statement, where.frame)
            found |= counts(project, store.value, at, depth + 1)
            if facts.within(block, facts.statements[store.statement].block):
                overwritten = True
                break
    if overwritten or not found:
        return found or None
    for value in project.values(expr, where, 1):
        found |= _of_value(project, value, expr, where, depth + 1)
    return found


def _set_later(project: Project, expr: Attribute, where: Where, depth: int) -> frozenset[Count]:
    """Return what is put into the attribute of an object after it is made, wherever in the project."""
    made = [value.expr for value in project.values(expr.value, where, 1) if isinstance(value.expr, Call)]
    found: frozenset[Count] = frozenset()
    for facts in project.modules.values() if made else ():
        for store in _stores(project, facts, expr):
            at = Where(facts, store.scope, store.statement)
            if store.value is not None and any(
                value.expr is call for value in project.values(store.base, at, 1) for call in made
            ):
                found |= counts(project, store.value, at, depth + 1)
    return found


def _stores(project: Project, facts: ModuleFacts, expr: Attribute | Subscript) -> list[Store]:
    """Return the assignments of a module to attributes or items of that name."""

    def table() -> dict[str, list[Store]]:
        made: dict[str, list[Store]] = {}
        for store in (*facts.stores, *_stores_by_call(facts)):
            name = store.attr if store.attr is not None else _key(store.key)
            if name is not None:
                made.setdefault(name, []).append(store._replace(base=_object_of(store.base)))
        return made

    name = expr.attr if isinstance(expr, Attribute) else _key(expr.key)
    return project.answer(("stores by name", facts.path), table).get(name or "", [])


def _stores_by_call(facts: ModuleFacts) -> Iterator[Store]:
    """Yield what calls put into attributes or items: ``setattr(args, "workers", 0)``, ``vars(args).update(workers=0)``.

    What they put under names that nobody sees says nothing of any.
    """
    for call in facts.calls:
        match call:
            case Call(_, Name("setattr"), (base, Constant(str(attr)), value)):
                yield Store(base, attr, None, value, call.statement, call.scope)
            case Call(_, Attribute(base, "update"), args, keywords):
                given: list[tuple[Expr, Expr]] = [
                    (Constant(name), value) for name, value in keywords if name is not None
                ]
                for arg in args:
                    if isinstance(arg, Collection) and arg.kind == "dict":
                        given += [(key, value) for key, value in zip(arg.keys, arg.items, strict=False) if key]
                for key, value in given:
                    yield Store(base, None, key, value, call.statement, call.scope)


def _object_of(base: Expr) -> Expr:
    """Return the object whose attributes an expression is: of ``vars(args)`` and ``args.__dict__``."""
    match base:
        case Call(_, Name("vars"), (of,)) | Attribute(of, "__dict__"):
            return of
    return base


def _key(key: Expr | None) -> str | None:
    return key.value if isinstance(key, Constant) and isinstance(key.value, str) else None


def _kept(project: Project, value: Value, depth: int) -> frozenset[Count] | None:
    """Return what the file that makes a configuration object puts into it: ``cfg.DATA.WORKERS = 4``."""
    names: list[str] = []
    at = value
    while at.kind == "part" and at.of is not None:
        if not at.name.endswith("()"):
            names.append(at.name.strip("[]"))
        at = at.of
    if at.kind != "made" or at.where is None or not names:
        return None
    facts = at.where.facts
    found: frozenset[Count] = frozenset()
    for store in _stores(project, facts, Attribute(Name(""), names[0])):
        base = dotted(store.base)
        if base is not None and store.value is not None and base.split(".")[1:] == names[:0:-1]:
            place = Where(facts, store.scope, store.statement)
            found |= _usually(counts(project, store.value, place, depth + 1))
    return found or None


def _name(expr: Expr, value: Value) -> str:
    """Return the name under which an option would be declared that is read so."""
    if value.kind == "part":
        return value.name.strip("[]")
    match expr:
        case Attribute(_, attr):
            return attr
        case Subscript(_, Constant(str(key))):
            return key
    return ""


# --- options of the command line ---


def _option(project: Project, name: str, value: Value, where: Where, depth: int) -> frozenset[Count] | None:
    """Return what the default of a command-line option says; None if there is no such option.

    Several programs may have an option of the name: those of the parser that the value comes from count, else those of
    the same file, else all.
    """
    declared = options(project).get(name)
    if not declared:
        return None
    for path in (_parser(value), where.facts.path):
        declared = [option for option in declared if option.where.facts.path == path] or declared
    found: set[Count] = set()
    for option in declared:
        if option.default is not None:
            found |= _usually(counts(project, option.default, option.where, depth + 1))
        else:
            found.add("unknown" if option.required else "usually none")
    return frozenset(found)


def _parser(value: Value) -> str:
    """Return the file of the parser that a value comes from, "" if that is not known."""
    while value.of is not None:
        value = value.of
    return value.where.facts.path if value.name == "argparse.ArgumentParser" and value.where is not None else ""
