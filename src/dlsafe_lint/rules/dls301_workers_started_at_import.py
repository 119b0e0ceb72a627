"""DLS301: workers that are started when a file is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import libcst as cst

from dlsafe_lint.analysis import starts
from dlsafe_lint.finding import START_METHODS, Breakage, Place
from dlsafe_lint.rewriting.captures import File
from dlsafe_lint.rewriting.guarding import guard_program
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    from dlsafe_lint.analysis.starts import ImportStart, Kind, Start
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project

_ERROR = (
    "RuntimeError: An attempt has been made to start a new process before the current process has finished its "
    "bootstrapping phase"
)
_WHAT: dict[Kind, str] = {
    "loader": f"{_ERROR}; the loop fails with RuntimeError: DataLoader worker exited unexpectedly",
    "pool": f"hangs for ever: every worker dies and is replaced ({_ERROR})",
    "process": f"the child dies, the parent goes on and exits 0 ({_ERROR})",
    "executor": f"{_ERROR}; the results raise BrokenProcessPool",
    "manager": f"{_ERROR}; the parent fails with EOFError",
    "spawn": f"{_ERROR}; the parent fails with ProcessExitedException",
}
_EXITS: dict[Kind, str] = {
    "loader": "the loop fails with RuntimeError: DataLoader worker exited unexpectedly",
    "pool": "hangs for ever, because it is replaced without end",
    "executor": "the results raise BrokenProcessPool",
    "manager": "the parent fails with EOFError",
}
_WAITS = "hangs for ever: the thread that pickles the tasks waits for the end of this file's import"
_SHOWN_IMPORTERS = 3


class WorkersStartedAtImport(Rule):
    """A file starts worker processes when it is imported, outside a main guard.

    ## Why is this bad?
    Under `spawn` (the default on Windows and macOS) and `forkserver` (on Linux since Python 3.14) every worker imports
    the program's file before it does anything else. What stands outside `if __name__ == "__main__":` runs again in each
    of them and would start workers of its own. Python refuses: "An attempt has been made to start a new process before
    the current process has finished its bootstrapping phase". A loop over a `DataLoader` then fails. A `Pool` hangs for
    ever, because its dead workers are replaced without end. A bare `Process` dies while the parent goes on and exits 0.
    Under `fork` (on Linux before) all of it works, until somebody runs it elsewhere.

    Making a `DataLoader`, a `Process` or a `ProcessPoolExecutor` starts nothing and is not reported. Iterating the
    loader, `.start()`, `submit`, `map`, `Pool(...)`, `Manager()` and `mp.spawn` do, also in functions that are called
    from there. `freeze_support()` is for programs that are frozen into an executable, and belongs into the guard; it
    takes the place of none.

    ## Example
    ```python
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(torch.arange(8)), num_workers=2)
    for batch in loader:
        print(batch)
    ```

    ## Use instead
    ```python
    import torch
    from torch.utils.data import DataLoader, TensorDataset


    if __name__ == "__main__":
        loader = DataLoader(TensorDataset(torch.arange(8)), num_workers=2)
        for batch in loader:
            print(batch)
    ```

    ## Fix safety
    What runs the program goes under the guard, in order, to the front of one that is there already: the statements that
    start workers, all below them, and those above them that do something, such as print, make a folder, open a log,
    download or build a model. With `guard-style = "main"` they go into a function `main`, where no function or other
    file needs a name that they bind.

    At module level stay imports, functions, classes and constants, and what these need; what workers read, and calls
    that fill it; settings that do no harm when each worker repeats them (`torch.set_default_dtype`, a seed, a filter of
    warnings, `sys.path`), where nothing that moves comes before them whose order matters; and whatever stands above
    such a statement or an import that may depend on it. What stays runs in each worker, too.

    Safe where the statements are the file's tail but for constants and settings, nothing else runs again, nothing that
    may run in a worker needs a name that they bind or a setting that they make, workers read nothing that the program
    goes on to change, and no other file imports this one. Seeds don't count where all workers are those of a
    `DataLoader`, which seeds them.

    Unsafe otherwise, and the help says why:

    - functions, classes or imports that stood between are then defined first;
    - workers run again what must stay, which takes its time, or reads another clock;
    - workers don't have a setting that moves, or don't see what the program changes after it has made it;
    - names are looked up by strings, with `eval`, `exec` or `globals`;
    - whoever imports the file, or a command that is installed, no longer runs the program.

    There is no fix where the order would not stay right, where workers need what only the program has, where what must
    stay can't run twice (it makes a folder, empties a log, removes files, asks the user), or where another file needs
    what the statements make: a file that is imported for what it does needs a function that the others call.

    ## References
    - [Python: safe importing of the main module](https://docs.python.org/3/library/multiprocessing.html#the-spawn-and-forkserver-start-methods)
    - [PyTorch: platform-specific behaviors](https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors)
    """

    code: ClassVar[str] = "DLS301"
    name: ClassVar[str] = "workers-started-at-import"
    in_notebooks: ClassVar[bool] = False

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules that start workers when they are imported."""
        return bool(starts.unguarded(project, facts))

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report the first statement that starts workers; the others belong to it."""
        found = starts.unguarded(self.project, self.facts)
        if not found:
            return
        first, *others = found
        start = first.start
        waits = starts.waits_for_itself(self.project, self.facts)
        guarded = guard_program(File(self.tree, self.facts, self.project), [each.at.statement for each in found])
        related = [*start.via, *(self._other(other) for other in others), *self._importers(), *self._no_guards()]
        self.report(
            self._node(first),
            f'`{starts.chain(start)}` starts workers at import time, outside `if __name__ == "__main__":`',
            breaks=[
                Breakage(method, _WAITS if waits else _what(start))
                for method in START_METHODS
                if waits or method in start.breaks
            ],
            help=f"{guarded.help}{guarded.doubts}",
            confidence=start.confidence,
            related=related,
            fix=guarded.draft,
        )

    def _node(self, found: ImportStart) -> cst.CSTNode:
        statement = self.tree.statements[found.at.statement]
        if isinstance(statement, cst.BaseSmallStatement):
            return statement
        if found.call is not None:
            return self.tree.calls[found.call]
        return statement.iter if isinstance(statement, cst.For) else statement

    def _other(self, found: ImportStart) -> Place:
        line = self.facts.statements[found.at.statement].line
        return Place(self.facts.path, line, f"`{starts.chain(found.start)}` starts workers too")

    def _importers(self) -> list[Place]:
        places = [
            Place(importer.path, line, "imports this file, and fails with it")
            for importer, line in starts.importers(self.project, self.facts)
            if not self.project.is_test(importer)
        ]
        return places[:_SHOWN_IMPORTERS]

    def _no_guards(self) -> list[Place]:
        return [
            Place(self.facts.path, call.line, "`freeze_support()` is for frozen programs; it is no guard")
            for call in starts.freezing(self.project, self.facts)
        ]


def _what(start: Start) -> str:
    if not start.exits:
        return _WHAT[start.kind]
    fails = _EXITS.get(start.kind, "the parent goes on, but what it was to do is not done")
    return f"each worker runs `{start.exits}()` too and exits before it has done anything; {fails}"
