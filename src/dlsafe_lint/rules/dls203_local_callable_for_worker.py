"""DLS203: a function or class defined inside a function, handed to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dlsafe_lint.analysis.handovers import handovers
from dlsafe_lint.rewriting.captures import File
from dlsafe_lint.rewriting.lifting import Lift, lift_definition
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    import libcst as cst

    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project


class LocalCallableForWorker(Rule):
    """A function or class that is defined inside a function is handed to workers.

    ## Why is this bad?
    Functions and classes are sent to a worker by name: module and qualified name. What is defined inside a function has
    no name that a worker could import, and neither has what a decorator without `functools.wraps` puts in the place of
    a function. The parent raises "Can't pickle local object": under `spawn` (the default on Windows and macOS) and
    `forkserver` (on Linux since Python 3.14), and under every start method where it goes through the queue of a pool.

    Bound methods of plain objects, functions at module level and `functools.partial` of them are fine.

    ## Example
    ```python
    from torch.utils.data import DataLoader


    def make_loader(dataset):
        def collate(batch):
            return sum(batch)

        return DataLoader(dataset, num_workers=2, collate_fn=collate)
    ```

    ## Use instead
    ```python
    from torch.utils.data import DataLoader


    def collate(batch):
        return sum(batch)


    def make_loader(dataset):
        return DataLoader(dataset, num_workers=2, collate_fn=collate)
    ```

    ## Fix safety
    Safe where the function or class takes nothing from the functions around it: it moves to module level, just before
    the statement that holds it, with its comments and with the local functions that it uses. If its name means
    something else there, it gets another.

    Unsafe where what is captured becomes an argument that `functools.partial` hands over: it has the value of that
    moment. Unsafe also where each run made something of its own that is now shared: a list in the class's body, a
    default that is not a constant. There is no fix for a class that captures something, where a captured name is bound
    again later or its value can't be pickled, where a decorator would now run on import, and for what a decorator puts
    in the place of a function.

    ## References
    - [PyTorch: platform-specific behaviors](https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors)
    - [Python: what can be pickled](https://docs.python.org/3/library/pickle.html#what-can-be-pickled-and-unpickled)
    """

    code: ClassVar[str] = "DLS203"
    name: ClassVar[str] = "local-callable-for-worker"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules that hand such a callable over."""
        return any(each.origin.kind == "local" for each in handovers(project).get(facts.path, ()))

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every such callable where it is handed over."""
        file = File(self.tree, self.facts, self.project)
        given: dict[str, str] = {}
        reported: set[tuple[cst.CSTNode, str]] = set()
        for handed in handovers(self.project).get(self.facts.path, ()):
            origin, taker = handed
            if origin.kind != "local":
                continue
            found = self.tree.at(origin.spot, origin.name)
            if (found, origin.name) in reported:
                continue
            reported.add((found, origin.name))
            lift = (
                Lift(None, origin.remedy)
                if origin.remedy
                else lift_definition(file, origin.name, origin.definition, given)
            )
            message = f"{origin.definition.message}; {taker.what} it can't be pickled"
            if taker.forgotten:
                message += ", and nobody asks for the result: the task silently never runs"
            self.report(
                found,
                message,
                breaks=handed.breaks,
                help=lift.help,
                confidence=taker.confidence,
                related=handed.related,
                fix=lift.draft,
            )
