"""DLS206: what workers return can't be sent to the parent."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dlsafe_lint.analysis.results import results
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    import libcst as cst

    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project


class UnpicklableWorkerResult(Rule):
    """A Dataset or a `collate_fn` returns something that can't be sent from a worker to the parent.

    ## Why is this bad?
    Batches come back through a queue, so they are pickled under every start method. A generator, the `keys()`,
    `values()` or `items()` of a dict, an open file, a lambda, a lock, or an instance of a class that is defined inside
    a function can't be: the worker writes "cannot pickle 'generator' object" on its stderr and goes on, the batch
    never arrives, and the loop over the loader waits for ever (with `timeout=`: "DataLoader timed out"). Without
    workers nothing is pickled, and all is well.

    Where items go through torch's `default_collate` first, it raises "batch must contain tensors, numpy arrays,
    numbers, dicts or lists" for most of these, with and without workers; instances of local named tuples, and of local
    classes derived from `dict` and `list`, pass and then wait for ever.

    Silent for a Dataset that no loader with workers takes, and for items that go through a `collate_fn` that does
    more than hand them on. `map`, `zip` and `enumerate` objects can be sent if what they hold can.

    ## Example
    ```python
    from torch.utils.data import DataLoader


    def collate(batch):
        return (len(word) for word in batch)


    loader = DataLoader(["a", "b"], num_workers=2, collate_fn=collate)
    ```

    ## Use instead
    ```python
    from torch.utils.data import DataLoader


    def collate(batch):
        return [len(word) for word in batch]


    loader = DataLoader(["a", "b"], num_workers=2, collate_fn=collate)
    ```

    ## References
    - [Python: pipes and queues](https://docs.python.org/3/library/multiprocessing.html#pipes-and-queues)
    - [Python: what can be pickled](https://docs.python.org/3/library/pickle.html#what-can-be-pickled-and-unpickled)
    - [PyTorch: default_collate](https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.default_collate)
    """

    code: ClassVar[str] = "DLS206"
    name: ClassVar[str] = "unpicklable-worker-result"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules with a function whose result workers can't send."""
        return bool(results(project).get(facts.path))

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every statement that returns such a thing."""
        for found in results(self.project).get(self.facts.path, ()):
            what = found.unsendable.what
            if found.unsendable.inside and not what.startswith("an instance"):
                what = f"a {found.unsendable.inside} with {what} in it"
            end = "`default_collate` can't put into a batch" if found.collated else "a worker can't send to the parent"
            self.report(
                self.tree.at(found.spot, ""),
                f"{found.name} {found.verb} {what}, which {end}",
                breaks=found.breaks,
                help=found.unsendable.help,
                confidence=found.confidence,
                related=found.related,
            )
