"""What a statement at the top level of a program does besides giving names values: to the process, to files, to others.

A worker that is spawned imports the program's file. What that runs is repeated there; what it doesn't run, the worker
doesn't have. Sources: the documentation of the functions; `multiprocessing.spawn.get_preparation_data` (a worker gets
the parent's `sys.path`, `sys.argv` and environment, but starts in the folder in which the program was started);
`torch.utils.data._utils.worker._worker_loop` (a loader's workers are seeded anew, and run one thread).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Effect: TypeAlias = Literal["nothing", "output", "files", "random", "settings", "anything"]
"""What a call does.

``nothing`` but give a value or change what it is called on; ``output``: prints or reports; ``files``: reads or changes
files; ``random``: sets or draws random numbers; ``settings``: sets something that other code reads; ``anything``: not
known.
"""

_EFFECTS: dict[str, Effect] = {
    **dict.fromkeys(
        ("print", "pprint.", "tqdm.", "wandb.", "builtins.input", "input", "time.", "rich.print"), "output"
    ),
    **dict.fromkeys(("sys.stdout.", "sys.stderr.", "traceback."), "output"),
    **dict.fromkeys(
        ("logging.info", "logging.debug", "logging.warning", "logging.error", "logging.getLogger"), "output"
    ),
    **dict.fromkeys(("torch.utils.tensorboard.", "tensorboardX.", "neptune.", "mlflow.", "comet_ml."), "output"),
    **dict.fromkeys(
        ("os.mkdir", "os.makedirs", "os.remove", "os.unlink", "os.rmdir", "os.removedirs", "os.rename"), "files"
    ),
    **dict.fromkeys(("os.replace", "os.symlink", "os.link", "os.listdir", "os.walk", "os.scandir", "os.stat"), "files"),
    **dict.fromkeys(("open", "shutil.", "tempfile.", "glob.", "json.", "yaml.", "csv.", "pickle."), "files"),
    **dict.fromkeys(("torch.load", "torch.save", "numpy.load", "numpy.save", "numpy.savez", "numpy.loadtxt"), "files"),
    **dict.fromkeys(
        ("numpy.savetxt", "pandas.read_csv", "pandas.read_json", "h5py.File", "zipfile.", "gzip."), "files"
    ),
    **dict.fromkeys(("urllib.request.", "requests.", "gdown.", "wget."), "files"),
    **dict.fromkeys(("multiprocessing.set_start_method", "torch.multiprocessing.set_start_method"), "settings"),
    "os.chdir": "anything",  # the same file names are others then
    **dict.fromkeys(("random.", "numpy.random.", "torch.rand", "torch.randn", "torch.randint"), "random"),
    **dict.fromkeys(("torch.randperm", "torch.normal"), "random"),
    **dict.fromkeys(("argparse.", "os.path.", "os.environ.get", "os.getenv", "os.getcwd", "os.cpu_count"), "nothing"),
    **dict.fromkeys(("pathlib.", "re.", "math.", "collections.", "itertools.", "functools.", "datetime."), "nothing"),
    **dict.fromkeys(("platform.", "typing.", "dataclasses.", "copy.", "torchvision.transforms."), "nothing"),
    **dict.fromkeys(("torch.device", "torch.cuda.is_available", "torch.cuda.device_count"), "nothing"),
    **dict.fromkeys(("numpy.array", "numpy.zeros", "numpy.ones", "numpy.arange", "sys.exit"), "nothing"),
    **dict.fromkeys(("exit", "quit", "len", "range", "str", "int", "float", "bool", "list", "dict", "set"), "nothing"),
    **dict.fromkeys(("tuple", "sorted", "min", "max", "sum", "abs", "round", "zip", "enumerate", "vars"), "nothing"),
    **dict.fromkeys(("getattr", "hasattr", "isinstance", "type", "repr", "map", "filter", "any", "all"), "nothing"),
}
"""What library functions do; a dot at the end stands for all of a module."""

_METHODS: dict[str, Effect] = {
    **dict.fromkeys(("add_argument", "add_argument_group", "add_mutually_exclusive_group", "add_parser"), "nothing"),
    **dict.fromkeys(("parse_args", "parse_known_args", "set_defaults", "add_subparsers", "add_option"), "nothing"),
    **dict.fromkeys(("append", "extend", "update", "setdefault", "sort", "add", "join", "split", "format"), "nothing"),
    **dict.fromkeys(("items", "keys", "values", "get", "copy", "to", "cuda", "cpu", "eval", "parameters"), "nothing"),
    **dict.fromkeys(("mkdir", "unlink", "rmdir", "touch", "rename", "write_text", "read_text", "exists"), "files"),
    **dict.fromkeys(("write", "writelines", "read", "readlines", "flush", "close", "to_csv", "save"), "files"),
    **dict.fromkeys(("info", "debug", "warning", "error", "setLevel", "addHandler", "add_scalar"), "output"),
}
"""What methods do whose object isn't known, by their names."""

ONCE = frozenset(
    {
        *("os.mkdir", "os.remove", "os.unlink", "os.rmdir", "os.removedirs", "os.rename", "os.symlink", "os.link"),
        *("shutil.rmtree", "shutil.move", "shutil.copytree", "socket.create_server", "wandb.init", "input"),
        *("tempfile.mkdtemp", "tempfile.TemporaryDirectory", "tempfile.NamedTemporaryFile", "tempfile.mkstemp"),
        *("builtins.input",),
    }
)
"""What fails, asks again, leaves something behind or destroys what is there where it is run a second time."""

