"""The table of handles: every kind of the evidence that fails is in it, as exactly as a call's arguments tell."""

from __future__ import annotations

import pytest

from dlsafe_lint.apis import handles
from dlsafe_lint.apis.handles import HANDLES, handle, part


@pytest.mark.parametrize("name", sorted(HANDLES))
def test_every_kind_says_what_fails(name: str) -> None:
    kind = HANDLES[name]
    assert kind.what
    assert kind.pickle or kind.fork
    assert not kind.what.startswith(("a ", "an ", "the "))


@pytest.mark.parametrize(
    ("mode", "buffering", "error"),
    [
        ("r", ..., "TextIOWrapper"),
        ("rb", ..., "BufferedReader"),
        ("rb", 0, "FileIO"),
        ("wb", ..., "BufferedWriter"),
        (..., ..., "TextIOWrapper"),
    ],
)
def test_the_mode_tells_the_error(mode: object, buffering: object, error: str) -> None:
    by_position: dict[str | int, object] = {0: ..., 1: mode, 2: buffering}
    by_name: dict[str | int, object] = {0: ..., "mode": mode, "buffering": buffering}
    for arguments in (by_position, by_name):
        kind = handle("open", arguments)
        assert kind is not None
        assert error in kind.pickle


@pytest.mark.parametrize(("mode", "shared"), [("r", True), ("w", False), ("ab", False), ("r+", True), ("w+", True)])
def test_only_reading_is_known_to_go_wrong_under_fork(mode: str, shared: bool) -> None:
    kind = handle("open", {1: mode})
    assert kind is not None
    assert bool(kind.fork) == shared


@pytest.mark.parametrize(
    ("arguments", "fails"),
    [({}, True), ({"lock": True}, True), ({"lock": False}, False), ({"lock": ...}, False), ({"**": ...}, False)],
)
def test_lmdb_fails_under_fork_where_it_locks(arguments: dict[str | int, object], fails: bool) -> None:
    kind = handle("lmdb.open", arguments)
    assert kind is not None
    assert bool(kind.fork) == fails
    assert kind.pickle


@pytest.mark.parametrize(
    ("name", "arguments", "opens"),
    [
        ("pandas.read_csv", {0: ...}, False),
        ("pandas.read_csv", {"chunksize": 100}, True),
        ("pandas.read_csv", {"chunksize": None}, False),
        ("pandas.read_csv", {"iterator": True}, True),
        ("tifffile.imread", {0: ...}, False),
        ("tifffile.imread", {"aszarr": True}, True),
        ("json.load", {}, False),
        ("numpy.memmap", {}, False),
        ("io.BytesIO", {}, False),
        ("nibabel.load", {}, False),
        ("xarray.open_dataset", {}, False),
    ],
)
def test_what_opens_a_handle(name: str, arguments: dict[str | int, object], opens: bool) -> None:
    assert (handle(name, arguments) is not None) == opens


@pytest.mark.parametrize(
    ("name", "steps", "holds"),
    [
        ("h5py.File", ("[images]",), True),
        ("h5py.File", ("[]",), True),
        ("h5py.File", ("get()",), True),
        ("h5py.File", ("[train]", "[images]"), True),
        ("h5py.File", ("[train]", "get()"), True),
        ("h5py.File", ("[images]", "[:]"), False),
        ("h5py.File", ("[images]", "[]"), False),
        ("h5py.File", ("[images]", "shape"), False),
        ("h5py.File", ("[images]", "attrs", "[kind]"), False),
        ("h5py.File", ("filename",), False),
        ("lmdb.open", ("begin()", "cursor()"), True),
        ("lmdb.open", ("begin()", "get()"), False),
        ("sqlite3.connect", ("cursor()", "execute()"), True),
        ("sqlite3.connect", ("execute()", "fetchall()"), False),
        ("netCDF4.Dataset", ("variables", "[t]"), True),
        ("netCDF4.Dataset", ("variables", "[t]", "[:]"), False),
        ("tifffile.TiffFile", ("pages", "[:]"), True),
        ("tifffile.TiffFile", ("pages", "[:]", "asarray()"), False),
        ("tables.open_file", ("root", "images"), True),
        ("tables.open_file", ("root", "images", "[:]"), False),
        ("numpy.load", ("[x]",), False),
        ("numpy.load", ("files",), False),
        ("open", ("read()",), False),
        ("open", ("[each]",), False),
    ],
)
def test_what_still_holds_the_handle(name: str, steps: tuple[str, ...], holds: bool) -> None:
    assert part(HANDLES[name], steps) == holds


def test_closed_handles_that_can_be_sent() -> None:
    sendable = {name for name, kind in HANDLES.items() if kind.closed == "" and kind.pickle}
    assert {"bz2.open", "lzma.open", "tifffile.TiffFile", "numpy.load", "tables.open_file", "fiona.open"} <= sendable
    assert not {"open", "gzip.open", "h5py.File", "zipfile.ZipFile", "lmdb.open", "sqlite3.connect"} & sendable


def test_openers_and_holders_are_told_apart() -> None:
    assert not handles.HOLDERS & set(HANDLES)
    assert not handles.CONTAINERS & handles.HOLDERS
