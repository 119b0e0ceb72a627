"""DLS401: a package's `__init__` imports a script of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from dlsafe_lint import startup
from dlsafe_lint.finding import Place
from dlsafe_lint.rule import Draft, Rule

if TYPE_CHECKING:
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project
    from dlsafe_lint.startup import Loaded


class ScriptImportedByPackage(Rule):
    """Finds packages that import a script of their own when they are imported.

    ## Why is this bad?
    `python -m pkg.train` first imports `pkg`. If that has imported `pkg.train` already, Python runs the module a second
    time under the name `__main__` and says so: "RuntimeWarning: 'pkg.train' found in sys.modules after import of
    package 'pkg', but prior to execution of 'pkg.train'; this may result in unpredictable behaviour". Its classes exist
    twice, its module-level code runs twice, `-W error` ends the program, and under spawn and forkserver each worker
    warns again.

    The import may be direct or lead there through other modules. Imports inside functions, under `TYPE_CHECKING` or in
    a module `__getattr__` do no harm.

    ## Example
    ```python
    # pkg/__init__.py
    from . import model, train

    __all__ = ["model", "train"]
    # pkg/model.py
    SIZE = 3
    # pkg/train.py
    from pkg.model import SIZE

    if __name__ == "__main__":
        print(SIZE)
    ```

    ## Use instead
    `from pkg import train` still works: the import statement looks for submodules itself.
    ```python
    # pkg/__init__.py
    from . import model

    __all__ = ["model"]
    # pkg/model.py
    SIZE = 3
    # pkg/train.py
    from pkg.model import SIZE

    if __name__ == "__main__":
        print(SIZE)
    ```

    ## Fix safety
    Safe: only an import that just binds the submodule is removed, and only if nothing in the project reads `pkg.train`
    without importing it. Where names are taken out of the script (`from .train import main`) there is no fix: move them
    into a module that isn't run, or import on demand in a module `__getattr__`.

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
        return facts.is_package and facts.path in startup.loaded_scripts(project)

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002, D102
        for loaded in startup.loaded_scripts(self.project).get(self.facts.path, ()):
            names = [_dotted_name(self.project, path) for path in loaded.scripts]
            name = names[0]
            others = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            package = _dotted_name(self.project, self.facts.path)
            removable = startup.removable(self.project, self.facts, loaded)
            how = "imports" if loaded.direct else "ends up importing"
            self.report(
                self.tree.statements[loaded.statement],
                f"`{package}` {how} its script `{name}`{others}: `python -m {_run_as(name)}` warns and runs it twice",
                help=(
                    "Remove it: `from pkg import name` finds the submodule without it"
                    if removable
                    else "Import it inside the functions that need it, or on demand in a module `__getattr__` (PEP 562)"
                )
                + "; each spawned worker warns again",
                confidence=loaded.confidence,
                related=(*loaded.via, *(self._script(path) for path in loaded.scripts)),
                fix=self._removal(loaded, removable) if removable else None,
            )

    def _script(self, path: str) -> Place:
        return self.project.is_script(self.project.modules[path]) or Place(path, 1, "the script")

    def _removal(self, loaded: Loaded, names: list[str]) -> Draft | None:
        statement = self.tree.statements[loaded.statement]
        line = self.tree.line_of(statement)
        if not isinstance(statement, cst.ImportFrom) or isinstance(statement.names, cst.ImportStar):
            return None
        kept = [alias for alias in statement.names if alias.evaluated_name not in names]
        replacements: dict[cst.CSTNode, cst.CSTNode] = {}
        removed: list[cst.CSTNode] = []
        if kept:
            replacements[statement] = _with_names(statement, kept)
        elif isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 and not line.trailing_whitespace.comment:
            removed.append(line)
        else:
            return None
        exported = startup.exported(self.facts) & set(names)
        for display in self._displays():
            elements = [each for each in display.elements if not _is_string(each, exported)]
            if len(elements) < len(display.elements):
                replacements[display] = _with_elements(display, elements)
                exported -= {name for name in exported if any(_is_string(e, {name}) for e in display.elements)}
        if exported or any(self._has_comment(node) for node in (statement, *replacements)):
            return None
        listed = " and ".join(f"`{name}`" for name in names)
        return Draft(
            f"Remove the import of {listed}",
            {self.tree.module: self.tree.rewritten(replacements, removed)},
            may_unbind=frozenset(names),
        )

    def _displays(self) -> list[cst.List | cst.Tuple | cst.Set]:
        """Return the displays of `__all__ = [...]` and `__all__ += [...]`."""
        found: list[cst.List | cst.Tuple | cst.Set] = []
        for statement in self.tree.statements:
            match statement:
                case cst.Assign(targets=[cst.AssignTarget(target=cst.Name("__all__"))], value=value):
                    pass
                case cst.AugAssign(target=cst.Name("__all__"), value=value):
                    pass
                case cst.AnnAssign(target=cst.Name("__all__"), value=value):
                    pass
                case _:
                    continue
            if isinstance(value, (cst.List, cst.Tuple, cst.Set)):
                found.append(value)
        return found

    def _has_comment(self, node: cst.CSTNode) -> bool:
        return "#" in self.tree.module.code_for_node(node)


def _with_names(statement: cst.ImportFrom, kept: list[cst.ImportAlias]) -> cst.ImportFrom:
    """Return the import with some of its names; the last one keeps the comma style of the last one before."""
    last = list(statement.names)[-1] if not isinstance(statement.names, cst.ImportStar) else kept[-1]
    return statement.with_changes(names=[*kept[:-1], kept[-1].with_changes(comma=last.comma)])


def _with_elements(
    display: cst.List | cst.Tuple | cst.Set, kept: list[cst.BaseElement]
) -> cst.List | cst.Tuple | cst.Set:
    if not kept:
        return display.with_changes(elements=[])
    comma: cst.Comma | cst.MaybeSentinel = display.elements[-1].comma
    if isinstance(display, cst.Tuple) and len(kept) == 1 and not isinstance(comma, cst.Comma):
        comma = cst.Comma()
    return display.with_changes(elements=[*kept[:-1], kept[-1].with_changes(comma=comma)])


def _is_string(element: cst.BaseElement, names: frozenset[str] | set[str]) -> bool:
    return isinstance(element.value, cst.SimpleString) and element.value.evaluated_value in names


def _dotted_name(project: Project, path: str) -> str:
    """Return the name under which a file is imported."""
    folder, _, name = path.rpartition("/")
    parts = [] if name == "__init__.py" else [name.removesuffix(".py")]
    while f"{folder}/__init__.py" in project.modules and len(folder) > len(project.root):
        folder, _, name = folder.rpartition("/")
        parts.append(name)
    short, full = ".".join(reversed(parts)), project.modules[path].name
    return full if full.endswith(f".{short}") else short


def _run_as(name: str) -> str:
    return name.removesuffix(".__main__")
