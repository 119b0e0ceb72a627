"""Whether an attribute that holds a handle can become a property that opens it on first use in each process.

A property takes the place of what the constructor stored only if nothing else in the project stores it, deletes it or
looks for it by other means; and what it opens must be the same file whenever it is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis import openings
from dlsafe_lint.analysis.datasets import CONSTRUCTORS, construction, expressions
from dlsafe_lint.apis import datasets as dataset_classes
from dlsafe_lint.apis import reopening as known
from dlsafe_lint.apis.handles import CLOSERS
from dlsafe_lint.facts import (
    Attribute,
    Call,
    Collection,
    Compared,
    Comprehension,
    Derived,
    Literal,
    Name,
    Opaque,
    Subscript,
    dotted,
    walk,
)
from dlsafe_lint.project import Site, Where

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlsafe_lint.analysis.openings import Opened
    from dlsafe_lint.facts import Binding, Expr, ModuleFacts, Scope, Store
    from dlsafe_lint.project import Project, Value

_PICKLING = frozenset({"__setstate__", "__reduce__", "__reduce_ex__", "__getnewargs_ex__", "__copy__", "__deepcopy__"})
_ACCESS = frozenset({"__getattr__", "__getattribute__", "__setattr__", "__delattr__", "__slots__"})
_PLAIN_BASES = frozenset({"object", "abc.ABC", "typing.Generic", "torch.utils.data.Dataset"})
_OTHER_STATE = frozenset({"IterDataPipe", "MapDataPipe", "DFIterDataPipe"})
_NAMES_OF_LIBRARIES = frozenset(
    {
        "root", "transform", "transforms", "target_transform", "loader", "samples", "imgs", "targets", "classes",
        "class_to_idx", "extensions", "data", "train", "split", "url", "path", "name", "processed_dir", "raw_dir",
    }
)  # fmt: skip
"""Attributes that Datasets of torchvision, torchaudio and torch_geometric have."""
_CHANGERS = frozenset(
    {
        "append", "appendleft", "extend", "insert", "remove", "pop", "popitem", "popleft", "sort", "reverse", "clear",
        "update", "setdefault", "add", "discard",
    }
)  # fmt: skip
_ORDERS = frozenset({"shuffle"})
_BY_NAME = ("getattr", "hasattr", "setattr", "delattr")


class Mention(NamedTuple):
    """An attribute of ``self`` that is asked for by its name in a string: ``hasattr(self, "file")``."""

    facts: ModuleFacts
    call: Call


def method_of(facts: ModuleFacts, statement: int) -> Scope | None:
    """Return the method in whose body a statement stands, None for a statement elsewhere or in a nested function."""
    function = facts.scopes[facts.statements[statement].scope]
    if function.kind != "function" or facts.scopes[function.parent].kind != "class" or not function.params:
        return None
    if function.is_async or function.is_generator or function.name == "__new__":
        return None
    names = {dotted(each) for each in function.decorators}
    return None if names & {"staticmethod", "classmethod"} else function


def family(project: Project, site: Site) -> list[Site]:
    """Return the classes whose instances may share code with those of a class: its own, above, below, beside."""
    found: dict[Site, None] = {}
    for each in (site, *project.subclasses(site)):
        for base in project.ancestors(each):
            if base.site is not None:
                found[base.site] = None
    return list(found)


def may_leave_out_state(project: Project, site: Site) -> bool:
    """Whether a ``__getstate__`` that leaves something out of ``__dict__`` can be added to the class.

    Not where a class of the family says itself how it is pickled or how its attributes are reached, and not where
    nobody knows what a base class does.
    """
    for each in family(project, site):
        scope = project.scope(each)
        facts = project.modules[each.path]
        if scope.bindings.keys() & (_PICKLING | _ACCESS | {"__getstate__"}):
            return False
        if not all(_is_plain_base(project, base, Where(facts, scope.parent, scope.statement)) for base in scope.bases):
            return False
        if any(
            name != "metaclass" or dotted(value) not in ("ABCMeta", "abc.ABCMeta") for name, value in scope.keywords
        ):
            return False
        if not all(_is_plain_decorator(project, decorator, facts, scope) for decorator in scope.decorators):
            return False
        if _reaches_for_dict(facts, each):
            return False
    return True


def _is_plain_base(project: Project, base: Expr, where: Where) -> bool:
    base = base.value if isinstance(base, Subscript) else base
    values = project.values(base, where)
    return bool(values) and all(
        value.kind == "class"
        or (
            value.kind == "external"
            and value.name.rpartition(".")[2] not in _OTHER_STATE
            and (value.name in _PLAIN_BASES or dataset_classes.is_dataset(value.name))
        )
        for value in values
    )


def _is_plain_decorator(project: Project, decorator: Expr, facts: ModuleFacts, scope: Scope) -> bool:
    """Whether a class decorator leaves attributes alone: a registry, or ``dataclass`` without slots."""
    keywords = decorator.keywords if isinstance(decorator, Call) else ()
    func = decorator.func if isinstance(decorator, Call) else decorator
    name = dotted(func) or ""
    if "register" in name.lower():
        return True
    values = project.values(func, Where(facts, scope.parent, scope.statement))
    if {value.name for value in values if value.kind == "external"} == {"dataclasses.dataclass"}:
        return not any(key in ("slots", "frozen", None) for key, _ in keywords)
    return name.rpartition(".")[2] == "final"


def _reaches_for_dict(facts: ModuleFacts, site: Site) -> bool:
    """Whether methods of the class use ``__dict__``, ``vars`` or names of attributes that nobody can tell."""
    for expr, scope, _ in expressions(facts):
        if _class_of(facts, scope) != site.scope:
            continue
        for inner in walk(expr):
            match inner:
                case Attribute(_, "__dict__") | Call(_, Name("vars")) | Call(_, Name("locals")):
                    return True
                case Call(_, Name("setattr" | "delattr"), (_, name, *_)) if not isinstance(name, Literal):
                    return True
    return False


def _class_of(facts: ModuleFacts, scope: int) -> int:
    """Return the class in whose methods a scope lies, -1 for none."""
    while scope > 0:
        parent = facts.scopes[scope].parent
        if facts.scopes[scope].kind in ("function", "lambda") and facts.scopes[parent].kind == "class":
            return parent
        scope = parent
    return -1


def may_be_property(project: Project, site: Site, attr: str, opening: int, empty: int | None = None) -> bool:
    """Whether nothing but one statement, and the class itself with None, stores the attribute or changes its list.

    Args:
        project: the project.
        site: the class whose property it would be.
        attr: the attribute.
        opening: the number of the statement that stores the handle.
        empty: the number of the statement that makes the list or dict to which handles are added, or that sets the
            attribute to None until then, if there is one.
    """
    classes = family(project, site)
    if attr.startswith("__") or any(attr in project.scope(each).bindings for each in classes):
        return False
    facts = project.modules[site.path]
    for where, store in _stores(project, attr):
        owner = where.class_of_self(store.base, store.scope)
        if where is facts and store.statement in (opening, empty):
            continue
        if owner is not None and Site(where.path, owner) not in classes:
            continue
        if owner is None and not _may_be(project, store.base, Where(where, store.scope, store.statement), classes):
            continue
        is_reset = isinstance(store.value, Literal) and store.value.value is None
        same = store.scope == facts.statements[opening].scope
        if Site(where.path, owner or 0) != site or not is_reset or same:
            return False
    function = facts.statements[opening].scope
    return not any(
        _changes(project, each, attr, Where(facts, function, opening))
        or _is_changed_later(project, each, attr, function, opening + 1)
        or (each != site and _closes(project, each, attr))
        for each in classes
    )


def _stores(project: Project, attr: str) -> list[tuple[ModuleFacts, Store]]:
    """Return every assignment of the project to an attribute of that name, whatever it is an attribute of."""

    def table() -> dict[str, list[tuple[ModuleFacts, Store]]]:
        made: dict[str, list[tuple[ModuleFacts, Store]]] = {}
        for facts in project.modules.values():
            for store in facts.stores:
                if store.attr is not None:
                    made.setdefault(store.attr, []).append((facts, store))
        return made

    return project.answer("stores by attribute", table).get(attr, [])


def _may_be(project: Project, expr: Expr, where: Where, classes: list[Site]) -> bool:
    """Whether an expression may stand for an instance of one of the classes."""

    def may_be(value: Value) -> bool:
        root = value
        while root.kind == "part" and root.of is not None:
            root = root.of
        match root.kind:
            case "unknown":
                return True
            case "instance" | "class":
                return root.site in classes
            case "made" if root is value and root.name.rpartition(".")[2][:1].isupper():
                return False  # an instance of the library's own class
            case "made" | "external" if root is not value or root.kind == "made":
                # libraries return what they were given: `loader.dataset`, `random_split(dataset, ...)[0]`
                return known.may_return_dataset(root.name)
        return False

    return any(may_be(value) for value in project.values(expr, where))


def _changes(project: Project, site: Site, attr: str, opening: Where) -> bool:
    """Whether a class sets something of what the attribute holds: ``self.connection.row_factory = sqlite3.Row``."""
    facts = project.modules[site.path]
    for store in facts.stores:
        base = store.base
        if facts is opening.facts and store.statement == opening.statement:
            continue
        while isinstance(base, (Attribute, Subscript)):
            inner = base.value
            own = facts.class_of_self(inner, store.scope) == site.scope
            if own and isinstance(base, Attribute) and base.attr == attr:
                return True
            base = inner
    return False


def _closes(project: Project, site: Site, attr: str) -> bool:
    """Whether methods of a class close what the attribute holds."""
    facts = project.modules[site.path]
    for name in CLOSERS:
        for caller, call in project.calls_by_name.get(name, ()):
            match call.func:
                case Attribute(Attribute(base, at), _) if caller is facts and at == attr:
                    if facts.class_of_self(base, call.scope) == site.scope:
                        return True
    return False


def mentions(project: Project, site: Site, attr: str) -> list[Mention]:
    """Return the calls that ask by a string for the attribute of what may be an instance of the class."""
    found = []
    classes = family(project, site)
    for name in _BY_NAME:
        for facts, call in project.calls_by_name.get(name, ()):
            match call:
                case Call(_, Name(), (base, Literal(text), *_)) if text == attr:
                    owner = facts.class_of_self(base, call.scope)
                    if owner is not None and Site(facts.path, owner) not in classes:
                        continue
                    where = Where(facts, call.scope, call.statement)
                    if owner is not None or _may_be(project, base, where, classes):
                        found.append(Mention(facts, call))
    return found


def hindrance(project: Project, facts: ModuleFacts, statement: int, attr: str) -> str:
    """Return why no property takes the place of a handle by itself, in words; "" where that can't be said in a few.

    Args:
        project: the project.
        facts: the module.
        statement: the number of the statement that keeps the handle.
        attr: the attribute.
    """
    method = method_of(facts, statement)
    if method is None:
        return ""
    site = Site(facts.path, method.parent)
    for each in family(project, site):
        own = sorted(project.scope(each).bindings.keys() & (_PICKLING | _ACCESS | {"__getstate__"}))
        if own:
            return f"`{project.scope(each).name}` has a `{own[0]}` of its own"
    if not may_leave_out_state(project, site):
        return "it can't be seen how its base classes are pickled"
    store = next((each for each in facts.stores if each.statement == statement and each.attr == attr), None)
    if store is None:
        return f"a property could not fill `self.{attr}` in the same way"
    kinds = [block.kind for block in facts.enclosing_blocks(statement) if block.scope == method.index]
    around = next((kind for kind in kinds if kind not in ("body", "if", "else")), "")
    if around:
        return "it is opened in a loop" if around == "loop" else f"it is opened under `{around}`"
    lines = [
        each.line
        for number, each in enumerate(facts.statements)
        if number != statement
        and any(store.statement == number and store.attr == attr and store.value is not None for store in facts.stores)
        and _class_of(facts, each.scope) == site.scope
    ]
    if lines and not may_be_property(project, site, attr, statement):
        return f"`self.{attr}` is stored in line {lines[0]} too"
    beside = [
        project.scope(each).name
        for each in family(project, site)
        if each != site
        and any(
            where.path == each.path and where.class_of_self(other.base, other.scope) == each.scope
            for where, other in _stores(project, attr)
        )
    ]
    if beside and not may_be_property(project, site, attr, statement):
        return f"`{beside[0]}` stores `self.{attr}` too"
    by_name = {dotted(each.call.func) for each in mentions(project, site, attr)}
    if not may_be_property(project, site, attr, statement) or by_name & {"setattr", "delattr"}:
        return f"`self.{attr}` is set or deleted elsewhere too"
    if not runs_once(project, site, method):
        return f"`{method.name}` may run again"
    found = openings.opened(project, store.value, Where(facts, store.scope, statement)) if store.value else []
    if not all(can_reopen(project, each) for each in found):
        return "what it opens can't be opened again"
    in_order = any(reads_in_order(project, each) for each in found)
    if construction_depends_on(project, site, attr, statement, in_order=in_order):
        return "the constructor goes on to use it"
    if isinstance(store.value, Call) and not opens(project, facts, store.value, method.params[0].name):
        return "it can't be seen that what opens it would do the same later"
    return ""


def construction_depends_on(project: Project, site: Site, attr: str, opening: int, *, in_order: bool) -> bool:
    """Whether what is done to the handle while an instance is constructed can't be left out when it is opened again.

    Args:
        project: the project.
        site: the class.
        attr: the attribute that holds the handle.
        opening: the number of the statement that opens it.
        in_order: whether reading moves a position, so that any use counts; otherwise only calls for their effect do.
    """
    functions: set[Site] = set()
    for each in (site, *project.subclasses(site)):
        functions |= construction(project, each).functions
    for path in {function.path for function in functions}:
        facts = project.modules[path]
        scopes = {function.scope for function in functions if function.path == path}

        def is_handle(expr: Expr, scope: int, facts: ModuleFacts = facts) -> bool:
            if not isinstance(expr, Attribute) or expr.attr != attr:
                return False
            return facts.class_of_self(expr.value, scope) is not None

        skipped = opening if path == site.path else -1
        if _depends(facts, scopes, is_handle, frozenset({skipped}), in_order=in_order):
            return True
    return False


def function_depends_on(
    facts: ModuleFacts, scope: int, name: str, leaving_out: frozenset[int], *, in_order: bool
) -> bool:
    """Whether the same holds of a handle in a local variable of a function, some of its statements left out."""

    def is_handle(expr: Expr, at: int) -> bool:
        return isinstance(expr, Name) and expr.id == name and facts.resolve(name, at) == scope

    return _depends(facts, {scope}, is_handle, leaving_out, in_order=in_order)


def _depends(
    facts: ModuleFacts,
    functions: set[int],
    is_handle: Callable[[Expr, int], bool],
    leaving_out: frozenset[int],
    *,
    in_order: bool,
) -> bool:
    outermost: dict[int, Call] = {}
    for call in facts.calls:
        outermost.setdefault(call.statement, call)
    for expr, scope, statement in expressions(facts):
        if facts.function_of(scope) not in functions or statement in leaving_out:
            continue
        if in_order and any(is_handle(inner, scope) for inner in walk(expr)):
            return True
    for statement, call in outermost.items():
        if facts.function_of(call.scope) in functions and statement not in leaving_out:
            root: Expr = call
            while isinstance(root, (Attribute, Subscript, Call)) and not is_handle(root, call.scope):
                root = root.func if isinstance(root, Call) else root.value
            if facts.statements[statement].kind == "expr" and is_handle(root, call.scope):
                return True
    for store in facts.stores:
        base = store.base
        while isinstance(base, (Attribute, Subscript)) and not is_handle(base, store.scope):
            base = base.value
        is_meant = facts.function_of(store.scope) in functions and store.statement not in leaving_out
        if is_meant and is_handle(base, store.scope):
            return True
    return False


def runs_once(project: Project, site: Site, method: Scope) -> bool:
    """Whether a method that opens a handle runs exactly when an instance is constructed.

    A constructor does; a helper if the only call of it is one that every construction reaches, be it that of a class
    above which leaves it to those below what the helper does.
    """
    if method.name in CONSTRUCTORS:
        return True
    classes = family(project, site)
    callers = [
        (facts, call)
        for facts, call in project.calls_by_name.get(method.name, ())
        if isinstance(call.func, Attribute) and _may_be_of(project, facts, call, call.func.value, classes)
    ]
    if len(callers) != 1:
        return False
    facts, call = callers[0]
    caller = facts.scopes[call.scope]
    above = Site(facts.path, caller.parent) in [base.site for base in project.ancestors(site)]
    return above and caller.name in CONSTRUCTORS and facts.statements[call.statement].block == caller.body


def _may_be_of(project: Project, facts: ModuleFacts, call: Call, base: Expr, classes: list[Site]) -> bool:
    """Whether the object of which a call asks something may be an instance of one of the classes."""
    owner = facts.class_of_self(base, call.scope)
    if owner is not None:
        return Site(facts.path, owner) in classes
    return _may_be(project, base, Where(facts, call.scope, call.statement), classes)


def can_reopen(project: Project, opened: Opened) -> bool:
    """Whether what a call opens can be replaced by what the same call opens later, or in another process."""
    name = project.callee(opened.where.facts, opened.call)
    if name in known.ONCE or opened.kind.what == "open temporary file":
        return False
    if not name and isinstance(opened.call.func, Attribute) and opened.call.func.attr == "open":
        name = "pathlib.Path().open()"
    for index, arg in enumerate(opened.call.args):
        if known.mode(name, index) and not _reads(project, arg, opened.where):
            return False
    for keyword, value in opened.call.keywords:
        if keyword in (None, "fileobj", "backing_store") or (
            keyword == "mode" and not _reads(project, value, opened.where)
        ):
            return False
    first = opened.call.args[0] if opened.call.args else next(iter(opened.call.keywords), (None, None))[1]
    if first is not None and name in known.NOT_ON_FILES and openings.opened(project, first, opened.where):
        return False
    return not known.in_memory(name, _literal(project, first, opened.where) if first is not None else None)


def _reads(project: Project, mode: Expr, where: Where) -> bool:
    return known.only_reads(_literal(project, mode, where))


def _literal(project: Project, expr: Expr, where: Where) -> object:
    """Return the value that an expression certainly has, `...` if that is not known."""
    if isinstance(expr, Literal):
        return expr.value
    values = project.values(expr, where)
    found = {value.expr.value for value in values if value.kind == "literal" and isinstance(value.expr, Literal)}
    return found.pop() if len(found) == 1 and all(value.kind == "literal" for value in values) else ...


def opens_once(project: Project, opened: Opened) -> bool:
    """Whether what a call opens can't be opened a second time in the same process."""
    return project.callee(opened.where.facts, opened.call) in known.ONE_AT_A_TIME


