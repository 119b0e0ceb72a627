"""Every kind of handle is proven by a fixture, or it is said why not; and the linter says what the proofs see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import claims
from claims import FIXTURES, START_METHODS, Kinds
from dlsafe_lint.apis.handles import HANDLES
from test_fixtures import lay_out, lint

if TYPE_CHECKING:
    from pathlib import Path

_DBM = "which library it opens, and whether that can be sent, depends on how Python was built"
NOT_PROVEN = {
    "dbm.open": _DBM,
    "pyvips.Region": "makes what pyvips.Region.new does, of a pointer into the library that no program has at hand",
    "shelve.open": _DBM,
    "smart_open.smart_open": "the old name of smart_open.open, which smart_open 9 no longer has",
    "tables.openFile": "the name that tables.open_file had before PyTables 3",
    "zarr.ZipStore": "the name that zarr.storage.ZipStore had before zarr 3",
}
"""Kinds of handle without a proof, and why."""

KINDS = [kinds for case in claims.cases() for kinds in claims.kinds(case)]


def proven() -> set[str]:
    """What the fixtures with claims about DLS101 open."""
    names = {name for kinds in KINDS for kind in kinds.kinds for name in kind.calls}
    for case in (FIXTURES / "DLS101").iterdir():
        found = claims.read(case)
        if found is not None and found.outcomes:
            names |= claims.opened(found.program)
    return names


def test_every_kind_of_handle_is_proven_or_it_is_said_why_not() -> None:
    names = proven()
    assert not HANDLES.keys() - names - NOT_PROVEN.keys()
    assert not NOT_PROVEN.keys() & names
    assert NOT_PROVEN.keys() <= HANDLES.keys()


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: kinds.program.relative_to(FIXTURES).as_posix())
def test_the_linter_says_of_each_kind_what_the_proof_sees(kinds: Kinds, tmp_path: Path) -> None:
    """It names the start methods under which the kind fails, and the error that a worker can't be sent it with.

    Of a library whose handles only sometimes fail under fork it warns, and names no more than the others.
    """
    target, _ = lay_out(kinds.case, tmp_path)
    program = target / kinds.program.relative_to(kinds.case)
    findings = [found for found in lint(target).findings if found.path == str(program)]
    for kind in kinds.kinds:
        first, last = kind.lines
        (finding,) = [found for found in findings if first <= found.range.start_line <= last]
        said = {each.start_method: each.what for each in finding.breaks}
        failing = {method for method in START_METHODS if kind.outcomes[method] != "works"}
        warned = any(name in HANDLES and HANDLES[name].warned for name in kind.calls)
        assert said.keys() == failing or (warned and said.keys() | {"fork"} == failing), kind.name
        error, separator, _ = kind.outcomes["spawn"].partition(": ")
        if separator:
            assert said["spawn"].startswith(error), kind.name
