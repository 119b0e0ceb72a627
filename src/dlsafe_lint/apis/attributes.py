"""What can't be sent to a spawned worker although it is no handle: locks, generators, clients, modules and the like.

Sources: the evidence tables attributes and handles, for which each kind was kept on a Dataset's self and sent to real
workers (torch 2.13, CPython 3.11, Linux); the rows that they do not have were made and pickled as spawn does it
(tests/test_attributes.py does so again for every row whose library is installed). Under fork nothing is sent, and
nothing that was tried failed. What pickles is left out on purpose: sockets, `iter(list)`, `zip`, `enumerate`,
`itertools`, `re.compile`, loggers by `getLogger`, `Manager().dict()`, `requests.Session`, weak proxies, asyncio locks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlsafe_lint.finding import Confidence


class Kind(NamedTuple):
    """A kind of object that can't be sent.

    Attributes:
        what: what is kept, for a sentence ("a `threading.Lock`").
        error: what a program meets that sends it, under spawn and forkserver alike.
        remedy: what to do instead.
        parts: what still holds it when taken out of it, as `handles.Handle.parts` has it; "*": any attribute or item.
        confidence: how sure a finding about it can be at most.
    """

    what: str
    error: str
    remedy: str
    parts: frozenset[str] = frozenset()
    confidence: Confidence = "certain"


_IN_WORKER = "make it on first use in the worker, and leave it out in `__getstate__`"
_LIST = "keep a list of what it yields, or make it anew where it is read"
_BYTES = "keep what it was made from, and make it where it is used"
_LOCK = "TypeError: cannot pickle '_thread.lock' object"
_RLOCK = "TypeError: cannot pickle '_thread.RLock' object"
_HASH = "TypeError: cannot pickle '_hashlib.HASH' object"
_TEXT = "TypeError: cannot pickle '_io.TextIOWrapper' object"
_GENERATOR = "TypeError: cannot pickle 'generator' object"
_POOL = "NotImplementedError: pool objects cannot be passed between processes or pickled"
_POINTERS = "ValueError: ctypes objects containing pointers cannot be pickled"
_SCRIPTED = "PickleError: ScriptFunction cannot be pickled"
_S3 = "PicklingError: Can't pickle <class 'botocore.client.S3'>: attribute lookup S3 on botocore.client failed"
_RESOURCE = "PicklingError: Can't pickle <class 'boto3.resources.factory.s3.ServiceResource'>"
_ENGINE = "AttributeError: Can't pickle local object 'create_engine.<locals>.connect'"
_GOOGLE = "PicklingError: Pickling client objects is explicitly not supported."
SEMAPHORE = (
    "RuntimeError: A SemLock created in a fork context is being shared with a process in a spawn context. "
    "This is not supported."
)
"""What happens to a lock, queue or value of `multiprocessing` that was made for forked processes."""


def _same(names: str, what: str, error: str, remedy: str, parts: Sequence[str] = ()) -> dict[str, Kind]:
    """Return one row for each of several names."""
    return {
        name: Kind(what.format(name=name.removesuffix("()")), error, remedy, frozenset(parts)) for name in names.split()
    }


ATTRIBUTES: dict[str, Kind] = {
    **_same(
        "threading.Lock() threading.Event() threading.Semaphore() threading.BoundedSemaphore() threading.Barrier() "
        "queue.Queue() queue.LifoQueue() queue.PriorityQueue() concurrent.futures.ProcessPoolExecutor()",
        "a `{name}`",
        _LOCK,
        _IN_WORKER,
    ),
    **_same("threading.Thread() threading.Timer()", "a `{name}`", _LOCK, "start it in the worker"),
    **_same(
        "threading.RLock() threading.Condition() concurrent.futures.Future() sched.scheduler()",
        "a `{name}`",
        _RLOCK,
        _IN_WORKER,
    ),
    "threading.local()": Kind("a `threading.local`", "TypeError: cannot pickle '_thread._local' object", _IN_WORKER),
    **_same(
        "queue.SimpleQueue() concurrent.futures.ThreadPoolExecutor()",
        "a `{name}`",
        "TypeError: cannot pickle '_queue.SimpleQueue' object",
        _IN_WORKER,
    ),
    **_same(
        "multiprocessing.Pool() multiprocessing.pool.ThreadPool() multiprocessing.dummy.Pool()",
        "a pool (`{name}`)",
        _POOL,
        "make it where it is used; what it computes can be kept",
    ),
    "multiprocessing.Manager()": Kind(
        "a `multiprocessing` manager",
        "TypeError: cannot pickle 'weakref.ReferenceType' object",
        "keep only what it made: `Manager().dict()` can be sent",
    ),
    "subprocess.Popen()": Kind("a `subprocess.Popen`", _LOCK, _IN_WORKER),
    "asyncio.new_event_loop()": Kind(
        "an event loop", "AttributeError: Can't pickle local object 'WeakSet.__init__.<locals>._remove'", _IN_WORKER
    ),
    # iterators and views
    "generator": Kind("a generator", _GENERATOR, _LIST),
    "pathlib.Path().glob()": Kind("a generator of paths", _GENERATOR, "keep `sorted(...)` of it"),
    "pathlib.Path().rglob()": Kind("a generator of paths", _GENERATOR, "keep `sorted(...)` of it"),
    "pathlib.Path().iterdir()": Kind("a generator of paths", _GENERATOR, "keep `sorted(...)` of it"),
    "glob.iglob()": Kind("a generator of paths", _GENERATOR, "keep `sorted(...)` of it"),
    **_same("os.walk() os.fwalk()", "a generator of paths", _GENERATOR, "keep `list(...)` of it"),
    "os.scandir()[each]": Kind(
        "`os.DirEntry` objects", "TypeError: cannot pickle 'posix.DirEntry' object", "keep `entry.path` of each"
    ),
    # `multiprocessing.managers` registers a way to send views of dicts; some libraries load it
    **{
        f"{made}().{view}()": Kind(
            "a view of a dict",
            f"TypeError: cannot pickle '{prefix}_{view}' object",
            "keep `list(...)` of it",
            confidence="likely",
        )
        for made, prefix in (("dict", "dict"), ("collections.OrderedDict", "odict"))
        for view in ("keys", "values", "items")
    },
    "re.finditer()": Kind("an iterator of matches", "TypeError: cannot pickle '_sre.SRE_Scanner' object", _LIST),
    **_same(
        "re.match() re.search() re.fullmatch()",
        "a match (`{name}`)",
        "TypeError: cannot pickle 're.Match' object",
        "keep its groups",
    ),
    "iter(torch.utils.data.DataLoader)": Kind(
        "an iterator over a DataLoader",
        "NotImplementedError: ('{} cannot be pickled', '_SingleProcessDataLoaderIter')",
        "keep the loader, and iterate over it where its batches are needed",
    ),
    # the interpreter's own
    "module": Kind(
        "a module", "TypeError: cannot pickle 'module' object", "use the module by its own name, not by an attribute"
    ),
    "os.environ": Kind(
        "`os.environ`",
        "AttributeError: Can't pickle local object '_createenviron.<locals>.encode'",
        "keep the values that are needed, or `dict(os.environ)`",
    ),
    **_same("sys.stdout sys.stderr sys.stdin", "`{name}`", _TEXT, "use it by its own name, not by an attribute"),
    "types.MappingProxyType()": Kind(
        "a `types.MappingProxyType`", "TypeError: cannot pickle 'mappingproxy' object", "keep the dict itself"
    ),
    "memoryview()": Kind("a `memoryview`", "TypeError: cannot pickle memoryview objects", "keep the bytes or an array"),
    "compile()": Kind("a code object", "TypeError: cannot pickle code objects", _BYTES),
    **_same(
        "inspect.currentframe() sys._getframe()", "a frame", "TypeError: cannot pickle 'frame' object", "don't keep it"
    ),
    "weakref.ref()": Kind(
        "a weak reference", "TypeError: cannot pickle 'weakref.ReferenceType' object", "keep the object itself"
    ),
    "weakref.WeakValueDictionary()": Kind(
        "a `weakref.WeakValueDictionary`",
        "AttributeError: Can't pickle local object 'WeakValueDictionary.__init__.<locals>.remove'",
        _IN_WORKER,
    ),
    "weakref.WeakKeyDictionary()": Kind(
        "a `weakref.WeakKeyDictionary`",
        "AttributeError: Can't pickle local object 'WeakKeyDictionary.__init__.<locals>.remove'",
        _IN_WORKER,
    ),
    "weakref.WeakSet()": Kind(
        "a `weakref.WeakSet`",
        "AttributeError: Can't pickle local object 'WeakSet.__init__.<locals>._remove'",
        _IN_WORKER,
    ),
    "contextvars.ContextVar()": Kind(
        "a `contextvars.ContextVar`",
        "TypeError: cannot pickle '_contextvars.ContextVar' object",
        "make it at module level",
    ),
    # the standard library
    **_same(
        "hashlib.new() hashlib.md5() hashlib.sha1() hashlib.sha224() hashlib.sha256() hashlib.sha384() "
        "hashlib.sha512()",
        "a hash object (`{name}`)",
        _HASH,
        "keep its digest, or make it where it is used",
    ),
    "hmac.new()": Kind("an `hmac` object", "TypeError: cannot pickle '_hashlib.HMAC' object", _BYTES),
    "struct.Struct()": Kind(
        "a `struct.Struct`",
        "TypeError: cannot pickle '_struct.Struct' object",
        "make it at module level, or keep its format",
    ),
    "json.JSONDecoder()": Kind(
        "a `json.JSONDecoder`", "TypeError: cannot pickle '_json.Scanner' object", "make it at module level"
    ),
    "zlib.decompressobj()": Kind("a `zlib` decompressor", "TypeError: cannot pickle 'zlib.Decompress' object", _BYTES),
    "zlib.compressobj()": Kind("a `zlib` compressor", "TypeError: cannot pickle 'zlib.Compress' object", _BYTES),
    "bz2.BZ2Decompressor()": Kind(
        "a `bz2` decompressor", "TypeError: cannot pickle '_bz2.BZ2Decompressor' object", _BYTES
    ),
    "lzma.LZMADecompressor()": Kind(
        "an `lzma` decompressor", "TypeError: cannot pickle '_lzma.LZMADecompressor' object", _BYTES
    ),
    **_same(
        "ssl.create_default_context() ssl.SSLContext()",
        "an SSL context",
        "TypeError: cannot pickle 'SSLContext' object",
        _IN_WORKER,
    ),
    "argparse.ArgumentParser()": Kind(
        "an `argparse.ArgumentParser`",
        "AttributeError: Can't pickle local object 'ArgumentParser.__init__.<locals>.identity'",
        "keep the parsed arguments",
    ),
    **_same(
        "logging.FileHandler() logging.StreamHandler() logging.handlers.RotatingFileHandler() "
        "logging.handlers.TimedRotatingFileHandler()",
        "a logging handler (`{name}`)",
        _RLOCK,
        "keep the logger of `logging.getLogger(name)` alone: it is sent by its name",
    ),
    "logging.Logger()": Kind(
        "a logger that `logging` doesn't know",
        "PicklingError: logger cannot be pickled",
        "use `logging.getLogger(name)`: such a logger is sent by its name",
    ),
    **_same(
        "ctypes.pointer() ctypes.c_char_p()", "a `ctypes` pointer", _POINTERS, "make it where it is used, in the worker"
    ),
    **_same(
        "ctypes.CDLL() ctypes.cdll.LoadLibrary()",
        "a library loaded by `ctypes`",
        "AttributeError: Can't pickle local object 'CDLL.__init__.<locals>._FuncPtr'",
        "load it at module level, or on first use in the worker",
    ),
    # torch
    "torch.Generator()": Kind(
        "a `torch.Generator`",
        "RuntimeError: DataLoader worker (pid(s) ...) exited unexpectedly",
        "make it in the worker, seeded with `torch.initial_seed()`",
        frozenset({"manual_seed()"}),
    ),
    "torch.jit.script()": Kind("a scripted function", _SCRIPTED, "script it at module level, or in the worker"),
    **_same(
        "torch.jit.load() torch.jit.script(torch.nn.Module)",
        "a TorchScript module",
        "RuntimeError: Tried to serialize object ... which does not have a __getstate__ method defined!",
        "keep its path, and load it on first use in the worker",
    ),
    **_same(
        "torch.utils.tensorboard.SummaryWriter()",
        "a `SummaryWriter`",
        _LOCK,
        "write from the training loop, which sees every batch",
    ),
    "tensorboardX.SummaryWriter()": Kind(
        "a `SummaryWriter`",
        "TypeError: cannot pickle '_io.BufferedWriter' object",
        "write from the training loop, which sees every batch",
    ),
    # other libraries
    **_same(
        "tqdm.tqdm() tqdm.auto.tqdm() tqdm.trange() tqdm.auto.trange()",
        "a progress bar (`{name}`)",
        _TEXT,
        "keep what it iterates over; show the progress of the loop over the loader",
    ),
    "loguru.logger": Kind("`loguru.logger`", _TEXT, "use it by its own name, not by an attribute"),
    **_same(
        "redis.Redis() redis.StrictRedis() redis.from_url() redis.Redis.from_url()",
        "a Redis client",
        _RLOCK,
        _IN_WORKER,
    ),
    "redis.ConnectionPool()": Kind("a Redis connection pool", _LOCK, _IN_WORKER),
    "pymongo.MongoClient()": Kind(
        "a MongoDB client", _LOCK, _IN_WORKER, frozenset({"*", "get_database()", "get_collection()"})
    ),
    "sqlalchemy.create_engine()": Kind("an SQLAlchemy engine", _ENGINE, _IN_WORKER, frozenset({"connect()"})),
    "sqlalchemy.orm.sessionmaker()": Kind("an SQLAlchemy session maker", _ENGINE, _IN_WORKER),
    "sqlalchemy.orm.Session()": Kind(
        "an SQLAlchemy session", "TypeError: cannot pickle 'weakref.ReferenceType' object", _IN_WORKER
    ),
    "pymysql.connect()": Kind("a MySQL connection", "TypeError: cannot pickle 'SSLContext' object", _IN_WORKER),
    "psycopg2.connect()": Kind(
        "a PostgreSQL connection",
        "TypeError: cannot pickle 'psycopg2.extensions.connection' object",
        _IN_WORKER,
        frozenset({"cursor()"}),
    ),
    "boto3.client()": Kind("a `boto3` client", _S3, _IN_WORKER),
    "boto3.resource()": Kind(
        "a `boto3` resource", _RESOURCE, _IN_WORKER, frozenset({"Bucket()", "Object()", "Table()"})
    ),
    **_same(
        "boto3.Session() boto3.session.Session()",
        "a `boto3` session",
        "AttributeError: Can't pickle local object 'lazy_call.<locals>._handler'",
        _IN_WORKER,
    ),
    **_same("boto3.Session().client() boto3.session.Session().client()", "a `boto3` client", _S3, _IN_WORKER),
    **_same(
        "boto3.Session().resource() boto3.session.Session().resource()", "a `boto3` resource", _RESOURCE, _IN_WORKER
    ),
    "minio.Minio()": Kind("a MinIO client", _RLOCK, _IN_WORKER),
    "elasticsearch.Elasticsearch()": Kind(
        "an Elasticsearch client", "TypeError: cannot pickle '_thread._local' object", _IN_WORKER
    ),
    **_same(
        "google.cloud.storage.Client() google.cloud.storage.Client.create_anonymous_client()",
        "a Google Cloud Storage client",
        _GOOGLE,
        _IN_WORKER,
        ("bucket()", "get_bucket()", "blob()", "get_blob()"),
    ),
    "onnxruntime.InferenceSession()": Kind(
        "an ONNX Runtime session",
        "TypeError: cannot pickle 'onnxruntime.capi.onnxruntime_pybind11_state.InferenceSession' object",
        _IN_WORKER,
    ),
    **{
        f"cv2.{maker}()": Kind(f"a `cv2.{made}`", f"TypeError: cannot pickle 'cv2.{made}' object", _IN_WORKER)
        for maker, made in (
            ("createCLAHE", "CLAHE"),
            ("SIFT_create", "SIFT"),
            ("ORB_create", "ORB"),
            ("FastFeatureDetector_create", "FastFeatureDetector"),
            ("SimpleBlobDetector_create", "SimpleBlobDetector"),
            ("createBackgroundSubtractorMOG2", "BackgroundSubtractorMOG2"),
            ("createBackgroundSubtractorKNN", "BackgroundSubtractorKNN"),
            ("BFMatcher", "BFMatcher"),
            ("FlannBasedMatcher", "FlannBasedMatcher"),
            ("StereoSGBM_create", "StereoSGBM"),
            ("QRCodeDetector", "QRCodeDetector"),
            ("VideoWriter", "VideoWriter"),
            ("UMat", "UMat"),
        )
    },
}
"""What can't be sent, by qualified name: "x()" is what calling ``x`` returns, "x" the object itself."""

