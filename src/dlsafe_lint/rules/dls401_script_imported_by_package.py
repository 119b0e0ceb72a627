"""DLS401: a package's `__init__` imports a script of the package."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dlsafe_lint.analysis import packages
from dlsafe_lint.analysis.loading import exported
from dlsafe_lint.finding import Place
from dlsafe_lint.fixes import is_pragma
from dlsafe_lint.rewriting import lazy_imports
from dlsafe_lint.rewriting.lazy_property import comments
from dlsafe_lint.rule import Draft, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dlsafe_lint.analysis.packages import Loaded, Move, Plan
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.finding import Applicability
    from dlsafe_lint.project import Project

_BARE_NOQA = re.compile(r"#\s*noqa(?!\s*:)", re.IGNORECASE)


class ScriptImportedByPackage(Rule):
    """Finds packages that import a script of their own when they are imported.

    ## Why is this bad?
    `python -m pkg.train` first imports `pkg`. If that has imported `pkg.train` already, Python runs the module a second
    time under the name `__main__` and says so: "RuntimeWarning: 'pkg.train' found in sys.modules after import of
    package 'pkg', but prior to execution of 'pkg.train'; this may result in unpredictable behaviour". Its classes exist
    twice, its module-level code runs twice, `-W error` ends the program, and under spawn and forkserver each worker
    warns again (except for `python -m pkg`: workers don't import a `__main__.py`).

    The import may be direct or lead there through other modules. Imports inside functions, under `TYPE_CHECKING` or in
    a module `__getattr__` do no harm.

    ## Example
    ```python
    # pkg/model.py
    SIZE = 3
    # pkg/train.py
    from pkg.model import SIZE

    if __name__ == "__main__":
        print(SIZE)
    # pkg/evaluate.py
    WORD = "fine"


    def evaluate_all():
        print(WORD)


    if __name__ == "__main__":
        evaluate_all()
    # pkg/__init__.py
    from . import model, train
    from .evaluate import evaluate_all

    __all__ = ["evaluate_all", "model", "train"]
    ```

    ## Use instead
    `from pkg import train` still works: the import statement looks for submodules itself. Other names are imported when
    somebody asks for them.
    ```python
    # pkg/model.py
    SIZE = 3
    # pkg/train.py
    from pkg.model import SIZE

    if __name__ == "__main__":
        print(SIZE)
    # pkg/evaluate.py
    WORD = "fine"


    def evaluate_all():
        print(WORD)


    if __name__ == "__main__":
        evaluate_all()
    # pkg/__init__.py
    from . import model

    __all__ = ["evaluate_all", "model"]


    def __getattr__(name):
        if name == "evaluate_all":
            from .evaluate import evaluate_all

            return evaluate_all
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


    def __dir__():
        return sorted({*globals(), *__all__})
    ```

    ## Fix safety
    An import that just binds the submodule is removed if nothing in the project reads `pkg.train` without importing it.
    Other names are offered by a module `__getattr__`, functions of the `__init__` that use them import them, and
    type checkers still see them if the package has type hints or a `py.typed`. Both are safe; unsafe where the package
    has a `__getattr__` already, where an annotation names what is imported, where a function of the script binds the
    name anew, and where the script has no guard.

    There is no fix where the package uses the name while it is loaded, where something else loads the script as well,
    where the import is conditional or a call, where a function has the name of a module of the package (which hides it
    as soon as it is loaded), and where another module takes everything from a package without `__all__`. Nobody can see
    who does that outside the project. Where the package loads the script by way of another module, that is where an
    import has to move.

    ## References
    - [PEP 562: module `__getattr__`](https://peps.python.org/pep-0562/)
    - [runpy](https://docs.python.org/3/library/runpy.html)
    """

    code = "DLS401"
    name = "script-imported-by-package"
    in_notebooks = False

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Tell whether it is a package's `__init__` that loads a script of the package."""
        return facts.is_package and facts.path in packages.loaded_scripts(project)

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002, D102
        found = packages.loaded_scripts(self.project).get(self.facts.path, ())
        if not found:
            return
        kept = {each.statement: reason for each in found if (reason := self._kept(each))}
        plan = packages.plan(self.project, self.facts, kept)
        drafts = self._drafts(found, plan)
        for loaded in found:
            scripts = (*loaded.scripts, *loaded.behind)
            names = [_dotted_name(self.project, path) for path in scripts]
            others = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            package = _dotted_name(self.project, self.facts.path)
            how = "imports" if loaded.direct else "ends up importing"
            self.report(
                self.tree.statements[loaded.statement],
                f"`{package}` {how} its script `{names[0]}`{others}: "
                f"`python -m {names[0].removesuffix('.__main__')}` warns and runs it twice",
                help=_help(plan, loaded),
                confidence=loaded.confidence,
                related=(*loaded.via, *(self._script(path) for path in scripts)),
                fix=drafts.get(loaded.statement),
            )

    def _script(self, path: str) -> Place:
        return self.project.is_script(self.project.modules[path]) or Place(path, 1, "the script")

    # --- the fix ---

    def _kept(self, loaded: Loaded) -> str:
        """Tell why the statement can't be changed as it is written, "" if it can."""
        statement = self.tree.statements[loaded.statement]
        line = self.tree.line_of(statement)
        if not isinstance(statement, (cst.Import, cst.ImportFrom)) or not isinstance(line, cst.SimpleStatementLine):
            return ""
        if len(line.body) > 1:
            return "it shares its line with another statement"
        if any(self.code in comment or _BARE_NOQA.search(comment) for comment in comments(line)):
            return "a comment says that it is meant"
        if isinstance(statement.names, cst.ImportStar):
            names = {name for path in loaded.scripts for name in self._star_names(path)}
            used = next((name for name in sorted(names) if self.tree.names(name)), "")
            return f"the package uses `{used}` itself" if used else ""
        return "" if self._without(statement, loaded) is not None else "a comment stands in it"

    def _star_names(self, path: str) -> Iterable[str]:
        return exported(self.project.modules[path])

    def _without(self, statement: cst.Import | cst.ImportFrom, loaded: Loaded) -> list[cst.ImportAlias] | None:
        """Return the names of an import that stay, None where a comment would be lost."""
        number = loaded.number
        gone = packages.taken(self.project, self.facts, number, loaded.scripts)
        kept = [alias for alias in lazy_imports.aliases(statement) if alias.evaluated_name not in gone]
        if kept:
            return kept if lazy_imports.with_names(statement, kept) is not None else None
        return None if "#" in self.tree.module.code_for_node(statement) else []

    def _drafts(self, found: Sequence[Loaded], plan: Plan) -> dict[int, Draft]:
        """Return the fixes by statement: one for all statements that are as sure and as safe."""
        groups: dict[tuple[bool, bool], list[int]] = {}
        for loaded in found:
            moves = plan.moves.get(loaded.statement)
            if moves:
                has_own = "__getattr__" in self.facts.scopes[0].bindings or "__dir__" in self.facts.scopes[0].bindings
                safe = all(move.safe for move in moves) and not (has_own and any(move.lazy for move in moves))
                groups.setdefault((loaded.confidence == "possible", not safe), []).append(loaded.statement)
        drafts: dict[int, Draft] = {}
        submodules = plan.submodules
        for (_, unsafe), statements in sorted(groups.items()):
            chosen = [plan.moves[statement] for statement in statements]
            draft = self._draft(chosen, submodules, "unsafe" if unsafe else "safe")
            submodules = ()
            if draft is not None:
                drafts.update(dict.fromkeys(statements, draft))
        return drafts

    def _draft(
        self, moves: Sequence[Sequence[Move]], submodules: Sequence[Move], applicability: Applicability
    ) -> Draft | None:
        edit = _Edit({}, [])
        lazy: list[lazy_imports.Name] = []
        checked: list[cst.SimpleStatementLine] = []
        typed = packages.is_typed(self.project, self.facts)
        for mine in moves:
            statement = self._import(mine[0].number)
            line = cst.ensure_type(self.tree.line_of(statement), cst.SimpleStatementLine)
            gone = {move.written for move in mine}
            kept = [alias for alias in lazy_imports.aliases(statement) if alias.evaluated_name not in gone]
            above: tuple[str, ...] = ()
            behind = ""
            if kept:
                edit.replacements[statement] = lazy_imports.with_names(statement, kept) or statement
            else:
                behind = line.trailing_whitespace.comment.value if line.trailing_whitespace.comment else ""
                above = self._comment_above(line)
                edit.removed.append(line)
                if above:
                    blanks = [each for each in line.leading_lines if each.comment is None]
                    edit.replacements[line] = line.with_changes(leading_lines=blanks)
            if (above or (behind and not is_pragma(behind))) and not any(move.lazy for move in mine):
                return None
            whole = line.with_changes(leading_lines=()) if not kept else None
            names = [move for move in mine if move.lazy or move.annotated]
            if names and (typed or any(move.annotated for move in mine)):
                checked.append(self._line(statement, names, whole))
                behind = ""
            for move in mine:
                if move.lazy:
                    comment = "" if is_pragma(behind) else behind
                    lazy.append(lazy_imports.Name(move.name, move.module, move.attr, above, comment))
                    above, behind = (), ""
        for move in submodules:
            lazy.append(lazy_imports.Name(move.name, move.module, move.attr))
            if typed:
                parsed = cst.parse_statement(f"from . import {move.name}")
                checked.append(cst.ensure_type(parsed, cst.SimpleStatementLine))
        self._import_in_functions(moves, edit)
        removed = {move.name for mine in moves for move in mine}
        self._leave_exports(removed - {each.name for each in lazy}, edit)
        own = self._own_getattr()
        if lazy and own is not None:
            extended = lazy_imports.with_branches(self.tree.module, own, lazy)
            if extended is None:
                return None
            edit.replacements[own] = extended
        module: cst.Module | None = self.tree.rewritten(edit.replacements, edit.removed)
        if module is not None and checked:
            module = lazy_imports.for_type_checkers(module, checked)
        if module is None:
            return None
        defines: list[str] = []
        if lazy:
            in_all = {each.name for each in lazy} <= exported(self.facts)
            made = []
            if own is None:
                made.append(lazy_imports.module_getattr(module, lazy, typed=typed))
            if "__dir__" not in self.facts.scopes[0].bindings:
                made.append(lazy_imports.module_dir(module, lazy, exported=in_all, typed=typed))
            module = lazy_imports.appended(module, made)
            defines = ["__getattr__", "__dir__"]
        if not module.body and not module.header and not module.footer:
            module = module.with_changes(has_trailing_newline=False)
        return Draft(
            _title(moves, {each.name for each in lazy}),
            {self.tree.module: module},
            applicability,
            tuple(defines),
            may_unbind=frozenset(removed),
        )

    def _import(self, number: int) -> cst.Import | cst.ImportFrom:
        statement = self.tree.statements[self.facts.imports[number].statement]
        assert isinstance(statement, (cst.Import, cst.ImportFrom))
        return statement

    def _line(
        self, statement: cst.Import | cst.ImportFrom, moves: Iterable[Move], whole: cst.SimpleStatementLine | None
    ) -> cst.SimpleStatementLine:
        """Return a line that imports some of the names of a statement: the whole line where that is all of them."""
        wanted = {move.written for move in moves}
        names = [alias for alias in lazy_imports.aliases(statement) if alias.evaluated_name in wanted]
        if whole is not None and len(names) == len(lazy_imports.aliases(statement)):
            return whole
        return cst.SimpleStatementLine([lazy_imports.only(statement, names)])

    def _comment_above(self, line: cst.SimpleStatementLine) -> tuple[str, ...]:
        """Return the comments that belong to an import: those directly above that don't head further imports."""
        above: list[str] = []
        for each in reversed(line.leading_lines):
            if each.comment is None:
                break
            above.insert(0, each.comment.value)
        body = list(self.tree.module.body)
        after = body[index] if (index := body.index(line) + 1) < len(body) else None
        if isinstance(after, cst.SimpleStatementLine) and not after.leading_lines:
            return () if isinstance(after.body[0], (cst.Import, cst.ImportFrom)) else tuple(above)
        return tuple(above)

    def _import_in_functions(self, moves: Sequence[Sequence[Move]], edit: _Edit) -> None:
        wanted: dict[int, list[cst.SimpleStatementLine]] = {}
        for mine in moves:
            for function in sorted({function for move in mine for function in move.functions}):
                used = [move for move in mine if function in move.functions]
                wanted.setdefault(function, []).append(self._line(self._import(mine[0].number), used, None))
        for function, lines in wanted.items():
            node = self.tree.statements[self.facts.scopes[function].statement]
            if isinstance(node, cst.FunctionDef):
                edit.replacements[node.body] = lazy_imports.importing(node.body, lines)

    def _leave_exports(self, names: set[str], edit: _Edit) -> None:
        for node, changed in lazy_imports.without_exports(self.tree.statements, names).items():
            line = self.tree.line_of(node)
            if changed is not None:
                edit.replacements[node] = changed
            elif line in self.tree.module.body and not comments(line):
                edit.removed.append(line)

    def _own_getattr(self) -> cst.FunctionDef | None:
        for binding in self.facts.scopes[0].bindings.get("__getattr__", ()):
            node = self.tree.statements[binding.statement]
            if isinstance(node, cst.FunctionDef):
                return node
        return None


class _Edit(NamedTuple):
    """What becomes of nodes, and the lines that go."""

    replacements: dict[cst.CSTNode, cst.CSTNode]
    removed: list[cst.CSTNode]


def _title(moves: Sequence[Sequence[Move]], lazy: set[str]) -> str:
    names = list(dict.fromkeys(move.name for mine in moves for move in mine))
    groups = (
        ("Import {} on demand", [name for name in names if name in lazy]),
        ("Remove the import of {}", [name for name in names if name not in lazy]),
    )
    said = [title.format(" and ".join(f"`{name}`" for name in group)) for title, group in groups if group]
    return " and ".join([said[0], *(each[0].lower() + each[1:] for each in said[1:])])


def _help(plan: Plan, loaded: Loaded) -> str:
    """Say what to do, and that workers warn as well; they don't import a ``__main__.py`` again."""
    in_parent_only = all(path.endswith("/__main__.py") for path in loaded.scripts)
    return _advice(plan, loaded) + ("" if in_parent_only else "; each spawned worker warns again")


def _advice(plan: Plan, loaded: Loaded) -> str:
    moves = plan.moves.get(loaded.statement)
    if moves is None:
        reason = plan.kept[loaded.statement]
        if not loaded.direct:
            return reason
        what = "Move what others need into a module that isn't run, or import it inside the functions that need it"
        return f"{what} (there is no fix: {reason})"
    if any(move.lazy for move in moves):
        return "Import it on demand, in a module `__getattr__` (PEP 562)"
    if any(move.functions for move in moves):
        return "Import it inside the functions that need it"
    return "Remove it: `from pkg import name` finds the submodule without it"


def _dotted_name(project: Project, path: str) -> str:
    """Return the name under which a file is imported; folders without an ``__init__`` inside a package count too."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    packages_above = (
        count
        for count in range(project.root.count("/") + 1, len(parts))
        if f"{'/'.join(parts[: count + 1])}/__init__.py" in project.modules
    )
    short, full = ".".join(parts[next(packages_above, len(parts) - 1) :]), project.modules[path].name
    return full if full.endswith(f".{short}") else short
