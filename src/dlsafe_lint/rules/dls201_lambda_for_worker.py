"""DLS201: a lambda that is handed to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dlsafe_lint.analysis.handovers import handovers
from dlsafe_lint.rewriting.captures import File
from dlsafe_lint.rewriting.lifting import lift_lambda
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    import libcst as cst

    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project


class LambdaForWorker(Rule):
    """A lambda is handed to worker processes.

    ## Why is this bad?
    What workers get is pickled, and functions are pickled by name. A lambda has none. What is handed over when a worker
    starts (`collate_fn`, `worker_init_fn`, the target of a `Process`, the initializer of a `Pool`) fails under `spawn`
    (the default on Windows and macOS) and `forkserver` (on Linux since Python 3.14) with "Can't pickle local object" or
    "attribute lookup <lambda> failed". What goes through the queue of a `Pool` or a `ProcessPoolExecutor` fails under
    every start method; where nobody asks for the result (`apply_async`, `submit`), the task silently never runs.

    `sampler`, `batch_sampler` and `generator` stay in the parent, and threads share everything: lambdas are fine there.

    ## Example
    ```python
    import torch
    from torch.utils.data import DataLoader


    def make_loader(dataset):
        return DataLoader(dataset, num_workers=4, collate_fn=lambda batch: torch.stack(batch))
    ```

    ## Use instead
    ```python
    import torch
    from torch.utils.data import DataLoader


    def collate_fn(batch):
        return torch.stack(batch)


    def make_loader(dataset):
        return DataLoader(dataset, num_workers=4, collate_fn=collate_fn)
    ```

    ## Fix safety
    Safe where the lambda takes nothing from the functions around it: it becomes a function of the module, just before
    the statement that holds it, under a name that the file does not use. A variable that is bound to a lambda becomes a
    function of that name. Two lambdas that are the same share one function. Where a lambda only passes its arguments
    on to a function of the project that stands further up or is imported, that function takes its place.

    Unsafe where it takes something along: `functools.partial` hands it the values that the names have where the lambda
    stood, not where it is called. A lambda that uses `self` becomes a method, or is handed the attributes that it uses
    where `self` had better not be sent. There is no fix where a name is bound again later, as the variable of a loop
    is, or where its value can't be pickled either.

    ## References
    - [PyTorch: platform-specific behaviors](https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors)
    - [Python: what can be pickled](https://docs.python.org/3/library/pickle.html#what-can-be-pickled-and-unpickled)
    """

    code: ClassVar[str] = "DLS201"
    name: ClassVar[str] = "lambda-for-worker"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules with a lambda that workers are handed."""
        return any(
            each.origin.kind == "lambda" and each.taker.kind != "dataset"
            for each in handovers(project).get(facts.path, ())
        )

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every lambda that workers are handed."""
        file = File(self.tree, self.facts, self.project)
        given: dict[str, str] = {}
        for handed in handovers(self.project).get(self.facts.path, ()):
            origin, taker = handed
            if origin.kind != "lambda" or taker.kind == "dataset":
                continue
            found = self.tree.lambdas[origin.spot.number]
            message = f"a lambda {taker.what} can't be pickled"
            if taker.forgotten:
                message += ", and nobody asks for the result: the task silently never runs"
            lift = lift_lambda(file, found, taker.role, given)
            self.report(
                found,
                message,
                breaks=handed.breaks,
                help=lift.help,
                confidence=taker.confidence,
                related=handed.related,
                fix=lift.draft,
            )
