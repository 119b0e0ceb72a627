"""What opens a handle, and what becomes of such a handle when worker processes start.

A handle is an object tied to something that the process has open: a file, an archive, a database, a video. Source: the
evidence tables, for which every kind was kept on a Dataset's self and read by real workers under each start method
(torch 2.13, CPython 3.11, Linux). Readers that pickle and read right under fork (arrays, memory maps of numpy, xarray,
zarr directories, nibabel, pydicom, files in memory) are no handles here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dlsafe_lint.finding import Confidence

SAME = "same"


class Handle(NamedTuple):
    """A kind of handle.

    Attributes:
        what: what is kept, for a sentence ("open `zipfile.ZipFile`").
        pickle: the error when a spawned or forkserver worker is sent it; "" if it can be sent.
        fork: what forked workers that share it meet; "" if all that they read was right.
        closed: the error when it is sent after it was closed; `SAME`: as if it were open; "": it can be sent then.
        parts: what still holds the handle when taken out of it: methods ("cursor()"), attributes ("variables"), items
            by a name ("[name]"), by something unknown ("[]") or by number or slice ("[:]"). "pages[:]" holds only after
            "pages", "values()[each]" is what iterating over them yields, "[each][#1]" the second of such a pair,
            "root.*" any attribute after "root"; "[]" and "[:]" alone hold only as the first step. Everything else is
            read out.
        warned: what its library says about fork although the forked workers read right.
        confidence: how sure a finding about it can be at most.
        forkserver: what forkserver workers meet where it differs from spawn.
        apart: the error when what is taken out of it is sent, by the last step, where it is another one.
    """

    what: str
    pickle: str
    fork: str = ""
    closed: str = SAME
    parts: frozenset[str] = frozenset()
    warned: str = ""
    confidence: Confidence = "certain"
    forkserver: str = SAME
    apart: tuple[tuple[str, str], ...] = ()


_READER = "TypeError: cannot pickle '_io.BufferedReader' object"
_TEXT = "TypeError: cannot pickle '_io.TextIOWrapper' object"
_POINTERS = "ValueError: ctypes objects containing pointers cannot be pickled"
_CINIT = "TypeError: no default __reduce__ due to non-trivial __cinit__"
_WEAK = "AttributeError: Can't pickle local object 'WeakValueDictionary.__init__.<locals>.remove'"
_OFFSET = "the workers move each other's file offset: "
_SILENT = f"{_OFFSET}wrong data, silently"

_H5 = frozenset(
    {
        "[name]", "[]", "get()", "file", "parent", "keys()", "values()", "items()", "values()[each]", "items()[each]",
        "[each][#1]",
        "create_dataset()", "create_group()", "require_dataset()", "require_group()",
    }
)  # fmt: skip
_NETCDF = frozenset(
    {"variables", "groups", "variables[name]", "variables[]", "groups[name]", "groups[]", "[name]", "[]"}
)

# what reads is wrapped since smart_open 6.4; what writes is not sent either
_PROXY = "NotImplementedError: object proxy must define __reduce__()"
_FILE = Handle("open file", _TEXT, _SILENT, parts=frozenset({"buffer", "detach()"}))
_BINARY_FILE = _FILE._replace(pickle=_READER)
_WRITTEN = "TypeError: cannot pickle '_io.BufferedWriter' object"
_BOTH_WAYS = "TypeError: cannot pickle '_io.BufferedRandom' object"
_NOT_STEPPED = "TypeError: self.dims,self.dims_chunk,self.maxdims cannot be converted to a Python object for pickling"
_H5PY = Handle(
    "open `h5py` file",
    "TypeError: h5py objects cannot be pickled",
    parts=_H5,
    warned="with HDF5 before 1.12 (h5py 2 wheels) the workers move each other's file offset: wrong data, silently",
)
_LMDB = Handle(
    "open `lmdb` environment",
    "TypeError: cannot pickle 'Environment' object",
    "with `lock=True`, the default, the workers use up the reader slots: lmdb.ReadersFullError",
    parts=frozenset({"begin()", "cursor()", "open_db()"}),
    warned="LMDB forbids the use of an environment in a forked process",
    apart=(
        ("begin()", "TypeError: cannot pickle 'Transaction' object"),
        ("cursor()", "TypeError: cannot pickle 'Cursor' object"),
        ("open_db()", "TypeError: cannot pickle '_Database' object"),
    ),
)
_SLIDE = Handle(
    "open `openslide` slide",
    _POINTERS,
    parts=frozenset({"properties", "associated_images"}),
)
_SLIDEIO = Handle(
    "open `slideio` slide",
    "TypeError: cannot pickle 'slideio.core.libs.slideiopybind.Slide' object",
    parts=frozenset({"get_scene()", "get_scene_by_name()"}),
    apart=tuple(
        (step, "TypeError: cannot pickle 'slideio.core.libs.slideiopybind.Scene' object")
        for step in ("get_scene()", "get_scene_by_name()")
    ),
)
_SAFETENSORS = Handle(
    "open `safetensors` file",
    "TypeError: cannot pickle 'builtins.safe_open' object",
    parts=frozenset({"get_slice()"}),
    apart=(("get_slice()", "TypeError: cannot pickle 'builtins.PySafeSlice' object"),),
)
_DBM = Handle(
    "open `dbm` database",
    "TypeError: cannot pickle '_dbm.dbm' object (`dbm.dumb`, the last resort, can be sent)",
    closed="",
    confidence="possible",
)
_SQLITE = Handle(
    "open `sqlite3` connection",
    "TypeError: cannot pickle 'sqlite3.Connection' object",
    parts=frozenset({"cursor()", "execute()", "executemany()"}),
    apart=tuple(
        (step, "TypeError: cannot pickle 'sqlite3.Cursor' object")
        for step in ("cursor()", "execute()", "executemany()")
    ),
    warned="SQLite forbids the use of a connection in a forked process",
)
_NPZ = Handle(
    "open `.npz` archive",
    _READER,
    f"{_OFFSET}zipfile.BadZipFile",
    closed="",
    parts=frozenset({"zip", "fid", "f", "keys()", "values()", "items()"}),
)
_ZIP = Handle(
    "open `zipfile.ZipFile`",
    _READER,
    f"{_OFFSET}zipfile.BadZipFile",
    closed="TypeError: cannot pickle '_thread.RLock' object",
    parts=frozenset({"open()"}),
)
_TAR = Handle(
    "open `tarfile`",
    _READER,
    f"{_OFFSET}exceptions, and now and then wrong data silently",
    parts=frozenset({"extractfile()", "fileobj"}),
    apart=(("extractfile()", "TypeError: cannot pickle 'ExFileObject' object"),),
)
_GZIP = Handle("open `gzip` file", _READER, f"{_OFFSET}zlib.error")
_BZ2 = Handle("open `bz2` file", _READER, f"{_OFFSET}EOFError", closed="")
_LZMA = Handle("open `lzma` file", _READER, f"{_OFFSET}EOFError, and now and then wrong data silently", closed="")
_TIFF = Handle(
    "open `tifffile.TiffFile`",
    _READER,
    f"{_OFFSET}exceptions, and now and then wrong data silently",
    closed="",
    parts=frozenset({"pages", "series", "filehandle", "pages[:]", "pages[]", "series[:]", "series[]", "aszarr()"}),
)
_TIFF_STORE = Handle(
    "open `tifffile` zarr store",
    "TypeError: cannot pickle '_thread.RLock' object (of the store alone: '_io.BufferedReader')",
    warned="once the parent has read from it: exceptions and wrong data",
)
_IMAGEIO = Handle("open `imageio` reader", _READER, f"{_OFFSET}exceptions, and now and then wrong data silently")
_CURSOR_OF_ROWS = Handle("`csv` reader on an open file", "TypeError: cannot pickle '_csv.reader' object", _SILENT)
_WRITER_OF_ROWS = Handle("`csv` writer on an open file", "TypeError: cannot pickle '_csv.writer' object")
_CHUNKS = Handle(
    "`pandas` reader on an open file",
    _READER,
    f"{_OFFSET}pandas.errors.ParserError, and now and then wrong data silently",
)
_TEMPORARY = Handle("open temporary file", "TypeError: cannot pickle '_io.BufferedRandom' object", _SILENT)
_OPEN_FSSPEC = Handle("open `fsspec` file", "", _SILENT)
_ZIP_STORE = Handle("open `zarr` zip store", "", f"{_OFFSET}zipfile.BadZipFile")
_RASTER = Handle(
    "open `rasterio` dataset",
    "TypeError: self._hds cannot be converted to a Python object for pickling",
    f"{_OFFSET}rasterio.errors.RasterioIOError",
)
_VIDEO = Handle(
    "open `decord` video",
    _POINTERS,
    "its threads don't exist in a forked process: the loader waits for ever",
)
_TABLES = Handle(
    "open `tables` file",
    _WEAK,
    closed="",
    parts=frozenset({"root", "get_node()", "root.*", "create_array()", "create_table()", "create_earray()"}),
    apart=tuple((step, _NOT_STEPPED) for step in ("get_node()", "root.*", "create_array()", "create_earray()")),
)
_NETCDF4 = Handle(
    "open `netCDF4` dataset",
    "NotImplementedError: Dataset is not picklable",
    parts=_NETCDF | {"dimensions"},
    apart=tuple((step, "NotImplementedError: Variable is not picklable") for step in ("variables", "[name]", "[]")),
    warned="netCDF 3 files: the workers move each other's file offset: exceptions and wrong data",
)
_ARROW = Handle("open `pyarrow` file", _CINIT)
_VIPS = Handle(
    "`pyvips` image",
    "TypeError: cannot pickle '_cffi_backend._CDataBase' object",
    "its threads don't exist in a forked process: once the parent has read, the loader waits for ever",
)
_VIPS_REGION = Handle(
    "`pyvips` region",
    _VIPS.pickle,
    warned="once the parent has read from it: now and then wrong data",
)
_PIL = Handle(
    "lazily opened `PIL` image",
    "",
    "the workers read the picture through one file: OSError: image file is truncated, or a wrong picture silently",
    confidence="possible",
)

HANDLES: dict[str, Handle] = {
    "open": _FILE,
    "codecs.open": _FILE,
    "os.fdopen": _FILE,
    "pathlib.Path().open()": _FILE,
    "io.FileIO": _FILE._replace(pickle="TypeError: cannot pickle '_io.FileIO' object"),
    "os.open": Handle(
        "file descriptor",
        "the number means another file in the worker, or none: OSError: Illegal seek",
        _SILENT,
        closed="",
        forkserver="the number means another file in the worker: wrong data, silently",
    ),
    "os.scandir": Handle("open `os.scandir` iterator", "TypeError: cannot pickle 'posix.ScandirIterator' object"),
    "os.popen": Handle("open pipe", _TEXT, "the workers read from one pipe: wrong data, silently"),
    "urllib.request.urlopen": Handle("open connection", _READER, "the workers share it: wrong data, silently"),
    "smart_open.open": _FILE._replace(pickle=_PROXY),
    "smart_open.smart_open": _FILE,
    "importlib.resources.open_text": _FILE,
    "importlib.resources.open_binary": _BINARY_FILE,
    "pickle.Unpickler": Handle(
        "`pickle.Unpickler` on an open file",
        "TypeError: cannot pickle '_pickle.Unpickler' object",
        f"{_OFFSET}exceptions, and now and then wrong data silently",
    ),
    "pickle.Pickler": Handle("`pickle.Pickler` on an open file", "TypeError: cannot pickle '_pickle.Pickler' object"),
    "csv.writer": _WRITER_OF_ROWS,
    "csv.DictWriter": _WRITER_OF_ROWS,
    "csv.reader": _CURSOR_OF_ROWS,
    "csv.DictReader": _CURSOR_OF_ROWS,
    "gzip.open": _GZIP,
    "gzip.GzipFile": _GZIP,
    "bz2.open": _BZ2,
    "bz2.BZ2File": _BZ2,
    "lzma.open": _LZMA,
    "lzma.LZMAFile": _LZMA,
    "zipfile.ZipFile": _ZIP,
    "zipfile.PyZipFile": _ZIP,
    "zipfile.Path": _ZIP._replace(what="`zipfile.Path` into an open archive", parts=frozenset({"open()", "root"})),
    "shelve.open": _DBM._replace(what="open `shelve` database"),
    "dbm.open": _DBM,
    "tarfile.open": _TAR,
    "tarfile.TarFile": _TAR,
    "tarfile.TarFile.open": _TAR,
    "mmap.mmap": Handle("open `mmap`", "TypeError: cannot pickle 'mmap.mmap' object"),
    "wave.open": Handle("open `wave` file", _READER, _SILENT),
    "sqlite3.connect": _SQLITE,
    "sqlite3.dbapi2.connect": _SQLITE,
    "sqlite3.Connection": _SQLITE,
    "tempfile.NamedTemporaryFile": _TEMPORARY,
    "tempfile.TemporaryFile": _TEMPORARY,
    "h5py.File": _H5PY,
    "h5netcdf.File": Handle(
        "open `h5netcdf` file",
        "TypeError: cannot pickle 'module' object",
        parts=_NETCDF,
        apart=tuple(
            (step, "TypeError: cannot pickle 'weakref.ReferenceType' object") for step in ("variables", "[name]", "[]")
        ),
    ),
    "lmdb.open": _LMDB,
    "lmdb.Environment": _LMDB,
    "duckdb.connect": Handle(
        "open `duckdb` connection",
        "TypeError: cannot pickle 'DuckDBPyConnection' object",
        parts=frozenset({"cursor()", "execute()", "sql()", "query()", "table()"}),
    ),
    "rasterio.open": _RASTER,
    "rasterio.vrt.WarpedVRT": _RASTER,
    "fiona.open": Handle(
        "open `fiona` collection",
        "TypeError: self.cogr_ds,self.cogr_layer cannot be converted to a Python object for pickling",
        closed="",
    ),
    "fiona.Collection": Handle(
        "open `fiona` collection",
        "TypeError: self.cogr_ds,self.cogr_layer cannot be converted to a Python object for pickling",
        closed="",
    ),
    "openslide.OpenSlide": _SLIDE,
    "openslide.ImageSlide": _PIL._replace(what="`openslide` slide of a lazily opened `PIL` image"),
    "openslide.open_slide": _SLIDE,
    "openslide.deepzoom.DeepZoomGenerator": _SLIDE._replace(what="`openslide` deep zoom generator on an open slide"),
    "slideio.open_slide": _SLIDEIO,
    "slideio.Slide": _SLIDEIO,
    "tifffile.TiffFile": _TIFF,
    "tifffile.tifffile.TiffFile": _TIFF,
    "PIL.Image.open": _PIL,
    "numpy.load": _NPZ,
    "numpy.lib.npyio.NpzFile": _NPZ,
    "cv2.VideoCapture": Handle(
        "open `cv2.VideoCapture`",
        "TypeError: cannot pickle 'cv2.VideoCapture' object",
        "the workers share one decoder: wrong frames, silently, or the loader waits for ever",
    ),
    "av.open": Handle(
        "open `av` container",
        _CINIT,
        f"{_OFFSET}av.error.InvalidDataError, or the loader waits for ever",
        parts=frozenset({"streams", "streams[:]", "video", "video[:]", "audio", "audio[:]", "decode()", "demux()"}),
    ),
    "decord.VideoReader": _VIDEO,
    "decord.AudioReader": Handle("`decord` audio", _POINTERS),
    "decord.AVReader": _VIDEO,
    "imageio.get_reader": _IMAGEIO,
    "imageio.v2.get_reader": _IMAGEIO,
    "imageio.v3.imopen": _IMAGEIO,
    "soundfile.SoundFile": Handle(
        "open `soundfile.SoundFile`", "TypeError: cannot pickle '_cffi_backend.__CDataOwn' object", _SILENT
    ),
    "netCDF4.Dataset": _NETCDF4,
    "netCDF4.MFDataset": _NETCDF4,
    "zarr.ZipStore": _ZIP_STORE,
    "zarr.storage.ZipStore": _ZIP_STORE,
    "pyarrow.memory_map": _ARROW,
    "pyarrow.OSFile": _ARROW._replace(fork=_SILENT),
    "pyarrow.ipc.open_file": _ARROW,
    "pyarrow.ipc.open_stream": _ARROW,
    "pyarrow.ipc.RecordBatchFileReader": _ARROW,
    "pyarrow.parquet.ParquetFile": _ARROW,
    "pandas.HDFStore": Handle("open `pandas.HDFStore`", _WEAK, parts=frozenset({"get_storer()", "get_node()", "root"})),
    "pandas.read_csv": _CHUNKS,
    "pandas.read_table": _CHUNKS,
    "pandas.read_fwf": Handle("`pandas` reader on an open file", _TEXT, _SILENT),
    "pandas.read_json": Handle("`pandas` reader on an open file", _TEXT, _SILENT),
    "pandas.read_hdf": Handle("`pandas` reader on an open file", _WEAK),
    "tables.open_file": _TABLES,
    "tables.openFile": _TABLES,
    "tables.File": _TABLES,
    "SimpleITK.ImageFileReader": Handle(
        "`SimpleITK.ImageFileReader`", "TypeError: cannot pickle 'swig_runtime_data5.SwigPyObject' object"
    ),
    "pysam.FastaFile": Handle("open `pysam` file", _CINIT, f"{_OFFSET}BlockingIOError, and wrong data silently"),
    "pysam.Fastafile": Handle("open `pysam` file", _CINIT, f"{_OFFSET}BlockingIOError, and wrong data silently"),
    "pysam.AlignmentFile": Handle("open `pysam` file", _CINIT, f"{_OFFSET}OSError: truncated file"),
    "pysam.Samfile": Handle("open `pysam` file", _CINIT, f"{_OFFSET}OSError: truncated file"),
    "safetensors.safe_open": _SAFETENSORS,
    "safetensors.torch.safe_open": _SAFETENSORS,
    "torch.from_file": Handle("tensor mapped to a file", "OSError: Bad file descriptor", closed=""),
    "fsspec.open().open()": _OPEN_FSSPEC,
    "fsspec.filesystem().open()": _OPEN_FSSPEC,
    "fsspec.implementations.local.LocalFileSystem().open()": _OPEN_FSSPEC,
    "rasterio.MemoryFile().open()": _RASTER._replace(fork=""),
    "rasterio.io.MemoryFile().open()": _RASTER._replace(fork=""),
    "nibabel.load": Handle(
        "`nibabel` image that keeps its file open",
        f"{_READER}, once the parent has read from it",
        "once the parent has read from it: wrong data, silently",
    ),
    "pyvips.Image.new_from_file": _VIPS,
    "pyvips.Region": _VIPS_REGION,
    "pyvips.Region.new": _VIPS_REGION,
    "tifffile.imread": _TIFF_STORE,
}
"""Openers by qualified name; "f().m()" is the method ``m`` of what ``f`` returns."""

LIBRARIES = frozenset(name.partition(".")[0] for name in HANDLES if "." in name)
"""The libraries that have an opener."""
ONLY_IN_WORKERS = frozenset(
    HANDLES[name].what
    for name in ("cv2.VideoCapture", "decord.VideoReader", "duckdb.connect", "pyvips.Image.new_from_file")
)
"""Kinds (`Handle.what`) that a forked worker can't even open anew once the parent has read from one."""

