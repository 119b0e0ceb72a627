"""The rules, one file each. This module knows their codes and names without importing LibCST."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlsafe_lint.rule import Rule

CODES: dict[str, str] = {
    "DLS000": "syntax-error",
    "DLS001": "unused-suppression",
    "DLS101": "open-handle-in-dataset",
    "DLS102": "handle-shared-after-first-use",
    "DLS103": "unpicklable-dataset-attribute",
    "DLS104": "cuda-in-dataset",
    "DLS201": "lambda-for-worker",
    "DLS202": "lambda-in-dataset",
    "DLS203": "local-callable-for-worker",
    "DLS204": "guarded-callable-for-worker",
    "DLS205": "notebook-callable-for-worker",
    "DLS206": "unpicklable-worker-result",
    "DLS301": "workers-started-at-import",
    "DLS302": "start-method-set-at-import",
    "DLS401": "script-imported-by-package",
    "DLS501": "heavy-import-at-startup",
    "DLS502": "heavy-chain-at-startup",
    "DLS503": "heavy-import-for-annotations",
}
"""Code to name, in code order; a rule's file is named after both."""


def load(codes: Iterable[str] = CODES) -> tuple[type[Rule], ...]:
    """Return the rules with these codes, in code order. Imports LibCST.

    Args:
        codes: known codes.
    """
    wanted = set(codes)
    return tuple(_rule(code) for code in CODES if code in wanted)


def _rule(code: str) -> type[Rule]:
    name = CODES[code]
    module = importlib.import_module(f"dlsafe_lint.rules.{code.lower()}_{name.replace('-', '_')}")
    found: type[Rule] = getattr(module, name.title().replace("-", ""))
    return found
