"""DLS204: a function or class that only the main module defines, handed to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dlsafe_lint.analysis.handovers import handovers
from dlsafe_lint.rewriting.captures import File
from dlsafe_lint.rewriting.lifting import lift_definition
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    import libcst as cst

    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project


class GuardedCallableForWorker(Rule):
    """A function or class that is defined under the main guard, or in a `__main__.py`, is handed to workers.

    ## Why is this bad?
    A worker that is started by `spawn` (the default on Windows and macOS) or `forkserver` (on Linux since Python 3.14)
    imports the program's module, but does not run what stands under `if __name__ == "__main__":`, and does not import a
    `__main__.py` at all. It gets the name of the function and finds nothing: a DataLoader's worker "exited
    unexpectedly", a `Pool` waits for ever, a `Process` dies while the parent goes on and exits with 0.

    ## Example
    ```python
    from torch.utils.data import DataLoader

    if __name__ == "__main__":

        def collate(batch):
            return sum(batch)

        loader = DataLoader(range(8), num_workers=2, collate_fn=collate)
    ```

    ## Use instead
    ```python
    from torch.utils.data import DataLoader


    def collate(batch):
        return sum(batch)


    if __name__ == "__main__":
        loader = DataLoader(range(8), num_workers=2, collate_fn=collate)
    ```

    ## Fix safety
    Safe where the function or class uses nothing that only exists under the guard: it moves in front of the guard, with
    the functions and classes under the guard that it uses. Unsafe where its definition makes something that a worker
    now makes as well: a list in a class's body, a default that is not a constant. There is no fix where it needs a
    value from under the guard, which should be an argument, and in a `__main__.py`, whose functions belong in another
    module.

    ## References
    - [Python: safe importing of the main module](https://docs.python.org/3/library/multiprocessing.html#the-spawn-and-forkserver-start-methods)
    - [PyTorch: platform-specific behaviors](https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors)
    """

    code: ClassVar[str] = "DLS204"
    name: ClassVar[str] = "guarded-callable-for-worker"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules that hand such a callable over."""
        return any(each.origin.kind == "guarded" for each in handovers(project).get(facts.path, ()))

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every such callable where it is handed over."""
        file = File(self.tree, self.facts, self.project)
        given: dict[str, str] = {}
        for handed in handovers(self.project).get(self.facts.path, ()):
            origin, taker = handed
            if origin.kind == "guarded":
                lift = lift_definition(file, origin.name, origin.definition, given)
                self.report(
                    self.tree.at(origin.spot, origin.name),
                    f"{origin.definition.message}; {taker.what} it can't be found there",
                    breaks=handed.breaks,
                    help=lift.help,
                    confidence=taker.confidence,
                    related=handed.related,
                    fix=lift.draft,
                )
