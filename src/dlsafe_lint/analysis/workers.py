"""Which loaders the project makes, whether they may have worker processes, and what they read from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint import apis
from dlsafe_lint.analysis.counts import counts, positive
from dlsafe_lint.apis import datasets
from dlsafe_lint.apis.datasets import WRAPPERS
from dlsafe_lint.apis.workers import LOADERS, LoaderApi
from dlsafe_lint.facts import Attribute, Call, Collection, Expr, Literal, ModuleFacts, Name, dotted
from dlsafe_lint.finding import START_METHODS, Place
from dlsafe_lint.project import Frame, Project, Site, Value, Where

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlsafe_lint.finding import Confidence, StartMethod

_ANY_LOADER = LoaderApi(dataset=0, workers=None)


class Loader(NamedTuple):
    """A call that makes a loader.

    Attributes:
        facts, call, where: the call and where its arguments are evaluated. For a subclass of a loader this is the call
            of ``super().__init__`` in it, so the arguments are always those that the library sees.
        api: how the library class takes its arguments.
        confidence: how sure it is that it has workers; None if it has none or nothing says that it may.
        workers: ``num_workers`` in words ("num_workers=4").
        methods: the start methods that its workers may have.
        via: the hops from the place that makes it.
    """

    facts: ModuleFacts
    call: Call
    where: Where
    api: LoaderApi
    confidence: Confidence | None
    workers: str
    methods: frozenset[StartMethod]
    via: tuple[Place, ...] = ()


def loaders(project: Project) -> list[Loader]:
    """Return every call of the project that makes a loader, with or without workers."""
    known = project.answers.get("loaders")
    if isinstance(known, list):
        return known
    found = []
    names = _spellings(project)
    for name in sorted(names):
        for facts, call in project.calls_by_name.get(name, ()):
            where = Where(facts, call.scope, call.statement)
            for value in project.values(call, where):
                if value.expr is call:
                    made = loader_of(project, value)
                    if made and made.facts is facts and made.call.number == call.number:
                        found.append(made)
                        break
    for facts, call in project.calls_by_name.get("__init__", ()):
        for callee in project.called(facts, call):
            api = _api(project, callee.name.removesuffix(".__init__")) if callee.kind == "external" else None
            if api and callee.name.endswith(".__init__"):
                found.append(_loader(project, facts, call, Where(facts, call.scope, call.statement), api))
                break
    project.answers["loaders"] = found
    return found


def loader_of(project: Project, value: Value) -> Loader | None:
    """Return the loader that a value is, None if it is none as far as can be known."""
    if not isinstance(value.expr, Call) or value.where is None:
        return None
    call, where = value.expr, value.where
    if value.kind == "made":
        if value.name == "functools.partial":
            return None
        api = _api(project, value.name)
        return _loader(project, where.facts, call, where, api, value.via) if api else None
    if value.kind == "part" and value.of is not None and value.of.name == "functools.partial":
        # partial(DataLoader, num_workers=4)(dataset): both calls' arguments count
        inner = value.of
        if isinstance(inner.expr, Call) and inner.where is not None and inner.expr.args and value.name.endswith("()"):
            for made in project.values(inner.expr.args[0], inner.where, 1):
                api = _api(project, made.name) if made.kind == "external" else None
                if api:
                    merged = call._replace(keywords=(*call.keywords, *inner.expr.keywords))
                    return _loader(project, where.facts, merged, where, api, value.via)
        return None
    if value.kind == "part" and value.name.endswith("()"):
        api = LOADERS.get(_method(value))
        return _loader(project, where.facts, call, where, api, value.via) if api else None
    if value.kind == "instance" and value.site:
        return _instance(project, value, call, where)
    return None


def _method(value: Value) -> str:
    """Return the method of a library's object whose result a value is: "torch_geometric.nn.Node2Vec.loader".

    Methods between that return the object itself are left out (``Node2Vec(…).to(device).loader(…)``).
    """
    names: list[str] = []
    while value.kind == "part" and value.of is not None:
        if not value.name.endswith("()") and (not names or value.name not in apis.MODULE_METHODS_RETURNING_SELF):
            names.append(value.name)
        value = value.of
    return ".".join([value.name, *reversed(names)]) if value.kind == "made" else ""


def _instance(project: Project, value: Value, call: Call, where: Where) -> Loader | None:
    site = value.site
    if site is None:
        return None
    library = next((base for base in project.ancestors(site) if base.site is None and _api(project, base.name)), None)
    if library is None:
        named = project.modules[site.path].name + "." + project.scope(site).qualname
        if named in project.data_loaders:
            return _loader(project, where.facts, call, where, _ANY_LOADER, value.via)
        return None
    api = _api(project, library.name) or _ANY_LOADER
    constructor = project.method(site, "__init__")
    if constructor is None:
        return _loader(project, where.facts, call, where, api, value.via)
    facts = project.modules[constructor.path]
    for inner in facts.calls:
        if inner.scope == constructor.scope and isinstance(inner.func, Attribute) and inner.func.attr == "__init__":
            frame = project.bind(constructor, where.facts, call, where, value)
            at = Where(facts, inner.scope, inner.statement, frame)
            return _loader(project, facts, inner, at, api, value.via)
    return _loader(project, where.facts, call, where, api, value.via)


def _api(project: Project, name: str) -> LoaderApi | None:
    return LOADERS.get(name) or (_ANY_LOADER if name in project.data_loaders else None)


def _spellings(project: Project) -> set[str]:
    """Return the names under which the project may call something that makes a loader."""
    names = {name.rpartition(".")[2] for name in (*LOADERS, *project.data_loaders)}
    for name in tuple(names):
        names |= project.renamed.get(name, set())
    for site in project.classes():
        scope = project.scope(site)
        if scope.bases and any(base.site is None and _api(project, base.name) for base in project.ancestors(site)):
            names.add(scope.name)
    for facts in project.modules.values():
        for scope in facts.scopes:
            for bound, bindings in scope.bindings.items():
                for binding in bindings:
                    made = binding.value
                    if (
                        isinstance(made, Call)
                        and (dotted(made.func) or "").rpartition(".")[2] == "partial"
                        and made.args
                    ):
                        made = made.args[0]
                    if isinstance(made, (Name, Attribute)) and (dotted(made) or "").rpartition(".")[2] in names:
                        names.add(bound)
    for name in tuple(names):
        names |= project.renamed.get(name, set())
    return names


def _loader(
    project: Project, facts: ModuleFacts, call: Call, where: Where, api: LoaderApi, via: tuple[Place, ...] = ()
) -> Loader:
    argument = project.argument_at(call, where, api.workers_name, api.workers)
    confidence: Confidence | None = None
    words = ""
    if argument is not None:
        confidence = positive(project, *argument) or _asked_for_elsewhere(project, *argument)
        words = f"{api.workers_name}={_words(argument[0])}"
        if confidence == "certain" and not is_always_passed(project, call, where, api.workers_name):
            confidence = "likely"
    threads = project.argument_at(call, where, "use_thread_workers")
    if threads is not None and threads[0] == Literal(value=True):
        confidence = None  # monai's ThreadDataLoader
    context = project.argument_at(call, where, "multiprocessing_context")
    methods = context_methods(project, *context) if context else frozenset(START_METHODS)
    return Loader(facts, call, where, api, confidence, words, methods, via)


def is_always_passed(project: Project, call: Call, where: Where, name: str) -> bool:
    """Whether a call passes a keyword argument in every case: not so ``**({"num_workers": 2} if cuda else {})``.

    Args:
        project: the project.
        call: the call, which passes the argument by some way.
        where: where its arguments are evaluated.
        name: the keyword.
    """
    spread = [value for key, value in call.keywords if key is None]
    if not spread or any(key == name for key, _ in call.keywords):
        return True
    return any(_always_has(project, value, where, name) for value in spread)


def _has(project: Project, value: Value, name: str, depth: int = 0) -> bool:
    """Whether a value is a dict that is written out and has the key, perhaps from another one (``{**other}``)."""
    match value.expr:
        case Collection("dict", items, keys) if value.kind == "collection" and value.where is not None:
            others = [item for key, item in zip(keys, items, strict=True) if key is None and depth < _OUT]
            return Literal(name) in keys or any(
                _has(project, each, name, depth + 1)
                for other in others
                for each in project.values(other, value.where, 1)
            )
        case Call() as made if value.kind == "made" and value.name == "dict":
            return any(key == name for key, _ in made.keywords)
    return False


def _always_has(project: Project, expr: Expr, where: Where, name: str) -> bool:
    """Whether a dict has the key whichever way it is made, or a statement that runs as well puts it in before."""
    base, facts = dotted(expr), where.facts
    added = project.added(base, where) if base is not None else []
    values = project.values(expr, where, 1)
    made = [value for value in values if all(value.expr is not each for each in added)]
    if made and all(_has(project, value, name) for value in made):
        return True
    puts = [store for store in facts.stores if dotted(store.base) == base and store.key == Literal(name)]
    updates = [
        call
        for call in project.calls_by_name.get("update", ())
        if call[0] is facts and isinstance(call[1].func, Attribute) and dotted(call[1].func.value) == base
    ]
    block = facts.statements[where.statement].block if where.statement < len(facts.statements) else 0
    around = [put.statement for put in puts] + [
        call.statement
        for _, call in updates
        if call.keyword(name) is not None
        or any(_has(project, value, name) for arg in call.args for value in project.values(arg, where, 1))
    ]
    return any(facts.within(block, facts.statements[statement].block) for statement in around)


_NONE = frozenset({"none", "usually none"})
_FEW = 12
_MANY = 40
_OUT = 2
"""How many ways to run a function are told apart, how many where some of them may want no workers, and how far out
callers of callers are looked at."""


def per_caller(project: Project, loader: Loader) -> list[Loader]:
    """Return a loader once for each way to call the function that makes it, where only some of them give it workers.

    What such a function is passed in one call belongs together: the Dataset of a call with ``num_workers=0`` meets no
    workers because another call has some. The same for the calls that make the object whose method it is.

    Args:
        project: the project.
        loader: a loader of `loaders`.

    Returns:
        The loader itself where all calls agree, or where they can't be told apart.
    """
    if loader.confidence is None or loader.where.frame is not None:
        return [loader]
    argument = project.argument_at(loader.call, loader.where, loader.api.workers_name, loader.api.workers)
    if argument is None or isinstance(argument[0], Literal):
        return [loader]
    return _told_apart(
        project,
        loader,
        (loader.facts, loader.call),
        lambda frame: _loader(
            project, loader.facts, loader.call, loader.where._replace(frame=frame), loader.api, loader.via
        ),
    )


def made_per_caller(project: Project, value: Value) -> list[Loader]:
    """Return the loader that a call of a project's own class of loaders makes, as `per_caller` does.

    Args:
        project: the project.
        value: the instance that the call makes; what is no loader, or is made by no call, gives an empty list.
    """
    loader = loader_of(project, value)
    where = value.where
    if loader is None or where is None or not isinstance(value.expr, Call):
        return []
    if loader.confidence is None:
        return [loader]
    return _told_apart(
        project,
        loader,
        (where.facts, value.expr),
        lambda frame: loader_of(project, value._replace(where=where._replace(frame=frame))),
    )


def _told_apart(
    project: Project, loader: Loader, made_by: tuple[ModuleFacts, Call], again: Callable[[Frame], Loader | None]
) -> list[Loader]:
    """Return the loader once for each way to run the function in which it is made, without those that want no workers.

    The loader itself where all have some, or where the ways can't be told apart.
    """
    found: list[Loader] = []

    def differs(frame: Frame) -> bool:
        made = again(frame)
        told = made and project.argument_at(made.call, made.where, made.api.workers_name, made.api.workers)
        if told is None or isinstance(told[0], Literal):
            return False
        wanted = counts(project, *told)
        return not wanted.isdisjoint(_NONE) and not wanted <= _NONE

    for frame, place in _frames(project, *made_by, differs):
        made = again(frame)
        if made is not None:
            found.append(made._replace(via=(*made.via, place)))
    if len(found) > _MANY or all(each.confidence is not None for each in found):
        return [loader]
    return [each for each in found if each.confidence is not None]


def repeated(facts: ModuleFacts, call: Call) -> Expr | None:
    """Return how often a loop runs a call (``for _ in range(n)``, around the statement or in a comprehension)."""
    around = {block.statement for block in facts.enclosing_blocks(call.statement) if block.kind == "loop"}
    if facts.scopes[call.scope].kind == "comprehension":
        around.add(call.statement)
    for iteration in facts.iterations:
        match iteration.iterable:
            case Call(_, Name("range"), (times,)) if iteration.statement in around:
                return times
    return None


def ways_to_repeat(project: Project, facts: ModuleFacts, call: Call) -> list[tuple[Where, tuple[Place, ...]]]:
    """Return where a call is evaluated, once for each way to run its function in which it runs at all.

    A call in ``for _ in range(self.num_workers)`` does not run for an object whose ``num_workers`` is 0.

    Args:
        project: the project.
        facts: a module.
        call: one of its calls.

    Returns:
        The place itself, or one with the arguments of each way to call the function, and the hop that shows it.
    """
    where = Where(facts, call.scope, call.statement)
    times = repeated(facts, call)
    if times is None or isinstance(times, Literal):
        return [(where, ())]
    ways: list[tuple[Where, tuple[Place, ...]]] = [
        (where._replace(frame=frame), (place,)) for frame, place in _frames(project, facts, call)
    ]
    runs = [way for way in ways if positive(project, times, way[0]) is not None]
    if len(runs) == len(ways):
        return [(where, ())] if positive(project, times, where) is not None else []
    return runs


class _Entering(NamedTuple):
    """One call of the function ``site``, a method of the class ``owner`` (None for a function), as ``value``."""

    project: Project
    site: Site
    owner: Site | None
    value: Value
    call: Call
    where: Where

    def frame(self, outer: Frame | None) -> Frame | None:
        """Return the arguments where the function around the call runs with `outer`; None if it calls another."""
        where = self.where._replace(frame=outer)
        if self.value.kind == "class" and self.value.site is not None and self.value.site == self.owner:
            made = Value("instance", self.project.scope(self.site).name, self.owner, self.call, where)
            return self.project.bind(self.site, where.facts, self.call, where, made)
        if self.value.site != self.site:
            return None
        return self.project.bind(self.site, where.facts, self.call, where, self.value.of)

    def if_entered(self, asked: Callable[[Frame], bool]) -> Callable[[Frame], bool]:
        """Return what asks about the arguments of the function, given those of the function around the call."""

        def ask(outer: Frame) -> bool:
            frame = self.frame(outer)
            return frame is not None and asked(frame)

        return ask


def _frames(
    project: Project,
    facts: ModuleFacts,
    call: Call,
    differs: Callable[[Frame], bool] | None = None,
    depth: int = 0,
) -> list[tuple[Frame, Place]]:
    """Return the ways to run the function in which a call stands, none if they can't be told apart.

    Args:
        project: the project.
        facts: the module.
        call: the call.
        differs: whether what happens in a way depends on who calls the caller; then it is one way for each of those.
        depth: how many callers have been gone through.
    """
    scope = facts.scopes[facts.function_of(call.scope)]
    if scope.kind != "function":
        return []
    site = Site(facts.path, scope.index)
    owner = Site(facts.path, scope.parent) if project.receiver(facts, scope) is not None else None
    found: list[tuple[Frame, Place]] = []
    for caller, each in project.callers(site):
        where = Where(caller, each.scope, each.statement)
        for value in project.called(caller, each):
            entering = _Entering(project, site, owner, value, each, where)
            frame = entering.frame(None)
            if frame is None:
                continue
            ways: list[tuple[Frame, Place]] = []
            if differs is not None and depth < _OUT and differs(frame):
                outer = _frames(project, caller, each, entering.if_entered(differs), depth + 1)
                ways = [(inner, place) for way, place in outer if (inner := entering.frame(way)) is not None]
            found += ways or [(frame, Place(caller.path, each.line, f"calls `{scope.name}`"))]
    if owner is not None and scope.name != "__init__":
        found = _per_instance(project, site, owner, found)
    return found if len(found) <= (_FEW if differs is None else _MANY) else []


def _per_instance(
    project: Project, site: Site, owner: Site, frames: list[tuple[Frame, Place]]
) -> list[tuple[Frame, Place]]:
    """Put each object that the project makes of a class in the place of ``self`` where it may be any of them."""
    constructor = project.method(owner, "__init__")
    makers = project.callers(constructor) if constructor is not None else []
    everybody = frames or [(Frame(site.scope, site.path, {}, complete=True), Place("", 0, ""))]
    found: list[tuple[Frame, Place]] = []
    for frame, place in everybody:
        if frame.receiver is not None and frame.receiver.expr is not None:
            found.append((frame, place))
            continue
        for caller, call in makers:
            made = Value("instance", "", owner, call, Where(caller, call.scope, call.statement))
            line = Place(caller.path, call.line, f"makes the `{project.scope(owner).name}`")
            found.append((frame._replace(receiver=made), line))
        if not makers:
            return []
    return found


def context_methods(project: Project, expr: Expr, where: Where) -> frozenset[StartMethod]:
    """Return the start methods that a multiprocessing context may have: all of them unless it is written out.

    A parameter that no caller sets has its default.

    Args:
        project: the project.
        expr: a start method's name, ``get_context("fork")``, or None.
        where: where it stands.
    """
    found: set[StartMethod] = set()
    for value in project.values(expr, where, 1):
        made = value.expr
        if value.kind == "made" and value.name == "multiprocessing.get_context" and isinstance(made, Call):
            inner = made.args[0] if made.args else made.keyword("method")
            if inner is None or value.where is None:
                return frozenset(START_METHODS)
            found |= context_methods(project, inner, value.where)
        elif value.kind == "unknown" and value.name == "argument":
            continue
        else:
            known = [method for method in START_METHODS if isinstance(made, Literal) and made.value == method]
            if not known:
                return frozenset(START_METHODS)
            found.update(known)
    return frozenset(found or START_METHODS)


def never_forks(project: Project, site: Site) -> bool:
    """Whether the workers that get a class of Datasets are never forked.

    Each of its loaders with workers asks for another start method, or the programs that run it set one.
    """
    loaded = [loader for loader in loaders_of(project, site) if loader.confidence is not None]
    if not loaded:
        return sets_other_method(project, site.path)
    return not any(may_fork(project, loader) for loader in loaded)


def may_fork(project: Project, loader: Loader) -> bool:
    """Whether the workers of a loader may be forked ones, if it has any."""
    return "fork" in loader.methods and not sets_other_method(project, loader.facts.path)


def sets_other_method(project: Project, path: str) -> bool:
    """Whether all programs that use a module set another start method than fork (``set_start_method("spawn")``).

    A program does so itself or in what it imports; what another program does for itself says nothing about it, nor
    does what tests set, or what is set on a condition.

    Args:
        project: the project.
        path: the module.
    """

    def table() -> set[str]:
        setting: set[str] = set()
        for facts, call in project.calls_by_name.get("set_start_method", ()):
            method = project.argument(facts, call, "method", 0)
            on_condition = any(block.kind in ("if", "else") for block in facts.enclosing_blocks(call.statement))
            if method is None or on_condition or _is_test(project, facts):
                continue
            if "fork" not in context_methods(project, *method):
                setting |= {facts.path} if project.is_script(facts) else _users(project, facts.path)
        return setting

    setting = project.answer("programs that set a start method", table)
    if not setting:
        return False
    users = [user for user in _users(project, path) if not _is_test(project, project.modules[user])]
    programs = [user for user in users if project.is_script(project.modules[user])]
    return bool(users) and setting.issuperset(programs or users)


def _users(project: Project, path: str) -> set[str]:
    """Return the modules that import a module, anywhere in them and through others or not, and the module itself."""

    def table() -> dict[str, set[str]]:
        made: dict[str, set[str]] = {}
        for facts in project.modules.values():
            for statement in facts.imports:
                for target in project.targets(facts, statement):
                    if target.path:
                        made.setdefault(target.path, set()).add(facts.path)
        return made

    importers = project.answer("who imports what", table)
    found, todo = {path}, [path]
    while todo:
        new = importers.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found


def _asked_for_elsewhere(project: Project, expr: Expr, where: Where) -> Confidence | None:
    """Tell whether a method's parameter asks for workers in a call whose object can't be followed.

    ``data.get_loader(num_workers=args.workers)`` is such a call of ``def get_loader(self, num_workers=0)``.
    """
    if not isinstance(expr, Name) or where.frame is not None:
        return None
    facts = where.facts
    scope = facts.scopes[max(facts.resolve(expr.id, where.scope), 0)]
    if scope.kind != "function" or facts.scopes[scope.parent].kind != "class":
        return None
    if project.callers(Site(facts.path, scope.index)):
        return None
    for caller, call in project.calls_by_name.get(scope.name, ()):
        passed = project.argument(caller, call, expr.id)
        if passed is None or not isinstance(call.func, Attribute):
            continue
        unknown = all(value.site is None for value in project.called(caller, call))
        if unknown and positive(project, *passed) is not None:
            return "likely"
    return None


def _words(expr: Expr) -> str:
    match expr:
        case Literal(value):
            return repr(value)
        case Name() | Attribute():
            return dotted(expr) or "…"
    return "…"


def dataset_values(project: Project, loader: Loader) -> list[Value]:
    """Return what a loader reads from; ``Subset``, ``random_split`` and ``ConcatDataset`` are looked through."""
    if loader.api.dataset is None:
        return []
    argument = project.argument_at(loader.call, loader.where, "dataset", loader.api.dataset)
    if argument is None:
        return []
    return unwrapped(project, project.values(argument[0], argument[1], 1))


def idle(project: Project, site: Site, *, written: bool = False) -> bool:
    """Whether the project loads a class of Datasets (or classes derived from it), but only ever without workers.

    How tests load it says nothing about those who use it.

    Args:
        project: the project.
        site: the class.
        written: whether only a number that is written out says so, not a default that nobody changes.
    """
    found = [loader for loader in loaders_of(project, site) if not _is_test(project, loader.facts)]
    return bool(found) and all(without_workers(project, loader, written=written) for loader in found)


def _is_test(project: Project, facts: ModuleFacts) -> bool:
    """Whether a module tests the project; a notebook uses it."""
    return project.is_test(facts) and not facts.is_notebook


def without_workers(project: Project, loader: Loader, *, written: bool = False) -> bool:
    """Whether the code shows that a loader has no workers: none asked for, or a 0.

    Where ``**kwargs`` may ask for some, the calls of the function that makes the loader say what these are.
    """
    if loader.confidence is not None:
        return False
    if loader.workers and written:
        return loader.workers.endswith("=0")
    if loader.workers or all(key is not None for key, _ in loader.call.keywords):
        return True
    if loader.where.frame is not None:
        return loader.where.frame.complete
    ways = [loader.where._replace(frame=frame) for frame, _ in _frames(project, loader.facts, loader.call)]
    made = [_loader(project, loader.facts, loader.call, where, loader.api) for where in ways]
    return bool(made) and all(without_workers(project, each, written=written) for each in made)


def made_in_worker(facts: ModuleFacts, call: Call) -> bool:
    """Whether a call stands where a Dataset reads an item: what it makes is made in a worker and is sent to none."""
    return facts.scopes[facts.function_of(call.scope)].name in datasets.READERS


def loaders_of(project: Project, site: Site) -> list[Loader]:
    """Return the loaders that read from instances of a class or of classes derived from it, others between or not."""

    def table() -> dict[Site, list[Loader]]:
        made: dict[Site, list[Loader]] = {}
        for loader in loaders(project):
            for value in dataset_values(project, loader):
                for site in dict.fromkeys(each.site for each in _with_inner(project, value, 0)):
                    if site is not None:
                        made.setdefault(site, []).append(loader)
        return made

    by_class = project.answer("loaders by class", table)
    return [loader for each in (site, *project.subclasses(site)) for loader in by_class.get(each, ())]


def _with_inner(project: Project, value: Value, depth: int) -> list[Value]:
    """Return an instance of a class of the project and the instances that its constructor is given, in lists too."""
    found = [value]
    if value.kind == "instance" and isinstance(value.expr, Call) and value.where is not None and depth < 4:
        for arg in (*value.expr.args, *(passed for _, passed in value.expr.keywords)):
            for given in project.values(arg, value.where, 1):
                for inner in _items(project, given):
                    if inner.kind == "instance" and inner.site is not None:
                        found.extend(_with_inner(project, inner, depth + 1))
    return found


def unwrapped(project: Project, values: list[Value], depth: int = 0) -> list[Value]:
    """Return the Datasets in values that may be `Subset` and the like, made of other Datasets.

    Args:
        project: the project.
        values: what an expression may stand for.
        depth: how many wrappers are around them.
    """
    found = []
    for value in values:
        whole = value
        while whole.kind == "part" and whole.of is not None:
            whole = whole.of
        if (
            whole.kind == "made"
            and whole.name in WRAPPERS
            and isinstance(whole.expr, Call)
            and whole.where
            and depth < 4
        ):
            if whole.expr.args:
                inner = project.values(whole.expr.args[0], whole.where, 1)
                items = [item for each in inner for item in (_items(project, each))]
                found.extend(unwrapped(project, items, depth + 1))
        else:
            found.append(value)
    return found


def _items(project: Project, value: Value) -> list[Value]:
    return project.elements(value) if value.kind in ("collection", "comprehension") else [value]


def is_dataset(project: Project, site: Site) -> tuple[Place, ...] | None:
    """Tell whether a class is a Dataset.

    Returns:
        The hops that make it one (empty where its own bases say so); None if it is none. A class counts if its bases
        reach a known Dataset, if the setting ``dataset-classes`` names it, or if it has ``__getitem__`` and ``__len__``
        (or ``__iter__``) and the project hands an instance of it to a loader.
    """
    key = ("dataset", site)
    if key not in project.answers:
        project.answers[key] = _is_dataset(project, site)
    found = project.answers[key]
    return found if isinstance(found, tuple) else None


def _is_dataset(project: Project, site: Site) -> tuple[Place, ...] | None:
    for base in project.ancestors(site):
        if base.site is None:
            if datasets.is_dataset(apis.canonical(base.name)) or base.name in project.dataset_classes:
                return base.via
        elif project.dataset_classes:
            named = f"{project.modules[base.site.path].name}.{project.scope(base.site).qualname}"
            if named in project.dataset_classes:
                return base.via
    readable = project.method(site, "__iter__") or (
        project.method(site, "__getitem__") and project.method(site, "__len__")
    )
    if not readable:
        return None
    return loaded_classes(project).get(site)


def loaded_classes(project: Project) -> dict[Site, tuple[Place, ...]]:
    """Return the project's classes whose instances are handed to a loader, with the hops that show it."""
    known = project.answers.get("loaded")
    if isinstance(known, dict):
        return known
    found: dict[Site, tuple[Place, ...]] = {}
    for loader in loaders(project):
        for value in dataset_values(project, loader):
            if value.kind == "instance" and value.site:
                hop = Place(loader.facts.path, loader.call.line, "handed to a loader here")
                for base in project.ancestors(value.site):
                    if base.site is not None:
                        found.setdefault(base.site, (hop,))
    project.answers["loaded"] = found
    return found