def reads_in_order(project: Project, opened: Opened) -> bool:
    """Whether the handle has a position that reading moves."""
    name = project.callee(opened.where.facts, opened.call)
    return name in known.READ_IN_ORDER or opened.kind.what in ("open file", "open `fsspec` file")


def only_computes(project: Project, facts: ModuleFacts, call: Call) -> bool:
    """Whether a call only computes its result from its arguments: a path, a list of paths."""
    if isinstance(call.func, Attribute) and call.func.attr in known.COMPUTING_METHODS:
        values = project.called(facts, call)
        return all(value.kind not in ("function", "class") for value in values)
    return project.callee(facts, call) in known.COMPUTING


def opens(project: Project, facts: ModuleFacts, call: Call, receiver: str) -> bool:
    """Whether a call opens a handle and could as well be made later.

    It may be a library's opener, a method of what that returns, or a function or class of the project that opens one;
    a method of ``self`` only if all that it uses of it stays as it is.
    """
    where = Where(facts, call.scope, call.statement)
    found = openings.opened(project, call, where)
    if not found or not all(can_reopen(project, each) for each in found):
        return False
    match call.func:
        case Attribute(Name(base), _) if base == receiver:
            targets = [value.site for value in project.called(facts, call) if value.kind == "function" and value.site]
            return len(targets) == 1 and _only_opens(project, targets[0])
    return isinstance(call.func, (Name, Attribute))


