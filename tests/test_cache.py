"""A cache is a convenience: it keeps what was found, and anything wrong with it costs only time."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from dlsafe_lint import cache
from dlsafe_lint.finding import Breakage, Edit, Finding, Fix, Place, Range

if TYPE_CHECKING:
    from pathlib import Path

FINDING = Finding(
    "DLS101",
    "message",
    "/p/a.py",
    Range(1, 2, 3, 4),
    (Breakage("spawn", "TypeError"),),
    "help",
    "likely",
    Fix("Do it", (Edit(0, 1, "x"),), "safe", ("f",), frozenset({"torch"})),
    (Place("/p/b.py", 3, "hop"),),
    1,
    3,
)


def test_findings_come_back_as_they_were(tmp_path: Path) -> None:
    key = cache.key(["a"])
    cache.store(tmp_path, key, [FINDING])
    assert cache.load(tmp_path, key) == (FINDING,)


def test_keys_depend_on_every_part() -> None:
    assert len({cache.key(parts) for parts in (["a", "b"], ["ab"], ["b", "a"], [])}) == 4


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"findings": [{}]}', b'{"findings": 3}', b"\xff", b'{"findings": [' + b"[" * 100_000, b"null"],
)
def test_a_broken_entry_is_no_entry(content: bytes, tmp_path: Path) -> None:
    key = cache.key(["a"])
    cache.store(tmp_path, key, [])
    (cache.folder(tmp_path) / f"{key}.json").write_bytes(content)
    assert cache.load(tmp_path, key) is None


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / ".dlsafe_cache").write_text("a file")
    cache.store(tmp_path, cache.key([]), [FINDING])
    assert cache.load(tmp_path, cache.key([])) is None


def test_it_tags_itself_and_prunes_itself(tmp_path: Path) -> None:
    for number in range(cache.KEEP + 3):
        key = cache.key([str(number)])
        cache.store(tmp_path, key, [])
        os.utime(cache.folder(tmp_path) / f"{key}.json", (number, number))
    cache.store(tmp_path, cache.key(["last"]), [])
    folder = cache.folder(tmp_path)
    assert (folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    assert (folder / ".gitignore").read_text() == "*\n"
    assert len(list(folder.glob("*.json"))) == cache.KEEP
    assert cache.load(tmp_path, cache.key(["last"])) == ()
    assert not list(folder.glob("*.tmp"))


def test_the_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSAFE_CACHE_DIR", str(tmp_path / "elsewhere"))
    cache.store(tmp_path, cache.key([]), [])
    assert json.loads((tmp_path / "elsewhere" / f"{cache.key([])}.json").read_text()) == {"findings": []}
