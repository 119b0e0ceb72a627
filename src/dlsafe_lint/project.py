"""What follows from the facts of all modules together: which file an import means, what a name is, who calls what.

Every answer is drawn from facts alone; no module of the project is ever imported. Where a name can't be followed the
answer is unknown, never a guess.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from posixpath import commonprefix
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from dlsafe_lint import apis, branches, flow
from dlsafe_lint.apis import datasets, heavy
from dlsafe_lint.apis.cli import NAMESPACES
from dlsafe_lint.apis.handles import LIBRARIES, PATHS
from dlsafe_lint.facts import (
    NOTHING,
    Attribute,
    Binding,
    Call,
    Choice,
    Collection,
    Compared,
    Comprehension,
    Derived,
    Expr,
    Import,
    Lambda,
    Literal,
    ModuleFacts,
    Name,
    Opaque,
    Param,
    Result,
    Scope,
    Store,
    Subscript,
    dotted,
)
from dlsafe_lint.finding import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Answer = TypeVar("Answer")
Happening = TypeVar("Happening", Binding, Result, Call)

MAX_DEPTH = 12
MAX_STEPS = 3000
MAX_VALUES = 200
"""How deep and how long a question is followed, and how many different values an answer has at most."""
MAX_OVERRIDES = 3
"""How many subclasses at most may stand in for a class whose method does nothing: more need not belong together."""


class Site(NamedTuple):
    """A function or class of the project: the scope ``scope`` of the module at ``path``."""

    path: str
    scope: int


class Frame(NamedTuple):
    """The arguments of one call, for evaluating the body of the function that was called.

    ``args`` maps parameter names to what was passed; a parameter that is not in it has its default.
    ``complete`` is False where ``*args`` or ``**kwargs`` at the call may pass more. ``receiver`` is what ``self`` is.
    ``called`` is False where no call in particular is meant, so that another one may pass something else.
    """

    scope: int
    path: str
    args: Mapping[str, tuple[Expr, Where]]
    complete: bool = True
    receiver: Value | None = None
    called: bool = False


class Where(NamedTuple):
    """A place in the code at which an expression is evaluated."""

    facts: ModuleFacts
    scope: int
    statement: int
    frame: Frame | None = None


class Value(NamedTuple):
    """One thing that an expression may stand for.

    ``kind``: "function", "class" (``site``), "lambda" (``expr``), "module" (``name`` is its path), "external" (a name
    of a library, ``name``), "instance" (of the project class ``site``, made by the call ``expr``), "generator" (made by
    the generator function ``site`` and the call ``expr``), "made" (result of calling the library name ``name`` by
    ``expr``), "part" (attribute or item ``name`` of the value ``of``), "literal", "collection", "comprehension"
    (``expr``), "missing" (a parameter that has no default and is not passed) or "unknown" (named "argument" where it
    is whatever callers outside the project pass).
    ``where`` is where ``expr`` stands; ``via`` are the hops that lead to it. An instance with ``where`` but without
    ``expr`` is made by nobody in particular: its constructor's parameters have their defaults.
    """

    kind: str
    name: str = ""
    site: Site | None = None
    expr: Expr | None = None
    where: Where | None = None
    of: Value | None = None
    via: tuple[Place, ...] = ()


UNKNOWN = Value("unknown")


class _Remembered(NamedTuple):
    """The values of an expression; the expression is held so that no other one gets its identity."""

    expr: Expr
    values: list[Value]


class _Unreached(NamedTuple):
    """The statements that a call does not reach; the frame is held so that no other one gets its identity."""

    frame: Frame
    statements: frozenset[int]


class _Addition(NamedTuple):
    """What a statement puts into a collection; ``key`` None where it has none."""

    statement: int
    key: Expr | None
    item: Expr
    keyed: bool


class Base(NamedTuple):
    """A class on the way up from a class: a project class or a library's name, with the hops that lead there."""

    site: Site | None
    name: str
    via: tuple[Place, ...]


class Target(NamedTuple):
    """A module that an import statement loads: a project file or a library's module."""

    path: str | None
    name: str


