"""The libraries we know: what opens a handle, what starts workers, what loads slowly, which bases make a Dataset.

Tables only, keyed by qualified names; they see names, never nodes. Each table's module says where its facts come from.
"""

from __future__ import annotations

import builtins

BUILTINS = frozenset(dir(builtins))

# Modules through which the same object can be reached, and the name under which the tables know it.
_PREFIXES = (
    ("torch.utils.data.dataloader.", "torch.utils.data."),
    ("torch.utils.data.dataset.", "torch.utils.data."),
    ("torch.utils.data.sampler.", "torch.utils.data."),
    ("torch.multiprocessing.spawn.", "torch.multiprocessing."),
    ("multiprocessing.context.", "multiprocessing."),
    ("multiprocessing.process.", "multiprocessing."),
    ("concurrent.futures.process.", "concurrent.futures."),
    ("concurrent.futures.thread.", "concurrent.futures."),
    ("pytorch_lightning.", "lightning.pytorch."),
    ("torch_geometric.loader.dataloader.", "torch_geometric.loader."),
    ("torch_geometric.data.dataset.", "torch_geometric.data."),
    ("torchvision.transforms.transforms.", "torchvision.transforms."),
    ("h5py._hl.files.", "h5py."),
    *(
        (f"fastai.{module}.", "fastai.")
        for module in (
            *("vision.all", "vision.learner", "vision.data", "vision", "text.all", "text.learner", "text.data", "text"),
            *("tabular.all", "tabular.learner", "tabular.data", "tabular", "collab", "basics", "basic_train"),
            *("learner", "data.all", "data.block", "data.core", "callback.all", "callback.schedule"),
        )
    ),
)
_EXACT = {
    "multiprocessing.pool.Pool": "multiprocessing.Pool",
    "multiprocessing.context.Process": "multiprocessing.Process",
    # these spawn whatever the default is, and so fail wherever a Process fails that is spawned
    "multiprocessing.context.SpawnProcess": "multiprocessing.Process",
    "multiprocessing.context.ForkServerProcess": "multiprocessing.Process",
    "io.open": "open",
    "builtins.open": "open",
    **{
        f"torch_geometric.data.{name}": f"torch_geometric.loader.{name}"  # where they stood before 2.0
        for name in (
            *("DataLoader", "DataListLoader", "DenseDataLoader", "NeighborSampler", "ClusterLoader"),
            *("GraphSAINTSampler", "GraphSAINTNodeSampler", "GraphSAINTEdgeSampler", "GraphSAINTRandomWalkSampler"),
            *("RandomNodeSampler", "ShaDowKHopSampler"),
        )
    },
}
# What torch.multiprocessing re-exports from multiprocessing.
_TORCH_MULTIPROCESSING = frozenset(
    {
        "Process",
        "Pool",
        "Queue",
        "SimpleQueue",
        "JoinableQueue",
        "Manager",
        "Event",
        "Lock",
        "Value",
        "Array",
        "Pipe",
        "Barrier",
        "Semaphore",
        "cpu_count",
        "current_process",
        "freeze_support",
        "get_context",
        "get_start_method",
        "set_start_method",
        "active_children",
        "parent_process",
    }
)


def canonical(name: str) -> str:
    """Return the one name under which the tables know an object that can be reached by several.

    ``torch.utils.data.dataloader.DataLoader`` becomes ``torch.utils.data.DataLoader``, ``torch.multiprocessing.Pool``
    becomes ``multiprocessing.Pool``.
    """
    if name in _EXACT:
        return _EXACT[name]
    if name.startswith("torch.multiprocessing."):
        rest = name.removeprefix("torch.multiprocessing.")
        if rest in _TORCH_MULTIPROCESSING:
            return f"multiprocessing.{rest}"
        if rest == "pool.Pool":
            return "multiprocessing.Pool"
    for prefix, replacement in _PREFIXES:
        if name.startswith(prefix):
            return replacement + name.removeprefix(prefix)
    return name


MODULES = ("torch.nn.", "lightning.")
"""How the names of the libraries' neural network modules start."""

MODULE_METHODS_RETURNING_SELF = frozenset(
    {"to", "cuda", "cpu", "eval", "train", "float", "double", "half", "bfloat16", "requires_grad_", "apply", "to_empty"}
)
"""Methods of torch.nn.Module that return the module itself."""

TEST_RUNNERS = frozenset(
    {
        "unittest.main",
        "doctest.testmod",
        "doctest.testfile",
        "pytest.main",
        "nose.main",
        "nose.run",
        "nose.runmodule",
        "torch.testing._internal.common_utils.run_tests",
        "absl.testing.absltest.main",
        "tensorflow.test.main",
        "numpy.testing.run_module_suite",
        "unittest.TextTestRunner",
        "unittest.TestSuite",
        "unittest.defaultTestLoader.loadTestsFromTestCase",
    }
)
"""What the guard of a test file calls; a file whose guard calls nothing else is no program."""


def is_known(name: str) -> bool:
    """Whether a star import of a library is known to bring this name ("torch.utils.data.DataLoader")."""
    from dlsafe_lint.apis import datasets, workers

    name = canonical(name)
    return name in workers.LOADERS or name in workers.HANDOVERS or datasets.is_dataset(name)