def _only_opens(project: Project, function: Site) -> bool:
    """Whether a method stores nothing and uses no other method of its object."""
    facts = project.modules[function.path]
    scope = project.scope(function)
    receiver = scope.params[0].name if scope.params else ""
    if any(facts.function_of(store.scope) == scope.index for store in facts.stores):
        return False
    site = Site(function.path, scope.parent)
    for expr, at, _ in expressions(facts):
        if facts.function_of(at) == scope.index:
            for inner in walk(expr):
                match inner:
                    case Attribute(Name(base), attr) if base == receiver and not stays(project, site, attr, -1):
                        return False
    return True


def stays(project: Project, site: Site, attr: str, before: int) -> bool:
    """Whether an attribute of ``self`` keeps the value that it has at a statement of a constructor.

    Args:
        project: the project.
        site: the class.
        attr: the attribute.
        before: the number of the statement in the class's module; -1: wherever that is.
    """
    classes = family(project, site)
    functions = construction(project, site).functions
    stores = []
    for facts, store in _stores(project, attr):
        owner = facts.class_of_self(store.base, store.scope)
        if owner is None:
            if _may_be(project, store.base, Where(facts, store.scope, store.statement), classes):
                return False
        elif Site(facts.path, owner) in classes:
            stores.append((facts, store))
    same_function = project.modules[site.path].statements[before].scope if before >= 0 else -1
    for facts, store in stores:
        if store.value is None or Site(facts.path, facts.function_of(store.scope)) not in functions:
            return False
        same = facts.path == site.path and store.scope == same_function
        if same and store.statement > before:
            return False
        if len(stores) > 1 and before >= 0 and not same:
            return False
    bound = [each for each in classes if attr in project.scope(each).bindings]
    if any(
        binding.how not in ("assign", "annotation") for each in bound for binding in project.scope(each).bindings[attr]
    ):
        return False
    if len(bound) > 1:
        return False
    return not any(_is_changed_later(project, each, attr, same_function, before) for each in classes)


