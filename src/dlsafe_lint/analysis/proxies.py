"""Classes that pass on what is asked of them, so that a worker can't unpickle them: ``__getattr__`` without a guard.

A worker makes the object without ``__init__`` and then asks it for ``__setstate__``. The class has none, so
``__getattr__`` is called, on an object that has no attribute yet: one that reads `self.dataset` calls itself for ever.

Evidence: table attributes ("__getattr__ proxy without guard": the worker exits with a RecursionError), and runs of
pickle 3.11 for each shape that is told apart here. ``__getstate__`` does not help; ``__setstate__``, ``__reduce__`` and
an attribute of the class by that name do. Python asks like that in all its versions (`pickle.Unpickler.load_build`).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint import apis, flow
from dlsafe_lint.analysis import workers
from dlsafe_lint.analysis.datasets import construction, drops, expressions
from dlsafe_lint.apis import datasets
from dlsafe_lint.facts import Attribute, Call, Choice, Compared, Literal, Name, Subscript, walk
from dlsafe_lint.finding import Place
from dlsafe_lint.project import Site, Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlsafe_lint.facts import Expr, ModuleFacts
    from dlsafe_lint.project import Project

_ASKED = "__setstate__"
_PICKLERS = ("__setstate__", "__reduce__", "__reduce_ex__", "__new__")
_HARMLESS_BASES = frozenset({"object", "abc.ABC", "typing.Generic", "typing.Protocol", "collections.abc.Sequence"})
_EVERY_OBJECT_HAS = frozenset({"__dict__", "__class__", "__doc__", "__module__"})

RECURSION = "RecursionError: maximum recursion depth exceeded; DataLoader worker exited unexpectedly"
_NO_KEY = "KeyError: {}; DataLoader worker exited unexpectedly"
_A_FUNCTION = "what `__getattr__` returns for `__setstate__` is called, and nothing else restores the attributes"


class Proxy(NamedTuple):
    """A ``__getattr__`` that fails when a worker unpickles the object.

    Attributes:
        statement: the ``def`` statement, in the module for which it was asked.
        owner: the name of the class.
        reads: what it reads though it is not there yet, as it is written ("self.dataset"); "" if it returns a function.
        error: what happens in a spawned worker.
        via: the hops from there to the Dataset.
    """

    statement: int
    owner: str
    reads: str
    error: str
    via: tuple[Place, ...] = ()


def proxies(project: Project) -> dict[str, list[Proxy]]:
    """Return each such method of what workers are sent, by the path of the module."""
    return project.answer("proxies", lambda: _proxies(project))


def _proxies(project: Project) -> dict[str, list[Proxy]]:
    found: dict[str, dict[int, Proxy]] = defaultdict(dict)
    if not any(name == "__getattr__" for facts in project.modules.values() for name in _functions(facts)):
        return {}
    for site in project.classes():
        hops = workers.is_dataset(project, site)
        if hops is None or workers.idle(project, site):
            continue
        for path, each in (*_of_class(project, site), *_of_what_it_keeps(project, site)):
            found[path].setdefault(each.statement, each._replace(via=(*each.via, *hops)))
    return {path: [rows[statement] for statement in sorted(rows)] for path, rows in found.items()}


def _functions(facts: ModuleFacts) -> Iterator[str]:
    return (scope.name for scope in facts.scopes if scope.kind == "function")


def _of_what_it_keeps(project: Project, site: Site) -> Iterator[tuple[str, Proxy]]:
    for carried in construction(project, site).carried:
        if drops(project, site, carried.attr):
            continue
        for value in project.values(carried.expr, carried.where):
            if value.kind == "instance" and value.site is not None and isinstance(value.expr, Call):
                line = carried.where.facts.statements[carried.where.statement].line
                hop = Place(carried.where.facts.path, line, f"`{project.scope(site).name}` keeps one")
                for path, each in _of_class(project, value.site):
                    yield path, each._replace(via=(hop, *each.via))


def _of_class(project: Project, site: Site) -> Iterator[tuple[str, Proxy]]:
    method = project.method(site, "__getattr__")
    if method is None or any(project.method(site, name) for name in _PICKLERS):
        return
    for base in project.ancestors(site):
        if base.site is None:
            name = apis.canonical(base.name)
            if name not in _HARMLESS_BASES and (not datasets.is_dataset(name) or datasets.is_pipe(name)):
                return  # the library may say how it is pickled
    facts = project.modules[method.path]
    params = facts.scopes[method.scope].params
    if len(params) != 2 or facts.scopes[method.scope].decorators:
        return
    asked = _Asked(project, facts, site, method, params[0].name, params[1].name)
    body = flow.outline(facts).statements.get(facts.scopes[method.scope].body, ())
    verdict = asked.outcome(body)
    statement = facts.scopes[method.scope].statement
    owner = project.scope(site).name
    if verdict.startswith("reads "):
        read = verdict.removeprefix("reads ")
        if not asked._replace(asked=read).outcome(body).startswith("reads "):
            return  # it is asked for that next, and says that there is none
        yield method.path, Proxy(statement, owner, f"{params[0].name}.{read}", RECURSION)
    elif verdict.startswith("takes "):
        key = verdict.removeprefix("takes ")
        yield method.path, Proxy(statement, owner, f"{params[0].name}.__dict__[{key}]", _NO_KEY.format(key))
    elif verdict == "returns" and asked.returns_a_function():
        yield method.path, Proxy(statement, owner, "", _A_FUNCTION)


class _Asked(NamedTuple):
    """A ``__getattr__`` that is asked for something, ``__setstate__`` at first, by an object without attributes."""

    project: Project
    facts: ModuleFacts
    site: Site
    method: Site
    receiver: str
    name: str
    asked: str = _ASKED

    def outcome(self, statements: Sequence[int]) -> str:
        """Tell how statements end: "reads x", "takes 'x'" (a key), "returns", "falls" through, or "" (unclear)."""
        lies = flow.outline(self.facts)
        for statement in statements:
            missed = self.missed(statement)
            if missed:
                return missed
            kind = self.facts.statements[statement].kind
            if kind == "return":
                return "returns"
            inner = lies.blocks.get(statement, [])
            if kind in ("functiondef", "asyncfunctiondef") or not inner:
                if kind in ("raise", "assert", "delete"):
                    return ""
                continue
            if kind != "if":
                return ""
            test = self.facts.blocks[inner[0]].test
            verdict = flow.truth(test, self.about) if test is not None else None
            ways = {
                self.outcome(lies.statements.get(block, ()))
                for block in inner
                if verdict is None or (self.facts.blocks[block].kind == "if") == verdict
            } or {"falls"}
            if verdict is None and len(inner) < 2:
                ways.add("falls")
            if len(ways) > 1:
                return ""
            way = ways.pop()
            if way != "falls":
                return way
        return "falls"

    def about(self, test: Expr) -> bool | None:
        """Answer what a test asks about the name, or about the object's attributes, of which there are none."""
        match test:
            case Call(_, Attribute(Name(base), "startswith" | "endswith" as how), (Literal(str(text)),)):
                if base == self.name:
                    return self.asked.startswith(text) if how == "startswith" else self.asked.endswith(text)
            case Compared("Eq", Name(base), Literal(str(text))) | Compared("Eq", Literal(str(text)), Name(base)):
                return text == self.asked if base == self.name else None
            case Compared("In", Name(base), Attribute(Name(owner), "__dict__")):
                return False if base == self.name and owner == self.receiver else None
        return None

    def missed(self, statement: int) -> str:
        """Return what a statement reads for certain though the object does not have it yet, "" if nothing."""
        asks = [block.test for block in self.facts.blocks if block.statement == statement and block.kind == "if"]
        read = [expr for expr, scope, at in expressions(self.facts) if at == statement and scope == self.method.scope]
        for expr in (*(each for each in asks if each is not None), *read):
            optional = {id(inner) for each in walk(expr) if isinstance(each, Choice) for inner in walk(each)}
            for inner in walk(expr):
                match inner:
                    case Subscript(Attribute(Name(base), "__dict__"), Literal(str(key))):
                        if base == self.receiver and id(inner) not in optional:
                            return f"takes {key!r}"
                    case Attribute(Name(base), attr):
                        if base == self.receiver and id(inner) not in optional and not self.has(attr):
                            return f"reads {attr}"
        return ""

    def has(self, attr: str) -> bool:
        """Whether every object of the class has the attribute, because the class does."""
        if attr in _EVERY_OBJECT_HAS or (attr.startswith("__") and attr.endswith("__")):
            return True
        for base in self.project.ancestors(self.site):
            if base.site is not None:
                bindings = self.project.modules[base.site.path].scopes[base.site.scope].bindings.get(attr, ())
                if any(binding.how != "annotation" for binding in bindings):
                    return True
        return False

    def returns_a_function(self) -> bool:
        """Whether it returns a function that is made for the name, whatever that is."""
        results = [each for each in self.facts.results if each.scope == self.method.scope]
        values = [
            value
            for each in results
            for value in self.project.values(each.value, Where(self.facts, each.scope, each.statement))
        ]
        return bool(values) and all(
            value.kind == "lambda"
            or (value.kind == "function" and value.site is not None and self.is_inner(value.site))
            for value in values
        )

    def is_inner(self, function: Site) -> bool:
        """Whether a function is defined in another one."""
        facts = self.project.modules[function.path]
        return facts.scopes[facts.scopes[function.scope].parent].kind == "function"
