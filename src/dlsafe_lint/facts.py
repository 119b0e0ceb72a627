"""What one module does, as plain values without verdicts: scopes, bindings, imports, calls, stores.

`read` walks the `ast` of one module once. What follows from the facts of all modules together is project's business.

Two orders tie the facts to any other tree of the same text. Statements are numbered in source order, parents before
children; calls and lambdas likewise, each kind by itself. The rules' LibCST walk counts in the same order, so a node
finds its facts by its number (see rule.py).
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


class Name(NamedTuple):
    """A name that is read."""

    id: str


class Attribute(NamedTuple):
    """``value.attr``."""

    value: Expr
    attr: str


class Literal(NamedTuple):
    """A string, number, bool or None."""

    value: str | int | float | bool | None


class Call(NamedTuple):
    """``func(*args, **keywords)``. A keyword without a name is ``**value``.

    ``line`` is where the call starts; ``scope`` and ``statement`` say where it runs.
    """

    number: int
    func: Expr
    args: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]
    line: int
    scope: int
    statement: int

    def keyword(self, name: str) -> Expr | None:
        """Return the value of the keyword argument, None if it is not given."""
        return next((value for key, value in self.keywords if key == name), None)


class Lambda(NamedTuple):
    """A lambda; ``scope`` is its own scope, ``body`` what it returns."""

    number: int
    scope: int
    line: int
    body: Expr
    statement: int


class Collection(NamedTuple):
    """A list, tuple, set or dict display; ``keys`` (None for ``**``) only for dicts."""

    kind: str
    items: tuple[Expr, ...]
    keys: tuple[Expr | None, ...] = ()


class Comprehension(NamedTuple):
    """A list, set, dict or generator comprehension; for a dict, ``element`` is the value.

    ``scope`` is the comprehension's own scope.
    """

    kind: str
    element: Expr
    iterables: tuple[Expr, ...]
    scope: int


class Choice(NamedTuple):
    """One of several: ``a if t else b``, ``a or b``, ``a and b``. ``how`` is "if", "or" or "and"; ``test`` is ``t``."""

    how: str
    options: tuple[Expr, ...]
    test: Expr | None = None


class Subscript(NamedTuple):
    """``value[key]``; also the element of an unpacked value (``a, b = value``: key is the index)."""

    value: Expr
    key: Expr


class Derived(NamedTuple):
    """What comes out of a value: "each" (iteration), "entered" (with), "awaited", "starred", "joined" (an f-string)."""

    how: str
    value: Expr


class Compared(NamedTuple):
    """``left op right``; ``op`` is an operator of the ast module ("Eq", "In") or of arithmetic ("Add")."""

    op: str
    left: Expr
    right: Expr


class Opaque(NamedTuple):
    """Anything else; ``parts`` are the expressions in it."""

    parts: tuple[Expr, ...]


Expr: TypeAlias = (
    Name
    | Attribute
    | Literal
    | Call
    | Lambda
    | Collection
    | Comprehension
    | Choice
    | Subscript
    | Derived
    | Compared
    | Opaque
)

NOTHING = Opaque(())


class Statement(NamedTuple):
    """One statement; ``scope`` and ``block`` are where it stands, ``kind`` the lower-case name of its ast class."""

    kind: str
    line: int
    end_line: int
    scope: int
    block: int


class Block(NamedTuple):
    """A list of statements that run together.

    ``kind``: "body" (of a module, function or class), "if", "else", "loop", "try", "except", "finally", "with",
    "case", "guard" (runs only in the program's main module), "unguarded" (the other branch of a guard), "typing" (under
    ``TYPE_CHECKING``), "never" (switched off: ``if False``). ``parent`` is -1 for a body. ``test`` is what the
    statement asks: the same for both branches of an ``if``; a ``case`` that matches anything asks for ``True``.
    """

    kind: str
    parent: int
    scope: int
    statement: int
    test: Expr | None = None


class Binding(NamedTuple):
    """A name gets a value.

    ``how``: "import", "def", "class", "assign", "annotation" (no value), "augmented", "for", "with", "param", "except",
    "del", "match", "walrus". ``value`` is what it is bound to as far as that is an expression; for "annotation" it is
    the annotation. For "def" and "class",
    ``target`` is the scope's index; for "import" the index into `ModuleFacts.imports`; otherwise -1.
    """

    how: str
    value: Expr
    statement: int
    block: int
    target: int = -1


class Param(NamedTuple):
    """A parameter; ``kind``: "positional", "keyword", "*", "**"."""

    name: str
    kind: str
    default: Expr | None
    annotation: Expr | None


class ImportedName(NamedTuple):
    """``name`` as ``asname`` (None: not renamed). For ``import a.b`` the name is "a.b"."""

    name: str
    asname: str | None


class Import(NamedTuple):
    """An import statement. ``module`` is None for ``import a``; for ``from .a import b`` it is "a" and ``level`` 1."""

    module: str | None
    level: int
    names: tuple[ImportedName, ...]
    lazy: bool
    statement: int
    scope: int
    block: int
    line: int

    @property
    def is_from(self) -> bool:
        """Whether it is a ``from`` import."""
        return self.module is not None or self.level > 0


class Use(NamedTuple):
    """A name that some import binds at module level is read; ``how``: "run" or "annotation"."""

    scope: int
    statement: int
    how: str


class Store(NamedTuple):
    """``base.attr = value``, ``base[key] = value`` or, with ``value`` None, the deletion of it.

    One of ``attr`` and ``key`` is None.
    """

    base: Expr
    attr: str | None
    key: Expr | None
    value: Expr | None
    statement: int
    scope: int


class Result(NamedTuple):
    """What a function returns or yields; ``how``: "return", "yield", "yield from"."""

    how: str
    value: Expr
    statement: int
    scope: int


class Iteration(NamedTuple):
    """A loop or comprehension over ``iterable``; ``scope`` is where the iterable is evaluated."""

    iterable: Expr
    statement: int
    scope: int


class Entered(NamedTuple):
    """``with value``."""

    value: Expr
    statement: int
    scope: int


@dataclass(slots=True)
class Scope:
    """A module, class, function, lambda or comprehension.

    Attributes:
        kind: "module", "class", "function", "lambda", "comprehension".
        parent: index of the enclosing scope, -1 for the module.
        statement: the ``def`` or ``class`` statement; for lambdas and comprehensions the one they stand in.
        block: the block in which that statement stands.
        body: the block of its own statements (-1 for lambdas and comprehensions).
        decorators, bases, keywords: as written; evaluated in the enclosing scope.
        bindings: every way in which a name is bound here, in source order.
        declared: names declared ``global`` or ``nonlocal`` here, and which.
        is_async, is_generator: of a function.
        returns: the return annotation.
    """

    index: int
    kind: str
    name: str
    qualname: str
    parent: int
    statement: int
    block: int
    line: int
    body: int = -1
    params: tuple[Param, ...] = ()
    decorators: tuple[Expr, ...] = ()
    bases: tuple[Expr, ...] = ()
    keywords: tuple[tuple[str | None, Expr], ...] = ()
    returns: Expr | None = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    is_async: bool = False
    is_generator: bool = False


@dataclass(slots=True)
class ModuleFacts:
    """What one module does. Every list is in source order and is indexed by the numbers that other facts carry.

    Attributes:
        path: absolute path; modules are told apart by it.
        name: dotted name for people.
        is_package: whether it is an ``__init__.py``.
        uses: per name that some import binds at module level: where it is read in this module.
        reads: dotted names that start with a name bound by an import and are read as attributes ("pkg.train.main").
        future_annotations: ``from __future__ import annotations``.
        lazy_modules: the literal ``__lazy_modules__`` (PEP 810).
    """

    path: str
    name: str
    is_package: bool
    scopes: list[Scope]
    blocks: list[Block]
    statements: list[Statement]
    calls: list[Call]
    lambdas: list[Lambda]
    imports: list[Import]
    stores: list[Store]
    results: list[Result]
    iterations: list[Iteration]
    entered: list[Entered]
    uses: dict[str, list[Use]]
    reads: frozenset[str]
    future_annotations: bool
    lazy_modules: frozenset[str]

    @property
    def is_notebook(self) -> bool:
        """Whether it is a notebook, whose cells are read as one module that no other module can import."""
        return self.path.endswith(".ipynb")

    def runs_at_import(self, scope: int) -> bool:
        """Whether statements of the scope run when the module is imported: the module, classes, comprehensions."""
        while scope >= 0:
            found = self.scopes[scope]
            if found.kind in ("function", "lambda"):
                return False
            scope = found.parent
        return True

    def in_block(self, statement: int, kind: str) -> bool:
        """Whether the statement stands in a block of that kind, looking out of functions as well."""
        return any(block.kind == kind for block in self.enclosing_blocks(statement))

    def enclosing_blocks(self, statement: int) -> Iterator[Block]:
        """Yield the blocks around the statement from the inside out, through functions and classes to the module."""
        at = self.statements[statement].block
        while at >= 0:
            block = self.blocks[at]
            yield block
            at = block.parent
            if at < 0:
                scope = self.scopes[block.scope]
                at = scope.block

    def within(self, block: int, ancestor: int) -> bool:
        """Whether ``ancestor`` is ``block`` itself or encloses it in the same scope."""
        while block >= 0:
            if block == ancestor:
                return True
            block = self.blocks[block].parent
        return False

    def function_of(self, scope: int) -> int:
        """Return the nearest function, lambda or module scope: classes and comprehensions are looked through."""
        while self.scopes[scope].kind in ("class", "comprehension"):
            scope = self.scopes[scope].parent
        return scope

    def resolve(self, name: str, scope: int) -> int:
        """Return the index of the scope that binds the name as read in ``scope``; -1 for a builtin or unknown name."""
        start = scope
        while scope >= 0:
            found = self.scopes[scope]
            declared = found.declared.get(name)
            if declared == "global":
                return 0 if name in self.scopes[0].bindings else -1
            visible = found.kind != "class" or scope == start
            if visible and declared is None and name in found.bindings:
                return scope
            scope = found.parent
        return -1


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """The text can't be parsed: ``line`` and ``column`` from 1."""

    line: int
    column: int
    message: str


