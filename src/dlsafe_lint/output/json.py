"""Everything about every finding, for programs: the object that docs/json.md describes.

`VERSION` grows when a key goes away or changes its meaning, not when one is added.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from dlsafe_lint.output import relative

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dlsafe_lint.finding import Finding, Fix
    from dlsafe_lint.output import Totals

VERSION = 1


def render(
    findings: Sequence[Finding],
    *,
    texts: Mapping[str, str],  # noqa: ARG001 - every format takes the same
    totals: Totals,
    cwd: Path,
    color: bool,  # noqa: ARG001
) -> str:
    """Writes one JSON object. See `dlsafe_lint.output.render`."""
    document = {
        "version": VERSION,
        "findings": [_finding(finding, cwd) for finding in findings],
        "summary": {
            "files": totals.files,
            "findings": len(findings),
            "by_rule": dict(sorted(Counter(f.code for f in findings).items())),
            "fixable": sum(f.fix is not None and f.fix.applicability == "safe" for f in findings),
            "fixable_unsafe": sum(f.fix is not None and f.fix.applicability == "unsafe" for f in findings),
            "suppressed": totals.suppressed,
            "fixed": totals.fixed,
        },
        "warnings": list(totals.warnings),
    }
    return json.dumps(document, indent=2) + "\n"


def _finding(finding: Finding, cwd: Path) -> dict[str, Any]:
    place = finding.range
    return {
        "code": finding.code,
        "message": finding.message,
        "path": relative(finding.path, cwd),
        "cell": finding.cell or None,
        "range": {
            "start": {"line": place.start_line, "column": place.start_column},
            "end": {"line": place.end_line, "column": place.end_column},
        },
        "statement": {
            "first_line": finding.first_line or place.start_line,
            "last_line": finding.last_line or place.end_line,
        },
        "confidence": finding.confidence,
        "breaks": [{"start_method": b.start_method, "what": b.what} for b in finding.breaks],
        "help": finding.help,
        "related": [
            {"path": relative(p.path, cwd), "cell": p.cell or None, "line": p.line, "message": p.message}
            for p in finding.related
        ],
        "fix": _fix(finding.fix) if finding.fix else None,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "title": fix.title,
        "applicability": fix.applicability,
        "edits": [{"cell": e.cell or None, "start": e.start, "end": e.end, "text": e.text} for e in fix.edits],
        "defines": list(fix.defines),
        "may_unbind": sorted(fix.may_unbind),
    }
