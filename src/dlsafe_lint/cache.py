"""Results keyed by content: a run over the same files with the same settings is answered without judging again.

An entry is JSON (a cache in a repository must not be able to run code). A broken, foreign or hostile cache is an empty
one, and a cache that can't be written costs nothing but time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsafe_lint import __version__
from dlsafe_lint.finding import Breakage, Edit, Finding, Fix, Place, Range

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KEEP = 16
"""Entries kept; the least recently used go first."""

_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of dlsafe-lint. See https://bford.info/cachedir/\n"


def folder(root: Path) -> Path:
    """Return the cache's folder: ``DLSAFE_CACHE_DIR`` or ``.dlsafe_cache`` in the project's root."""
    named = os.environ.get("DLSAFE_CACHE_DIR")
    return Path(named) if named else root / ".dlsafe_cache"


def key(parts: Iterable[str]) -> str:
    """Return the key of a result: a digest of everything that it depends on, this version and interpreter included.

    Args:
        parts: paths, digests of contents, settings: in a fixed order.
    """
    digest = hashlib.sha256()
    for part in (__version__, sys.version, *parts):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()


def load(root: Path, entry: str) -> tuple[Finding, ...] | None:
    """Return the findings stored under the key, None if there are none that can be read whole."""
    path = folder(root) / f"{entry}.json"
    try:
        stored = json.loads(path.read_text("utf-8"))
        found = tuple(_finding(each) for each in stored["findings"])
        os.utime(path)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found


def store(root: Path, entry: str, findings: Sequence[Finding]) -> None:
    """Store findings under the key and drop the oldest entries; does nothing where the folder can't be written."""
    target = folder(root)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
            if not (target / name).exists():
                (target / name).write_text(text, "utf-8")
        data = json.dumps({"findings": [dataclasses.asdict(each, dict_factory=_plain) for each in findings]})
        handle, temporary = tempfile.mkstemp(dir=target, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(data)
            Path(temporary).replace(target / f"{entry}.json")
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        entries = sorted(target.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in entries[KEEP:]:
            old.unlink(missing_ok=True)
    except (OSError, ValueError):
        return


def _plain(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in items}


def _finding(stored: dict[str, Any]) -> Finding:
    fix = stored["fix"]
    return Finding(
        code=str(stored["code"]),
        message=str(stored["message"]),
        path=str(stored["path"]),
        range=Range(**stored["range"]),
        breaks=tuple(Breakage(**each) for each in stored["breaks"]),
        help=str(stored["help"]),
        confidence=stored["confidence"],
        fix=fix
        and Fix(
            title=str(fix["title"]),
            edits=tuple(Edit(int(each["start"]), int(each["end"]), str(each["text"])) for each in fix["edits"]),
            applicability=fix["applicability"],
            defines=tuple(fix["defines"]),
            may_unbind=frozenset(fix["may_unbind"]),
        ),
        related=tuple(Place(**each) for each in stored["related"]),
        first_line=int(stored["first_line"]),
        last_line=int(stored["last_line"]),
    )
