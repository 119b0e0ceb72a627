"""DLS000: a file that can't be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint.finding import Finding, Range
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project


class SyntaxError(Rule):  # noqa: A001 - rules are named after the hazard
    """Reports a file, or a cell of a notebook, that can't be read, decoded or parsed.

    ## Why is this bad?
    Nothing is known about such a file, so nothing in it can be checked; and what other files import from it is unknown
    as well. A file that only a newer Python can parse (up to 3.15) is no finding: it is checked like any other. Of
    a notebook only the cell is left out, and lines that are only for IPython (`%matplotlib inline`, `!pip install`) are
    no finding.

    ## Example
    ```python
    def collate(batch:
        return batch
    ```

    ## Use instead
    ```python
    def collate(batch):
        return batch
    ```

    ## References
    - [PEP 263: Defining Python Source Code Encodings](https://peps.python.org/pep-0263/)
    """

    code = "DLS000"
    name = "syntax-error"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:  # noqa: ARG003
        """Return False: a file that has facts could be read. See `finding`."""
        return False


def finding(path: str, line: int, column: int, message: str, *, part: str = "file") -> Finding:
    """Return the finding for a file, or a cell of a notebook, that can't be read.

    Args:
        path: absolute path.
        line: from 1.
        column: from 1.
        message: what is wrong.
        part: what can't be read because of it: the "file", or only the "cell".
    """
    return Finding(
        code=SyntaxError.code,
        message=message,
        path=path,
        range=Range(line, column, line, column + 1),
        help=f"until this is put right, the {part} is not checked and other {part}s see nothing of it",
    )