def _is_changed_later(project: Project, site: Site, attr: str, function: int, before: int) -> bool:
    """Whether a list or dict on ``self`` is added to or reordered after a statement of a function."""
    facts = project.modules[site.path]

    def held(expr: Expr, scope: int) -> bool:
        if not isinstance(expr, Attribute) or expr.attr != attr:
            return False
        return facts.class_of_self(expr.value, scope) == site.scope

    def earlier(scope: int, statement: int) -> bool:
        return facts.function_of(scope) == function and statement < before

    for call in facts.calls:
        match call.func:
            case Attribute(inner, method) if method in _CHANGERS and held(inner, call.scope):
                if not earlier(call.scope, call.statement):
                    return True
            case Attribute(_, name) | Name(name) if name in _ORDERS and call.args and held(call.args[0], call.scope):
                if not earlier(call.scope, call.statement):
                    return True
    return any(
        store.key is not None and held(store.base, store.scope) and not earlier(store.scope, store.statement)
        for store in facts.stores
    )


def is_changed_local(facts: ModuleFacts, name: str, scope: int, after: int) -> bool:
    """Whether a list or dict in a local variable is added to or reordered after a statement."""
    for call in facts.calls:
        if call.scope != scope or call.statement <= after:
            continue
        match call.func:
            case Attribute(Name(base), method) if base == name and method in _CHANGERS:
                return True
            case Attribute(_, order) | Name(order) if order in _ORDERS and call.args and call.args[0] == Name(name):
                return True
    return any(
        store.scope == scope and store.statement > after and store.base == Name(name) and isinstance(store.base, Name)
        for store in facts.stores
    )


