"""DLS102: a handle that a Dataset opens on first use, wherever that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import libcst as cst

from dlsafe_lint.analysis import first_use
from dlsafe_lint.apis import handles
from dlsafe_lint.finding import Breakage
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    from dlsafe_lint.analysis.first_use import Shared
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project

_FIRST = "once the parent has read an item: "
_MEASURED = "once the parent has asked for `len()`: "
_WAITS = "the loader waits for ever"


class HandleSharedAfterFirstUse(Rule):
    """A Dataset opens a file, archive or database on first use, in whichever process that is, and keeps it.

    ## Why is this bad?
    Opened in `__getitem__`, each worker has a handle of its own, as long as the parent reads nothing. But a parent
    reads: it looks at `dataset[0]`, counts classes, evaluates with `num_workers=0`, asks for `len()`. From then on the
    Dataset holds an open handle. Workers started under `fork` (the default on Linux before Python 3.14) find it there
    and share it: they move each other's file offset, which gives exceptions now and then, or wrong data without any
    error. Under `spawn` (the default on Windows and macOS) and `forkserver` (on Linux since Python 3.14) the Dataset
    can't be pickled any more: the loop over the loader ends with a `TypeError`.

    Two things are needed, and each prevents one of the two: the process id as part of the check, so that a forked
    worker opens anew, and a `__getstate__` that leaves the handle out.

    Whether the parent ever reads can't be seen in general, so this is only reported where the setting `min-confidence`
    is "possible", unless the parent must: where `len()` of the Dataset opens the handle.

    ## Example
    ```python
    import zipfile

    from torch.utils.data import Dataset


    class Texts(Dataset):
        def __init__(self, path, names):
            self.path = path
            self.names = names
            self.archive = None

        def __len__(self):
            return len(self.names)

        def __getitem__(self, index):
            if self.archive is None:
                self.archive = zipfile.ZipFile(self.path)
            return self.archive.read(self.names[index])
    ```

    ## Use instead
    ```python
    import os
    import zipfile

    from torch.utils.data import Dataset


    class Texts(Dataset):
        def __init__(self, path, names):
            self.path = path
            self.names = names
            self.archive = None
            self.pid = None

        def __getstate__(self):
            return {**self.__dict__, "archive": None, "pid": None}

        def __len__(self):
            return len(self.names)

        def __getitem__(self, index):
            if self.pid != os.getpid():
                self.archive = None
                self.archive = zipfile.ZipFile(self.path)
                self.pid = os.getpid()
            return self.archive.read(self.names[index])
    ```
    The old handle is dropped before the new one is opened: LMDB refuses to open an environment twice in a process.

    ## References
    - [Python: contexts and start methods](https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods)
    - [PyTorch: platform-specific behaviors](https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors)
    """

    code: ClassVar[str] = "DLS102"
    name: ClassVar[str] = "handle-shared-after-first-use"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules that open such a handle."""
        return facts.path in first_use.shared(project)

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every such handle on what keeps it."""
        for shared in first_use.shared(self.project).get(self.facts.path, ()):
            self.report(
                self._node(shared),
                _message(shared),
                breaks=_breaks(shared),
                help=_help(shared),
                confidence=shared.confidence,
                related=shared.via,
            )

    def _node(self, shared: Shared) -> cst.CSTNode:
        statement = self.tree.statements[shared.statement]
        if isinstance(statement, cst.BaseCompoundStatement):
            first = next((call.number for call in self.facts.calls if call.statement == shared.statement), None)
            return self.tree.calls[first] if first is not None else statement
        return statement


def _message(shared: Shared) -> str:
    article = "an" if shared.kind.what.lstrip("`")[:1] in "aeiou" else "a"
    kept = f"`{shared.name}` keeps {article} {shared.kind.what} from its first use on"
    if shared.closed:
        kept += ", closed but not dropped"
    return f"{kept}: if that is in the parent, the DataLoader's workers get it"


def _breaks(shared: Shared) -> list[Breakage]:
    kind, when = shared.kind, _MEASURED if shared.measured else _FIRST
    breaks = []
    if shared.forked:
        met = _WAITS if kind.what in handles.ONLY_IN_WORKERS else kind.fork
        breaks.append(Breakage("fork", f"{when}{met}"))
    if shared.sent:
        error = kind.closed if shared.closed and kind.closed != handles.SAME else kind.pickle
        other = kind.forkserver if kind.forkserver != handles.SAME and not shared.closed else error
        breaks += [Breakage("spawn", f"{when}{error}"), Breakage("forkserver", f"{when}{other}")]
    return breaks


def _help(shared: Shared) -> str:
    if shared.closed:
        return f"set `{shared.name}` to None after closing it, or read from a local variable"
    if shared.kind.what in handles.ONLY_IN_WORKERS:
        return "open it for each item, or in `worker_init_fn`: what a parent has read from does not survive a fork"
    check = "compare `os.getpid()` with the process that opened it, and open anew where it differs"
    leave_out = "leave it out in `__getstate__`"
    if shared.forked and shared.sent:
        return f"{check}; {leave_out}"
    return check if shared.forked else f"{leave_out}: a Dataset that has been read from is sent with it"
