"""DLS205: a function or class that a notebook defines, handed to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dlsafe_lint.analysis.handovers import of_notebook
from dlsafe_lint.analysis.starts import always_forks
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    import libcst as cst

    from dlsafe_lint.analysis.handovers import Handed
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project


class NotebookCallableForWorker(Rule):
    """A function or class that is defined in a cell of a notebook is handed to workers.

    ## Why is this bad?
    A worker that is started by `spawn` (the default on Windows and macOS) or `forkserver` (on Linux since Python 3.14)
    gets the name of the function or class and looks for it in its own main module. There is nothing in it: a notebook
    can't be imported. "Can't get attribute 'Squares' on <module '__main__' (built-in)>" stands among the output of the
    cell, or only in the terminal that Jupyter was started from; a DataLoader says that its worker "exited
    unexpectedly", a `Pool` waits for ever, a `Process` dies while the notebook goes on.

    It works with `num_workers=0`, and where workers are forked: on Linux before Python 3.14, as on Colab. A notebook
    that asks for that (`set_start_method("fork")`, `multiprocessing_context="fork"`) is not reported.

    ## Example
    ```python
    # train.ipynb
    from torch.utils.data import DataLoader, Dataset


    class Squares(Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            return index * index


    loader = DataLoader(Squares(), num_workers=2)
    ```

    ## Use instead
    ```python
    # data.py
    from torch.utils.data import Dataset


    class Squares(Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            return index * index


    # train.ipynb
    from torch.utils.data import DataLoader

    from data import Squares

    loader = DataLoader(Squares(), num_workers=2)
    ```

    A cell that starts with `%%writefile data.py` becomes that module. There is no fix: it would have to write another
    file, and what else the notebook keeps in its variables is not known there.

    ## References
    - [Python: safe importing of the main module](https://docs.python.org/3/library/multiprocessing.html#the-spawn-and-forkserver-start-methods)
    - [IPython: %%writefile](https://ipython.readthedocs.io/en/stable/interactive/magics.html#cellmagic-writefile)
    """

    code: ClassVar[str] = "DLS205"
    name: ClassVar[str] = "notebook-callable-for-worker"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to notebooks that hand something of their own over."""
        return facts.is_notebook and bool(_handed(project, facts))

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every such definition."""
        for handed in _handed(self.project, self.facts):
            origin, taker = handed
            self.report(
                self._definition(handed),
                f"{origin.definition.message}; {taker.what} it can't be found there",
                breaks=handed.breaks,
                help=f"move it, with what it uses, into a module (a cell that starts with `%%writefile data.py` makes "
                f"one), and write `from data import {origin.qualname.partition('.')[0]}` here",
                confidence=taker.confidence,
                related=handed.related[1:],
            )

    def _definition(self, handed: Handed) -> cst.CSTNode:
        place, name = handed.origin.definition, handed.origin.name
        scope = next(each for each in self.facts.scopes if each.line == place.line and each.name == name)
        return self.tree.statements[scope.statement]


def _handed(project: Project, facts: ModuleFacts) -> list[Handed]:
    """Return what a notebook hands to workers that are not forked, as far as it sets how they are started."""
    handed = of_notebook(project, facts.path)
    if handed and always_forks(project, facts):
        return [each for each in handed if each.taker.spawned or "fork" not in each.taker.methods]
    return handed