def may_be_iterated_again(project: Project, name: str, where: Where) -> bool:
    """Whether a variable certainly holds a list or the like, not an iterator that is used up."""
    scope = where.facts.scopes[where.scope]
    for param in scope.params:
        annotation = param.annotation
        if param.name == name and annotation is not None:
            kind = dotted(annotation.value if isinstance(annotation, Subscript) else annotation) or ""
            if kind.rpartition(".")[2].lower() in ("list", "tuple", "sequence", "dict", "mapping"):
                return True
    values = project.values(Name(name), where)
    return bool(values) and all(
        value.kind == "collection"
        or (value.kind == "made" and value.name in known.LISTS)
        or (value.kind == "comprehension" and isinstance(value.expr, Comprehension) and value.expr.kind != "generator")
        for value in values
    )


def is_lasting_name(project: Project, facts: ModuleFacts, name: str) -> bool:
    """Whether a name of a module means the same whenever and in whichever process it is looked up."""
    bindings = facts.scopes[0].bindings.get(name, [])
    if any(facts.in_block(each.statement, "guard") for each in bindings):
        return False
    if all(each.how in ("import", "def", "class") for each in bindings):
        return True
    return len(bindings) == 1 and _is_constant(project, facts, bindings[0])


def _is_constant(project: Project, facts: ModuleFacts, binding: Binding) -> bool:
    return (
        binding.how == "assign"
        and facts.statements[binding.statement].scope == 0
        and facts.statements[binding.statement].block == facts.scopes[0].body
        and _is_computed(project, facts, binding.value, 0)
    )


