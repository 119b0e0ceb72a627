"""Which library classes are Datasets and which library classes keep the transforms that they are given.

Sources: the class hierarchies of torch 2.13, torchvision 0.2x, torchaudio, torch_geometric 2.x, torchdata, webdataset.
"""

from __future__ import annotations

TORCH_DATASETS = frozenset(
    f"torch.utils.data.{name}"
    for name in (
        "Dataset",
        "IterableDataset",
        "TensorDataset",
        "ConcatDataset",
        "ChainDataset",
        "StackDataset",
        "Subset",
        "IterDataPipe",
        "MapDataPipe",
        "DFIterDataPipe",
    )
)
"""The Datasets of torch itself."""

READERS = ("__getitem__", "__getitems__", "__iter__", "__next__")
"""The methods of a Dataset that read items: its workers run them, and a parent that looks at an item."""

WRAPPERS = frozenset(
    {
        "torch.utils.data.ConcatDataset",
        "torch.utils.data.ChainDataset",
        "torch.utils.data.StackDataset",
        "torch.utils.data.Subset",
        "torch.utils.data.random_split",
    }
)
"""Datasets made of other Datasets, all of which reach the workers."""

DATASETS = (
    TORCH_DATASETS
    | frozenset(f"torch_geometric.data.{name}" for name in ("Dataset", "InMemoryDataset", "OnDiskDataset"))
    | frozenset({"torchvision.datasets.VisionDataset", "torchvision.datasets.vision.VisionDataset"})
    | frozenset({"torchdata.datapipes.iter.IterDataPipe", "torchdata.datapipes.map.MapDataPipe"})
    | frozenset({"monai.data.Dataset", "monai.data.CacheDataset", "monai.data.PersistentDataset"})
    | frozenset({"fairseq.data.FairseqDataset", "mmcv.datasets.BaseDataset", "mmengine.dataset.BaseDataset"})
)
"""Library classes whose subclasses are Datasets."""

_MODULES_OF_DATASETS = (
    "torchvision.datasets.",
    "torchaudio.datasets.",
    "torch_geometric.datasets.",
    "torchtext.datasets.",
)
BASES = {
    "torchvision.datasets": "torchvision.datasets.VisionDataset",
    "torchaudio.datasets": "torch.utils.data.Dataset",
    "torch_geometric.datasets": "torch_geometric.data.Dataset",
}
"""What the classes of a module of Datasets derive from: stands for any one of them where the name isn't known."""

_NOT_DATASETS = frozenset({"utils", "wrap_dataset_for_transforms_v2"})


def is_dataset(name: str) -> bool:
    """Whether the library name is a Dataset class ("torchvision.datasets.MNIST")."""
    if name in DATASETS:
        return True
    for module in _MODULES_OF_DATASETS:
        if name.startswith(module):
            rest = name.removeprefix(module)
            return rest not in _NOT_DATASETS and rest.rpartition(".")[2][:1].isupper()
    return False


KEEPS_ARGUMENTS = frozenset(
    {
        "functools.partial",
        "functools.partialmethod",
        "list",
        "tuple",
        "dict",
        "set",
        "collections.defaultdict",
        "collections.deque",
        "copy.copy",
        "copy.deepcopy",
        "numpy.vectorize",
        "numpy.frompyfunc",
    }
)
"""Callables with a lower-case name whose result holds what they were given, and can't be pickled if that can't."""

NAMED_TUPLES = frozenset({"collections.namedtuple", "typing.NamedTuple"})
"""Callables that make a class whose instances are pickled by the name that the call gives it."""

ITERATORS = frozenset({"map", "filter", "itertools.starmap", "itertools.takewhile", "itertools.dropwhile"})
"""Iterators that hold a function until they are read out: only one that is itself kept can't be pickled."""

FORGETS_ARGUMENTS = frozenset(
    {
        # pickles by value
        "CloudpickleWrapper",
        "CloudPickleWrapper",
        "PicklableWrapper",
        # reads its arguments out, or stays in the parent
        "Counter",
        "OrderedDict",
        "DataFrame",
        "Series",
        "Tensor",
        "FloatTensor",
        "LongTensor",
        "Path",
        "Thread",
        "Timer",
    }
)
"""Classes (last part of the name) whose objects do not hold, or can pickle, a function among their arguments."""

FORGOTTEN_ARGUMENTS = frozenset({"is_valid_file", "key", "map_location", "callback", "error_callback", "sampler"})
"""Arguments that no object keeps: used while it is made, or left behind when it is sent."""

_PIPES = ("webdataset.", "torchdata.datapipes.", "torch.utils.data.datapipes.", "litdata.")


def is_pipe(name: str) -> bool:
    """Whether methods of an object made by this library name return a stream that keeps their arguments.

    ``webdataset.WebDataset(urls).map(f)`` and ``IterableWrapper(paths).map(f)`` do.
    """
    return name.startswith(_PIPES) or name in ("torch.utils.data.IterDataPipe", "torch.utils.data.MapDataPipe")


def is_sliceable(name: str) -> bool:
    """Whether slices of an object made by this library name are Datasets like it (torch_geometric's are copies)."""
    return name.startswith(("torch_geometric.datasets.", "torch_geometric.data.")) and is_dataset(name)


METHODS_RETURNING_SLICES = frozenset({"shuffle", "index_select"})
"""Methods of such a Dataset that return a copy of it."""
