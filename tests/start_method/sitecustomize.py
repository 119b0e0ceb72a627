"""Another default start method for every interpreter that has this folder on its path, as other systems have it.

It is not marked as set: `multiprocessing.set_start_method` in a program behaves as on a fresh interpreter.
"""

from __future__ import annotations

import os


def use_start_method(name: str) -> None:
    """Make `name` the start method that multiprocessing takes when the program names none."""
    from multiprocessing import context

    context._default_context._default_context = context._concrete_contexts[name]  # type: ignore[attr-defined]


if "DLSAFE_PROOF_START_METHOD" in os.environ:
    use_start_method(os.environ["DLSAFE_PROOF_START_METHOD"])
