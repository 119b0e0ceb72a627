"""DLS501: a slow library is imported before the program has read its arguments, and need not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint.analysis import startup
from dlsafe_lint.finding import Breakage
from dlsafe_lint.rewriting import moving
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    import libcst as cst

    from dlsafe_lint.analysis.startup import Cut
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.finding import StartMethod
    from dlsafe_lint.project import Project


class HeavyImportAtStartup(Rule):
    """Finds imports of slow libraries that a program could do after it has read its arguments.

    ## Why is this bad?
    `python train.py --help`, a typing error in an option, the completion of a shell and each worker that imports the
    script anew wait for the whole of `import torch` (about 2 seconds, `lightning` 9) before anything happens. An import
    inside the functions that use the library costs the same, but only when it is needed; after the first time it is a
    look-up in a dictionary.

    Reported is only what really makes the start faster: the library is not needed at import time by anything else that
    the program loads (a base class, a decorator, a default value, another module), and nothing outside the functions of
    this module uses the name. Silent too where a later import would cost more or fail: what only workers use, in
    `__getitem__` or a transform (each of them would load it anew in each epoch), and methods that `torch.jit.script`
    may compile.

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
    Safe where every use of the name is inside functions or in annotations that nobody evaluates, and no other module
    takes the name from this one, patches it or may get it from a star import. Names in annotations are imported under
    `TYPE_CHECKING` as well (see DLS503). Unsafe if more functions than `max-moves` use it (default: 6), if a doctest
    does, or if nothing does: then the import is removed. In a function that reads the arguments itself, the import goes
    after that. Comments go along.

    With `lazy-style = "lazy-modules"` or `"keyword"` (from Python 3.15 on) the import stays where it is and waits until
    somebody uses it; that is safe.

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
        return any(_is_mine(facts, cut) for cut in startup.cuts(project).get(facts.path, ()))

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002, D102
        found = [cut for cut in startup.cuts(self.project).get(self.facts.path, ()) if _is_mine(self.facts, cut)]
        drafts = moving.drafts(self, found)
        for cut in found:
            statement = self.facts.imports[cut.number].statement
            words = startup.import_in_words(self.facts, cut.number, cut.names)
            self.report(
                self.tree.statements[statement],
                f"`{words}` loads {startup.slow_libraries(cut)} {startup.before_what(cut)}",
                breaks=_breaks(cut),
                confidence="likely" if _breaks(cut) else "certain",
                help=self._help(cut),
                related=(*cut.via, *(entry.place for entry in cut.entries[:3])),
                fix=drafts.get(cut.number),
            )

    def _help(self, cut: Cut) -> str:
        functions = [each for name in cut.names for each in startup.functions(self.facts, name)]
        users = dict.fromkeys(self.facts.scopes[function].name for function in functions)
        if not users:
            return "Nothing in this module uses it: remove it"
        if len(users) > 3:
            return f"Import it in the {len(users)} functions that use it"
        return f"Import it in {' and '.join(f'`{name}`' for name in users)}"


def _is_mine(facts: ModuleFacts, cut: Cut) -> bool:
    """Whether the import is of a library, and of more than what annotations use."""
    return cut.own and not startup.only_for_annotations(facts, cut)


def _breaks(cut: Cut) -> list[Breakage]:
    """Name the start methods that matter where only the workers of a program gain anything."""
    if not cut.entries or any(entry.reason != "workers" for entry in cut.entries):
        return []
    methods: tuple[StartMethod, ...] = ("spawn", "forkserver")
    return [Breakage(method, f"each worker imports `{cut.roots[0]}` again") for method in methods]
