"""The calls and loops of each function that may start workers, going by names alone.

Most functions neither loop over anything that could be a loader nor call one that does, by whatever way. They need
not be looked at; this keeps large projects cheap. What really starts workers is the business of starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from dlsafe_lint import flow
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
    Unpacked,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlsafe_lint.facts import Block, ModuleFacts, Scope, Store
    from dlsafe_lint.project import Project


class Read(NamedTuple):
    """``owner.attr``, where ``attr`` is a property that may start workers."""

    attribute: Attribute
    statement: int
    scope: int


Event: TypeAlias = "Call | Iteration | Unpacked | Result | Entered | Read"
"""A call, a loop, ``f(*a)`` and the like, ``yield from``, ``with``, or a property that is read."""

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
    chained += facts.unpacked
    alive = _alive(project)
    properties = alive & _properties(project)
    if properties:
        chained += _reads(facts, properties)
    chained.sort(key=lambda event: event.statement)
    dead = unreached(project, facts)
    for event in chained:
        if event.statement in dead or not _matters(facts, event, alive):
            continue
        if not any(block.kind in NOT_RUN or _in_notebook(block) for block in facts.enclosing_blocks(event.statement)):
            table.setdefault(facts.function_of(event.scope), []).append(event)
    project.answers[key] = table
    return table


def used(event: Event) -> Expr:
    """Return what an event calls, iterates, enters or reads."""
    match event:
        case Call():
            return event
        case Read():
            return event.attribute
        case Iteration() | Unpacked():
            return event.iterable
    return event.value


# --- statements that never run ---


def unreached(project: Project, facts: ModuleFacts) -> frozenset[int]:
    """Return the statements behind one that never goes on: a ``return``, a ``raise``, ``sys.exit()``.

    What such a statement ends may be caught: by a ``try``, or by a ``with`` (``suppress(SystemExit)``).
    """
    return project.answer(("unreached", facts.path), lambda: _unreached(facts))


def _unreached(facts: ModuleFacts) -> frozenset[int]:
    lies = flow.outline(facts)
    found: set[int] = set()

    def leave_out(statements: Sequence[int]) -> None:
        found.update(flow.within(lies, statements))

    def ends(block: int) -> str:
        """Return how a block ends without going on: by a jump, by an exception, by a loop without end; "" if not."""
        how = ""
        for index, statement in enumerate(lies.statements.get(block, ())):
            how = stops(statement)
            if how:
                leave_out(lies.statements[block][index + 1 :])
                break
        return how

    def stops(statement: int) -> str:
        kind = facts.statements[statement].kind
        blocks = {facts.blocks[block].kind: block for block in lies.blocks.get(statement, ())}
        inside = {of: ends(block) for of, block in blocks.items()}
        if kind in ("return", "break", "continue"):
            return "jump"
        if kind == "raise" or (statement in facts.exits and not _is_own(facts, statement)):
            return "raise"
        if kind in ("with", "asyncwith"):
            return inside.get("with", "").replace("raise", "")
        if kind == "while" and "else" not in blocks:
            test = facts.blocks[blocks["loop"]].test
            return "raise" * (isinstance(test, Literal) and bool(test.value) and not _breaks(facts, lies, statement))
        if kind == "if" and len(blocks) == 2:
            return "" if "" in inside.values() else max(inside.values())
        if kind in ("try", "trystar"):
            each = [ends(block) for block in lies.blocks[statement] if facts.blocks[block].kind == "except"]
            body = inside.get("try", "") or inside.get("else", "")
            return inside.get("finally", "") or (body if body and all(each) else "")
        return ""

    for scope in facts.scopes:
        if scope.body >= 0:
            ends(scope.body)
    return frozenset(found)


def _is_own(facts: ModuleFacts, statement: int) -> bool:
    """Whether the module has a function of its own by the name of the builtin that ends the program."""
    at = facts.statements[statement]
    return any("def" in _ways(facts, name, at.scope) for name in ("exit", "quit"))


def _breaks(facts: ModuleFacts, lies: flow.Outline, loop: int) -> bool:
    """Whether a loop has a ``break`` of its own."""
    todo = [block for block in lies.blocks[loop] if facts.blocks[block].kind == "loop"]
    while todo:
        for statement in lies.statements.get(todo.pop(), ()):
            kind = facts.statements[statement].kind
            if kind == "break":
                return True
            inner = lies.blocks.get(statement, ())
            loops = kind in ("for", "asyncfor", "while")
            todo += [block for block in inner if not loops or facts.blocks[block].kind == "else"]
    return False


# --- names ---


def _properties(project: Project) -> frozenset[str]:
    """Return the names of the project's properties."""

    def named() -> frozenset[str]:
        return frozenset(
            scope.name
            for facts in project.modules.values()
            for scope in facts.scopes
            if scope.decorators and is_property(scope)
        )

    return project.answer("properties", named)


def is_property(scope: Scope) -> bool:
    """Whether a method runs when an attribute of its name is read."""
    return any(last(decorator) in ("property", "cached_property") for decorator in scope.decorators)


def _reads(facts: ModuleFacts, names: frozenset[str]) -> Iterator[Read]:
    """Yield where attributes of these names are read, as far as they stand in a statement of the usual kinds."""
    seen: set[int] = set()
    for expr, statement, scope in _expressions(facts):
        for inner in walk(expr):
            if isinstance(inner, Attribute) and inner.attr in names and id(inner) not in seen:
                seen.add(id(inner))
                yield Read(inner, statement, scope)