HOLDERS = frozenset(
    {
        "iter", "enumerate", "reversed", "zip", "map", "memoryview", "functools.partial", "contextlib.closing",
        "io.TextIOWrapper", "io.BufferedReader", "itertools.islice", "itertools.chain", "itertools.cycle",
        "zarr.open", "zarr.open_array", "zarr.open_group", "zarr.group", "zarr.Group", "zarr.Array", "tqdm.tqdm",
        "dict.fromkeys", "types.SimpleNamespace", "argparse.Namespace", "contextlib.ExitStack().enter_context()",
    }
)  # fmt: skip
"""Callables whose result holds the handles among their arguments."""

CONTAINERS = frozenset({"list", "tuple", "set", "dict", "sorted", "collections.OrderedDict", "collections.deque"})
"""Callables whose result holds what a collection among their arguments holds; a handle itself is read out."""

PATHS = frozenset({"pathlib.Path", "pathlib.Path.home", "pathlib.Path.cwd", "importlib.resources.files"})
"""Callables that make a path; what its methods and attributes give is taken for a path again."""

TELLING = ("mode", "buffering", "encoding", "lock", "chunksize", "iterator", "aszarr", "keep_file_open", "mmap")
"""Arguments that tell what kind of handle a call opens."""

READ_DESCRIPTORS = frozenset({"os.read", "os.readv", "os.pread", "os.preadv", "os.lseek", "os.fdopen", "os.sendfile"})
"""Functions that read through a file descriptor."""

