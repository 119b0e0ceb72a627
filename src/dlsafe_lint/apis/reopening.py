"""Which handles are as good when they are opened anew, and which calls may run again because they only compute.

Sources: the libraries' documentation, and the evidence tables for what still fails in a forked worker that opens anew.
"""

from __future__ import annotations

ONCE = frozenset(
    {
        # another file each time, a number, or what was read so far would be read again
        "tempfile.NamedTemporaryFile", "tempfile.TemporaryFile", "tempfile.SpooledTemporaryFile",
        "os.open", "os.fdopen", "os.scandir", "csv.reader", "csv.DictReader", "pandas.read_csv", "pandas.read_table",
        "pandas.read_fwf", "pandas.read_json", "pandas.read_hdf", "pickle.Unpickler", "os.popen",
        "urllib.request.urlopen", "torch.from_file", "mmap.mmap",
        # written from the start again
        "csv.writer", "csv.DictWriter", "pickle.Pickler",
        # set up by further calls
        "SimpleITK.ImageFileReader",
        # threads of the library that a forked worker does not have, whoever opens
        "cv2.VideoCapture", "decord.VideoReader", "decord.AVReader", "duckdb.connect",
        "pyvips.Image.new_from_file", "pyvips.Region", "pyvips.Region.new",
    }
)  # fmt: skip
"""Openers whose handle can't be replaced by one that is opened later."""

NOT_ON_FILES = frozenset({"h5py.File", "h5netcdf.File"})
"""Openers that, given an open file instead of a path, crash a spawned worker that keeps them until it ends.

Seen with h5py 3 on HDF5 2.0: segmentation fault in every run.
"""

ONE_AT_A_TIME = frozenset({"lmdb.open", "lmdb.Environment"})
"""Openers that fail while the same file is open in the process: "is already open in this process"."""

READ_IN_ORDER = frozenset(
    {
        "open", "codecs.open", "pathlib.Path().open()", "io.FileIO", "gzip.open", "gzip.GzipFile", "bz2.open",
        "bz2.BZ2File", "lzma.open", "lzma.LZMAFile", "wave.open", "fsspec.open().open()",
        "fsspec.filesystem().open()", "soundfile.SoundFile", "av.open", "imageio.get_reader", "imageio.v2.get_reader",
        "imageio.v3.imopen", "pyarrow.OSFile", "pyarrow.memory_map", "pyarrow.ipc.open_stream",
    }
)  # fmt: skip
"""Openers of what has a position: once something was read, a new handle is at another one."""

_MODE_SECOND = frozenset(
    {
        "open", "codecs.open", "io.FileIO", "gzip.open", "gzip.GzipFile", "bz2.open", "bz2.BZ2File", "lzma.open",
        "lzma.LZMAFile", "zipfile.ZipFile", "zipfile.PyZipFile", "tarfile.open", "tarfile.TarFile",
        "tarfile.TarFile.open", "wave.open", "h5py.File", "h5netcdf.File", "rasterio.open", "fiona.open",
        "fiona.Collection", "netCDF4.Dataset", "tables.open_file", "tables.openFile", "tables.File", "pandas.HDFStore",
        "pysam.AlignmentFile", "pysam.Samfile", "soundfile.SoundFile", "zarr.ZipStore", "zarr.storage.ZipStore",
        "pyarrow.memory_map", "pyarrow.OSFile", "av.open", "tifffile.TiffFile", "tifffile.tifffile.TiffFile",
    }
)  # fmt: skip

RESULT_CLASSES = {"lmdb.open": "Environment", "sqlite3.connect": "Connection", "tarfile.open": "TarFile"}
"""Openers that are functions, and the class in the same module that their handle is an instance of."""

_PLAIN_RESULTS = frozenset(
    {
        "PIL", "argparse", "configparser", "csv", "cv2", "easydict", "ffcv", "glob", "h5netcdf", "h5py", "hydra", "io",
        "json", "lmdb", "logging", "matplotlib", "ml_collections", "netCDF4", "numpy", "omegaconf", "open", "openslide",
        "os", "pandas", "pathlib", "rasterio", "sqlite3", "tables", "tensorboard", "tqdm", "wandb", "xarray", "yacs",
        "yaml", "zarr", "zipfile",
    }
)  # fmt: skip
"""Libraries (and a builtin) that never return a Dataset of the project: they are not given any."""

_IN_MEMORY = frozenset({"sqlite3.connect", "sqlite3.dbapi2.connect", "sqlite3.Connection", "duckdb.connect"})

COMPUTING = frozenset(
    {
        "os.path.join", "os.path.basename", "os.path.dirname", "os.path.splitext", "os.path.split",
        "os.path.expanduser", "os.path.expandvars", "os.path.normpath", "os.path.abspath", "os.path.realpath",
        "os.fspath", "pathlib.Path", "pathlib.PurePath", "str", "int", "len", "list", "tuple", "dict", "range",
        "sorted", "enumerate", "zip", "reversed", "max", "min", "collections.OrderedDict",
    }
)  # fmt: skip
"""Functions that compute their result from their arguments and change nothing."""

ITERATING = frozenset({"zip", "enumerate", "sorted", "list", "tuple", "reversed", "dict", "max", "min"})
"""Those of them that use up an iterator."""

LISTS = frozenset({"list", "tuple", "sorted", "dict", "glob.glob", "os.listdir", "range"})
"""Functions whose result can be iterated again and again."""

COMPUTING_METHODS = frozenset(
    {
        "format", "join", "joinpath", "with_suffix", "with_name", "with_stem", "as_posix", "resolve", "absolute",
        "expanduser", "relative_to", "replace", "strip", "lstrip", "rstrip", "removesuffix", "removeprefix", "lower",
        "upper", "capitalize", "title", "zfill", "split", "rsplit", "items", "keys", "values", "get",
    }
)  # fmt: skip
"""The same as methods: of strings, paths and mappings."""


def mode(name: str, positional: int) -> bool:
    """Whether the argument at a position is the mode in which the opener opens.

    Args:
        name: qualified name of the opener.
        positional: the argument's index.
    """
    return positional == (0 if name == "pathlib.Path().open()" else 1) and (
        name in _MODE_SECOND or name == "pathlib.Path().open()"
    )


def only_reads(text: object) -> bool:
    """Whether a file that is opened in this mode again is as it was: nothing is emptied, created or written.

    Args:
        text: the mode, `...` if it is not known.
    """
    return isinstance(text, str) and not set(text) & set("wax+")


def may_return_dataset(name: str) -> bool:
    """Whether what a call of a library returns may hold an object of the project: ``get_worker_info``, ``Subset``.

    Args:
        name: qualified name of what is called.
    """
    return name.partition(".")[0] not in _PLAIN_RESULTS


def in_memory(name: str, first: object) -> bool:
    """Whether a database is gone with its connection.

    Args:
        name: qualified name of the opener.
        first: its first argument: the value of a literal, None without one, `...` for anything else.
    """
    return name in _IN_MEMORY and (first is None or first in ("", ":memory:"))
