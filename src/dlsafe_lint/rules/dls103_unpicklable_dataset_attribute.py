"""DLS103: an attribute of a Dataset, neither handle nor callable, that can't be sent to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import libcst as cst

from dlsafe_lint.analysis.proxies import proxies
from dlsafe_lint.analysis.unsendable import unsendable
from dlsafe_lint.finding import Breakage
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    from dlsafe_lint.analysis.proxies import Proxy
    from dlsafe_lint.analysis.unsendable import Unsendable
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project


class UnpicklableDatasetAttribute(Rule):
    """A Dataset keeps a lock, a generator, a client or something else that can't be pickled.

    ## Why is this bad?
    The workers of a `DataLoader` get the Dataset. Under `spawn` (the default on Windows and macOS) and `forkserver` (on
    Linux since Python 3.14) it is pickled with all its attributes, and the loop over the loader ends with an error like
    "cannot pickle '_thread.lock' object". Under `fork` (the default on Linux before) nothing happens: the program works
    on one machine and fails on the next.

    What can't be pickled: locks, events, queues, threads and pools; generators, `dict.keys()` and other live iterators;
    modules, `os.environ` and `sys.stdout`; clients of databases and object stores; `SummaryWriter` and progress bars;
    loggers' handlers; many objects of C libraries (`hashlib`, `struct.Struct`, `cv2.createCLAHE()`). The locks and
    queues of `multiprocessing` can be sent, but not from a program that forks to workers that another context starts.

    A `__getattr__` that passes every name on to an attribute does the same harm: a worker asks the object for
    `__setstate__` before it has any attribute, and the method calls itself for ever. One that raises AttributeError for
    names with two underscores doesn't.

    An attribute that is dropped before `__init__` ends, made on first use in the worker, or left out by `__getstate__`
    does no harm, nor does one of a Dataset that is only loaded without workers.

    ## Example
    ```python
    import threading

    from torch.utils.data import Dataset


    class Counted(Dataset):
        def __init__(self, numbers):
            self.numbers = numbers
            self.lock = threading.Lock()
            self.reads = 0

        def __len__(self):
            return len(self.numbers)

        def __getitem__(self, index):
            with self.lock:
                self.reads += 1
            return self.numbers[index]
    ```

    ## Use instead
    ```python
    import threading

    from torch.utils.data import Dataset


    class Counted(Dataset):
        def __init__(self, numbers):
            self.numbers = numbers
            self.lock = threading.Lock()
            self.reads = 0

        def __getstate__(self):
            state = self.__dict__.copy()
            del state["lock"]
            return state

        def __setstate__(self, state):
            self.__dict__.update(state, lock=threading.Lock())

        def __len__(self):
            return len(self.numbers)

        def __getitem__(self, index):
            with self.lock:
                self.reads += 1
            return self.numbers[index]
    ```

    ## References
    - [Python: what can be pickled](https://docs.python.org/3/library/pickle.html#what-can-be-pickled-and-unpickled)
    - [PyTorch: platform-specific behaviors](https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors)
    """

    code: ClassVar[str] = "DLS103"
    name: ClassVar[str] = "unpicklable-dataset-attribute"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules in which something must change."""
        return facts.path in unsendable(project) or facts.path in proxies(project)

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every such attribute, on what must change."""
        for kept in unsendable(self.project).get(self.facts.path, ()):
            self.report(
                self._node(kept),
                f"`{kept.name}` keeps {kept.kind.what}, which can't be sent to the DataLoader's workers",
                breaks=kept.breaks,
                help=kept.kind.remedy,
                confidence=kept.confidence,
                related=kept.via,
            )
        for proxy in proxies(self.project).get(self.facts.path, ()):
            self.report(
                self.tree.statements[proxy.statement],
                _unguarded(proxy),
                breaks=[Breakage("spawn", proxy.error), Breakage("forkserver", proxy.error)],
                help="raise AttributeError first for names that start with `__`, or define `__setstate__`",
                related=proxy.via,
            )

    def _node(self, kept: Unsendable) -> cst.CSTNode:
        if kept.call is not None:
            return self.tree.calls[kept.call]
        statement = self.tree.statements[kept.statement]
        if isinstance(statement, cst.BaseCompoundStatement):
            first = next((call.number for call in self.facts.calls if call.statement == kept.statement), None)
            return self.tree.calls[first] if first is not None else statement
        return statement


def _unguarded(proxy: Proxy) -> str:
    if not proxy.reads:
        return f"`__getattr__` of `{proxy.owner}` answers to every name: a worker that is sent one can't unpickle it"
    return (
        f"`__getattr__` of `{proxy.owner}` reads `{proxy.reads}`, which is missing while a worker unpickles it: "
        "it can't be sent to the DataLoader's workers"
    )
