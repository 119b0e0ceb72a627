"""One line a finding, for editors, grep and log files: ``path:line:column: CODE message``.

In a notebook the path is followed by the cell: ``nb.ipynb:cell 3:7:5``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dlsafe_lint.finding import named
from dlsafe_lint.output import printable, relative

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dlsafe_lint.finding import Finding
    from dlsafe_lint.output import Totals


def render(
    findings: Sequence[Finding],
    *,
    texts: Mapping[str, str],  # noqa: ARG001 - every format takes the same
    totals: Totals,  # noqa: ARG001
    cwd: Path,
    color: bool,
) -> str:
    """Writes one line a finding and nothing else. See `dlsafe_lint.output.render`."""
    lines = []
    for finding in findings:
        path, place = printable(named(relative(finding.path, cwd), finding.cell)), finding.range
        code = finding.code
        if color:
            path, code = click.style(path, bold=True), click.style(code, fg="red", bold=True)
        lines.append(f"{path}:{place.start_line}:{place.start_column}: {code} {printable(finding.message)}\n")
    return "".join(lines)
