"""DLS101: a handle that a Dataset keeps from its construction on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import libcst as cst

from dlsafe_lint import openings
from dlsafe_lint.apis import handles
from dlsafe_lint.finding import Breakage
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.openings import Kept
    from dlsafe_lint.project import Project


class OpenHandleInDataset(Rule):
    """A Dataset opens a file, archive or database while it is constructed, and keeps it.

    ## Why is this bad?
    The workers of a `DataLoader` get the Dataset. Under `spawn` (the default on Windows and macOS) and `forkserver` (on
    Linux since Python 3.14) it is pickled, and hardly any handle can be pickled, not even a closed one: the loop over
    the loader ends with a `TypeError`. Under `fork` (on Linux before) the workers share the handle. Where the library
    reads from a file offset, they move each other's: exceptions now and then, or wrong data without any error. Other
    libraries forbid it or wait for ever for a thread that the fork did not copy.

    A handle of a module or class body is not pickled, but forked workers share it.

    ## Example
    ```python
    import zipfile

    from torch.utils.data import Dataset


    class Texts(Dataset):
        def __init__(self, path):
            self.archive = zipfile.ZipFile(path)

        def __len__(self):
            return len(self.archive.namelist())

        def __getitem__(self, index):
            return self.archive.read(f"{index}.txt")
    ```

    ## Use instead
    ```python
    import os
    import zipfile

    from torch.utils.data import Dataset


    class Texts(Dataset):
        def __init__(self, path):
            self.path = path
            self._archive = None
            self._archive_pid = None

        @property
        def archive(self):
            if self._archive_pid != os.getpid():
                self._archive = None
                self._archive = zipfile.ZipFile(self.path)
                self._archive_pid = os.getpid()
            return self._archive

        def __getstate__(self):
            return {**self.__dict__, "_archive": None, "_archive_pid": None}

        def __len__(self):
            return len(self.archive.namelist())

        def __getitem__(self, index):
            return self.archive.read(f"{index}.txt")
    ```
    The usual `if not hasattr(self, "archive")` in `__getitem__` is not enough: once the parent has read one item,
    forked workers share the handle again and spawned ones can't be sent it.

    ## References
    - [Python: contexts and start methods](https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods)
    - [PyTorch: platform-specific behaviors](https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors)
    """

    code: ClassVar[str] = "DLS101"
    name: ClassVar[str] = "open-handle-in-dataset"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules in which something must change."""
        return facts.path in openings.kept(project)

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every handle that is kept, on what must change."""
        for kept in openings.kept(self.project).get(self.facts.path, ()):
            self.report(
                self._node(kept),
                _message(kept),
                breaks=_breaks(kept),
                help=_help(kept),
                confidence=kept.confidence,
                related=kept.via,
            )

    def _node(self, kept: Kept) -> cst.CSTNode:
        if kept.call is not None:
            return self.tree.calls[kept.call]
        statement = self.tree.statements[kept.statement]
        if isinstance(statement, cst.BaseCompoundStatement):
            if kept.opener is not None:
                return self.tree.calls[kept.opener]
            first = next((call.number for call in self.facts.calls if call.statement == kept.statement), None)
            return self.tree.calls[first] if first is not None else statement
        return statement


def _message(kept: Kept) -> str:
    article = "an" if kept.kind.what.lstrip("`")[:1] in "aeiou" else "a"
    if kept.fate == "closed":
        return (
            f"`{kept.name}` keeps {article} {kept.kind.what}, closed but not dropped: the DataLoader's workers get it"
        )
    if kept.fate == "shared":
        return f"`{kept.name}` is {article} {kept.kind.what} that the DataLoader's forked workers share"
    return f"`{kept.name}` keeps {article} {kept.kind.what} that the DataLoader's workers get"


def _breaks(kept: Kept) -> list[Breakage]:
    kind = kept.kind
    breaks = [Breakage("fork", kind.fork)] if kept.forked and kind.fork else []
    error = kind.closed if kept.fate == "closed" and kind.closed != handles.SAME else kind.pickle
    if kept.sent and error:
        other = kind.forkserver if kind.forkserver != handles.SAME and kept.fate != "closed" else error
        breaks += [Breakage("spawn", error), Breakage("forkserver", other)]
    return breaks


def _help(kept: Kept) -> str:
    if kept.fate == "closed":
        return f"set `{kept.name}` to None after closing it, or read from a local variable"
    if kept.kind.what in handles.ONLY_IN_WORKERS:
        return "keep the path and open it in the worker only, for each item or in `worker_init_fn`, never in the parent"
    if kept.fate == "shared":
        return "open it on first use in each process, by a function that compares `os.getpid()`"
    return (
        "keep the path and open on first use in each process: a property that compares `os.getpid()`, "
        "and `__getstate__` that leaves the handle out"
    )