def read(
    text: str,
    *,
    path: str,
    name: str,
    is_package: bool,
    lower: Callable[[str], tuple[str, frozenset[int]] | None] | None = None,
) -> ModuleFacts | SyntaxProblem:
    """Read what the module does.

    Args:
        text: the decoded text.
        path: absolute path of the file.
        name: dotted module name.
        is_package: whether the file is an ``__init__.py``.
        lower: rewrites grammar newer than this interpreter's into older grammar on the same lines, and tells the lines
            of lazy imports; None where it can't either. Only called for a text that this interpreter can't parse.

    Returns:
        The facts, or where and why the text can't be parsed.
    """
    lazy_lines: frozenset[int] = frozenset()
    parsed = _parse(text)
    if isinstance(parsed, SyntaxProblem):
        lowered = lower(text) if lower else None
        if lowered is None:
            return parsed
        text, lazy_lines = lowered
        again = _parse(text)
        if isinstance(again, SyntaxProblem):
            return parsed
        parsed = again
    reader = _Reader(lazy_lines)
    try:
        reader.module(parsed)
    except RecursionError:
        return SyntaxProblem(1, 1, "nested too deeply to be analysed")
    return reader.facts(path, name, is_package)


def _parse(text: str) -> ast.Module | SyntaxProblem:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        line = min(max(error.lineno or 1, 1), text.count("\n") + 1)
        return SyntaxProblem(line, max(error.offset or 1, 1), error.msg or "invalid syntax")
    except (RecursionError, MemoryError):
        return SyntaxProblem(1, 1, "nested too deeply to be parsed")
    except ValueError as error:
        return SyntaxProblem(1, 1, str(error))


