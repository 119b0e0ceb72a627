"""DLS501: a slow library is imported before the program has read its arguments, and need not be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dlsafe_lint.analysis import startup
from dlsafe_lint.finding import Breakage
from dlsafe_lint.rewriting import lazy_imports
from dlsafe_lint.rule import Draft, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlsafe_lint.analysis.startup import Cut
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.finding import Applicability, StartMethod
    from dlsafe_lint.project import Project

MOST_FUNCTIONS = 6
"""An import that would move into more functions than these is no obvious gain: the fix is unsafe."""


class HeavyImportAtStartup(Rule):
    """Finds imports of slow libraries that a program could do after it has read its arguments.

    ## Why is this bad?
    `python train.py --help`, a typing error in an option, the completion of a shell and each worker that imports the
    script anew wait for the whole of `import torch` (about 2 seconds, `lightning` 9) before anything happens. An import
    inside the functions that use the library costs the same, but only when it is needed; after the first time it is a
    look-up in a dictionary.

    Reported is only what really makes the start faster: the library is not needed at import time by anything else that
    the program loads (a base class, a decorator, a default value, another module), and nothing outside the functions of
    this module uses the name.

    ## Example
    ```python
    import argparse

    import torch


    def train(steps):
        \"\"\"Count the steps.\"\"\"
        total = torch.zeros(1)
        return total + steps


    if __name__ == "__main__":
        parser = argparse.ArgumentParser()
        parser.add_argument("--steps", type=int, default=2)
        print(train(parser.parse_args().steps))
    ```

    ## Use instead
    ```python
    import argparse


    def train(steps):
        \"\"\"Count the steps.\"\"\"
        import torch

        total = torch.zeros(1)
        return total + steps


    if __name__ == "__main__":
        parser = argparse.ArgumentParser()
        parser.add_argument("--steps", type=int, default=2)
        print(train(parser.parse_args().steps))
    ```

    ## Fix safety
    Safe where every use of the name is inside functions and no other module takes the name from this one, patches it or
    may get it from a star import. Unsafe if more than six functions use it, or if a doctest does. There is no fix where
    a comment belongs to the import. In a function that reads the arguments itself, the import goes after that.

    ## References
    - [ruff's PLC0415](https://docs.astral.sh/ruff/rules/import-outside-top-level/) objects to such imports unless the
      module is listed in its `banned-module-level-imports`
    - [PEP 810: explicit lazy imports](https://peps.python.org/pep-0810/)
    """

    code = "DLS501"
    name = "heavy-import-at-startup"
    in_notebooks = False

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Tell whether a slow import of a library in this module can move."""
        return any(cut.own for cut in startup.cuts(project).get(facts.path, ()))

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002, D102
        found = [cut for cut in startup.cuts(self.project).get(self.facts.path, ()) if cut.own]
        moves = {cut.number: move for cut in found if (move := self._move(cut))}
        drafts = {
            applicability: self._draft([move for move in moves.values() if move.applicability == applicability])
            for applicability in {move.applicability for move in moves.values()}
        }
        for cut in found:
            move = moves.get(cut.number)
            statement = self.facts.imports[cut.number].statement
            words = startup.import_in_words(self.facts, cut.number, cut.names)
            users = dict.fromkeys(
                self.facts.scopes[function].name for name in cut.names for function in self._functions(name)
            )
            where = (
                " and ".join(f"`{name}`" for name in users)
                if len(users) < 4
                else f"the {len(users)} functions that use it"
            )
            self.report(
                self.tree.statements[statement],
                f"`{words}` loads {startup.slow_libraries(cut)} {startup.before_what(cut)}",
                breaks=_breaks(cut),
                confidence="likely" if _breaks(cut) else "certain",
                help=f"Import it in {where}",
                related=(*cut.via, *(entry.place for entry in cut.entries[:3])),
                fix=drafts[move.applicability] if move else None,
            )

    def _functions(self, name: str) -> list[int]:
        return startup.functions(self.facts, name)

    # --- the fix ---

    def _move(self, cut: Cut) -> _Move | None:
        """Return what has to move so that a statement can go, None if it can't move without losing something."""
        numbers = sorted(
            {binding.target for name in cut.names for binding in self.facts.scopes[0].bindings.get(name, ())}
        )
        lines = []
        for number in numbers:
            statement = self.tree.statements[self.facts.imports[number].statement]
            line = self.tree.line_of(statement)
            if (
                not isinstance(statement, (cst.Import, cst.ImportFrom))
                or not isinstance(line, cst.SimpleStatementLine)
                or len(line.body) != 1
                or "#" in self.tree.module.code_for_node(statement)
                or self._has_own_comment(line)
                or self._is_suppressed(line)
            ):
                return None
            lines.append(line)
        users = {function for name in cut.names for function in self._functions(name)}
        many = len(users) > MOST_FUNCTIONS or any(self._in_doctest(name) for name in cut.names)
        return _Move(tuple(numbers), cut.names, "unsafe" if many else "safe")

    def _has_own_comment(self, line: cst.SimpleStatementLine) -> bool:
        """Whether a comment stands directly above the line and is not the heading of further imports."""
        if not any(each.comment for each in line.leading_lines) and not self._is_first_under_header(line):
            return False
        body = self.tree.module.body
        after = body[index] if (index := list(body).index(line) + 1) < len(body) else None
        return not (
            isinstance(after, cst.SimpleStatementLine)
            and isinstance(after.body[0], (cst.Import, cst.ImportFrom))
            and not after.leading_lines
        )

    def _is_first_under_header(self, line: cst.SimpleStatementLine) -> bool:
        module = self.tree.module
        return bool(module.body and module.body[0] is line and module.header and module.header[-1].comment)

    def _is_suppressed(self, line: cst.SimpleStatementLine) -> bool:
        comments = [line.trailing_whitespace.comment, *(each.comment for each in line.leading_lines)]
        return any(comment and self.code in comment.value for comment in comments)

    def _in_doctest(self, name: str) -> bool:
        return re.search(rf"^\s*(>>>|\.\.\.) .*\b{re.escape(name)}\b", self.tree.module.code, re.MULTILINE) is not None

    def _draft(self, moves: Sequence[_Move]) -> Draft:
        """Return the fix that makes all moves at once: their imports stand together in each function."""
        moving = {number: set[str]() for move in moves for number in move.numbers}
        for move in moves:
            for number in move.numbers:
                moving[number].update(move.names)
        replacements: dict[cst.CSTNode, cst.CSTNode] = {}
        removed = []
        for number, names in moving.items():
            statement = self._import(number)
            kept = [alias for alias in lazy_imports.aliases(statement) if _bound(alias) not in names]
            if kept:
                last = kept[-1].with_changes(comma=lazy_imports.aliases(statement)[-1].comma)
                replacements[statement] = statement.with_changes(names=[*kept[:-1], last])
            else:
                removed.append(self.tree.line_of(statement))
        for function, wanted in self._wanted(moving).items():
            node = self.tree.statements[self.facts.scopes[function].statement]
            if isinstance(node, cst.FunctionDef):
                replacements[node.body] = self._with_imports(node, function, wanted)
        titles = [f"`{startup.import_in_words(self.facts, number, names)}`" for number, names in sorted(moving.items())]
        return Draft(
            f"Move {' and '.join(titles)} into the functions that use {'it' if len(titles) == 1 else 'them'}",
            {self.tree.module: self.tree.rewritten(replacements, removed)},
            applicability=moves[0].applicability,
            may_unbind=frozenset(name for move in moves for name in move.names),
        )

    def _wanted(self, moving: dict[int, set[str]]) -> dict[int, dict[int, set[str]]]:
        """Return, per function, the imports that it needs and which of their names."""
        wanted: dict[int, dict[int, set[str]]] = {}
        for number, names in sorted(moving.items()):
            for name in names & {_bound(alias) for alias in lazy_imports.aliases(self._import(number))}:
                for function in self._functions(name):
                    wanted.setdefault(function, {}).setdefault(number, set()).add(name)
        return wanted

    def _import(self, number: int) -> cst.Import | cst.ImportFrom:
        statement = self.tree.statements[self.facts.imports[number].statement]
        assert isinstance(statement, (cst.Import, cst.ImportFrom))
        return statement

    def _line(self, number: int, names: set[str]) -> cst.SimpleStatementLine:
        """Return the import statement reduced to some names, with its trailing comment."""
        statement = self._import(number)
        line = self.tree.line_of(statement)
        aliases = [alias for alias in lazy_imports.aliases(statement) if _bound(alias) in names]
        if len(aliases) == len(lazy_imports.aliases(statement)):
            assert isinstance(line, cst.SimpleStatementLine)
            return line.with_changes(leading_lines=[])
        return cst.SimpleStatementLine([lazy_imports.only(statement, aliases)])

    def _with_imports(self, node: cst.FunctionDef, function: int, wanted: dict[int, set[str]]) -> cst.BaseSuite:
        body = node.body
        if isinstance(body, cst.SimpleStatementSuite):
            lines = [self._line(number, names) for number, names in wanted.items()]
            rest = cst.SimpleStatementLine(
                body.body, trailing_whitespace=body.trailing_whitespace, leading_lines=[cst.EmptyLine(indent=False)]
            )
            return cst.IndentedBlock([*lines, rest])
        assert isinstance(body, cst.IndentedBlock)
        places: dict[int, list[cst.SimpleStatementLine]] = {}
        for number, names in wanted.items():
            after = startup.insertion(self.project, self.facts, function, names)
            index = int(lazy_imports.has_docstring(body.body))
            if after >= 0:
                before: list[cst.CSTNode] = list(body.body)
                index = before.index(self.tree.line_of(self.tree.statements[after])) + 1
            places.setdefault(index, []).append(self._line(number, names))
        made: list[cst.BaseStatement] = []
        for index, line in enumerate(body.body):
            if index in places:
                made += lazy_imports.imports_before(
                    places[index], line, apart=index > lazy_imports.has_docstring(body.body)
                )
            else:
                made.append(line)
        return body.with_changes(body=made)


def _breaks(cut: Cut) -> list[Breakage]:
    """Name the start methods that matter where only the workers of a program gain anything."""
    if not cut.entries or any(entry.reason != "workers" for entry in cut.entries):
        return []
    methods: tuple[StartMethod, ...] = ("spawn", "forkserver")
    return [Breakage(method, f"each worker imports `{cut.roots[0]}` again") for method in methods]


class _Move(NamedTuple):
    """The imports (by number) and names that move together, and how safe that is."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    applicability: Applicability


def _bound(alias: cst.ImportAlias) -> str:
    """Return the name that an alias binds: ``import a.b`` binds ``a``."""
    return alias.evaluated_alias or alias.evaluated_name.partition(".")[0]
