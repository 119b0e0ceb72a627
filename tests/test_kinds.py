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

_DECORD = "decodes in the threads of decord.VideoReader's library, which is proven"
_REGION = "the evidence saw it wrong in 25 of 8,000 reads under fork: too rare for a proof"
_WRITER = "what workers write through it was not compared"
_NOT_INSTALLED = "its library is not among what the tests install"
_DBM = "which library it opens, and whether that can be sent, depends on how Python was built"
NOT_PROVEN = {
    "PIL.Image.open": "only possible: whether anything goes wrong depends on when the picture is first looked at",
    "csv.DictWriter": _WRITER,
    "csv.writer": _WRITER,
    "dbm.open": _DBM,
    "decord.AVReader": _DECORD,
    "decord.AudioReader": _DECORD,
    "nibabel.load": _NOT_INSTALLED,
    "numpy.lib.npyio.NpzFile": "what numpy.load returns; nobody calls it with a path",
    "openslide.ImageSlide": "holds a PIL picture, and is as little wrong as that",
    "pickle.Pickler": _WRITER,
    "pyvips.Region": _REGION,
    "pyvips.Region.new": _REGION,
    "shelve.open": _DBM,
    "slideio.Slide": "what slideio.open_slide returns",
    "smart_open.open": _NOT_INSTALLED,
    "smart_open.smart_open": _NOT_INSTALLED,
    "tables.openFile": "the name that tables.open_file had before PyTables 3",
    "tifffile.tifffile.TiffFile": "tifffile.TiffFile by the module that defines it",
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