def dotted(expr: Expr) -> str | None:
    """Return "a.b.c" for a name or a chain of attributes on one, None for anything else."""
    parts: list[str] = []
    while isinstance(expr, Attribute):
        parts.append(expr.attr)
        expr = expr.value
    if not isinstance(expr, Name):
        return None
    parts.append(expr.id)
    return ".".join(reversed(parts))


def parts(expr: Expr) -> tuple[Expr, ...]:
    """Return the expressions directly inside an expression (a lambda's body is not inside: it runs elsewhere)."""
    match expr:
        case Attribute(value, _) | Derived(_, value):
            return (value,)
        case Call(_, func, args, keywords):
            return (func, *args, *(value for _, value in keywords))
        case Collection(_, items, keys):
            return (*(key for key in keys if key is not None), *items)
        case Comprehension(_, element, iterables):
            return (*iterables, element)
        case Choice(_, options):
            return options
        case Subscript(value, key):
            return (value, key)
        case Compared(_, left, right):
            return (left, right)
        case Opaque(inner):
            return inner
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield the expression and all expressions inside it."""
    stack = [expr]
    while stack:
        at = stack.pop()
        yield at
        stack.extend(parts(at))


_EXITS = frozenset({"sys.exit", "exit", "quit", "os._exit", "raise SystemExit"})


def _guard(expr: Expr, names: dict[str, bool]) -> bool | None:
    """Tell what a test says about the main module.

    True: holds only in the program's main module. False: holds only elsewhere. None: neither.
    """
    match expr:
        case Name(name):
            return names.get(name)
        case Call(_, Name(name), (), ()):
            return names.get(f"{name}()")
        case Compared(op, left, right):
            if op in ("Eq", "NotEq", "Is", "IsNot"):
                sides = (left, right)
                for a, b in (sides, sides[::-1]):
                    main = (a == Name("__name__") and isinstance(a, Name) and _is(b, "__main__")) or (
                        _is_process_name(a) and _is(b, "MainProcess")
                    )
                    if main:
                        return op in ("Eq", "Is")
            if op in ("In", "NotIn") and isinstance(left, Name) and left.id == "__name__":
                match right:
                    case Collection(_, items) if any(_is(item, "__main__") for item in items):
                        # "__mp_main__" is what a worker calls the main module
                        return None if any(_is(item, "__mp_main__") for item in items) else op == "In"
        case Choice("and", options):
            verdicts = [_guard(option, names) for option in options]
            return True if True in verdicts else False if False in verdicts else None
        case Choice("or", options) if any(_guard(option, names) is True for option in options):
            return True  # the other options are ways of running the file too (a notebook, a command)
        case Opaque((Compared() | Name() | Opaque() | Call() as inner,)):
            # `not test` is the only single-part expression made of a test
            verdict = _guard(inner, names)
            return None if verdict is None else not verdict
    return None


def _is_type_checking(test: Expr) -> bool:
    """Whether a test holds for type checkers only; ``TYPE_CHECKING or SLOW_IMPORT`` as a rule does too."""
    if isinstance(test, Choice) and test.how in ("and", "or"):
        return any(_is_type_checking(option) for option in test.options)
    return (dotted(test) or "").rpartition(".")[2] == "TYPE_CHECKING"


def _never(test: Expr) -> bool:
    """Whether a test switches its branch off: ``if False``, ``if __name__ == "__main2__"``."""
    match test:
        case Literal(value):
            return not value
        case Compared("Eq", Name("__name__"), Literal(str(value))):
            return value.startswith("__")
    return False


def _is(expr: Expr, value: str) -> bool:
    return isinstance(expr, Literal) and expr.value == value


def _is_process_name(expr: Expr) -> bool:
    match expr:
        case Attribute(Call(_, func), "name"):
            name = dotted(func)
            return name is not None and name.rpartition(".")[2] == "current_process"
    return False


class _Reader:
    """Walks one tree once and collects the tables of ModuleFacts."""

    def __init__(self, lazy_lines: frozenset[int]) -> None:
        self.lazy_lines = lazy_lines
        self.scopes: list[Scope] = []
        self.blocks: list[Block] = []
        self.statements: list[Statement] = []
        self.calls: list[Call] = []
        self.lambdas: list[Lambda] = []
        self.imports: list[Import] = []
        self.stores: list[Store] = []
        self.results: list[Result] = []
        self.iterations: list[Iteration] = []
        self.entered: list[Entered] = []
        self.loads: list[tuple[str, Use]] = []
        self.chains: set[str] = set()
        self.guard_names: dict[str, bool] = {}
        self.tests: dict[int, Expr] = {}
        self.scope = 0
        self.block = 0
        self.statement = -1
        self.in_annotation = False
        self.visitors: dict[type[ast.AST], Callable[[ast.AST], None]] = {
            kind: getattr(self, f"stmt_{kind.__name__}", self.stmt_other) for kind in _STATEMENTS
        }
        self.makers: dict[type[ast.AST], Callable[[ast.AST], Expr]] = {
            kind: getattr(self, f"expr_{kind.__name__}", self.expr_other) for kind in _EXPRESSIONS
        }

    # --- the whole ---

    def module(self, tree: ast.Module) -> None:
        self.scopes.append(Scope(0, "module", "", "", -1, -1, -1, 1, body=0))
        self.blocks.append(Block("body", -1, 0, -1))
        self.body(tree.body)

    def facts(self, path: str, name: str, is_package: bool) -> ModuleFacts:
        imported: set[str] = set()
        future = False
        for found in self.imports:
            future |= found.module == "__future__" and any(each.name == "annotations" for each in found.names)
        anywhere: set[str] = set()
        for scope in self.scopes:
            for bound, bindings in scope.bindings.items():
                if any(binding.how == "import" for binding in bindings):
                    anywhere.add(bound)
                    if scope.index == 0:
                        imported.add(bound)
        facts = ModuleFacts(
            path=path,
            name=name,
            is_package=is_package,
            scopes=self.scopes,
            blocks=self.blocks,
            statements=self.statements,
            calls=self.calls,
            lambdas=self.lambdas,
            imports=self.imports,
            stores=self.stores,
            results=self.results,
            iterations=self.iterations,
            entered=self.entered,
            uses={},
            reads=frozenset(chain for chain in self.chains if chain.partition(".")[0] in anywhere),
            future_annotations=future,
            lazy_modules=self.lazy_modules(),
        )
        for loaded, use in self.loads:
            if loaded not in imported:
                continue
            owner = facts.resolve(loaded, use.scope)
            if owner == use.scope and self.scopes[owner].kind == "class":
                # `torch = torch`: read before it is bound
                owner = facts.resolve(loaded, facts.function_of(owner))
            if owner == 0:
                facts.uses.setdefault(loaded, []).append(use)
        return facts

    def lazy_modules(self) -> frozenset[str]:
        names: set[str] = set()
        for binding in self.scopes[0].bindings.get("__lazy_modules__", ()):
            match binding.value:
                case Collection(_, items):
                    names.update(item.value for item in items if isinstance(item, Literal) and type(item.value) is str)
                case Call(_, _, (Collection(_, items),)):
                    names.update(item.value for item in items if isinstance(item, Literal) and type(item.value) is str)
        return frozenset(names)

    # --- statements ---

    def body(self, statements: Sequence[ast.stmt]) -> None:
        outer = self.block
        for node in statements:
            self.statement = len(self.statements)
            self.statements.append(
                Statement(
                    type(node).__name__.lower(), node.lineno, node.end_lineno or node.lineno, self.scope, self.block
                )
            )
            self.visitors[type(node)](node)
        self.block = outer

    def block_of(self, kind: str, statements: Sequence[ast.stmt], statement: int, test: Expr | None = None) -> None:
        if not statements:
            return
        outer = self.block
        self.blocks.append(Block(kind, outer, self.scope, statement, test))
        self.block = len(self.blocks) - 1
        self.body(statements)
        self.block = outer

    def bind(
        self, name: str, how: str, value: Expr = NOTHING, *, target: int = -1, statement: int | None = None
    ) -> None:
        scope = self.scopes[self.scope]
        if how == "walrus":
            while scope.kind == "comprehension":
                scope = self.scopes[scope.parent]
        if scope.declared.get(name) == "global":
            scope = self.scopes[0]
        at = self.statement if statement is None else statement
        scope.bindings.setdefault(name, []).append(Binding(how, value, at, self.block, target))

    def stmt_other(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.expr(child)

    def stmt_Expr(self, node: ast.Expr) -> None:
        at = self.statement
        value = self.expr(node.value)
        match node.value:
            case ast.BoolOp(op=ast.And()) if _guard(value, self.guard_names) is True:
                pass  # `__name__ == "__main__" and main()`
            case ast.IfExp(orelse=ast.Constant()) if _guard(self.tests.get(at, NOTHING), self.guard_names) is True:
                pass  # `main() if __name__ == "__main__" else None`
            case _:
                return
        self.blocks.append(Block("guard", self.block, self.scope, at, value))
        self.statements[at] = self.statements[at]._replace(block=len(self.blocks) - 1)

    def stmt_Assign(self, node: ast.Assign) -> None:
        if any(not isinstance(target, ast.Name) for target in node.targets):
            self.assign_in_order(node.targets, node.value)
            return
        value = self.expr(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.bind(target.id, "assign", value)
                self.name_test(target.id, value)

    def name_test(self, name: str, value: Expr) -> None:
        """Remember a module's variable that says whether this is the program's main module."""
        verdict = _guard(value, self.guard_names) if self.scope == 0 else None
        if verdict is not None:
            self.guard_names[name] = verdict

    def assign_in_order(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        """Assign to targets that hold expressions themselves, which stand before the value in the source."""
        places = [self.place(target) for target in targets]
        made = self.expr(value)
        for place in places:
            self.fill(place, made, "assign")

    def place(self, target: ast.expr) -> _Place:
        match target:
            case ast.Attribute(value=base, attr=attr):
                return _Place("attr", attr, self.expr(base), None, ())
            case ast.Subscript(value=base, slice=key):
                made = self.expr(base)
                return _Place("item", "", made, self.expr(key), ())
            case ast.Starred(value=inner):
                return _Place("star", "", None, None, (self.place(inner),))
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return _Place("unpack", "", None, None, tuple(self.place(element) for element in elements))
            case ast.Name(id=name):
                return _Place("name", name, None, None, ())
        self.expr(target)
        return _Place("other", "", None, None, ())

    def fill(self, place: _Place, value: Expr, how: str) -> None:
        match place.kind:
            case "name":
                self.bind(place.name, how, value)
            case "attr":
                self.stores.append(Store(place.base or NOTHING, place.name, None, value, self.statement, self.scope))
            case "item":
                self.stores.append(Store(place.base or NOTHING, None, place.key, value, self.statement, self.scope))
            case "star":
                self.fill(place.inner[0], Collection("list", (value,)), how)
            case "unpack":
                starred = any(inner.kind == "star" for inner in place.inner)
                exact = (
                    value.items
                    if isinstance(value, Collection)
                    and value.kind in ("tuple", "list")
                    and len(value.items) == len(place.inner)
                    and not starred
                    else None
                )
                behind = False
                for index, inner in enumerate(place.inner):
                    behind |= inner.kind == "star"
                    if exact is not None:
                        self.fill(inner, exact[index], how)
                    else:
                        self.fill(inner, Subscript(value, Literal(index - len(place.inner) if behind else index)), how)

    def stmt_AnnAssign(self, node: ast.AnnAssign) -> None:
        place = self.place(node.target)
        annotation = self.annotation(node.annotation)
        if node.value is None:
            if isinstance(node.target, ast.Name):
                self.bind(node.target.id, "annotation", annotation)
            return
        value = self.expr(node.value)
        self.fill(place, value, "assign")
        if isinstance(node.target, ast.Name):
            self.name_test(node.target.id, value)

    def stmt_AugAssign(self, node: ast.AugAssign) -> None:
        place = self.place(node.target)
        if isinstance(node.target, ast.Name):
            self.loads.append((node.target.id, Use(self.scope, self.statement, "run")))
            before: Expr = Name(node.target.id)
        else:
            before = NOTHING
        value = self.expr(node.value)
        self.fill(place, Compared(type(node.op).__name__, before, value), "augmented")

    def stmt_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self.delete(target)

    def delete(self, target: ast.expr) -> None:
        match target:
            case ast.Name(id=name):
                self.bind(name, "del")
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for element in elements:
                    self.delete(element)
            case ast.Attribute(value=base, attr=attr):
                self.stores.append(Store(self.expr(base), attr, None, None, self.statement, self.scope))
            case ast.Subscript(value=base, slice=key):
                made = self.expr(base)
                self.stores.append(Store(made, None, self.expr(key), None, self.statement, self.scope))
            case _:
                self.expr(target)

    def stmt_Return(self, node: ast.Return) -> None:
        value = self.expr(node.value) if node.value else Literal(None)
        self.results.append(Result("return", value, self.statement, self.scope))

    def stmt_Global(self, node: ast.Global) -> None:
        for name in node.names:
            self.scopes[self.scope].declared[name] = "global"

    def stmt_Nonlocal(self, node: ast.Nonlocal) -> None:
        for name in node.names:
            self.scopes[self.scope].declared[name] = "nonlocal"

    def stmt_Import(self, node: ast.Import) -> None:
        names = tuple(ImportedName(alias.name, alias.asname) for alias in node.names)
        self.imported(node, None, 0, names)

    def stmt_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = tuple(ImportedName(alias.name, alias.asname) for alias in node.names)
        self.imported(node, node.module, node.level, names)

    def imported(
        self, node: ast.Import | ast.ImportFrom, module: str | None, level: int, names: tuple[ImportedName, ...]
    ) -> None:
        lazy = node.lineno in self.lazy_lines or bool(getattr(node, "is_lazy", False))
        index = len(self.imports)
        self.imports.append(Import(module, level, names, lazy, self.statement, self.scope, self.block, node.lineno))
        for each in names:
            if each.name != "*":
                plain = each.name if module is not None or level else each.name.partition(".")[0]
                self.bind(each.asname or plain, "import", target=index)

    def stmt_If(self, node: ast.If) -> None:
        at = self.statement
        test = self.expr(node.test)
        verdict = _guard(test, self.guard_names)
        if verdict is not None:
            kinds = ("guard", "unguarded") if verdict else ("unguarded", "guard")
        elif _is_type_checking(test):
            kinds = ("typing", "else")
        elif isinstance(test, Opaque) and len(test.parts) == 1 and _is_type_checking(test.parts[0]):
            kinds = ("if", "typing")  # `not TYPE_CHECKING`
        elif _never(test):
            kinds = ("never", "else")
        else:
            kinds = ("if", "else")
        self.block_of(kinds[0], node.body, at, test)
        self.block_of(kinds[1], node.orelse, at, test)
        if verdict is False and not node.orelse and _leaves(node.body):
            # what follows an early exit or return of every other process runs in the main module only
            self.blocks.append(Block("guard", self.block, self.scope, at))
            self.block = len(self.blocks) - 1

    def stmt_For(self, node: ast.For | ast.AsyncFor) -> None:
        at = self.statement
        place = self.place(node.target)
        iterable = self.expr(node.iter)
        self.iterations.append(Iteration(iterable, at, self.scope))
        self.fill(place, Derived("each", iterable), "for")
        self.block_of("loop", node.body, at)
        self.block_of("else", node.orelse, at)

    stmt_AsyncFor = stmt_For

    def stmt_While(self, node: ast.While) -> None:
        at = self.statement
        test = self.expr(node.test)
        self.block_of("loop", node.body, at, test)
        self.block_of("else", node.orelse, at)

    def stmt_With(self, node: ast.With | ast.AsyncWith) -> None:
        at = self.statement
        for item in node.items:
            value = self.expr(item.context_expr)
            self.entered.append(Entered(value, at, self.scope))
            if item.optional_vars is not None:
                self.fill(self.place(item.optional_vars), Derived("entered", value), "with")
        self.block_of("with", node.body, at)

    stmt_AsyncWith = stmt_With

    def stmt_Try(self, node: ast.Try) -> None:
        at = self.statement
        self.block_of("try", node.body, at)
        for handler in node.handlers:
            self.statement = at
            if handler.type is not None:
                self.expr(handler.type)
            if handler.name:
                self.bind(handler.name, "except")
            self.block_of("except", handler.body, at)
        self.block_of("else", node.orelse, at)
        self.block_of("finally", node.finalbody, at)

    stmt_TryStar = stmt_Try

    def stmt_Match(self, node: ast.AST) -> None:
        at = self.statement
        subject = self.expr(node.subject)  # type: ignore[attr-defined]
        on_name = isinstance(subject, Name) and subject.id == "__name__"
        for case in node.cases:  # type: ignore[attr-defined]
            self.statement = at
            main = worker = False
            for inner in ast.walk(case.pattern):
                name = getattr(inner, "name", None) or getattr(inner, "rest", None)
                if isinstance(name, str):
                    self.bind(name, "match", Opaque((subject,)))
                if on_name and isinstance(inner, ast.Constant):
                    main |= inner.value == "__main__"
                    worker |= inner.value == "__mp_main__"
                if isinstance(inner, ast.Name):
                    self.loads.append((inner.id, Use(self.scope, at, "run")))
            if case.guard is not None:
                self.expr(case.guard)
            anything = case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
            self.block_of(
                "guard" if main and not worker else "case", case.body, at, Literal(value=True) if anything else None
            )

    def stmt_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        at = self.statement
        decorators = tuple(self.expr(each) for each in node.decorator_list)
        params = self.params(node.args)
        returns = self.annotation(node.returns) if node.returns is not None else None
        scope = self.open_scope("function", node.name, at, node.lineno)
        self.bind(node.name, "def", target=scope.index)
        scope.decorators, scope.params, scope.returns = decorators, params, returns
        scope.is_async = isinstance(node, ast.AsyncFunctionDef)
        self.inside(scope, node.body, params)
        if isinstance(node.body[-1], ast.Return) and len(node.body) <= 2 and not params:
            # `def is_main(): return __name__ == "__main__"`, perhaps with a docstring
            self.name_test(f"{node.name}()", self.results[-1].value)

    stmt_AsyncFunctionDef = stmt_FunctionDef

    def stmt_ClassDef(self, node: ast.ClassDef) -> None:
        at = self.statement
        decorators = tuple(self.expr(each) for each in node.decorator_list)
        bases = tuple(self.expr(each) for each in node.bases)
        keywords = tuple((keyword.arg, self.expr(keyword.value)) for keyword in node.keywords)
        scope = self.open_scope("class", node.name, at, node.lineno)
        self.bind(node.name, "class", target=scope.index)
        scope.decorators, scope.bases, scope.keywords = decorators, bases, keywords
        self.inside(scope, node.body, ())

    def open_scope(self, kind: str, name: str, statement: int, line: int) -> Scope:
        outer = self.scopes[self.scope]
        qualname = f"{outer.qualname}.{name}" if outer.qualname else name
        scope = Scope(len(self.scopes), kind, name, qualname, self.scope, statement, self.block, line)
        self.scopes.append(scope)
        return scope

    def inside(self, scope: Scope, body: Sequence[ast.stmt], params: tuple[Param, ...]) -> None:
        outer = (self.scope, self.block, self.statement)
        self.scope = scope.index
        self.blocks.append(Block("body", -1, scope.index, scope.statement))
        self.block = scope.body = len(self.blocks) - 1
        for param in params:
            self.bind(param.name, "param", param.default or NOTHING)
        self.body(body)
        self.scope, self.block, self.statement = outer

    def params(self, args: ast.arguments) -> tuple[Param, ...]:
        made: list[Param] = []
        positional = [*args.posonlyargs, *args.args]
        missing = len(positional) - len(args.defaults)
        for index, arg in enumerate(positional):
            annotation = self.annotation(arg.annotation) if arg.annotation else None
            default = self.expr(args.defaults[index - missing]) if index >= missing else None
            made.append(Param(arg.arg, "positional", default, annotation))
        if args.vararg:
            annotation = self.annotation(args.vararg.annotation) if args.vararg.annotation else None
            made.append(Param(args.vararg.arg, "*", None, annotation))
        for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            annotation = self.annotation(arg.annotation) if arg.annotation else None
            made.append(Param(arg.arg, "keyword", self.expr(value) if value else None, annotation))
        if args.kwarg:
            annotation = self.annotation(args.kwarg.annotation) if args.kwarg.annotation else None
            made.append(Param(args.kwarg.arg, "**", None, annotation))
        return tuple(made)

    def annotation(self, node: ast.expr) -> Expr:
        outer, self.in_annotation = self.in_annotation, True
        made = self.expr(node)
        self.in_annotation = outer
        for inner in ast.walk(node):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                self.quoted(inner.value)
        return made

    def quoted(self, text: str) -> None:
        """Count the names in a quoted annotation as used by annotations."""
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        for inner in ast.walk(tree):
            if isinstance(inner, ast.Name):
                self.loads.append((inner.id, Use(self.scope, self.statement, "annotation")))

    # --- expressions ---

    def expr(self, node: ast.expr) -> Expr:
        return self.makers[type(node)](node)

    def expr_other(self, node: ast.AST) -> Expr:
        made = tuple(self.expr(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
        return Opaque(made)

    def expr_Name(self, node: ast.Name) -> Expr:
        self.loads.append((node.id, Use(self.scope, self.statement, "annotation" if self.in_annotation else "run")))
        return Name(node.id)

    def expr_Attribute(self, node: ast.Attribute) -> Expr:
        made = Attribute(self.expr(node.value), node.attr)
        chain = dotted(made)
        if chain is not None:
            self.chains.add(chain)
        return made

    def expr_Constant(self, node: ast.Constant) -> Expr:
        value = node.value
        if value is None or isinstance(value, (str, int, float)):
            return Literal(value)
        return NOTHING

    def expr_Call(self, node: ast.Call) -> Expr:
        number = len(self.calls)
        call = Call(number, NOTHING, (), (), node.lineno, self.scope, self.statement)
        self.calls.append(call)
        func = self.expr(node.func)
        args: list[Expr] = []
        keywords: list[tuple[str | None, Expr]] = []
        both: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        if node.keywords and any(isinstance(each, ast.Starred) for each in node.args):
            # `f(a=1, *b)`: only a starred argument can stand behind a keyword
            both.sort(key=_position)
        for each in both:
            if isinstance(each, ast.keyword):
                keywords.append((each.arg, self.expr(each.value)))
            else:
                args.append(self.expr(each))
        call = call._replace(func=func, args=tuple(args), keywords=tuple(keywords))
        self.calls[number] = call
        return call

    def expr_Lambda(self, node: ast.Lambda) -> Expr:
        number = len(self.lambdas)
        at = self.statement
        scope = self.open_scope("lambda", "<lambda>", at, node.lineno)
        made = Lambda(number, scope.index, node.lineno, NOTHING, at)
        self.lambdas.append(made)
        scope.params = self.params(node.args)
        outer = self.scope
        self.scope = scope.index
        for param in scope.params:
            self.bind(param.name, "param", param.default or NOTHING)
        made = made._replace(body=self.expr(node.body))
        self.scope = outer
        self.lambdas[number] = made
        return made

    def expr_List(self, node: ast.List | ast.Tuple | ast.Set) -> Expr:
        return Collection(type(node).__name__.lower(), tuple(self.expr(each) for each in node.elts))

    expr_Tuple = expr_List
    expr_Set = expr_List

    def expr_Dict(self, node: ast.Dict) -> Expr:
        keys: list[Expr | None] = []
        items: list[Expr] = []
        for key, value in zip(node.keys, node.values, strict=True):
            keys.append(self.expr(key) if key is not None else None)
            items.append(self.expr(value))
        return Collection("dict", tuple(items), tuple(keys))

    def expr_IfExp(self, node: ast.IfExp) -> Expr:
        body = self.expr(node.body)
        test = self.tests[self.statement] = self.expr(node.test)
        return Choice("if", (body, self.expr(node.orelse)), test)

    def expr_BoolOp(self, node: ast.BoolOp) -> Expr:
        how = "or" if isinstance(node.op, ast.Or) else "and"
        return Choice(how, tuple(self.expr(each) for each in node.values))

    def expr_Subscript(self, node: ast.Subscript) -> Expr:
        value = self.expr(node.value)
        return Subscript(value, self.expr(node.slice))

    def expr_Starred(self, node: ast.Starred) -> Expr:
        return Derived("starred", self.expr(node.value))

    def expr_Await(self, node: ast.Await) -> Expr:
        return Derived("awaited", self.expr(node.value))

    def expr_JoinedStr(self, node: ast.JoinedStr) -> Expr:
        return Derived("joined", Opaque(tuple(self.expr(each) for each in node.values)))

    def expr_FormattedValue(self, node: ast.FormattedValue) -> Expr:
        value = self.expr(node.value)
        return Opaque((value, self.expr(node.format_spec))) if node.format_spec else Opaque((value,))

    def expr_NamedExpr(self, node: ast.NamedExpr) -> Expr:
        value = self.expr(node.value)
        self.bind(node.target.id, "walrus", value)
        return value

    def expr_Compare(self, node: ast.Compare) -> Expr:
        left = self.expr(node.left)
        rest = tuple(self.expr(each) for each in node.comparators)
        if len(rest) == 1:
            return Compared(type(node.ops[0]).__name__, left, rest[0])
        return Opaque((left, *rest))

    def expr_BinOp(self, node: ast.BinOp) -> Expr:
        left = self.expr(node.left)
        return Compared(type(node.op).__name__, left, self.expr(node.right))

    def expr_UnaryOp(self, node: ast.UnaryOp) -> Expr:
        value = self.expr(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, Literal) and type(value.value) in (int, float):
            return Literal(-value.value)  # type: ignore[operator]
        return Opaque((value,))

    def expr_Yield(self, node: ast.Yield) -> Expr:
        value = self.expr(node.value) if node.value else Literal(None)
        self.yielded("yield", value)
        return NOTHING

    def expr_YieldFrom(self, node: ast.YieldFrom) -> Expr:
        value = self.expr(node.value)
        self.yielded("yield from", value)
        return NOTHING

    def yielded(self, how: str, value: Expr) -> None:
        self.scopes[self.scope].is_generator = True
        self.results.append(Result(how, value, self.statement, self.scope))

    def expr_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Expr:
        kind = {"ListComp": "list", "SetComp": "set", "DictComp": "dict", "GeneratorExp": "generator"}
        scope = self.open_scope("comprehension", "<comprehension>", self.statement, node.lineno)
        outer, self.scope = self.scope, scope.index
        if isinstance(node, ast.DictComp):
            self.expr(node.key)
            element = self.expr(node.value)
        else:
            element = self.expr(node.elt)
        iterables: list[Expr] = []
        for index, generator in enumerate(node.generators):
            place = self.place(generator.target)
            # the first iterable is evaluated in the enclosing scope (language reference 6.2.4)
            self.scope = outer if index == 0 else scope.index
            iterable = self.expr(generator.iter)
            self.iterations.append(Iteration(iterable, self.statement, self.scope))
            self.scope = scope.index
            self.fill(place, Derived("each", iterable), "for")
            iterables.append(iterable)
            for test in generator.ifs:
                self.expr(test)
        self.scope = outer
        return Comprehension(kind[type(node).__name__], element, tuple(iterables), scope.index)

    expr_SetComp = expr_ListComp
    expr_GeneratorExp = expr_ListComp
    expr_DictComp = expr_ListComp


class _Place(NamedTuple):
    """Where an assignment puts its value."""

    kind: str
    name: str
    base: Expr | None
    key: Expr | None
    inner: tuple[_Place, ...]


def _position(node: ast.expr | ast.keyword) -> tuple[int, int]:
    return (node.lineno, node.col_offset)


def _leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether a block ends the program or its function: ``raise``, ``return`` or a call of an exit function."""
    match body[-1]:
        case ast.Raise() | ast.Return():
            return True
        case ast.Expr(value=ast.Call(func=func)):
            return ast.unparse(func) in _EXITS
    return False


def _subclasses(kind: type[ast.AST]) -> Iterable[type[ast.AST]]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


_STATEMENTS = tuple(_subclasses(ast.stmt))
_EXPRESSIONS = tuple(_subclasses(ast.expr))
