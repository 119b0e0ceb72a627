"""DLS001: a suppression comment that suppresses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint import suppressions
from dlsafe_lint.finding import Finding, Fix, Range
from dlsafe_lint.rule import Rule
from dlsafe_lint.rules import CODES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project
    from dlsafe_lint.suppressions import Suppression


class UnusedSuppression(Rule):
    """Reports a `# dlsafe: ignore` comment that suppresses nothing.

    ## Why is this bad?
    A comment that no longer silences anything hides the next finding on its line, and tells the reader of a problem
    that is not there. Codes of rules that are not selected in this run are left alone, and `# noqa` comments are never
    reported: other linters read them too.

    ## Example
    ```python
    import json

    names = json.loads("[]")  # dlsafe: ignore[DLS101] was a file once
    ```

    ## Use instead
    ```python
    import json

    names = json.loads("[]")
    ```

    ## Fix safety
    Safe: only the codes that suppress nothing are removed, or the whole comment where none is left.
    """

    code = "DLS001"
    name = "unused-suppression"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:  # noqa: ARG003
        """Return False: what is unused is known only when all other rules have reported. See `findings`."""
        return False


def findings(
    path: str,
    text: str,
    unused: Iterable[tuple[Suppression, tuple[str, ...]]],
    selected: Collection[str],
) -> list[Finding]:
    """Return a finding for each comment with codes that suppress nothing.

    Args:
        path: absolute path of the file.
        text: its text.
        unused: comments and their codes that suppressed nothing.
        selected: the codes that were checked in this run; others may suppress something in another run.
    """
    found = []
    for suppression, codes in unused:
        idle = tuple(code for code in codes if code in selected or code not in CODES)
        if idle or suppression.problem:
            found.append(_finding(path, text, suppression, idle))
    return found


def _finding(path: str, text: str, suppression: Suppression, idle: tuple[str, ...]) -> Finding:
    names = ", ".join(idle)
    unknown = [code for code in idle if code not in CODES]
    if suppression.problem:
        message = f"malformed suppression: {suppression.problem}"
    elif unknown:
        message = (
            f"suppression of {names}, which no rule is called" if len(idle) == 1 else f"unused suppression: {names}"
        )
    else:
        message = f"unused suppression: nothing here to ignore for {names}"
    fix = None
    if not suppression.problem:
        fix = Fix(f"Remove {names} from the suppression", (suppressions.removal(text, suppression, idle),), "safe")
    return Finding(
        code=UnusedSuppression.code,
        message=message,
        path=path,
        range=Range(suppression.line, suppression.start_column, suppression.line, suppression.end_column),
        help="write `# dlsafe: ignore[CODE] reason`" if suppression.problem else "remove it",
        fix=fix,
    )
