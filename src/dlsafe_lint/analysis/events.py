"""The calls and loops of each function that may start workers, going by names alone.

Most functions neither loop over anything that could be a loader nor call one that does, by whatever way. They need
not be looked at; this keeps large projects cheap. What really starts workers is the business of starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dlsafe_lint.apis.workers import (
    ADDING,
    COMMAND_APPS,
    CONSUMERS,
    OWN_LOADERS,
    REGISTERING,
    RUNNERS,
    STARTERS,
    TESTS,
)
from dlsafe_lint.facts import (
    Attribute,
    Call,
    Collection,
    Compared,
    Derived,
    Entered,
    Expr,
    Iteration,
    Literal,
    Name,
    Result,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlsafe_lint.facts import Block, ModuleFacts
    from dlsafe_lint.project import Project

Event: TypeAlias = "Call | Iteration | Result | Entered"
"""A call, a loop, ``yield from`` or ``with``."""

NOT_RUN = ("typing", "never", "unguarded")
"""Kinds of blocks that no program runs."""
CONSTRUCTORS = ("__new__", "__init__", "__post_init__")


def events(project: Project, facts: ModuleFacts) -> dict[int, list[Event]]:
    """Return the calls and loops of each function of a module, in source order; 0 is what runs at import."""
    key = ("events", facts.path)
    known = project.answers.get(key)
    if isinstance(known, dict):
        return known
    table: dict[int, list[Event]] = {}
    chained: list[Event] = [*facts.iterations, *facts.calls]
    chained += [result for result in facts.results if result.how == "yield from"]
    chained += facts.entered
    chained.sort(key=lambda event: event.statement)
    alive = _alive(project)
    for event in chained:
        if not _matters(facts, event, alive):
            continue
        if not any(block.kind in NOT_RUN or _in_notebook(block) for block in facts.enclosing_blocks(event.statement)):
            table.setdefault(facts.function_of(event.scope), []).append(event)
    project.answers[key] = table
    return table


def _in_notebook(block: Block) -> bool:
    """Whether a block runs in a notebook only: ``if get_ipython():``, ``if "google.colab" in sys.modules:``."""
    match block.kind, block.test:
        case "if", Call(_, func) | Attribute(Call(_, func)) | Compared("IsNot", Call(_, func), Literal(None)):
            return last(func) in _NOTEBOOK
        case "else", Compared("Is", Call(_, func), Literal(None)):
            return last(func) in _NOTEBOOK
        case "if", Name() | Attribute() as name:
            return last(name) in _NOTEBOOK
        case "if", Compared("In", Literal(str(name))):
            return name in _NOTEBOOK
    return False


_NOTEBOOK = frozenset(
    {
        *("get_ipython", "in_notebook", "is_notebook", "IN_NOTEBOOK", "in_colab", "is_colab", "IN_COLAB"),
        *("ipykernel", "google.colab"),
    }
)
"""Names of what tells a notebook from a program."""


def _alive(project: Project) -> frozenset[str]:
    """Return the names of functions and classes that may start workers, going by names alone.

    Many functions neither loop over anything that could be a loader nor call one that does: calls of them need not be
    looked at. This keeps large projects cheap.
    """
    return project.answer("alive", lambda: _named_alive(project))


def _named_alive(project: Project) -> frozenset[str]:
    starting = _starting(project)
    callers: dict[str, set[str]] = {}
    todo = set(starting)
    for facts in project.modules.values():
        owners = _owners(facts)
        for scope in facts.scopes:
            for base in scope.bases:
                callers.setdefault(last(base), set()).add(scope.name)
            for decorator in scope.decorators:
                called = decorator.func if isinstance(decorator, Call) else decorator
                callers.setdefault(last(called), set()).add(scope.name)
                if isinstance(called, Attribute) and called.attr in REGISTERING:  # `@app.command()`
                    callers.setdefault(scope.name, set()).add(last(called.value))
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    for inner, caller in _behind(binding.value, name):
                        callers.setdefault(inner, set()).add(caller)
        for entered in facts.entered:
            if not _plain(entered.value):
                callers.setdefault("__enter__", set()).update(owners[facts.function_of(entered.scope)])
        for iteration in facts.iterations:
            if not _plain(iteration.iterable):
                todo |= owners[facts.function_of(iteration.scope)]
        for result in facts.results:
            if result.how == "yield from":
                todo |= owners[result.scope]
            elif isinstance(result.value, Name) and "def" in _ways(facts, result.value.id, result.scope):
                callers.setdefault(result.value.id, set()).update(owners[result.scope])  # a decorator
        for call in facts.calls:
            own = owners[facts.function_of(call.scope)]
            name = last(call.func)
            if name in EAGER and not all(_plain(arg) for arg in call.args):
                todo |= own
            elif name and not _is_passed(facts, call):
                callers.setdefault(name, set()).update(own)
            else:
                callers.setdefault(_HANDED_ON, set()).update(own)
            for added, owner in _registered(call):
                callers.setdefault(added, set()).add(owner)
            for arg in (*call.args, *(value for _, value in call.keywords)):
                if _may_be_function(facts, arg, call.scope):
                    callers.setdefault(last(arg), set()).add(_HANDED_ON)
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo |= callers.get(name, set())
            todo |= project.renamed.get(name, set())
    return frozenset(found)


_HANDED_ON = "(handed on)"
"""Stands among the names of functions for all that are called through a parameter or an item of a collection."""


def _is_passed(facts: ModuleFacts, call: Call) -> bool:
    """Whether a call calls a parameter or a loop's variable."""
    return isinstance(call.func, Name) and bool(_ways(facts, call.func.id, call.scope) & {"param", "for"})