def _expressions(facts: ModuleFacts) -> Iterator[tuple[Expr, int, int]]:
    """Yield the expressions of a module with the statement and the scope in which they run."""
    for call in facts.calls:
        yield call, call.statement, call.scope
    for iteration in facts.iterations:
        yield iteration.iterable, iteration.statement, iteration.scope
    for result in facts.results:
        yield result.value, result.statement, result.scope
    for store in facts.stores:
        if store.value is not None:
            yield store.value, store.statement, store.scope
    for block in facts.blocks:
        if block.test is not None:
            yield block.test, block.statement, block.scope
    for scope in facts.scopes:
        for bindings in scope.bindings.values():
            for binding in bindings:
                if binding.how in ("assign", "augmented", "walrus"):
                    yield binding.value, binding.statement, scope.index


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
        for unpacked in facts.unpacked:
            if _may_be_made(facts, unpacked):
                todo |= owners[facts.function_of(unpacked.scope)]
        for store in facts.stores:
            for kept, caller in _kept(facts, store):
                callers.setdefault(kept, set()).add(caller)
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
            for place, arg in (*enumerate(call.args), *call.keywords):
                if _may_be_function(facts, arg, call.scope):
                    given = {_HANDED_ON} if place is None else {_HANDED_ON, f"{name}({place})"}
                    callers.setdefault(last(arg), set()).update(given)
    for inherited, below in _constructors_of_others(project):
        for key in [key for key in callers if key.startswith(f"{inherited}(")]:
            callers.setdefault(below + key.removeprefix(inherited), set()).update(callers[key])
    found: set[str] = set()
    read: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo |= callers.get(name, set())
            todo |= project.renamed.get(name, set())
        if not todo and (new := (found & _properties(project)) - read):
            read |= new
            for facts in project.modules.values():
                owners = _owners(facts)
                for each in _reads(facts, frozenset(new)):
                    todo |= owners[facts.function_of(each.scope)]
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


def _kept(facts: ModuleFacts, store: Store) -> Iterator[tuple[str, str]]:
    """Yield the functions that an attribute may stand for, with its name, by which they are called then.

    What a constructor is given counts for those of its arguments that are kept.
    """
    if store.attr is None or store.value is None:
        return
    scope = facts.scopes[facts.function_of(store.scope)]
    match store.value:
        case Name(name) if any(param.name == name for param in scope.params):
            if scope.name in CONSTRUCTORS and facts.scopes[scope.parent].kind == "class":
                owner = facts.scopes[scope.parent].name
                position = [param.name for param in scope.params].index(name) - 1
                yield f"{owner}({position})", store.attr
                yield f"{owner}({name})", store.attr
        case value:
            yield from ((inner, caller) for inner, caller in _behind(value, store.attr) if inner != caller)


def _constructors_of_others(project: Project) -> Iterator[tuple[str, str]]:
    """Yield the bases of the project's classes that have no constructor of their own, with the class."""
    for facts in project.modules.values():
        for scope in facts.scopes:
            if scope.kind == "class" and not any(name in scope.bindings for name in CONSTRUCTORS):
                yield from ((last(base), scope.name) for base in scope.bases if last(base))


def _may_be_made(facts: ModuleFacts, unpacked: Unpacked) -> bool:
    """Whether what is unpacked may be a loader: a variable that a call makes, or that other files have.

    What functions are given is unpacked and searched everywhere: of those, only ``f(*batches)`` counts.
    """
    name = unpacked.iterable
    found = facts.resolve(name.id, unpacked.scope) if isinstance(name, Name) else -1
    if not isinstance(name, Name) or found < 0:
        return unpacked.how == "starred" and isinstance(name, Attribute)
    for binding in facts.scopes[found].bindings[name.id]:
        match binding.how, binding.value:
            case ("import", _) | (("assign" | "walrus"), Name()):
                return True
            case (("assign" | "walrus"), Call() as made) if not _plain(made):
                return True
            case "param", _ if unpacked.how == "starred":
                params = facts.scopes[found].params
                return any(param.name == name.id and not param.kind.startswith("*") for param in params)
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
    bases: set[str] = set()
    for facts in project.modules.values():
        for statement in facts.imports:
            mentioned |= {part for each in statement.names for part in each.name.split(".")}
        for scope in facts.scopes:
            bases |= {last(base) for base in scope.bases}
        for read in facts.reads:
            mentioned.update(read.split("."))
    mentioned |= bases
    if not mentioned.isdisjoint(("SpawnProcess", "ForkServerProcess")):
        mentioned.add("Process")
    found = {"__iter__", "run_in_executor"}
    for name in (*STARTERS, *CONSUMERS, *RUNNERS, *TESTS):
        owner, _, own = name.rpartition(".")
        owner = owner.removesuffix(".from_argparse_args").rpartition(".")[2]
        if own not in EAGER and (not owner[:1].isupper() or owner in mentioned):
            found.add(own)
        if own in bases and own[:1].isupper():  # `super().__init__(…)`
            found.add("__init__")
    for name, trainer in OWN_LOADERS.items():
        if name.rpartition(".")[2] in mentioned:
            found |= trainer.methods
    for name, app in COMMAND_APPS.items():
        if name.rpartition(".")[2] in mentioned:
            found |= app.runs - {""}
    return found


def _matters(facts: ModuleFacts, event: Event, alive: frozenset[str]) -> bool:
    """Whether a call or loop may start workers, going by names alone."""
    if isinstance(event, Read):
        return True
    if isinstance(event, Iteration):
        return not _plain(event.iterable)
    if isinstance(event, Unpacked):
        return _may_be_made(facts, event)
    if isinstance(event, Result):
        return True
    if isinstance(event, Entered):
        return "__enter__" in alive or (isinstance(event.value, Call) and last(event.value.func) in alive)
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