OPENERS = frozenset({"open", "io.open", "gzip.open", "h5py.File", "zipfile.ZipFile", "logging.basicConfig"})
"""What opens a file, in the mode that its second argument or ``mode`` or ``filemode`` says."""

UNLESS_TOLD = {"os.makedirs": "exist_ok", "shutil.copytree": "dirs_exist_ok"}
"""What fails the second time unless the argument says otherwise."""

_SEEDS = frozenset(
    {
        *(
            "random.seed",
            "numpy.random.seed",
            "torch.manual_seed",
            "torch.cuda.manual_seed",
            "torch.random.manual_seed",
        ),
        *("torch.cuda.manual_seed_all", "torch.use_deterministic_algorithms", "transformers.set_seed", "torch.seed"),
        *("lightning.pytorch.seed_everything", "lightning.seed_everything", "accelerate.utils.set_seed"),
    }
)
_REPEATED = frozenset(
    {
        *("warnings.filterwarnings", "warnings.simplefilter", "sys.setrecursionlimit", "resource.setrlimit"),
        *("sys.path.insert", "sys.path.append", "sys.path.extend", "site.addsitedir", "os.chdir", "os.environ.update"),
        *(
            "os.environ.setdefault",
            "os.putenv",
            "locale.setlocale",
            "logging.disable",
            "logging.captureWarnings",
            "logging.basicConfig",
        ),
        *("torch.set_default_dtype", "torch.set_default_tensor_type", "torch.set_default_device"),
        *("torch.set_num_threads", "torch.set_num_interop_threads", "torch.set_grad_enabled"),
        *("torch.set_printoptions", "torch.set_float32_matmul_precision", "torch.set_flush_denormal"),
        *("torch.multiprocessing.set_sharing_strategy", "torch.autograd.set_detect_anomaly"),
        *("numpy.set_printoptions", "numpy.seterr", "pandas.set_option", "pandas.options"),
        *("matplotlib.use", "matplotlib.pyplot.switch_backend", "matplotlib.pyplot.style.use", "matplotlib.rc"),
        *("seaborn.set", "seaborn.set_style", "seaborn.set_theme", "seaborn.set_context"),
        *("cv2.setNumThreads", "cv2.ocl.setUseOpenCL", "cv2.setUseOptimized", "decimal.getcontext"),
        *("torchaudio.set_audio_backend", "torchvision.set_image_backend", "torchvision.set_video_backend"),
        *("transformers.logging.set_verbosity_error", "transformers.utils.logging.set_verbosity_error"),
        *("datasets.disable_progress_bar", "faulthandler.enable", "nest_asyncio.apply", "mimetypes.init"),
    }
)
"""Calls that set something which workers need as well and that may be repeated in each."""

_NOT_FOR_WORKERS = (
    *("subprocess.", "os.system", "multiprocessing.set_start_method", "torch.multiprocessing.set_start_method"),
    *("sys.path", "sys.argv", "os.environ", "os.putenv", "site.", "torch.backends.", "torch.cuda.", "nest_asyncio."),
    *("matplotlib.", "seaborn.", "torch.set_printoptions", "numpy.set_printoptions", "faulthandler.", "pandas."),
)
"""What workers inherit, or do without: the search path, the environment, programs, what concerns GPUs and figures."""

_NOT_FOR_LOADERS = frozenset({"torch.set_num_threads", "torch.set_num_interop_threads", "cv2.setNumThreads"})
"""What a loader's workers set themselves, or only run faster with."""

_IN_PLACE = ("random.shuffle", "numpy.random.shuffle", "heapq.", "bisect.insort", "torch.nn.init.", "operator.i")
"""Library functions that change what they are given."""


def effect_of(name: str) -> Effect:
    """Return what a library function or builtin does, by its qualified name."""
    if name in _EFFECTS:
        return _EFFECTS[name]
    if name in _SEEDS:
        return "random"
    if name in _REPEATED:
        return "settings"
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        if found := _EFFECTS.get(".".join(parts[:count]) + "."):
            return found
    return "anything"


def effect_of_method(name: str) -> Effect:
    """Return what a method does of whose object nothing is known."""
    if name.endswith("_") and not name.startswith("_"):
        return "nothing"  # of a tensor, in place
    return _METHODS.get(name, "anything")


def is_repeatable(name: str) -> bool:
    """Tell whether a call only sets something, the same however often it is made."""
    return name in _SEEDS or name in _REPEATED


def is_missed(name: str, *, loaders: bool) -> bool:
    """Tell whether workers lack something where only the program sets it.

    Args:
        name: the qualified name of the function that sets it, or of the attribute that is set.
        loaders: whether all workers are those of loaders.
    """
    if name.startswith(_NOT_FOR_WORKERS):
        return False
    return not (loaders and (name in _NOT_FOR_LOADERS or "seed" in name.rpartition(".")[2]))


def changes_arguments(name: str) -> bool:
    """Tell whether a library function changes what it is given."""
    return name.startswith(_IN_PLACE)