def _may_be_function(facts: ModuleFacts, arg: Expr, scope: int) -> bool:
    """Whether an argument may be a function or a method, by the looks of it."""
    match arg:
        case Name(name):
            return bool(_ways(facts, name, scope) & {"def", "import"})
        case Attribute(Name(name), _):
            return name == "self" or "import" in _ways(facts, name, scope)
    return False


def _ways(facts: ModuleFacts, name: str, scope: int) -> set[str]:
    """Return the ways in which a name is bound that is read in a scope."""
    found = facts.resolve(name, scope)
    return {each.how for each in facts.scopes[found].bindings[name]} if found >= 0 else set()


def _registered(call: Call) -> Iterator[tuple[str, str]]:
    """Yield functions and the names by which a parser or a group of commands then calls them."""
    match call.func:
        case Attribute(_, "set_defaults"):
            yield from ((last(value), name) for name, value in call.keywords if name and last(value))
        case Attribute(owner, attr) if attr in ADDING:
            yield from ((last(arg), last(owner)) for arg in call.args if last(arg))


def _behind(value: Expr, name: str) -> Iterator[tuple[str, str]]:
    """Yield the names of functions that a variable stands for, and by which name they are called then."""
    match value:
        case Name(inner) | Attribute(_, inner):
            yield inner, name
        case Call(_, Name("partial") | Attribute(_, "partial"), (Name(inner) | Attribute(_, inner), *_)):
            yield inner, name
        case Collection(_, items):
            yield from ((item.id, _HANDED_ON) for item in items if isinstance(item, Name))


def _owners(facts: ModuleFacts) -> list[set[str]]:
    """Return per scope the names by which it is run: a constructor by its class's name too."""
    owners = []
    for scope in facts.scopes:
        names = {scope.name} if scope.kind == "function" else set()
        if scope.name in CONSTRUCTORS and facts.scopes[scope.parent].kind == "class":
            names.add(facts.scopes[scope.parent].name)
        owners.append(names)
    return owners


def _starting(project: Project) -> set[str]:
    """Return the last names of the library calls that may start workers, if the project mentions their owners."""
    mentioned = set(project.calls_by_name)
    for facts in project.modules.values():
        for statement in facts.imports:
            mentioned |= {part for each in statement.names for part in each.name.split(".")}
        for scope in facts.scopes:
            mentioned |= {last(base) for base in scope.bases}
        for read in facts.reads:
            mentioned.update(read.split("."))
    if not mentioned.isdisjoint(("SpawnProcess", "ForkServerProcess")):
        mentioned.add("Process")
    found = {"__iter__", "run_in_executor"}
    for name in (*STARTERS, *CONSUMERS, *RUNNERS, *TESTS):
        owner, _, own = name.rpartition(".")
        owner = owner.removesuffix(".from_argparse_args").rpartition(".")[2]
        if own not in EAGER and (not owner[:1].isupper() or owner in mentioned):
            found.add(own)
    for name, trainer in OWN_LOADERS.items():
        if name.rpartition(".")[2] in mentioned:
            found |= trainer.methods
    for name, app in COMMAND_APPS.items():
        if name.rpartition(".")[2] in mentioned:
            found |= app.runs - {""}
    return found


def _matters(facts: ModuleFacts, event: Event, alive: frozenset[str]) -> bool:
    """Whether a call or loop may start workers, going by names alone."""
    if isinstance(event, Iteration):
        return not _plain(event.iterable)
    if isinstance(event, Result):
        return True
    if isinstance(event, Entered):
        return "__enter__" in alive
    name = last(event.func)
    if name in alive:
        return True
    if name in EAGER:
        return not all(_plain(arg) for arg in event.args)
    if not isinstance(event.func, Name):
        return not name
    return bool(_ways(facts, name, event.scope) - {"import", "def", "class"})


def last(expr: Expr) -> str:
    """Return the last name of a call's function: "fit" of ``trainer.fit``; "" if it has none."""
    return expr.id if isinstance(expr, Name) else expr.attr if isinstance(expr, Attribute) else ""


def _plain(expr: Expr) -> bool:
    """Whether what is iterated is no loader, by the looks of it."""
    match expr:
        case Call(_, Name("range")) | Literal() | Compared():
            return True
        case Call(_, Attribute(_, attr)):
            return attr in _PLAIN_METHODS
        case Call(_, Name("enumerate" | "zip" | "reversed" | "sorted" | "list" | "set" | "tuple" | "len"), args):
            return all(_plain(arg) for arg in args)
        case Collection(_, items):
            return not any(isinstance(item, Derived) for item in items)
    return False


_PLAIN_METHODS = frozenset(
    {
        *("items", "keys", "values", "split", "splitlines", "readlines", "glob", "rglob", "iterdir", "walk", "listdir"),
        *("parameters", "named_parameters", "modules", "named_modules", "children", "named_children", "state_dict"),
        *("finditer", "findall", "iterrows", "itertuples", "tolist", "permutations", "combinations", "groupby"),
        *("size", "view", "sum", "mean", "max", "min", "item", "copy", "sort", "argsort", "unique", "arange"),
    }
)
"""Methods whose results are looped over everywhere and hold no loaders that are iterated themselves."""

EAGER = frozenset(name for name, consumer in CONSUMERS.items() if "." not in name and not consumer.lazily)
"""Built-in functions that iterate what they are given."""

METHODS = frozenset(
    {
        "__iter__",
        *(name.rpartition(".")[2] for table in (STARTERS, CONSUMERS) for name in table),
        *(method for own in OWN_LOADERS.values() for method in own.methods),
    }
)
"""Last names of what the tables know."""