def _is_computed(project: Project, facts: ModuleFacts, expr: Expr, depth: int) -> bool:
    """Whether an expression at module level is computed from literals and constants only."""
    match expr:
        case Literal():
            return True
        case Name("__file__"):
            return True
        case Name(name):
            return depth < 5 and is_lasting_name(project, facts, name)
        case Attribute(value, _) | Derived("joined", value):
            return _is_computed(project, facts, value, depth + 1)
        case Opaque(inner):
            return all(_is_computed(project, facts, each, depth + 1) for each in inner)
        case Compared(_, left, right) | Subscript(left, right):
            return all(_is_computed(project, facts, each, depth + 1) for each in (left, right))
        case Collection(_, items):
            return all(_is_computed(project, facts, each, depth + 1) for each in items)
        case Call(_, _, args, keywords):
            return only_computes(project, facts, expr) and all(
                _is_computed(project, facts, each, depth + 1) for each in (*args, *(value for _, value in keywords))
            )
    return False


def is_literal(project: Project, expr: Expr, where: Where) -> bool:
    """Whether an attribute of a module or class is a literal that nothing changes, or a library's constant."""
    values = project.values(expr, where)
    return len(values) == 1 and values[0].kind in ("literal", "external")


def taken_names(project: Project, site: Site) -> set[str]:
    """Return the names that are attributes of instances of a class, its family's and those that others set."""
    found: set[str] = set()
    for each in family(project, site):
        facts = project.modules[each.path]
        scope = project.scope(each)
        found |= scope.bindings.keys()
        for expr, at, _ in expressions(facts):
            for inner in walk(expr):
                if isinstance(inner, Attribute) and facts.class_of_self(inner.value, at) == each.scope:
                    found.add(inner.attr)
        for store in facts.stores:
            if store.attr is not None and facts.class_of_self(store.base, store.scope) == each.scope:
                found.add(store.attr)
    libraries = [base.name for each in family(project, site) for base in project.ancestors(each) if base.site is None]
    if any(name not in _PLAIN_BASES and not name.startswith("torch.utils.data.") for name in libraries):
        found |= _NAMES_OF_LIBRARIES
    return found
