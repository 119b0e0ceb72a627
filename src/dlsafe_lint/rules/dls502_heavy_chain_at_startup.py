"""DLS502: a module of the project that ends up loading a slow library is imported before the arguments are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint.analysis import startup
from dlsafe_lint.rewriting import moving, offering
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    import libcst as cst

    from dlsafe_lint.analysis.startup import Cut
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project


class HeavyChainAtStartup(Rule):
    """Finds imports of the project's own modules that make a program load a slow library before it can start.

    ## Why is this bad?
    The module needs the library at import time, for a base class, say, so that `import torch` can't move inside it. But
    the program uses the module only in functions that run later: importing it there makes `--help`, a typing error in
    an option and each worker that imports the script anew faster by seconds.

    Reported is the statement nearest to the program, and only if nothing else that the program loads needs the library.
    In the `__init__` of a package that only passes names on, it is the import of those names: a program that takes
    something light from the package loads all of it. A module that declares options, commands or configurations of the
    program while it is loaded stays where it is: it is needed before the arguments are read.

    ## Example
    ```python
    # main.py
    import argparse

    from model import Model


    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--size", type=int, default=2)
        arguments = parser.parse_args()
        print(Model(arguments.size))


    if __name__ == "__main__":
        main()
    # model.py
    import torch


    class Model(torch.nn.Module):
        def __init__(self, size):
            super().__init__()
            self.layer = torch.nn.Linear(size, 1)
    ```

    ## Use instead
    ```python
    # main.py
    import argparse


    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--size", type=int, default=2)
        arguments = parser.parse_args()

        from model import Model

        print(Model(arguments.size))


    if __name__ == "__main__":
        main()
    # model.py
    import torch


    class Model(torch.nn.Module):
        def __init__(self, size):
            super().__init__()
            self.layer = torch.nn.Linear(size, 1)
    ```

    ## Fix safety
    As for DLS501. Unsafe where a module that is loaded later does more than define something while it is loaded: a call
    whose result nobody keeps, a value put into another module, a class or function that is registered. A package's
    `__init__` gets a module `__getattr__` as for DLS401; all names stay importable from it.

    ## References
    - [PEP 810: explicit lazy imports](https://peps.python.org/pep-0810/)
    """

    code = "DLS502"
    name = "heavy-chain-at-startup"
    in_notebooks = False

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Tell whether an import of a project module that loads something slow can move."""
        return any(_is_mine(facts, cut) for cut in startup.cuts(project).get(facts.path, ()))

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002, D102
        found = [cut for cut in startup.cuts(self.project).get(self.facts.path, ()) if _is_mine(self.facts, cut)]
        drafts = moving.drafts(self, [cut for cut in found if not cut.on_demand])
        offers = [cut for cut in found if cut.on_demand]
        offer = offering.draft(self, offers) if offers else None
        for cut in found:
            words = startup.import_in_words(self.facts, cut.number, cut.names)
            self.report(
                self.tree.statements[self.facts.imports[cut.number].statement],
                f"`{words}` loads {startup.slow_libraries(cut)} {startup.before_what(cut)}",
                help=self._help(cut),
                related=(
                    *cut.via,
                    *([cut.effects] if cut.effects else []),
                    *(entry.place for entry in cut.entries[:3]),
                ),
                fix=offer if cut.on_demand else drafts.get(cut.number),
            )

    def _help(self, cut: Cut) -> str:
        if cut.on_demand:
            return "Let a module `__getattr__` import it when somebody asks for it (PEP 562)"
        functions = sorted({each for name in cut.names for each in startup.functions(self.facts, name)})
        if not functions:
            return "Nothing in this module uses it: remove it"
        if len(functions) > 3:
            return f"Import it in the {len(functions)} functions that use it"
        listed = " and ".join(f"`{self.facts.scopes[each].name}`" for each in functions)
        reads = any(startup.insertion(self.project, self.facts, each, cut.names) >= 0 for each in functions)
        return f"Import it in {listed}{', after the arguments are read' * reads}"


def _is_mine(facts: ModuleFacts, cut: Cut) -> bool:
    """Whether the import is of a module of the project, and of more than what annotations use."""
    return not cut.own and not startup.only_for_annotations(facts, cut)