CLOSERS = frozenset({"close", "release"})
"""Methods that close a handle."""


def handle(name: str, arguments: Mapping[str | int, object]) -> Handle | None:
    """Return what kind of handle a call opens.

    Args:
        name: qualified name of what is called.
        arguments: the call's arguments by name and position: the value of a literal, `...` for anything else; "**" is
            among them if the call has one.

    Returns:
        The kind, as exactly as the arguments tell; None if the call opens none. For ``numpy.load`` the caller must know
        that the file is an archive.
    """
    kind = HANDLES.get(name)
    if kind is None:
        return None
    match name:
        case "smart_open.open":
            return kind._replace(fork="") if _writes(arguments.get("mode", arguments.get(1))) else kind
        case "open" | "os.fdopen" | "smart_open.smart_open":
            return _file(kind, arguments.get("mode", arguments.get(1)), arguments.get("buffering", arguments.get(2)))
        case "codecs.open":
            kind = _file(kind, arguments.get("mode", arguments.get(1)), ...)
            decodes = arguments.get("encoding", arguments.get(2)) is not None
            return kind._replace(pickle="TypeError: can't serialize StreamReaderWriter") if decodes else kind
        case "pathlib.Path().open()":
            return _file(kind, arguments.get("mode", arguments.get(0)), arguments.get("buffering", arguments.get(1)))
        case "lmdb.open" | "lmdb.Environment":
            locked = arguments.get("lock", ... if "**" in arguments else True)
            return kind if locked is True else kind._replace(fork="")
        case _ if name.startswith("pandas.read_"):
            chunks, iterator = arguments.get("chunksize"), arguments.get("iterator")
            return kind if (chunks and chunks is not ...) or iterator is True else None
        case "tifffile.imread":
            return kind if arguments.get("aszarr") is True else None
        case "nibabel.load":
            return kind if arguments.get("keep_file_open") is True and arguments.get("mmap") is False else None
        case "gzip.open" | "bz2.open" | "lzma.open":
            mode = arguments.get("mode", arguments.get(1))
            if isinstance(mode, str) and "t" in mode:
                return kind._replace(pickle=_TEXT, closed=SAME, fork="" if _writes(mode) else kind.fork)
            return kind._replace(pickle=_WRITTEN, fork="") if _writes(mode) else kind
        case "io.FileIO" | "zipfile.ZipFile" | "tarfile.open" | "wave.open":
            return kind._replace(fork="") if _writes(arguments.get("mode", arguments.get(1))) else kind
    return kind


