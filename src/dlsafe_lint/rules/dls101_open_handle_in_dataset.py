"""DLS101: a handle that a Dataset keeps from its construction on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import libcst as cst

from dlsafe_lint import suppressions
from dlsafe_lint.analysis import openings, reopening
from dlsafe_lint.apis import handles
from dlsafe_lint.finding import Breakage, Finding, Range
from dlsafe_lint.project import Site
from dlsafe_lint.rewriting import lazy_handles
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    from dlsafe_lint.analysis.openings import Kept
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project
    from dlsafe_lint.rule import Draft


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

        @property
        def archive(self):
            if self._archive is None or self._archive[0] != os.getpid():
                self._archive = None
                self._archive = os.getpid(), zipfile.ZipFile(self.path)
            return self._archive[1]

        def __getstate__(self):
            return {**self.__dict__, "_archive": None}

        def __len__(self):
            return len(self.archive.namelist())

        def __getitem__(self, index):
            return self.archive.read(f"{index}.txt")
    ```
    The usual `if not hasattr(self, "archive")` in `__getitem__` is not enough: once the parent has read one item,
    forked workers share the handle again and spawned ones can't be sent it. The old handle is dropped before the
    new one is opened: LMDB does not open the same environment twice.

    ## Fix safety
    Unsafe: a file that is missing or broken is noticed on first use, no longer on construction; a file that changes in
    between is read as it is then; and each process that reads opens it for itself. A method that closes the handle
    closes it only if it is open, and a later use opens it again.

    Offered where nothing but the constructor stores the handle, where what opens it uses parameters (which are then
    kept on `self`), attributes that stay as they are and names of the module, and where neither the class nor one that
    it inherits from or that inherits from it says how it is pickled. An `if` that only opens one of two handles is
    decided again on first use. Elsewhere the help says why there is no fix.

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
        drafts = self._drafts()
        for kept in openings.kept(self.project).get(self.facts.path, ()):
            self.report(
                self._node(kept),
                _message(kept),
                breaks=_breaks(kept),
                help=self._help(kept, is_fixed=kept.statement in drafts),
                confidence=kept.confidence,
                related=kept.via,
                fix=drafts.get(kept.statement),
            )

    def _drafts(self) -> dict[int, Draft]:
        """Return the fixes by the statement of the finding; the findings of one class share one."""
        by_class: dict[Site, list[Kept]] = {}
        for kept in openings.kept(self.project).get(self.facts.path, ()):
            method = reopening.method_of(self.facts, kept.statement)
            if method is not None:
                by_class.setdefault(Site(self.facts.path, method.parent), []).append(kept)
        drafts: dict[int, Draft] = {}
        suppressed = self._suppressed() if by_class else set()
        for site, rows in by_class.items():
            if reopening.may_leave_out_state(self.project, site) and self._first(site) == site:
                change = lazy_handles.Change(self.facts, self.project, self.tree, site, suppressed)
                draft = change.draft(rows)
                if draft is not None:
                    drafts.update(dict.fromkeys(change.changed, draft))
        return drafts

    def _first(self, site: Site) -> Site:
        """Return the class that gets the `__getstate__`, among those that keep handles and share instances."""
        keeping = set()
        for path, rows in openings.kept(self.project).items():
            for kept in rows:
                method = reopening.method_of(self.project.modules[path], kept.statement)
                if method is not None:
                    keeping.add(Site(path, method.parent))
        ancestors = {base.site for base in self.project.ancestors(site) if base.site != site}
        rivals = keeping & set(reopening.family(self.project, site)) - set(self.project.subclasses(site))
        above = [each for each in sorted(rivals) if each in ancestors]
        return above[0] if above else min(rivals, default=site)

    def _suppressed(self) -> set[int]:
        """Return the statements at which comments silence this rule."""
        marks = suppressions.parse(self.tree.module.code)
        found = set()
        for number, statement in enumerate(self.facts.statements if marks else ()):
            lines = Range(statement.line, 1, statement.end_line, 1)
            finding = Finding(self.code, "", self.facts.path, lines)
            if suppressions.apply([finding], marks)[1]:
                found.add(number)
        return found

    def _help(self, kept: Kept, *, is_fixed: bool) -> str:
        """Return what to do, and why no fix does it where that can be said."""
        help_ = _help(kept, is_handed_over=kept.call is not None and not self._is_in_class(kept))
        if is_fixed or kept.fate != "open" or kept.kind.what in handles.ONLY_IN_WORKERS:
            return help_
        why = ""
        method = reopening.method_of(self.facts, kept.statement)
        if kept.call is not None:
            why = "the call does more than open it" if method is not None else ""
        elif method is not None:
            why = reopening.hindrance(self.project, self.facts, kept.statement, kept.name.removeprefix("self."))
            first = self._first(Site(self.facts.path, method.parent))
            if not why and first != Site(self.facts.path, method.parent):
                why = f"`{self.project.scope(first).name}`, which shares its code, must be changed first"
        return f"{help_}; there is no fix because {why}" if why else help_

    def _is_in_class(self, kept: Kept) -> bool:
        return reopening.method_of(self.facts, kept.statement) is not None

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


def _help(kept: Kept, *, is_handed_over: bool) -> str:
    if kept.fate == "closed":
        return f"set `{kept.name}` to None after closing it, or read from a local variable"
    if kept.kind.what in handles.ONLY_IN_WORKERS:
        return "keep the path and open it in the worker only, for each item or in `worker_init_fn`, never in the parent"
    if kept.fate == "shared":
        return "open it on first use in each process, by a function that compares `os.getpid()`"
    lazily = (
        "open on first use in each process: a property that compares `os.getpid()`, and `__getstate__` that leaves "
        "the handle out"
    )
    if is_handed_over:
        return f"hand over the path instead and let the Dataset {lazily}"
    return f"keep the path and {lazily}"