@dataclass(slots=True)
class Project:
    """All modules and the answers that follow from them. Made by `build`.

    Attributes:
        root: absolute path of the project's folder.
        modules: facts by path.
        entry_points: "module:function" or "module" as declared in packaging metadata and settings.
        dataset_classes, data_loaders: qualified names that the settings add.
        handles: qualified names of openers that the settings add.
        heavy_modules: modules that are slow to import, in place of the table of apis; None for the table.
        extra_heavy: modules that are slow to import, besides those.
        heavy_imports: where slow imports are reported: "startup", "everywhere" or "off".
        guard_style: how what runs a program goes under its guard: "block" or "main".
        lazy_style: how imports are made to wait: "function", "lazy-modules" or "keyword".
        annotation_style: how annotations are kept from being evaluated: "future" or "quotes".
        max_moves: into how many functions an import may move.
        typed: folders of packages with a ``py.typed``.
        oldest: the oldest Python that the project runs on.
    """

    root: str
    modules: dict[str, ModuleFacts]
    source_roots: tuple[str, ...] = ()
    entry_points: tuple[str, ...] = ()
    dataset_classes: frozenset[str] = frozenset()
    data_loaders: frozenset[str] = frozenset()
    handles: frozenset[str] = frozenset()
    heavy_modules: frozenset[str] | None = None
    extra_heavy: frozenset[str] = frozenset()
    heavy_imports: str = "startup"
    guard_style: str = "block"
    lazy_style: str = "function"
    annotation_style: str = "future"
    max_moves: int = 6
    typed: frozenset[str] = frozenset()
    oldest: tuple[int, int] = (3, 10)
    folders: frozenset[str] = frozenset()
    packages: dict[str, list[str]] = field(default_factory=dict)
    answers: dict[object, object] = field(default_factory=dict)
    calls_by_name: dict[str, list[tuple[ModuleFacts, Call]]] = field(default_factory=dict)
    renamed: dict[str, set[str]] = field(default_factory=dict)
    pending: set[object] = field(default_factory=set)
    running: bool = False
    cut_short: bool = False
    steps: int = 0
    asked: int = 0

    def answer(self, key: object, make: Callable[[], Answer]) -> Answer:
        """Return what was made for the key before, or make it now: every answer is worked out once."""
        if key not in self.answers:
            self.answers[key] = make()
        return cast("Answer", self.answers[key])

    # --- modules ---

    def find(self, importer: ModuleFacts, dotted_name: str, level: int = 0) -> str | None:
        """Return the file that the module name means in an import of ``importer``; None if it is not the project's.

        A folder without ``__init__.py`` (a namespace package) is no file: None.
        """
        key = ("find", importer.path, dotted_name, level)
        if key not in self.answers:
            self.answers[key] = self._find(importer, dotted_name, level)
        found = self.answers[key]
        return found if isinstance(found, str) else None

    def _find(self, importer: ModuleFacts, dotted_name: str, level: int) -> str | None:
        parts = dotted_name.split(".") if dotted_name else []
        folder = importer.path.rpartition("/")[0]
        if level:
            for _ in range(level - 1):
                folder = folder.rpartition("/")[0]
            return self._file(folder, parts)
        if not parts or (parts[0] in sys.stdlib_module_names and parts[0] != "test"):
            return None
        for root in self._roots(importer):
            base = f"{root}/{parts[0]}"
            if parts[0] in LIBRARIES and importer.path.startswith(f"{base}/") and f"{root}/__init__.py" in self.modules:
                continue  # `import lmdb` in `pkg/data/lmdb/reader.py`
            if f"{base}/__init__.py" in self.modules or f"{base}.py" in self.modules:
                return self._file(root, parts)
            if base in self.folders and len(parts) > 1:
                found = self._file(root, parts)
                if found:
                    return found
        tops = self.packages.get(parts[0], [])
        if tops:
            nearest = max(tops, key=lambda top: len(commonprefix([top, importer.path])))
            return self._file(nearest.rpartition("/")[0], parts)
        return None

    def _file(self, folder: str, parts: Sequence[str]) -> str | None:
        base = "/".join([folder, *parts])
        for candidate in (f"{base}/__init__.py", f"{base}.py"):
            if candidate in self.modules:
                return candidate
        return None

    def _roots(self, importer: ModuleFacts) -> list[str]:
        """Return the folders in which an absolute import is looked up, the likeliest first."""
        key = ("roots", importer.path.rpartition("/")[0])
        known = self.answers.get(key)
        if isinstance(known, list):
            return known
        own = importer.path.rpartition("/")[0]
        inside: list[str] = []
        top = own
        while f"{top}/__init__.py" in self.modules and len(top) > len(self.root):
            inside.append(top)
            top = top.rpartition("/")[0]
        roots = []
        while len(top) >= len(self.root) and top:
            roots.append(top)
            top = top.rpartition("/")[0]
        roots += [*self.source_roots, f"{self.root}/src", f"{self.root}/lib", *inside]
        made = list(dict.fromkeys(roots))
        self.answers[key] = made
        return made

    def targets(self, facts: ModuleFacts, statement: Import) -> list[Target]:
        """Return the modules that an import statement loads, in Python's order, parent packages first.

        Args:
            facts: the module in which the statement stands.
            statement: one of its imports.

        Returns:
            Project files and library modules ("torch.utils.data"); a project module's own imports are not followed.
        """
        found: list[Target] = []

        def add(name: str, level: int) -> str | None:
            parts = name.split(".") if name else []
            path = None
            counts = range(1, len(parts) + 1) if parts else (0,)
            external = False
            for count in counts:
                prefix = ".".join(parts[:count])
                path = self.find(facts, prefix, level)
                if path:
                    found.append(Target(path, self.modules[path].name))
                elif level == 0 and count == 1 and not self._is_folder(facts, prefix):
                    external = True
                    break
            if external:
                found.append(Target(None, name))
            return path

        if not statement.is_from:
            for each in statement.names:
                add(each.name, 0)
        else:
            module = statement.module or ""
            path = add(module, statement.level)
            for each in statement.names:
                if each.name == "*":
                    continue
                if path and path != facts.path and self._binds(self.modules[path], each.name):
                    continue
                inner = self.find(facts, f"{module}.{each.name}" if module else each.name, statement.level)
                if inner:
                    found.append(Target(inner, self.modules[inner].name))
        if not found:  # a folder without modules of that name does not hide an installed library
            names = [statement.module or ""] if statement.is_from else [each.name for each in statement.names]
            found += [Target(None, name) for name in names if not statement.level and heavy.root(name)]
        return list(dict.fromkeys(found))

    def _is_folder(self, importer: ModuleFacts, name: str) -> bool:
        return any(f"{root}/{name}" in self.folders for root in self._roots(importer))

    def _binds(self, facts: ModuleFacts, name: str) -> bool:
        """Whether the module itself binds the name before anybody asks (an import of its own submodule included)."""
        return name in facts.scopes[0].bindings and not all(
            binding.how in ("annotation", "del") for binding in facts.scopes[0].bindings[name]
        )

    # --- names ---

    def member(self, path: str, name: str, depth: int = 0) -> list[Value]:
        """Return what the attribute ``name`` of the project module at ``path`` stands for, re-exports followed."""
        facts = self.modules[path]
        if name in facts.scopes[0].bindings:
            return self._bound(Where(facts, 0, len(facts.statements)), name, 0, depth)
        for statement in facts.imports:
            if statement.scope == 0 and any(each.name == "*" for each in statement.names):
                inner = self.find(facts, statement.module or "", statement.level)
                if inner and inner != path and depth < MAX_DEPTH:
                    if self._binds(self.modules[inner], name) or self._has_star(self.modules[inner]):
                        values = self.member(inner, name, depth + 1)
                        if values and values[0].kind != "unknown":
                            return values
                elif statement.module and not inner and apis.is_known(f"{statement.module}.{name}"):
                    return [Value("external", apis.canonical(f"{statement.module}.{name}"))]
        if facts.is_package:
            inner = self._file(path.rpartition("/")[0], [name])
            if inner:
                return [Value("module", inner)]
        return [UNKNOWN]

    def _has_star(self, facts: ModuleFacts) -> bool:
        return any(each.name == "*" for statement in facts.imports for each in statement.names)

    def imported(self, facts: ModuleFacts, statement: Import, bound: str, depth: int = 0) -> list[Value]:
        """Return what the name that an import statement binds stands for."""
        for each in statement.names:
            if statement.is_from:
                if (each.asname or each.name) != bound:
                    continue
                module = statement.module or ""
                path = self.find(facts, module, statement.level)
                if path:
                    if self._binds(self.modules[path], each.name) and path != facts.path:
                        return self.member(path, each.name, depth + 1)
                    inner = self.find(facts, f"{module}.{each.name}" if module else each.name, statement.level)
                    if inner:
                        return [Value("module", inner)]
                    return self.member(path, each.name, depth + 1) if path != facts.path else [UNKNOWN]
                inner = self.find(facts, f"{module}.{each.name}" if module else each.name, statement.level)
                if inner:
                    return [Value("module", inner)]
                if statement.level:
                    return [UNKNOWN]
                return [Value("external", apis.canonical(f"{module}.{each.name}"))]
            if each.asname == bound:
                path = self.find(facts, each.name)
                return [Value("module", path)] if path else [Value("external", each.name)]
            if each.asname is None and each.name.partition(".")[0] == bound:
                path = self.find(facts, bound)
                if path:
                    return [Value("module", path)]
                if self.find(facts, each.name):
                    return [Value("external", bound)]  # a namespace package: its attributes are looked up by name
                return [Value("external", bound)]
        return [UNKNOWN]

    def _bound(self, where: Where, name: str, scope: int, depth: int) -> list[Value]:
        """Return what ``name``, bound in ``scope`` of the module, stands for at ``where``."""
        facts = where.facts
        found: list[Value] = []
        bindings = reaching(facts, scope, name, where)
        frame = where.frame if self._frame_fits(where.frame, facts, scope) else None
        bindings = self.reached(bindings, frame)
        if len(bindings) > 1:
            at = Where(facts, scope, where.statement, frame if frame is not None and frame.called else None)
            bindings = [each for each in bindings if not self.is_off(each.block, at, depth)] or bindings
        for binding in bindings:
            found.extend(self._binding(facts, scope, name, binding, where, depth))
        return found or [UNKNOWN]

    def is_off(self, block: int, where: Where, depth: int = 0) -> bool:
        """Whether a block doesn't run, going by literals: ``if mode == "train":`` in a call with ``mode="test"``.

        Args:
            block: a block of the module; those around it in the same function count as well.
            where: the module, and the arguments of the call in which it would run.
            depth: of the question that asks.
        """
        facts = where.facts
        while depth < MAX_DEPTH and facts.blocks[block].parent >= 0:
            found = facts.blocks[block]
            if found.test is not None and found.kind in ("if", "else"):
                key = ("off", facts.path, block, id(where.frame))
                if key in self.pending:  # a test that depends on itself
                    self.cut_short = True
                else:
                    self.pending.add(key)
                    at = Where(facts, found.scope, found.statement, where.frame)
                    holds = branches.settled(self, found.test, at, depth + 1)
                    self.pending.discard(key)
                    if holds is (found.kind == "else"):
                        return True
            block = found.parent
        return False

    def unreached(self, frame: Frame | None) -> frozenset[int]:
        """Return the statements that a function does not come to in a call with these arguments.

        None are known for a function that no call in particular runs: what decides its tests may be passed elsewhere.
        """
        if frame is None or not frame.called:
            return frozenset()
        facts = self.modules[frame.path]
        if frame.scope not in self.answer(("asking", frame.path), lambda: branches.asking(facts)):
            return frozenset()
        key = ("unreached", id(frame))
        known = self.answers.get(key)
        if not isinstance(known, _Unreached):
            self.answers[key] = _Unreached(frame, frozenset())  # while its tests are decided all of it may run
            lies = self.answer(("outline", frame.path), lambda: flow.outline(facts))
            known = _Unreached(
                frame,
                flow.skipped(
                    facts,
                    lies,
                    frame.scope,
                    lambda test, at: branches.decided(self, test, Where(facts, frame.scope, at, frame)),
                ),
            )
            self.answers[key] = known
        return known.statements

    def reached(self, happenings: Sequence[Happening], frame: Frame | None) -> list[Happening]:
        """Return the bindings, results, stores … of a function that a call with these arguments comes to.

        All of them where it seems to come to none.
        """
        left_out = self.unreached(frame) if len(happenings) > 1 else frozenset()
        if not left_out:
            return list(happenings)
        return [each for each in happenings if each.statement not in left_out] or list(happenings)

    def _binding(
        self, facts: ModuleFacts, scope: int, name: str, binding: Binding, where: Where, depth: int
    ) -> list[Value]:
        match binding.how:
            case "import":
                return self.imported(facts, facts.imports[binding.target], name, depth)
            case "def":
                return [Value("function", name, Site(facts.path, binding.target))]
            case "class":
                return [Value("class", name, Site(facts.path, binding.target))]
            case "assign" | "walrus" | "augmented" | "for" | "with":
                frame = where.frame if self._frame_fits(where.frame, facts, scope) else None
                at = Where(facts, scope, binding.statement, frame)
                values = self.values(binding.value, at, depth + 1)
                line = facts.statements[binding.statement].line
                if facts.function_of(where.scope) != facts.function_of(scope) or where.statement == len(
                    facts.statements
                ):
                    hop = Place(facts.path, line, f"`{name}` is bound here")
                    values = [value._replace(via=(*value.via, hop)) for value in values]
                if any(value.kind == "collection" or value.name in _CONTAINERS for value in values):
                    values = [*values, *self._added(name, at)]
                return values
            case "param":
                return self._param(facts, scope, name, where.frame, depth)
        return [UNKNOWN]

    def _frame_fits(self, frame: Frame | None, facts: ModuleFacts, scope: int) -> bool:
        return frame is not None and frame.path == facts.path and frame.scope == facts.function_of(scope)

    def added(self, base: str, where: Where) -> list[Collection]:
        """Return what is put into the collection named ``base`` in the function that ``where`` is in.

        Args:
            base: dotted name as written ("transforms", "self.files").
            where: only the scope counts, and the arguments of the function if they are known.

        Returns:
            A list of what comes without keys (``x.append(e)``) and a dict of what has some (``x[k] = e``).
        """
        facts, function = where.facts, where.facts.function_of(where.scope)
        additions = self._additions(facts).get((base, function), [])
        left_out = self.unreached(where.frame) if additions and self._frame_fits(where.frame, facts, function) else ()
        kept = tuple(index for index, each in enumerate(additions) if each.statement not in left_out)
        key = ("added", facts.path, base, function, kept)
        return list(self.answer(key, lambda: _collected([additions[index] for index in kept])))

    def _added(self, base: str, where: Where) -> list[Value]:
        """Return what `added` does as values, evaluated where the last of it is put in."""
        facts, function = where.facts, where.facts.function_of(where.scope)
        statements = [each.statement for each in self._additions(facts).get((base, function), ())]
        at = where._replace(statement=max((where.statement, *statements)))
        return [Value("collection", expr=each, where=at) for each in self.added(base, where)]

    def _additions(self, facts: ModuleFacts) -> dict[tuple[str, int], list[_Addition]]:
        return self.answer(("additions", facts.path), lambda: _additions(facts))

    def _param(self, facts: ModuleFacts, scope: int, name: str, frame: Frame | None, depth: int) -> list[Value]:
        owner = facts.scopes[scope]
        param = next((each for each in owner.params if each.name == name), None)
        if param is None:
            return [UNKNOWN]
        passed = self._passed(facts, owner, param, frame, depth)
        if param.annotation is None or any(value.kind not in ("unknown", "missing", "literal") for value in passed):
            return passed
        return [*passed, *self._annotated(param.annotation, Where(facts, owner.parent, owner.statement))]

    def _annotated(self, annotation: Expr, where: Where) -> list[Value]:
        """Return the path, or the iterable of paths, that an annotation speaks of; nothing for other types."""
        match annotation:
            case Literal(str(text)) if text.replace(".", "").isidentifier():
                quoted: Expr = Name(text.partition(".")[0])
                for attr in text.split(".")[1:]:
                    quoted = Attribute(quoted, attr)
                return self._annotated(quoted, where) if "Path" in text else []
            case Name("Path") | Attribute(_, "Path"):
                if any(value.name == "pathlib.Path" for value in self.values(annotation, where, 1)):
                    return [Value("made", "pathlib.Path", expr=annotation, where=where)]
            case Compared("BitOr", left, right):
                return [*self._annotated(left, where), *self._annotated(right, where)]
            case Subscript(outer, key):
                inner = key.items if isinstance(key, Collection) else (key,)
                found = [value for each in inner for value in self._annotated(each, where)][:1]
                kind = (dotted(outer) or "").rpartition(".")[2]
                if kind in ("Optional", "Union"):
                    return found
                if kind in _OF_ITEMS:
                    return [Value("part", "glob()", of=value, where=where, expr=annotation) for value in found]
        return []

    def _passed(self, facts: ModuleFacts, owner: Scope, param: Param, frame: Frame | None, depth: int) -> list[Value]:
        name, scope = param.name, owner.index
        receiver = self.receiver(facts, owner)
        if receiver is not None and owner.params and owner.params[0].name == name:
            if frame is not None and self._frame_fits(frame, facts, scope) and frame.receiver is not None:
                return [frame.receiver]
            return [receiver]
        default = (
            self.values(param.default, Where(facts, owner.parent, owner.statement), depth + 1)
            if param.default is not None
            else [Value("missing", name)]
        )
        if param.kind in ("*", "**"):
            if frame is not None and self._frame_fits(frame, facts, scope) and name in frame.args:
                passed = frame.args[name]
                return self.values(passed[0], passed[1], depth + 1)
            if frame is not None and self._frame_fits(frame, facts, scope) and frame.complete:
                nothing = Collection("tuple" if param.kind == "*" else "dict", ())
                return [Value("collection", expr=nothing, where=Where(facts, scope, owner.statement))]
            if param.kind == "**" or frame is not None:
                return [UNKNOWN]
        if frame is not None and self._frame_fits(frame, facts, scope):
            if name in frame.args:
                expr, at = frame.args[name]
                return self.values(expr, at, depth + 1)
            return default if frame.complete else [*default, UNKNOWN]
        if owner.kind == "lambda" or depth >= MAX_DEPTH:
            return [UNKNOWN]
        found: list[Value] = []
        site = Site(facts.path, scope)
        for caller, call in self.callers(site):
            bound = self.bind(site, caller, call, depth=depth + 1)
            if bound is None:
                found.append(UNKNOWN)
            elif name in bound.args:
                expr, at = bound.args[name]
                hop = Place(caller.path, call.line, f"passed as `{name}` to `{owner.name}`")
                found.extend(value._replace(via=(*value.via, hop)) for value in self.values(expr, at, depth + 1))
            else:
                found.extend(default if bound.complete else [*default, UNKNOWN])
        return found or [*default, Value("unknown", "argument")]

    def receiver(self, facts: ModuleFacts, function: Scope) -> Value | None:
        """Return what the first parameter of a method is (an instance or, in a class method, the class)."""
        if function.kind != "function" or function.parent < 0 or facts.scopes[function.parent].kind != "class":
            return None
        site = Site(facts.path, function.parent)
        names = {dotted(decorator) for decorator in function.decorators}
        if "staticmethod" in names:
            return None
        if "classmethod" in names or function.name in ("__new__", "__init_subclass__", "__class_getitem__"):
            return Value("class", facts.scopes[function.parent].name, site)
        return Value("instance", facts.scopes[function.parent].name, site)

    # --- values ---

    def values(self, expr: Expr, where: Where, depth: int = 0) -> list[Value]:
        """Return what the expression may stand for at ``where``: every possibility that the code shows.

        "unknown" among the values means that there may be others.
        """
        outermost = not self.running
        if outermost:
            self.steps = 0
            self.cut_short = False
        self.steps += 1
        self.asked += 1
        if depth > MAX_DEPTH or self.steps > MAX_STEPS:
            self.cut_short = True
            return [UNKNOWN]
        self.running = True
        try:
            if where.frame is not None or not isinstance(expr, (Name, Attribute, Call, Subscript)):
                return _distinct(self._values(expr, where, depth))
            return self._remembered(expr, where, depth, outermost=outermost)
        finally:
            self.running = not outermost

    def _remembered(self, expr: Expr, where: Where, depth: int, *, outermost: bool) -> list[Value]:
        """Return the values from memory; what was cut short is remembered for the outermost question only."""
        key = ("values", where.facts.path, id(expr))
        known = self.answers.get(key)
        if isinstance(known, _Remembered):
            return known.values
        if key in self.pending:  # a value that depends on itself
            self.cut_short = True
            return [UNKNOWN]
        self.pending.add(key)
        before, self.cut_short = self.cut_short, False
        try:
            made = _distinct(self._values(expr, where, depth))
        finally:
            self.pending.discard(key)
        if outermost or not self.cut_short:
            self.answers[key] = _Remembered(expr, made)
        self.cut_short = self.cut_short or before
        return made

    def _values(self, expr: Expr, where: Where, depth: int) -> list[Value]:
        facts = where.facts
        match expr:
            case Name(name):
                scope = facts.resolve(name, where.scope)
                if scope < 0:
                    return self._unbound(facts, name, depth)
                return self._bound(where, name, scope, depth)
            case Literal():
                return [Value("literal", expr=expr, where=where)]
            case Lambda():
                return [Value("lambda", expr=expr, where=where)]
            case Attribute(inner, attr):
                return self._flat(self.attribute(value, attr, depth + 1) for value in self.values(inner, where, depth))
            case Call():
                return self.result(expr, where, depth)
            case Choice(how):
                options = branches.chosen(self, expr, where)
                found = self._flat(self.values(option, where, depth + 1) for option in options)
                if how == "or":
                    found = [value for value in found if not _is_none(value)] or found
                return found
            case Collection() | Comprehension():
                return [Value(_kind(expr), expr=expr, where=where)]
            case Subscript(inner, key):
                owners = self.values(inner, where, depth + 1)
                having = [value for value in owners if not _lacks(value, key)]
                return self._flat(self.item(value, key, depth + 1) for value in having or owners)
            case Derived("each", inner):
                return self._flat(self.elements(value, depth + 1) for value in self.values(inner, where, depth + 1))
            case Derived("entered" | "awaited", inner):
                return self.values(inner, where, depth + 1)
            case Compared("Add" | "Mult" | "BitOr" as op, left, right):
                halves = [self.values(side, where, depth + 1) for side in (left, right)]
                sides = [value for half in halves for value in half]
                collections = [value for value in sides if value.kind in ("collection", "comprehension")]
                if (
                    op == "Add"
                    and not collections
                    and all(any(self._is_dataset(value) for value in half) for half in halves)
                ):
                    both = (Collection("list", (left, right)),)
                    joined = Call(-1, NOTHING, both, (), 0, where.scope, where.statement)
                    return [Value("made", "torch.utils.data.ConcatDataset", expr=joined, where=where)]
                if collections and not all(any(value in collections for value in half) for half in halves):
                    return [*collections, UNKNOWN]
                return collections or [UNKNOWN]
            case Compared("Eq" | "NotEq" | "Lt" | "LtE" | "Gt" | "GtE"):  # `PY2 = sys.version_info < (3,)`
                holds = branches.settled(self, expr, where, depth + 1)
                return [UNKNOWN if holds is None else Value("literal", expr=Literal(holds), where=where)]
            case Compared("Div", left, right):  # a path stays a path
                sides = [*self.values(left, where, depth + 1), *self.values(right, where, depth + 1)]
                return [value for value in sides if _is_path(value)] or [UNKNOWN]
        return [UNKNOWN]

    def _is_dataset(self, value: Value) -> bool:
        """Whether a value is a Dataset of a library, or an instance of a class that derives from one."""
        if value.kind == "instance" and value.site is not None:
            return any(base.site is None and datasets.is_dataset(base.name) for base in self.ancestors(value.site))
        return value.kind == "made" and datasets.is_dataset(value.name)

    def _flat(self, groups: Iterable[list[Value]]) -> list[Value]:
        return [value for group in groups for value in group] or [UNKNOWN]

    def _unbound(self, facts: ModuleFacts, name: str, depth: int) -> list[Value]:
        if self._has_star(facts):
            values = self.member(facts.path, name, depth + 1)
            if values[0].kind != "unknown":
                return values
            if name not in apis.BUILTINS:
                libraries = self.answer(("starred", facts.path), lambda: self._starred(facts, frozenset()))
                if libraries is not None and len(libraries) == 1:
                    return [Value("external", apis.canonical(f"{min(libraries)}.{name}"))]
        return [Value("external", name)] if name in apis.BUILTINS else [UNKNOWN]

    def _starred(self, facts: ModuleFacts, seen: frozenset[str]) -> frozenset[str] | None:
        """Return the libraries from which star imports may bring a name into a module, through others of the project.

        A name that nothing else binds comes from the library if there is just one. None where a module of the project
        that is not there is imported so: it may have any name.
        """
        found: set[str] = set()
        for statement in facts.imports:
            if statement.scope != 0 or all(each.name != "*" for each in statement.names):
                continue
            inner = self.find(facts, statement.module or "", statement.level)
            if inner is None and (statement.level or not statement.module):
                return None
            if inner is None:
                found.add(statement.module or "")
            elif inner not in seen:
                more = self._starred(self.modules[inner], seen | {facts.path, inner})
                if more is None:
                    return None
                found |= more
        return frozenset(found)

    def attribute(self, value: Value, attr: str, depth: int = 0) -> list[Value]:
        """Return what ``value.attr`` stands for."""
        match value.kind:
            case "external":
                return [Value("external", apis.canonical(f"{value.name}.{attr}"), via=value.via)]
            case "module":
                return self.member(value.name, attr, depth)
            case "class" if value.site:
                found = self.class_attribute(value.site, attr, depth)
                return [self._of_class(each, value) for each in found] or [UNKNOWN]
            case "instance" if value.site:
                return self.instance_attribute(value, attr, depth)
            case "made" if value.name == "super" and value.where:
                return self._above(value.where, attr)
            case "made" if value.name in NAMESPACES and (found := self._configured(value, attr, depth)):
                return found
            case "part" if value.name == "hparams" and value.of is not None and value.of.kind == "instance":
                return self._hyperparameter(value.of, attr, depth)
            case "made" | "part":
                return [self._part(value, attr)]
        return [UNKNOWN]

    def _saves_hyperparameters(self, site: Site) -> bool:
        """Whether the constructor of a class keeps its arguments as Lightning's ``self.hparams``."""
        constructor = self.method(site, "__init__")
        return constructor is not None and any(
            facts.path == constructor.path and call.scope == constructor.scope
            for facts, call in self.calls_by_name.get("save_hyperparameters", ())
        )

    def _hyperparameter(self, value: Value, name: str, depth: int) -> list[Value]:
        """Return what the constructor of an instance is given for one of its parameters."""
        constructor = self.method(value.site, "__init__") if value.site else None
        if constructor is None or all(param.name != name for param in self.scope(constructor).params):
            return [UNKNOWN]
        frame = None
        if isinstance(value.expr, Call) and value.where is not None:
            frame = self.bind(constructor, value.where.facts, value.expr, value.where, value, depth + 1)
        elif value.where is not None:  # made by nobody in particular
            frame = Frame(constructor.scope, constructor.path, {}, receiver=value)
        facts = self.modules[constructor.path]
        return self.values(Name(name), Where(facts, constructor.scope, len(facts.statements), frame), depth + 1)

    def _part(self, value: Value, name: str) -> Value:
        return Value("part", name, of=value, where=value.where, expr=value.expr, via=value.via)

    def _configured(self, value: Value, name: str, depth: int) -> list[Value]:
        """Return an attribute or item of a namespace, as far as it is written out; a dict in it is a namespace too."""
        if not isinstance(value.expr, Call) or value.where is None:
            return []
        call, where = value.expr, value.where
        for key, given in call.keywords:
            if key == name:
                return self._namespaces(value, self.values(given, where, depth + 1))
        found = []
        for arg in call.args[:1]:
            for passed in self.values(arg, where, depth + 1):
                if not _lacks(passed, Literal(name)):
                    found += [each for each in self.item(passed, Literal(name), depth + 1) if each.kind != "unknown"]
        return self._namespaces(value, found)

    def _namespaces(self, outer: Value, values: list[Value]) -> list[Value]:
        """Return values, and each dict among them as the namespace that the outer one makes of it."""
        made = []
        for value in values:
            if isinstance(value.expr, Collection) and value.expr.kind == "dict" and value.where is not None:
                wrapped = Call(-1, NOTHING, (value.expr,), (), 0, value.where.scope, value.where.statement)
                made.append(value._replace(kind="made", name=outer.name, expr=wrapped))
            else:
                made.append(value)
        return made

    def _of_class(self, found: Value, owner: Value) -> Value:
        """Return a class method together with the class that it is taken from, which is what ``cls`` is in it."""
        if found.kind != "function" or found.site is None:
            return found
        facts = self.modules[found.site.path]
        receiver = self.receiver(facts, facts.scopes[found.site.scope])
        return found._replace(of=owner) if receiver is not None and receiver.kind == "class" else found

    def _above(self, where: Where, attr: str) -> list[Value]:
        """Return what ``super().attr`` stands for: a method of a project class above the one that ``where`` is in."""
        facts = where.facts
        scope = facts.scopes[where.scope]
        while scope.parent >= 0 and facts.scopes[scope.parent].kind != "class":
            scope = facts.scopes[scope.parent]
        if scope.parent < 0:
            return [UNKNOWN]
        own = Site(facts.path, scope.parent)
        for base in self.ancestors(own)[1:]:
            if base.site is None:
                return [Value("external", f"{base.name}.{attr}")]
            above = self.modules[base.site.path]
            for binding in reversed(above.scopes[base.site.scope].bindings.get(attr, [])):
                if binding.how == "def":
                    receiver = self.receiver(facts, scope)
                    above_it = Site(base.site.path, binding.target)
                    if self._is_property(above_it):
                        return self._returned(above_it, None, MAX_DEPTH // 2)
                    return [Value("function", attr, above_it, of=receiver)]
        return [UNKNOWN]

    def class_attribute(self, site: Site, attr: str, depth: int = 0) -> list[Value]:
        """Return what a class attribute stands for (methods and nested classes included), looking up the bases."""
        for base in self.ancestors(site):
            if base.site is None:
                continue
            facts = self.modules[base.site.path]
            bindings = facts.scopes[base.site.scope].bindings.get(attr, ())
            if any(binding.how != "annotation" for binding in bindings):
                return self._bound(Where(facts, base.site.scope, len(facts.statements)), attr, base.site.scope, depth)
        return []

    def instance_attribute(self, value: Value, attr: str, depth: int = 0) -> list[Value]:
        """Return what an attribute of an instance of a project class is: what any method stores, else the class's."""
        if value.site is None:
            return [UNKNOWN]
        given = self._given_to_record(value, attr, depth)
        if given is not None:
            return given
        if attr == "hparams" and self._saves_hyperparameters(value.site):
            return [Value("part", attr, of=value)]
        found: list[Value] = []
        for facts, store in self.stores(value.site, attr):
            if store.value is None:
                continue
            at = self._store_place(facts, store, value, depth)
            found.extend(self.values(store.value, at, depth + 1))
            found.extend(self._added(f"{dotted(store.base)}.{attr}", at))
        inherited = self.class_attribute(value.site, attr, depth)
        if inherited and (not found or inherited[0].kind == "function"):
            if any(v.kind == "function" and v.site and self._is_property(v.site) for v in inherited):
                inherited = self._flat(self._returned(v.site, None, depth + 1) for v in inherited if v.site)
            bound = [v if v.kind != "function" else v._replace(of=value) for v in inherited]
            if value.expr is None and value.where is None:
                bound = [each for v in bound for each in self._overrides(value.site, attr, v)]
            return [*found, *bound]
        return found or self._declared(value.site, attr) or [UNKNOWN]

    def _given_to_record(self, value: Value, attr: str, depth: int) -> list[Value] | None:
        """Return what a dataclass (attrs class, named tuple, pydantic model) is given for a field, or its default.

        None where the attribute is no field of such a class, or is assigned anywhere else.
        """
        call, site = value.expr, value.site
        if not isinstance(call, Call) or value.where is None or site is None or self.stores(site, attr):
            return None
        fields = self.answer(("fields", site), lambda: self._fields(site))
        if attr not in fields:
            return None
        passed = self.argument_at(call, value.where, attr, list(fields).index(attr))
        if passed is not None:
            return self.values(*passed, depth + 1)
        defaults = self.class_attribute(site, attr, depth)
        return self._flat(self._field_default(default, depth) for default in defaults) if defaults else None

    def _field_default(self, value: Value, depth: int) -> list[Value]:
        """Return the default that ``field(default=1)`` or ``field(default_factory=list)`` speaks of."""
        if value.kind != "made" or value.name not in _FIELDS or not isinstance(value.expr, Call) or not value.where:
            return [value]
        call, where = value.expr, value.where
        default = call.keyword("default") or (call.args[0] if call.args else None)
        if default is not None:
            return self.values(default, where, depth + 1)
        factory = call.keyword("default_factory") or call.keyword("factory")
        return (
            self.result(Call(-1, factory, (), (), call.line, call.scope, call.statement), where) if factory else [value]
        )

    def _fields(self, site: Site) -> dict[str, None]:
        """Return the fields of a class whose constructor takes them in their order, none for any other class."""
        found: dict[str, None] = {}
        bases = self.ancestors(site)
        records = any(base.name.rpartition(".")[2] in _RECORDS for base in bases if base.site is None)
        for base in reversed(bases):
            if base.site is None:
                continue
            scope = self.scope(base.site)
            names = {(dotted(each.func if isinstance(each, Call) else each) or "") for each in scope.decorators}
            if "__init__" in scope.bindings:
                return {}
            if records or any(name.rpartition(".")[2] in _RECORDS for name in names):
                for name, bindings in scope.bindings.items():
                    if all(binding.how in ("assign", "annotation") for binding in bindings):
                        found[name] = None
        return found

    def _declared(self, site: Site, attr: str) -> list[Value]:
        """Return what the annotation of an attribute in the class body says (``root: Path``)."""
        for base in self.ancestors(site):
            if base.site is not None:
                facts = self.modules[base.site.path]
                for binding in facts.scopes[base.site.scope].bindings.get(attr, ()):
                    if binding.how == "annotation":
                        return self._annotated(binding.value, Where(facts, base.site.scope, binding.statement))
        return []

    def _overrides(self, site: Site, attr: str, found: Value) -> list[Value]:
        """Return the methods that stand in for one that does nothing, where ``self`` may be of any subclass."""
        if found.kind != "function" or found.site is None or not self._is_empty(found.site):
            return [found]
        made = []
        for subclass in self.subclasses(site):
            facts = self.modules[subclass.path]
            for binding in facts.scopes[subclass.scope].bindings.get(attr, ()):
                if binding.how == "def":
                    receiver = Value("instance", self.scope(subclass).name, subclass)
                    made.append(Value("function", attr, Site(subclass.path, binding.target), of=receiver))
        return made if 0 < len(made) <= MAX_OVERRIDES else [found]

    def _is_empty(self, site: Site) -> bool:
        """Whether a function does nothing but raise, or return None."""
        facts = self.modules[site.path]

        def kinds() -> dict[int, list[str]]:
            table: dict[int, list[str]] = {}
            for statement in facts.statements:
                table.setdefault(statement.scope, []).append(statement.kind)
            return table

        body = self.answer(("kinds", facts.path), kinds).get(site.scope, [])
        body = body[1:] if body[:1] == ["expr"] else body
        if "return" in body:
            given = [result.value for result in facts.results if result.scope == site.scope]
            return body == ["return"] and given == [Literal(None)]
        return all(kind in ("raise", "pass") for kind in body)

    def _is_property(self, site: Site) -> bool:
        scope = self.modules[site.path].scopes[site.scope]
        return any((dotted(each) or "").rpartition(".")[2] in _PROPERTIES for each in scope.decorators)

    def _store_place(self, facts: ModuleFacts, store: Store, value: Value, depth: int) -> Where:
        """Return where a stored value is evaluated: with the constructor's arguments if the call is known."""
        function = facts.function_of(store.scope)
        if (
            isinstance(value.expr, Call)
            and value.where is not None
            and value.site
            and facts.scopes[function].name in ("__init__", "__new__", "__post_init__")
            and depth < MAX_DEPTH
        ):
            frame = self.bind(Site(facts.path, function), value.where.facts, value.expr, value.where, value, depth + 1)
            return Where(facts, store.scope, store.statement, frame)
        if value.expr is None and value.where is not None:
            # an instance made by nobody in particular: what callers pass is left out
            constructs = facts.scopes[function].name in ("__init__", "__new__")
            return Where(facts, store.scope, store.statement, Frame(function, facts.path, {}, constructs, value))
        return Where(facts, store.scope, store.statement)

    def item(self, value: Value, key: Expr, depth: int = 0) -> list[Value]:
        """Return what ``value[key]`` stands for."""
        match value.kind:
            case "collection" if isinstance(value.expr, Collection) and value.where:
                items = value.expr.items
                if value.expr.kind == "dict" and isinstance(key, Literal):
                    for spelled, item in zip(value.expr.keys, items, strict=False):
                        if isinstance(spelled, Literal) and spelled.value == key.value:
                            return self.values(item, value.where, depth + 1)
                    return [UNKNOWN]
                if isinstance(key, Literal) and isinstance(key.value, int) and -len(items) <= key.value < len(items):
                    return self.values(items[key.value], value.where, depth + 1)
                return self._flat(self.values(item, value.where, depth + 1) for item in items)
            case "comprehension":
                return self.elements(value, depth)
            case "instance" if value.site and not isinstance(key, Literal) and self._is_sliceable(value.site):
                return [value]
            case "made" if isinstance(key, Literal) and isinstance(key.value, str) and value.name in _NAMED:
                return self._configured(value, key.value, depth) or [self._part(value, _spelled(key))]
            case "made" | "part":
                return [self._part(value, _spelled(key))]
            case "external" if value.name.endswith(".__dict__"):
                return self._by_name(value._replace(name=value.name.removesuffix(".__dict__")), key, depth)
        return [UNKNOWN]

    def _by_name(self, value: Value, key: Expr, depth: int) -> list[Value]:
        """Return what a name that is looked up in a library's module stands for: ``datasets.__dict__[args.dataset]``.

        All that a module of Datasets has by a name that isn't known here is taken to be one of its Datasets.
        """
        if isinstance(key, Literal) and isinstance(key.value, str):
            return self.attribute(value, key.value, depth + 1)
        base = datasets.BASES.get(value.name) if value.kind == "external" else None
        return [Value("external", base, via=value.via)] if base else [UNKNOWN]

    def _is_sliceable(self, site: Site) -> bool:
        """Whether slices of an instance are copies of it (the Datasets of torch_geometric)."""
        return any(base.site is None and datasets.is_sliceable(base.name) for base in self.ancestors(site))

    def elements(self, value: Value, depth: int = 0) -> list[Value]:
        """Return what iterating over a value yields."""
        if value.kind == "collection" and isinstance(value.expr, Collection) and value.where:
            at = value.where
            items = value.expr.items if value.expr.kind != "dict" else tuple(k for k in value.expr.keys if k)
            found: list[Value] = []
            for item in items:
                if isinstance(item, Derived) and item.how == "starred":
                    for inner in self.values(item.value, at, depth + 1):
                        found.extend(self.elements(inner, depth + 1))
                else:
                    found.extend(self.values(item, at, depth + 1))
            return found or [UNKNOWN]
        if value.kind == "comprehension" and isinstance(value.expr, Comprehension) and value.where:
            inner_where = Where(value.where.facts, value.expr.scope, value.where.statement, value.where.frame)
            return self.values(value.expr.element, inner_where, depth + 1)
        if value.kind == "made" and isinstance(value.expr, Call) and value.where and value.expr.args:
            args = value.expr.args
            if value.name in _PASSES_ON:
                return self.values(Derived("each", args[0]), value.where, depth + 1)
            if value.name in ("enumerate", "zip"):
                each: list[Expr] = [Derived("each", arg) for arg in args]
                pair = tuple(each) if value.name == "zip" else (NOTHING, each[0])
                return [Value("collection", expr=Collection("tuple", pair), where=value.where)]
        if value.kind in ("made", "part"):
            return [Value("part", "[each]", of=value, where=value.where, expr=value.expr, via=value.via)]
        return [UNKNOWN]

    def result(self, call: Call, where: Where, depth: int = 0) -> list[Value]:
        """Return what a call returns."""
        found: list[Value] = []
        for callee in self.values(call.func, where, depth + 1):
            match callee.kind:
                case "external" if callee.name == "getattr" and len(call.args) == 2:
                    owners = self.values(call.args[0], where, depth + 1)
                    named = self._flat(
                        self._by_name(each, call.args[1], depth) for each in owners if each.kind == "external"
                    )
                    plain = Value("made", callee.name, expr=call, where=where)
                    found.extend(plain if each.kind == "unknown" else each for each in named)
                case "external":
                    found.append(Value("made", callee.name, expr=call, where=where))
                case "class":
                    found.append(Value("instance", callee.name, callee.site, call, where, via=callee.via))
                case "function" if callee.site and self.scope(callee.site).is_generator:
                    found.append(Value("generator", callee.name, callee.site, call, where, of=callee.of))
                case "function" if callee.site:
                    frame = self.bind(callee.site, where.facts, call, where, callee.of, depth + 1)
                    returned = self._returned(callee.site, frame, depth)
                    scope = self.modules[callee.site.path].scopes[callee.site.scope]
                    hop = Place(callee.site.path, scope.line, f"`{scope.name}` returns it")
                    found.extend(
                        value if value.kind in ("literal", "unknown") else value._replace(via=(*value.via, hop))
                        for value in returned
                    )
                case "lambda" if isinstance(callee.expr, Lambda) and callee.where:
                    inner = Where(callee.where.facts, callee.expr.scope, callee.where.statement)
                    found.extend(self.values(callee.expr.body, inner, depth + 1))
                case "part" | "made":
                    found.append(Value("part", f"{callee.name}()", of=callee, expr=call, where=where))
                case _:
                    found.extend(self._from_dict(call, where, depth) or self._itself(call, where, depth))
        return found or [UNKNOWN]

    def _from_dict(self, call: Call, where: Where, depth: int) -> list[Value]:
        """Return what ``d.values()``, ``d.items()`` and ``d.get(key)`` return of a dict that is written out."""
        if not isinstance(call.func, Attribute) or call.func.attr not in ("values", "items", "get"):
            return []
        found: list[Value] = []
        for value in self.values(call.func.value, where, depth + 1):
            match value.expr:
                case Collection("dict", items, keys) if value.kind == "collection":
                    if call.func.attr == "get":
                        missing = bool(call.args) and _lacks(value, call.args[0])
                        if missing and len(call.args) > 1:
                            found.extend(self.values(call.args[1], where, depth + 1))
                        elif call.args and not missing:
                            found.extend(self.item(value, call.args[0], depth + 1))
                        continue
                    if call.func.attr == "items":
                        pairs = zip(keys, items, strict=False)
                        items = tuple(Collection("tuple", (key or NOTHING, item)) for key, item in pairs)
                    found.append(value._replace(expr=Collection("list", items)))
                case Comprehension("dict", element) if value.kind == "comprehension":
                    if call.func.attr == "get":
                        found.extend(self.elements(value, depth + 1))
                        continue
                    if call.func.attr == "items":
                        element = Collection("tuple", (NOTHING, element))
                    found.append(value._replace(expr=value.expr._replace(kind="list", element=element)))
        return found

    def _itself(self, call: Call, where: Where, depth: int) -> list[Value]:
        """Return the object whose method of a library's class returns the object: ``model.to(device)``."""
        if isinstance(call.func, Attribute) and call.func.attr in datasets.METHODS_RETURNING_SLICES:
            found = self.values(call.func.value, where, depth + 1)
            return [each for each in found if each.site and self._is_sliceable(each.site)] or [UNKNOWN]
        if not isinstance(call.func, Attribute) or call.func.attr not in apis.MODULE_METHODS_RETURNING_SELF:
            return [UNKNOWN]
        return [
            value
            for value in self.values(call.func.value, where, depth + 1)
            if value.kind == "instance"
            and value.site
            and any(not base.site and base.name.startswith(apis.MODULES) for base in self.ancestors(value.site))
        ] or [UNKNOWN]

    def _returned(self, site: Site, frame: Frame | None, depth: int) -> list[Value]:
        facts = self.modules[site.path]
        function = facts.scopes[site.scope]
        if function.is_generator or depth >= MAX_DEPTH:
            return [UNKNOWN]
        found: list[Value] = []
        results = [result for result in facts.results if result.scope == site.scope and result.how == "return"]
        for result in self.reached(results, frame):
            found.extend(self.values(result.value, Where(facts, site.scope, result.statement, frame), depth + 1))
        return found or [Value("literal", expr=Literal(None))]

    # --- calls ---

    def called(self, facts: ModuleFacts, call: Call) -> list[Value]:
        """Return what a call calls."""
        return self.values(call.func, Where(facts, call.scope, call.statement))

    def callee(self, facts: ModuleFacts, call: Call) -> str:
        """Return the library name that a call certainly calls ("torch.utils.data.DataLoader"), "" for anything else."""
        found = self.called(facts, call)
        return found[0].name if len(found) == 1 and found[0].kind == "external" else ""

    def callers(self, site: Site) -> list[tuple[ModuleFacts, Call]]:
        """Return the calls of the project that call the function, or the class whose constructor it is."""
        key = ("callers", site)
        known = self.answers.get(key)
        if isinstance(known, list):
            return known
        self.answers[key] = []  # a function that is called from its own body
        facts = self.modules[site.path]
        scope = facts.scopes[site.scope]
        constructor = (
            scope.name in ("__init__", "__new__", "__post_init__") and facts.scopes[scope.parent].kind == "class"
        )
        wanted = Site(site.path, scope.parent) if constructor else site
        name = facts.scopes[wanted.scope].name
        found = []
        spellings = {name, *self.renamed.get(name, ())}
        if constructor:
            spellings |= {"cls", *self.answer("stand-ins", self._standing_for_classes).get(name, ())}
        for spelled in sorted(spellings):
            for caller, call in self.calls_by_name.get(spelled, ()):
                if any(value.site == wanted for value in self.called(caller, call)):
                    found.append((caller, call))
        if constructor:
            for caller, call in self.calls_by_name.get(scope.name, ()):
                if any(value.site == site for value in self.called(caller, call)):
                    found.append((caller, call))
            for spelled in {self.scope(subclass).name for subclass in self.subclasses(wanted)} | {"cls"}:
                for caller, call in self.calls_by_name.get(spelled, ()):
                    if any(
                        value.kind == "class" and value.site and self.method(value.site, scope.name) == site
                        for value in self.called(caller, call)
                    ):
                        found.append((caller, call))
        self.answers[key] = found
        return found

    def _standing_for_classes(self) -> dict[str, set[str]]:
        """Return the variables and parameters that may stand for a class of the project, by the class's name."""
        names = {self.scope(site).name for site in self.classes()}
        table: dict[str, set[str]] = {}
        for facts in self.modules.values():
            for scope in facts.scopes:
                for bound, bindings in scope.bindings.items():
                    for binding in bindings:
                        if binding.how == "assign" and bound in self.calls_by_name:
                            options = binding.value.options if isinstance(binding.value, Choice) else (binding.value,)
                            for option in options:
                                if isinstance(option, Name) and option.id in names and option.id != bound:
                                    table.setdefault(option.id, set()).add(bound)
            for call in facts.calls:
                if not any(isinstance(arg, Name) and arg.id in names for arg in _given(call)):
                    continue
                for callee in self.called(facts, call):
                    if callee.kind == "function" and callee.site is not None:
                        bound_args = self.bind(callee.site, facts, call, None, callee.of)
                        for param, (arg, _) in bound_args.args.items() if bound_args is not None else ():
                            if isinstance(arg, Name) and arg.id in names:
                                table.setdefault(arg.id, set()).add(param)
        return table

    def scope(self, site: Site) -> Scope:
        """Return the scope of a function or class."""
        return self.modules[site.path].scopes[site.scope]

    def bind(
        self,
        site: Site,
        caller: ModuleFacts,
        call: Call,
        where: Where | None = None,
        receiver: Value | None = None,
        depth: int = 0,
    ) -> Frame | None:
        """Bind a call's arguments to the parameters of the function ``site``.

        Args:
            site: the function; for a constructor call, its ``__init__``.
            caller: the module in which the call stands.
            call: the call.
            where: where the arguments are evaluated; the call's own place by default.
            receiver: what ``self`` is, if known.
            depth: of the question that asks.
        """
        function = self.scope(site)
        at = where or Where(caller, call.scope, call.statement)
        params = list(function.params)
        facts = self.modules[site.path]
        own = self.receiver(facts, function)
        given = call.args
        if own is not None and params:
            params = params[1:]
            if own.kind == "instance" and self._is_asked_of_class(caller, call, function.name, depth):
                given = given[1:]  # `Base.__init__(self, path)`
        args: dict[str, tuple[Expr, Where]] = {}
        complete = True
        positional = [param for param in params if param.kind == "positional"]
        rest: list[tuple[Expr, Where]] = []
        for index, passed in enumerate(self._unpacked(given, at, depth)):
            if passed is None:
                complete = False
                break
            if index < len(positional):
                args[positional[index].name] = passed
            else:
                rest.append(passed)
        star = next((param for param in params if param.kind == "*"), None)
        if star and rest:
            places = [place for _, place in rest]
            if all(place is places[0] for place in places):
                args[star.name] = (Collection("tuple", tuple(item for item, _ in rest)), places[0])
            else:
                complete = False
        extra: list[tuple[str | None, Expr]] = []
        names = {param.name for param in params if param.kind in ("positional", "keyword")}
        for key, value in call.keywords:
            if key is None:
                inner = self._literal_dict(value, at, depth)
                if inner is None:
                    complete = False
                    continue
                for name, item, place in inner:
                    if name in names:
                        args[name] = (item, place)
                if any(name not in names for name, _, _ in inner):
                    extra.append((None, value))
            elif key in names:
                args[key] = (value, at)
            else:
                extra.append((key, value))
        stars = next((param for param in params if param.kind == "**"), None)
        if stars and extra:
            keys = tuple(Literal(key) if key is not None else None for key, _ in extra)
            args[stars.name] = (Collection("dict", tuple(value for _, value in extra), keys), at)
        return Frame(site.scope, site.path, args, complete, receiver, called=True)

    def _unpacked(self, given: Sequence[Expr], where: Where, depth: int) -> Iterator[tuple[Expr, Where] | None]:
        """Yield the arguments that are passed by position, with where each is evaluated; None where more may follow."""
        for arg in given:
            if not isinstance(arg, Derived) or arg.how != "starred":
                yield arg, where
                continue
            values = self.values(arg.value, where, depth + 1)
            match values:
                case [Value("collection", expr=Collection("tuple" | "list", items), where=at)] if at is not None:
                    yield from self._unpacked(items, at, depth + 1) if depth < MAX_DEPTH else (None,)
                case _:
                    yield None
                    return

    def _is_asked_of_class(self, caller: ModuleFacts, call: Call, method: str, depth: int) -> bool:
        """Whether a method is called as a function of its class, so that the first argument is ``self``."""
        match call:
            case Call(_, Attribute(Name() | Attribute() as base, attr), (Name(), *_)) if attr == method:
                values = self.values(base, Where(caller, call.scope, call.statement), depth + 1)
                return bool(values) and all(value.kind == "class" for value in values)
        return False

    def _literal_dict(self, expr: Expr, where: Where, depth: int = 0) -> list[tuple[str, Expr, Where]] | None:
        """Return the items of a dict that is written out (``dict(a=1)`` included), None if it can't be seen whole."""
        found: list[tuple[str, Expr, Where]] = []
        values = self.values(expr, where, depth + 1)
        for value in values:
            match value:
                case Value("collection", expr=Collection("dict", items, keys), where=at) if at is not None:
                    for key, item in zip(keys, items, strict=False):
                        if key is None:
                            inner = self._literal_dict(item, at, depth + 1) if depth < MAX_DEPTH else None
                            if inner is None:
                                return None
                            found.extend(inner)
                            continue
                        if not isinstance(key, Literal) or not isinstance(key.value, str):
                            return None
                        found.append((key.value, item, at))
                case Value("collection"):
                    continue
                case Value("made", "dict", expr=Call(args=(), keywords=keywords), where=at) if at is not None:
                    for name, item in keywords:
                        if name is None:
                            return None
                        found.append((name, item, at))
                case _:
                    return None
        return found + self._put_into(expr, where, depth) if values else None

    def _put_into(self, expr: Expr, where: Where, depth: int) -> list[tuple[str, Expr, Where]]:
        """Return the items put into a named dict in the same function: ``d["a"] = 1``, ``d.update({"a": 1})``."""
        if not isinstance(expr, Name):
            return []
        facts = where.facts

        def table() -> dict[tuple[str, int], list[Store | Call]]:
            made: dict[tuple[str, int], list[Store | Call]] = {}
            for store in facts.stores:
                if isinstance(store.base, Name) and isinstance(store.key, Literal) and store.value is not None:
                    made.setdefault((store.base.id, facts.function_of(store.scope)), []).append(store)
            for call in facts.calls:
                if (
                    isinstance(call.func, Attribute)
                    and call.func.attr == "update"
                    and isinstance(call.func.value, Name)
                ):
                    made.setdefault((call.func.value.id, facts.function_of(call.scope)), []).append(call)
            return made

        found: list[tuple[str, Expr, Where]] = []
        puts = self.answer(("put", facts.path), table).get((expr.id, facts.function_of(where.scope)), ())
        for put in puts:
            at = Where(facts, put.scope, put.statement, where.frame)
            if isinstance(put, Store):
                if isinstance(put.key, Literal) and isinstance(put.key.value, str) and put.value is not None:
                    found.append((put.key.value, put.value, at))
                continue
            found.extend((name, value, at) for name, value in put.keywords if name is not None)
            for arg in put.args:
                if arg != expr:
                    found.extend(self._literal_dict(arg, at, depth + 1) or ())
        return found

    def argument(
        self, facts: ModuleFacts, call: Call, name: str, position: int | None = None
    ) -> tuple[Expr, Where] | None:
        """Return the argument that a call passes as ``name`` (or at ``position``), looking into literal ``**kwargs``.

        Returns:
            The expression and where it is evaluated; None if the call certainly or possibly does not pass it.
        """
        where = Where(facts, call.scope, call.statement)
        return self.argument_at(call, where, name, position)

    def argument_at(
        self, call: Call, where: Where, name: str, position: int | None = None
    ) -> tuple[Expr, Where] | None:
        """Return the argument as `argument` does, evaluated at ``where``."""
        for key, value in call.keywords:
            if key == name:
                return value, where
        if position is not None and position < len(call.args):
            before = call.args[: position + 1]
            if not any(isinstance(arg, Derived) and arg.how == "starred" for arg in before):
                return call.args[position], where
        found = None
        for key, value in call.keywords:
            if key is None:
                for inner, item, place in self._literal_dict(value, where) or ():
                    if inner == name:
                        found = (item, place)
        return found

    # --- classes ---

    def ancestors(self, site: Site) -> list[Base]:
        """Return the class itself and everything it derives from, nearest first, with the hops that lead there."""
        key = ("ancestors", site)
        known = self.answers.get(key)
        if isinstance(known, list):
            return known
        self.answers[key] = [Base(site, "", ())]
        found = [Base(site, self.scope(site).name, ())]
        facts = self.modules[site.path]
        scope = facts.scopes[site.scope]
        for expr in scope.bases:
            expr = expr.value if isinstance(expr, Subscript) else expr
            for value in self.values(expr, Where(facts, scope.parent, scope.statement), 1):
                hop = Place(site.path, scope.line, f"`{scope.name}` derives from `{dotted(expr) or '?'}`")
                if value.kind == "class" and value.site:
                    found += [base._replace(via=(hop, *base.via)) for base in self.ancestors(value.site)]
                elif value.kind == "external":
                    found.append(Base(None, value.name, (hop,)))
        unique = {(base.site, base.name): base for base in reversed(found)}
        made = [base for base in found if unique.pop((base.site, base.name), None) is not None]
        self.answers[key] = made
        return made

    def derives_from(self, site: Site, names: frozenset[str]) -> Base | None:
        """Return the first library class of ``names`` that the class derives from, with the hops."""
        return next((base for base in self.ancestors(site) if base.site is None and base.name in names), None)

    def subclasses(self, site: Site) -> list[Site]:
        """Return the project's classes that derive from the class, not the class itself."""
        return list(self.answer("subclasses", self._subclasses).get(site, ()))

    def _subclasses(self) -> dict[Site, list[Site]]:
        table: dict[Site, list[Site]] = {}
        for own in self.classes():
            if self.scope(own).bases:
                for base in self.ancestors(own)[1:]:
                    if base.site is not None:
                        table.setdefault(base.site, []).append(own)
        return table

    def classes(self) -> Iterator[Site]:
        """Yield every class of the project."""
        for path, facts in self.modules.items():
            for scope in facts.scopes:
                if scope.kind == "class":
                    yield Site(path, scope.index)

    def method(self, site: Site, name: str) -> Site | None:
        """Return the method ``name`` of a class, its own or inherited from a class of the project."""
        for base in self.ancestors(site):
            if base.site is None:
                continue
            facts = self.modules[base.site.path]
            for binding in reversed(facts.scopes[base.site.scope].bindings.get(name, [])):
                if binding.how == "def":
                    return Site(base.site.path, binding.target)
        return None

    def stores(self, site: Site, attr: str | None = None) -> list[tuple[ModuleFacts, Store]]:
        """Return the assignments to attributes of ``self`` in the methods of a class and of its bases.

        Args:
            site: the class.
            attr: only this attribute; None for all.
        """
        found = []
        for base in self.ancestors(site):
            if base.site is None:
                continue
            facts = self.modules[base.site.path]
            found += [
                (facts, store)
                for store in self._class_stores(facts, base.site)
                if store.attr is not None and attr in (None, store.attr)
            ]
        return found

    def _class_stores(self, facts: ModuleFacts, site: Site) -> list[Store]:
        table = self.answer(("stores", facts.path), lambda: _stores_on_self(facts))
        return list(table.get(site.scope, ()))

    # --- scripts ---

    def is_test(self, facts: ModuleFacts) -> bool:
        """Tell whether a file is a test or is run by a tool, as a notebook is: a tool has a main module of its own."""
        if facts.is_notebook:
            return True
        folder, _, name = facts.path.removeprefix(self.root).rpartition("/")
        if name in _RUN_BY_TOOLS or (name == "conf.py" and folder.rpartition("/")[2] in ("docs", "doc", "source")):
            return True
        if "tests" in folder.split("/"):
            return True
        return (name.startswith("test_") or name.endswith("_test.py")) and any(
            scope.parent == 0 and scope.kind in ("function", "class") and scope.name.startswith(("test_", "Test"))
            for scope in facts.scopes
        )

    def is_script(self, facts: ModuleFacts) -> Place | None:
        """Tell whether the module is meant to be run: it has a main guard or is a ``__main__.py``.

        Returns:
            The guard (or line 1 of a ``__main__.py``); None if it is no script. A guard that only runs the file's own
            tests makes no script.
        """
        if facts.path.endswith("/__main__.py"):
            return Place(facts.path, 1, "run by `python -m`")
        for block in facts.blocks:
            if block.kind == "guard" and facts.runs_at_import(block.scope):
                calls = [call for call in facts.calls if self._in_guard(facts, call)]
                if calls and all(self._runs_tests(facts, call) for call in calls):
                    return None
                return Place(facts.path, facts.statements[block.statement].line, "the main guard")
        return None

    def _in_guard(self, facts: ModuleFacts, call: Call) -> bool:
        return facts.runs_at_import(call.scope) and facts.in_block(call.statement, "guard")

    def _runs_tests(self, facts: ModuleFacts, call: Call) -> bool:
        name = dotted(call.func) or ""
        return self.callee(facts, call) in apis.TEST_RUNNERS or name.rpartition(".")[2] in ("exit", "TestLoader")


def _lacks(value: Value, key: Expr) -> bool:
    """Whether a value is a dict that is written out whole and doesn't have the key, also written out."""
    match value.expr, key:
        case Collection("dict", _, keys), Literal(wanted) if value.kind == "collection":
            return all(isinstance(each, Literal) and each.value != wanted for each in keys)
    return False


def _spelled(key: Expr) -> str:
    """Return "[name]" for an item by that name, "[#1]" by number, "[:]" by slice or several keys, else "[]"."""
    if isinstance(key, Literal) and isinstance(key.value, str):
        return f"[{key.value}]"
    if isinstance(key, Literal) and type(key.value) is int:
        return f"[#{key.value}]"
    return "[:]" if isinstance(key, (Literal, Opaque, Collection)) else "[]"


def _additions(facts: ModuleFacts) -> dict[tuple[str, int], list[_Addition]]:
    """Return what is put into collections, by the collection's dotted name and the function."""
    table: dict[tuple[str, int], list[_Addition]] = {}
    for call in facts.calls:
        if isinstance(call.func, Attribute) and call.func.attr in _ADDERS:
            owner = dotted(call.func.value)
            if not owner:
                continue
            found = table.setdefault((owner, facts.function_of(call.scope)), [])
            match call:
                case Call(_, Attribute(_, "setdefault"), (key, item)):
                    found.append(_Addition(call.statement, key, item, keyed=True))
                case Call(_, Attribute(_, "update"), args, keywords):
                    items = [(None, arg) for arg in args] + [(Literal(name), item) for name, item in keywords if name]
                    found.extend(_Addition(call.statement, key, item, keyed=True) for key, item in items)
                case Call(_, Attribute(_, method), (*_, item)) if method != "setdefault":
                    spread = method in ("extend", "extendleft")
                    put = Derived("starred", item) if spread else item
                    found.append(_Addition(call.statement, None, put, keyed=False))
    for store in facts.stores:
        owner = dotted(store.base)
        if owner and store.key is not None and store.value is not None:
            addition = _Addition(store.statement, store.key, store.value, keyed=True)
            table.setdefault((owner, facts.function_of(store.scope)), []).append(addition)
    return table


def _collected(additions: Sequence[_Addition]) -> list[Collection]:
    """Return a list of what is added without keys and a dict of what is added with some, where there is any."""
    plain = tuple(each.item for each in additions if not each.keyed)
    keyed = [each for each in additions if each.keyed]
    made = [Collection("list", plain)] if plain else []
    if keyed:
        made.append(Collection("dict", tuple(each.item for each in keyed), tuple(each.key for each in keyed)))
    return made


def _given(call: Call) -> Iterator[Expr]:
    yield from call.args
    yield from (value for _, value in call.keywords)


def _stores_on_self(facts: ModuleFacts) -> dict[int, list[Store]]:
    """Return the assignments to attributes of ``self``, by the class's scope."""
    table: dict[int, list[Store]] = {}
    for store in facts.stores:
        if isinstance(store.base, Name):
            scope = facts.scopes[facts.function_of(store.scope)]
            while scope.kind == "function" and facts.scopes[scope.parent].kind != "class" and scope.parent > 0:
                scope = facts.scopes[scope.parent]
            if scope.kind == "function" and scope.params and scope.params[0].name == store.base.id:
                table.setdefault(scope.parent, []).append(store)
    return table


def _kind(expr: Expr) -> str:
    return "collection" if isinstance(expr, Collection) else "comprehension"


def _distinct(values: list[Value]) -> list[Value]:
    """Return each value once, and not too many."""
    if len(values) < 5:
        return values
    found: dict[object, Value] = {}
    for value in values:
        found.setdefault(_identity(value), value)
    kept = list(found.values())
    return kept if len(kept) <= MAX_VALUES else [*kept[:MAX_VALUES], UNKNOWN]


def _identity(value: Value, depth: int = 0) -> object:
    """Return a key that is the same for values that differ in nothing but the way that led to them."""
    frame = id(value.where.frame) if value.where is not None else 0
    inner = _identity(value.of, depth + 1) if value.of is not None and depth < 4 else None
    return (value.kind, value.name, value.site, id(value.expr), frame, inner)


def taken_from(value: Value) -> tuple[Value, tuple[str, ...]]:
    """Return the call from which a value is taken, and by which steps: ("get()", "[x]")."""
    steps: list[str] = []
    while value.kind == "part" and value.of is not None:
        inner = value.of
        if value.name.endswith("()") and inner.kind == "part" and value.name == f"{inner.name}()":
            inner = inner.of or inner
        steps.append(value.name)
        value = inner
    return value, tuple(reversed(steps))


def _is_path(value: Value) -> bool:
    """Whether a value is a path as long as nothing but a path's methods and attributes that are paths lead to it."""
    while value.kind == "part" and value.of is not None:
        value = value.of
    return value.kind == "made" and value.name in PATHS


def _is_none(value: Value) -> bool:
    return value.kind == "literal" and isinstance(value.expr, Literal) and value.expr.value is None


def reaching(facts: ModuleFacts, scope: int, name: str, where: Where) -> list[Binding]:
    """Return the bindings of a name in ``scope`` that may hold at ``where``, the latest first.

    A binding is dropped when a later one is certain to run in between. From another function, the bindings that hold
    when ``scope`` has run to its end.
    """
    bindings = [each for each in facts.scopes[scope].bindings.get(name, ()) if each.how != "annotation"]
    if len(bindings) == 1:
        return [] if bindings[0].how == "del" else bindings
    same = facts.function_of(where.scope) == facts.function_of(scope) and where.statement < len(facts.statements)
    if same:
        block = facts.statements[where.statement].block
        loops = {index for index in _chain(facts, block) if facts.blocks[index].kind == "loop"}
        before = [
            each
            for each in bindings
            if (
                each.statement < where.statement
                or (each.statement == where.statement and each.how in ("for", "walrus", "with", "param"))
            )
            and not _exclusive(facts, each.block, block)
        ]
        later = [
            each for each in bindings if each.statement > where.statement and loops & set(_chain(facts, each.block))
        ]
        order = sorted(before, key=lambda each: each.statement, reverse=True)
    else:
        block = facts.scopes[scope].body
        later = []
        order = sorted(bindings, key=lambda each: each.statement, reverse=True)
    found = []
    for each in order:
        if each.how != "del":
            found.append(each)
        if facts.within(block, _runs_through(facts, each.block)):
            break
    return found + later


def _runs_through(facts: ModuleFacts, block: int) -> int:
    """Return the block that a block is a part of, however it runs: the one around a ``with`` statement."""
    while facts.blocks[block].kind == "with":
        block = facts.blocks[block].parent
    return block


def assigned(name: str, where: Where) -> list[tuple[Expr, Where]] | None:
    """Return the expressions that a variable or a parameter that is passed stands for, with where each is evaluated.

    None where it is bound in any other way: an import, a loop, a parameter of nobody in particular.
    """
    facts, frame = where.facts, where.frame
    scope = facts.resolve(name, where.scope)
    if scope < 0 or facts.scopes[scope].kind == "comprehension":
        return None
    bindings = reaching(facts, scope, name, where)
    fits = frame is not None and (frame.path, frame.scope) == (facts.path, facts.function_of(scope))
    if bindings and all(each.how in ("assign", "walrus") for each in bindings):
        return [(each.value, Where(facts, scope, each.statement, frame if fits else None)) for each in bindings]
    if fits and frame is not None and [each.how for each in bindings] == ["param"] and name in frame.args:
        return [frame.args[name]]
    return None


def _chain(facts: ModuleFacts, block: int) -> Iterator[int]:
    while block >= 0:
        yield block
        block = facts.blocks[block].parent


def _exclusive(facts: ModuleFacts, one: int, other: int) -> bool:
    """Whether two blocks are different branches of one ``if`` or ``match``."""
    ours = {
        (facts.blocks[b].statement, facts.blocks[b].parent): b
        for b in _chain(facts, one)
        if facts.blocks[b].kind in _BRANCHES
    }
    for b in _chain(facts, other):
        block = facts.blocks[b]
        if block.kind in _BRANCHES and ours.get((block.statement, block.parent), b) != b:
            return True
    return False


_NAMED = NAMESPACES | {"dict"}
_RECORDS = frozenset({"dataclass", "define", "frozen", "mutable", "attrs", "NamedTuple", "BaseModel", "BaseSettings"})
_FIELDS = frozenset({"dataclasses.field", "attr.ib", "attrs.field", "pydantic.Field"})
_PROPERTIES = frozenset({"property", "cached_property", "setter", "getter", "deleter"})
_RUN_BY_TOOLS = frozenset({"conftest.py", "setup.py", "noxfile.py", "versioneer.py", "hubconf.py"})
_BRANCHES = frozenset({"if", "else", "case", "guard", "unguarded"})
_ADDERS = frozenset({"append", "appendleft", "extend", "extendleft", "insert", "add", "setdefault", "update"})
_CONTAINERS = frozenset(
    {"list", "dict", "set", "collections.defaultdict", "collections.OrderedDict", "collections.deque"}
)
_PASSES_ON = frozenset(
    {"list", "tuple", "set", "sorted", "reversed", "iter", "tqdm.tqdm", "tqdm.auto.tqdm", "collections.deque"}
)
_OF_ITEMS = frozenset(
    {"list", "List", "tuple", "Tuple", "set", "Set", "Sequence", "Iterable", "Iterator", "Collection"}
)


def build(
    root: str,
    modules: Iterable[ModuleFacts],
    *,
    source_roots: Sequence[str] = (),
    entry_points: Sequence[str] = (),
    dataset_classes: Iterable[str] = (),
    data_loaders: Iterable[str] = (),
    handles: Iterable[str] = (),
    heavy_modules: Iterable[str] | None = None,
    extend_heavy_modules: Iterable[str] = (),
    heavy_imports: str = "startup",
    guard_style: str = "block",
    lazy_style: str = "function",
    annotation_style: str = "future",
    max_moves: int = 6,
    typed: Iterable[str] = (),
    oldest: tuple[int, int] = (3, 10),
) -> Project:
    """Put the facts of all modules together.

    Args:
        root: absolute path of the project's folder, with "/" as separator.
        modules: the facts of every module.
        source_roots: absolute paths of folders from which modules are imported, besides those that are found.
        entry_points: "module:function" from packaging metadata and settings.
        dataset_classes: qualified names of classes that the settings declare to be Datasets.
        data_loaders: qualified names that the settings declare to make loaders.
        handles: qualified names that the settings declare to open handles.
        heavy_modules: modules that are slow to import; None for the table of apis.
        extend_heavy_modules: modules that are slow to import, besides those.
        heavy_imports: where slow imports are reported: "startup", "everywhere" or "off".
        guard_style: how what runs a program goes under its guard: "block" or "main".
        lazy_style: how imports are made to wait: "function", "lazy-modules" or "keyword".
        annotation_style: how annotations are kept from being evaluated: "future" or "quotes".
        max_moves: into how many functions an import may move.
        typed: folders of packages with a ``py.typed``.
        oldest: the oldest Python that the project runs on.
    """
    by_path = {facts.path: facts for facts in modules}
    folders: set[str] = set()
    packages: dict[str, list[str]] = {}
    for path in by_path:
        folder = path.rpartition("/")[0]
        if path.endswith("/__init__.py") and f"{folder.rpartition('/')[0]}/__init__.py" not in by_path:
            packages.setdefault(folder.rpartition("/")[2], []).append(folder)
        while folder not in folders and len(folder) >= len(root):
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    project = Project(
        root=root,
        modules=by_path,
        source_roots=tuple(source_roots),
        entry_points=tuple(entry_points),
        dataset_classes=frozenset(dataset_classes),
        data_loaders=frozenset(data_loaders),
        handles=frozenset(handles),
        heavy_modules=None if heavy_modules is None else frozenset(heavy_modules),
        extra_heavy=frozenset(extend_heavy_modules),
        heavy_imports=heavy_imports,
        guard_style=guard_style,
        lazy_style=lazy_style,
        annotation_style=annotation_style,
        max_moves=max_moves,
        typed=frozenset(typed),
        oldest=oldest,
        folders=frozenset(folders),
        packages=packages,
    )
    _name_in_namespaces(project)
    for facts in by_path.values():
        for call in facts.calls:
            func = call.func
            name = func.id if isinstance(func, Name) else func.attr if isinstance(func, Attribute) else ""
            if name:
                project.calls_by_name.setdefault(name, []).append((facts, call))
        for statement in facts.imports:
            for each in statement.names:
                if each.asname and each.asname != each.name:
                    project.renamed.setdefault(each.name.rpartition(".")[2], set()).add(each.asname)
    return project


def _name_in_namespaces(project: Project) -> None:
    """Give modules of packages in a folder without ``__init__.py`` the name under which the project imports them."""
    imported: set[str] = set()
    for facts in project.modules.values():
        for statement in facts.imports:
            if statement.level == 0:
                names = [statement.module] if statement.module else []
                names += [
                    f"{statement.module}.{each.name}" if statement.is_from else each.name for each in statement.names
                ]
                imported.update(name for name in names if "." in name)
                imported.update(name.partition(".")[0] for name in names)
    for top, folders in project.packages.items():
        if top in imported:
            continue
        for folder in folders:
            name, outer = top, folder.rpartition("/")[0]
            while len(outer) > len(project.root):
                name, outer = f"{outer.rpartition('/')[2]}.{name}", outer.rpartition("/")[0]
                if any(each == name or each.startswith(f"{name}.") for each in imported):
                    for path, facts in tuple(project.modules.items()):
                        if path.startswith(f"{folder}/") and facts.name.partition(".")[0] == top:
                            project.modules[path] = replace(facts, name=name + facts.name[len(top) :])
                    break