def _writes(mode: object) -> bool:
    """Whether a mode only writes: what is read from a shared offset is wrong, what is written was not tried."""
    return isinstance(mode, str) and any(letter in mode for letter in "wax") and "+" not in mode


def _file(kind: Handle, mode: object, buffering: object) -> Handle:
    if not isinstance(mode, str):
        return kind
    if "b" in mode:
        kind = kind._replace(pickle=_BOTH_WAYS if "+" in mode else _WRITTEN if _writes(mode) else _READER)
        if buffering == 0 and buffering is not False:
            kind = kind._replace(pickle="TypeError: cannot pickle '_io.FileIO' object")
    return kind._replace(fork="") if _writes(mode) else kind


def added(name: str) -> Handle:
    """Return the kind of handle that the setting ``extend-handles`` makes of an opener.

    Args:
        name: its qualified name. Nothing is known but that what it opens can't be pickled.
    """
    return Handle(f"open `{name}` handle", "it can't be pickled")


def taken(kind: Handle, steps: Sequence[str]) -> Handle | None:
    """Return what kind of handle is taken out of a handle by these steps, None if it holds none; see `part`."""
    if not part(kind, steps):
        return None
    step = ("[name]" if _is_name(steps[-1]) else steps[-1]) if steps else ""
    for last, error in kind.apart:
        if last == step or (last.endswith(".*") and last[:-2] in steps[:-1]):
            # what was seen of the whole handle under fork need not hold for its part: a transaction uses no new slot
            return kind._replace(pickle=error, fork="" if kind.warned else kind.fork)
    return kind


def _is_name(step: str) -> bool:
    return step[:1] == "[" and step[:2] != "[#" and step not in ("[]", "[:]", "[each]")


def part(kind: Handle, steps: Sequence[str]) -> bool:
    """Whether what is taken out of a handle by these steps still holds it.

    Args:
        kind: the handle.
        steps: methods ("get()"), attributes ("root") and items ("[images]", "[]", "[:]", "[#1]"), in order.
    """
    before = ""
    for step in steps:
        known = "[name]" if _is_name(step) else step
        if step[:2] == "[#" and f"{before}{step}" not in kind.parts:
            known = "[:]"
        alone = known in kind.parts and (not before or known not in ("[]", "[:]"))
        wide = f"{before}.*" in kind.parts and step[:1] != "[" and not step.endswith(")")
        if not (alone or wide or f"{before}{known}" in kind.parts):
            return False
        before = known
    return True
