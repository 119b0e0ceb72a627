"""DLS202: a lambda that a Dataset carries into its workers."""

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


class LambdaInDataset(Rule):
    """A Dataset whose items workers load holds a lambda.

    ## Why is this bad?
    The workers of a `DataLoader` get the Dataset with all it holds: transforms, what is in a `Compose` or a list, the
    default of a `defaultdict`. Under `spawn` (the default on Windows and macOS) and `forkserver` (on Linux since Python
    3.14) it is pickled, and a lambda has no name by which a worker could find it: the loop over the loader ends with
    "Can't pickle local object" or "attribute lookup <lambda> failed". Under `fork` nothing happens: the program works
    on one machine and fails on the next.

    A lambda that is used while the Dataset is made and not kept does no harm, nor does one that is an attribute of the
    class, nor a Dataset that is only loaded without workers.

    ## Example
    ```python
    from torch.utils.data import Dataset


    class Doubled(Dataset):
        def __init__(self, numbers):
            self.numbers = numbers
            self.transform = lambda x: x * 2

        def __len__(self):
            return len(self.numbers)

        def __getitem__(self, index):
            return self.transform(self.numbers[index])
    ```

    ## Use instead
    ```python
    from torch.utils.data import Dataset


    def transform(x):
        return x * 2


    class Doubled(Dataset):
        def __init__(self, numbers):
            self.numbers = numbers
            self.transform = transform

        def __len__(self):
            return len(self.numbers)

        def __getitem__(self, index):
            return self.transform(self.numbers[index])
    ```

    ## Fix safety
    Safe where the lambda takes nothing from the functions around it: it becomes a function of the module, named after
    the argument or attribute, just before the statement that holds it. Two lambdas that are the same share one
    function.

    Unsafe where it takes something along: `functools.partial` hands it the values that the names have where the lambda
    stood, not where it is called. A lambda that uses `self` becomes a method, or is handed the attributes that it uses
    where `self` had better not be sent. There is no fix where a name is bound again later, as the variable of a loop
    is, or where its value can't be pickled either.

    ## References
    - [PyTorch: platform-specific behaviors](https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors)
    - [Python: what can be pickled](https://docs.python.org/3/library/pickle.html#what-can-be-pickled-and-unpickled)
    """

    code: ClassVar[str] = "DLS202"
    name: ClassVar[str] = "lambda-in-dataset"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules with a lambda that a Dataset holds."""
        return any(
            each.origin.kind == "lambda" and each.taker.kind == "dataset"
            for each in handovers(project).get(facts.path, ())
        )

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every lambda that a Dataset holds."""
        file = File(self.tree, self.facts, self.project)
        given: dict[str, str] = {}
        for handed in handovers(self.project).get(self.facts.path, ()):
            origin, taker = handed
            if origin.kind != "lambda" or taker.kind != "dataset":
                continue
            found = self.tree.lambdas[origin.spot.number]
            lift = lift_lambda(file, found, "transform" if taker.role in ("", "dataset") else taker.role, given)
            self.report(
                found,
                f"a lambda {taker.what} can't be pickled",
                breaks=handed.breaks,
                help=lift.help,
                confidence=taker.confidence,
                related=handed.related,
                fix=lift.draft,
            )