MODULES = frozenset(
    {
        "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils.data", "numpy.random", "numpy.linalg", "os.path",
        "torchvision.transforms", "torchvision.transforms.functional", "torchvision.transforms.v2",
        "torchvision.models", "torchvision.datasets", "matplotlib.pyplot", "PIL.Image", "scipy.ndimage", "scipy.signal",
        "skimage.io", "skimage.transform",
    }
)  # fmt: skip
"""Modules that are reached as an attribute or by ``from package import module``."""

OF_A_CONTEXT = frozenset(
    {
        "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier", "Value", "Array", "Queue",
        "JoinableQueue", "SimpleQueue",
    }
)  # fmt: skip
"""What of `multiprocessing` belongs to one start method: with a process of another it fails (see `SEMAPHORE`)."""

ITERATORS = frozenset(
    {"iter", "enumerate", "zip", "map", "filter", "itertools.chain", "itertools.cycle", "itertools.islice"}
)
"""Callables whose result goes on holding the generator or loader that it was given."""

KEEPERS = frozenset({"dict", "types.SimpleNamespace", "argparse.Namespace", "functools.partial", "collections.deque"})
"""Callables whose result holds what it was given."""

READERS = frozenset({"list", "tuple", "sorted", "set", "collections.deque"})
"""Callables whose result holds what iterating over their argument yields."""

