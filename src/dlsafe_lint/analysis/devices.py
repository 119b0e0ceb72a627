"""Where code that a loader's workers run uses a CUDA device, and which Datasets keep something on one.

CUDA can't be used in a process that was forked from one that uses it: torch raises. Which devices an expression may
mean is read from the code; where that can't be seen nothing is said.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis import workers
from dlsafe_lint.analysis.datasets import CONSTRUCTORS, construction, use
from dlsafe_lint.apis import cuda
from dlsafe_lint.apis.datasets import READERS
from dlsafe_lint.facts import (
    Attribute,
    Call,
    Choice,
    Collection,
    Compared,
    Comprehension,
    Derived,
    Expr,
    Lambda,
    Literal,
    Name,
    Opaque,
    Subscript,
)
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Project, Site, Value, Where, assigned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.finding import Confidence

_MAX_FUNCTIONS = 60
_MAX_DEPTH = 8


class Use(NamedTuple):
    """A call that uses a CUDA device.

    Attributes:
        call: its number, in the module for which it was asked.
        what: what uses it, in words ("`.cuda()`").
        runner: what runs it in the workers, in words ("`__getitem__` of `Images`"); "" if something is kept.
        kept: what keeps something on the device, as it is written ("self.images"); "" otherwise.
        confidence: how sure it is that workers use the device.
        via: the hops from there.
    """

    call: int
    what: str
    runner: str
    kept: str
    confidence: Confidence
    via: tuple[Place, ...] = ()


def used(project: Project) -> dict[str, list[Use]]:
    """Return the calls that use a CUDA device in forked workers, by the path of the module."""
    return project.answer("cuda in workers", lambda: _used(project))


def _used(project: Project) -> dict[str, list[Use]]:
    found: dict[str, dict[int, Use]] = defaultdict(dict)
    for path, each in (*_in_datasets(project), *_in_callables(project)):
        found[path].setdefault(each.call, each)
    return {path: [rows[number] for number in sorted(rows)] for path, rows in found.items()}


def _in_datasets(project: Project) -> Iterator[tuple[str, Use]]:
    for site in project.classes():
        hops = workers.is_dataset(project, site)
        if hops is None or workers.idle(project, site) or workers.never_forks(project, site):
            continue
        name = project.scope(site).name
        for method in READERS:
            run = use(project, site, method)
            if run is not None:
                yield from _run(project, list(run.functions), f"`{method}` of `{name}`", site, hops)
        yield from _kept(project, site, hops)


def _in_callables(project: Project) -> Iterator[tuple[str, Use]]:
    """Yield what the callables that loaders with workers are given do."""
    for loader in workers.loaders(project):
        if loader.confidence is None or not workers.may_fork(project, loader):
            continue
        for argument, position in (("collate_fn", loader.api.collate), ("worker_init_fn", None)):
            passed = project.argument_at(loader.call, loader.where, argument, position)
            if passed is None:
                continue
            hop = Place(loader.facts.path, loader.call.line, f"the `{argument}` of a loader with workers")
            for value in project.values(*passed):
                functions = _functions(project, value)
                if value.kind == "lambda" and isinstance(value.expr, Lambda) and value.where is not None:
                    functions = [Site(value.where.facts.path, value.expr.scope)]
                yield from _run(project, functions, f"`{argument}`", None, (hop,))


# --- code that workers run ---


def _run(
    project: Project, functions: list[Site], runner: str, owner: Site | None, hops: tuple[Place, ...]
) -> Iterator[tuple[str, Use]]:
    """Yield the calls that use a device in functions and in those of the project that they call."""
    queue: list[tuple[Site, tuple[Place, ...]]] = [(each, ()) for each in sorted(functions)]
    seen = {each for each, _ in queue}
    while queue and len(seen) <= _MAX_FUNCTIONS:
        site, way = queue.pop(0)
        facts = project.modules[site.path]
        for call in _calls(project, facts).get(site.scope, ()):
            what = _uses(project, call, Where(facts, call.scope, call.statement))
            if what is not None:
                confidence = _if_available(project, facts, call, what[1])
                yield facts.path, Use(call.number, what[0], runner, "", confidence, (*way, *hops))
                continue
            for target in _called(project, facts, call, owner):
                if target not in seen:
                    seen.add(target)
                    name = project.scope(target).name
                    queue.append((target, (Place(facts.path, call.line, f"`{name}` is called here"), *way)))


def _calls(project: Project, facts: ModuleFacts) -> dict[int, list[Call]]:
    """Return the calls of a module by the function that they stand in."""

    def table() -> dict[int, list[Call]]:
        made: dict[int, list[Call]] = defaultdict(list)
        for call in facts.calls:
            made[facts.function_of(call.scope)].append(call)
        return made

    return project.answer(("calls by function", facts.path), table)


def _called(project: Project, facts: ModuleFacts, call: Call, owner: Site | None) -> list[Site]:
    """Return the functions of the project that a call runs; methods of a Dataset's own were followed already."""
    function = facts.scopes[facts.function_of(call.scope)]
    match call.func:
        case Attribute(Name(base), _) if owner is not None and function.params and function.params[0].name == base:
            return []
    return [each for value in project.called(facts, call) for each in _functions(project, value)]


