"""What programs load when they start, for programs: the object that docs/startup.md describes.

`VERSION` grows when a key goes away or changes its meaning, not when one is added.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dlsafe_lint.output import relative

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dlsafe_lint.analysis.starting import Link, Start
    from dlsafe_lint.comparison import Comparison
    from dlsafe_lint.import_times import Loaded
    from dlsafe_lint.measuring import Measured

VERSION = 1


def render(comparisons: Sequence[Comparison], *, cwd: Path) -> str:
    """Writes one JSON object. See `dlsafe_lint.output.render_startup`."""
    return json.dumps({"version": VERSION, "programs": [_program(each, cwd) for each in comparisons]}, indent=2) + "\n"


def _program(comparison: Comparison, cwd: Path) -> dict[str, Any]:
    before, after = comparison.measured or (None, None)
    entry = comparison.before.entry
    return {
        "name": comparison.name,
        "path": relative(entry.path, cwd),
        "reason": entry.reason,
        "place": {"path": relative(entry.place.path, cwd), "line": entry.place.line, "message": entry.place.message},
        "times_faster": comparison.times_faster,
        "before": _start(comparison.before, before, comparison, cwd),
        "after": _start(comparison.after, after, comparison._replace(before=comparison.after), cwd),
    }


def _start(start: Start, measured: Measured | None, comparison: Comparison, cwd: Path) -> dict[str, Any]:
    return {
        "estimated_seconds": start.seconds,
        "measured": measured
        and {
            "seconds": measured.seconds,
            "cpu_seconds": measured.cpu,
            "runs": list(measured.runs),
            "failures": list(measured.failures),
        },
        "modules": [relative(path, cwd) for path in start.modules],
        "libraries": list(start.libraries),
        "slow": [
            {"name": root, "estimated_seconds": None if root in start.unmeasured else milliseconds / 1000}
            for root, milliseconds in start.roots.items()
        ],
        "imports": [_link(link, comparison, cwd) for link in start.links],
        "tree": _tree(measured.tree if measured else start.tree),
    }


def _link(link: Link, comparison: Comparison, cwd: Path) -> dict[str, Any]:
    return {
        "path": relative(link.path, cwd),
        "line": link.line,
        "import": link.words,
        "slow": list(link.roots),
        "fate": comparison.fate(link) or "may move",
        "why": link.stays or None,
        "loaded_before": link.again,
        "imports": [_link(inner, comparison, cwd) for inner in link.inner],
    }


def _tree(loaded: Loaded) -> dict[str, Any]:
    return {
        "name": loaded.name,
        "own_microseconds": loaded.own,
        "microseconds": loaded.total,
        "loads": [_tree(inner) for inner in loaded.inner],
    }