DICTS = frozenset(
    {"dict", "collections.defaultdict", "collections.Counter", "json.load", "json.loads", "yaml.safe_load", "vars"}
)
"""Callables that make a dict, as far as someone asks the result for keys, values or items."""

VIEWS = frozenset({"keys", "values", "items"})
"""Methods of a dict that return a view of it."""


def kind(name: str, steps: Sequence[str] = ()) -> Kind | None:
    """Return what a name of a library, or something taken out of what it makes, is in this table; None if nothing.

    Args:
        name: the qualified name; with "()" what calling it returns ("threading.Lock()").
        steps: what is taken out of that: methods ("get()"), attributes ("root"), items ("[images]", "[]", "[:]").
    """
    for count in (1, 0):
        taken = "".join(step if step[:1] == "[" else f".{step}" for step in steps[:count])
        row = ATTRIBUTES.get(name + taken)
        if row is not None:
            return row if all(_holds(row, step) for step in steps[count:]) else None
    return None


def refused(name: str) -> Kind | None:
    """Return what calling a library's ``name`` makes if pickle itself refuses that in every program; else None."""
    row = kind(f"{name}()")
    return row if row is not None and row.confidence == "certain" and "DataLoader worker" not in row.error else None


def _holds(row: Kind, step: str) -> bool:
    return step in row.parts or ("*" in row.parts and not step.endswith("()"))