def _functions(project: Project, value: Value) -> list[Site]:
    """Return the functions that run when a value is called."""
    if value.site is None:
        return []
    if value.kind == "function":
        return [value.site]
    names = {"class": CONSTRUCTORS, "instance": ("__call__", "forward")}.get(value.kind, ())
    return [method for name in names if (method := project.method(value.site, name)) is not None]


def _if_available(project: Project, facts: ModuleFacts, call: Call, confidence: Confidence) -> Confidence:
    """Lower the confidence where the call only runs if CUDA is available: on most machines it is."""
    blocks = {block.statement for block in facts.enclosing_blocks(call.statement) if block.kind in ("if", "else")}
    asks = project.calls_by_name.get("is_available", ())
    asked = any(each is facts and inner.statement in blocks for each, inner in asks)
    return "likely" if asked and confidence == "certain" else confidence


def _uses(project: Project, call: Call, where: Where) -> tuple[str, Confidence] | None:
    """Tell whether a call uses a CUDA device: in which words, and how sure that is."""
    names = {value.name if value.kind == "external" else "" for value in project.values(call.func, where)}
    own = any(value.site is not None for value in project.values(call.func, where))
    name = names.pop() if len(names) == 1 else ""
    passed = None
    what = ""
    if name:
        if name in cuda.INITIALISERS:
            return f"`{name}()`", "certain"
        if name in cuda.MAKERS:
            passed = project.argument_at(call, where, "device")
            what = f"`{name}(device=...)`"
        elif name in cuda.LOADERS:
            passed = project.argument_at(call, where, "map_location", 1)
            what = f"`{name}(map_location=...)`"
    elif isinstance(call.func, Attribute) and not own:
        if call.func.attr == "cuda" and len(call.args) <= 1:
            return "`.cuda()`", "certain"
        if call.func.attr == "to":
            passed = project.argument_at(call, where, "device", 0)
            what = "`.to(...)` a CUDA device"
    if passed is None:
        return None
    kinds = _devices(project, *passed, 0)
    if "cuda" not in kinds:
        return None
    return what, "certain" if kinds == {"cuda"} else "likely"


def _devices(project: Project, expr: Expr, where: Where, depth: int) -> set[str]:
    """Return which kinds of device an expression may mean: "cuda", "other", "unknown"."""
    if depth > _MAX_DEPTH:
        return {"unknown"}
    match expr:
        case Literal(str(text)) | Derived("joined", Opaque((Literal(str(text)), *_))):
            return {"cuda" if text.partition(":")[0].strip() == "cuda" else "other"}
        case Literal(bool()) | Literal(None):
            return {"other"}
        case Literal(int()):
            return {"cuda"}
        case Compared("Add" | "Mod", left, _):
            return _devices(project, left, where, depth + 1)
        case Call(_, Attribute(Literal(str()) as text, "format")):
            return _devices(project, text, where, depth + 1)
        case Choice(_, options):
            return {kind for each in options for kind in _devices(project, each, where, depth + 1)}
        case Name(name):
            sources = assigned(name, where)
            if sources is not None:
                return {kind for each, at in sources for kind in _devices(project, each, at, depth + 1)}
    kinds: set[str] = set()
    for value in project.values(expr, where):
        match value:
            case Value("literal", expr=Literal() as literal):
                kinds |= _devices(project, literal, where, depth + 1)
            case Value("made", cuda.DEVICE, expr=Call(_, _, args, keywords), where=at) if at is not None:
                first = next(iter((*args, *(passed for _, passed in keywords))), None)
                kinds |= _devices(project, first, at, depth + 1) if first is not None else {"unknown"}
            case _:
                kinds.add("unknown")
    return kinds


# --- what Datasets keep ---


def _kept(project: Project, site: Site, hops: tuple[Place, ...]) -> Iterator[tuple[str, Use]]:
    """Yield the calls that put on a device what a Dataset keeps when it is constructed."""
    built = construction(project, site)
    for carried in built.carried:
        for facts, call, what, confidence in _on_device(project, carried.expr, carried.where, 0):
            sure = confidence if carried.always else "likely"
            made = Use(call.number, what, "", f"self.{carried.attr}", _if_available(project, facts, call, sure), hops)
            yield facts.path, made
    kept = {carried.attr for carried in built.carried}
    for function in sorted(built.functions):
        facts = project.modules[function.path]
        params = facts.scopes[function.scope].params
        for call in _calls(project, facts).get(function.scope, ()):
            owner = _moved(facts, call)
            if isinstance(owner, Attribute) and params and owner.value == Name(params[0].name) and owner.attr in kept:
                used_by = _uses(project, call, Where(facts, call.scope, call.statement))
                if used_by is not None:
                    what, sure = used_by
                    confidence = _if_available(project, facts, call, sure)
                    yield facts.path, Use(call.number, what, "", f"self.{owner.attr}", confidence, hops)


def _moved(facts: ModuleFacts, call: Call) -> Expr | None:
    """Return what a statement of its own moves in place, as networks are moved: ``model.eval().cuda()``."""
    if facts.statements[call.statement].kind != "expr" or not isinstance(call.func, Attribute):
        return None
    owner = call.func.value
    while isinstance(owner, Call) and isinstance(owner.func, Attribute):
        owner = owner.func.value
    return owner


def _on_device(
    project: Project, expr: Expr, where: Where, depth: int
) -> Iterator[tuple[ModuleFacts, Call, str, Confidence]]:
    """Yield the calls by which something in an expression is on a CUDA device."""
    if depth > _MAX_DEPTH:
        return
    inner: list[tuple[Expr, Where]] = []
    match expr:
        case Call(_, func, args):
            what = _uses(project, expr, where)
            if what is not None:
                yield where.facts, expr, *what
                return
            external = [value.name for value in project.values(func, where) if value.kind == "external"]
            if external:
                inner = [(arg, where) for arg in args] if external[0].startswith("torch.") else []
            elif isinstance(func, Attribute) and func.attr not in cuda.BACK and not _to_another(project, expr, where):
                inner = [(func.value, where)]
        case Collection(_, items):
            inner = [(item, where) for item in items]
        case Comprehension(_, element, _, scope):
            inner = [(element, Where(where.facts, scope, where.statement, where.frame))]
        case Choice(_, options):
            inner = [(option, where) for option in options]
        case Subscript(value, _) | Derived("each" | "starred", value):
            inner = [(value, where)]
        case Name(name):
            inner = assigned(name, where) or []
            for call in _calls(project, where.facts).get(where.facts.function_of(where.scope), ()):
                if _moved(where.facts, call) == expr:
                    inner.append((call, where))
    for each, at in inner:
        yield from _on_device(project, each, at, depth + 1)


def _to_another(project: Project, call: Call, where: Where) -> bool:
    """Whether a call is ``.to(device)`` with a device that is none of CUDA's."""
    if not isinstance(call.func, Attribute) or call.func.attr != "to":
        return False
    passed = project.argument_at(call, where, "device", 0)
    return passed is not None and _devices(project, *passed, 0) == {"other"}
