"""What starts worker processes and what is handed to them.

Sources: torch 2.13 and the standard library's documentation; what fails where was seen by running each case (the evidence
tables callables and guard: every row a process of its own, Linux, CPython 3.11).
"""

from __future__ import annotations

from typing import NamedTuple


class LoaderApi(NamedTuple):
    """A class of loaders.

    ``workers`` and ``dataset`` are positions of ``num_workers`` and the dataset among positional arguments (None: keyword
    only); ``workers_name`` is the keyword.
    """

    dataset: int | None = 0
    workers: int | None = None
    workers_name: str = "num_workers"
    collate: int | None = None


_TORCH = LoaderApi(dataset=0, workers=5, collate=6)
_KEYWORD = LoaderApi(dataset=0, workers=None)

LOADERS: dict[str, LoaderApi] = {
    "torch.utils.data.DataLoader": _TORCH,
    "torch_geometric.loader.DataLoader": _KEYWORD,
    "torch_geometric.loader.DataListLoader": _KEYWORD,
    "torch_geometric.loader.DenseDataLoader": _KEYWORD,
    "torch_geometric.loader.NeighborLoader": _KEYWORD,
    "torch_geometric.loader.LinkNeighborLoader": _KEYWORD,
    "torch_geometric.loader.HGTLoader": _KEYWORD,
    "torch_geometric.loader.ClusterLoader": _KEYWORD,
    "torch_geometric.loader.ShaDowKHopSampler": _KEYWORD,
    "torch_geometric.loader.RandomNodeLoader": _KEYWORD,
    "torch_geometric.loader.GraphSAINTSampler": _KEYWORD,
    "torch_geometric.loader.GraphSAINTRandomWalkSampler": _KEYWORD,
    "torchdata.stateful_dataloader.StatefulDataLoader": _TORCH,
    "webdataset.WebLoader": _KEYWORD,
    "monai.data.DataLoader": LoaderApi(dataset=0, workers=1),
    "monai.data.ThreadDataLoader": LoaderApi(dataset=None),
    "dgl.dataloading.DataLoader": LoaderApi(dataset=None),
    "dgl.dataloading.GraphDataLoader": _KEYWORD,
}
"""Classes of loaders; monai's ThreadDataLoader passes num_workers on to torch's."""

WORKER_ARGUMENTS = ("collate_fn", "worker_init_fn")
"""Callables of a loader that its workers get. ``sampler``, ``batch_sampler`` and ``generator`` stay in the parent."""


class Handover(NamedTuple):
    """A call that hands things to worker processes.

    Attributes:
        arguments: (keyword, position) of each argument that is handed over.
        pickled_under_fork: whether it goes through a queue, so that fork pickles it as well.
        what: in words ("the target of a `Process`").
        starts: whether the call itself starts workers (a `Process` starts with `.start()`).
        iterables: arguments whose elements are handed over.
    """

    arguments: tuple[tuple[str, int | None], ...]
    pickled_under_fork: bool
    what: str
    starts: bool
    iterables: tuple[str, ...] = ()


HANDOVERS: dict[str, Handover] = {
    "multiprocessing.Process": Handover(
        (("target", 1), ("args", 3), ("kwargs", 4)), False, "a `Process`", False, ("args", "kwargs")
    ),
    "multiprocessing.Pool": Handover(
        (("initializer", 1), ("initargs", 2)), False, "the initializer of a `Pool`", True, ("initargs",)
    ),
    "concurrent.futures.ProcessPoolExecutor": Handover(
        (("initializer", 2), ("initargs", 3)), False, "the initializer of a `ProcessPoolExecutor`", False, ("initargs",)
    ),
    "torch.multiprocessing.spawn": Handover((("fn", 0), ("args", 1)), False, "`mp.spawn`", True, ("args",)),
    "torch.multiprocessing.start_processes": Handover(
        (("fn", 0), ("args", 1)), False, "`start_processes`", True, ("args",)
    ),
}
"""Library callables that hand something to workers. ``mp.spawn`` always spawns, whatever the default start method."""

ALWAYS_SPAWN = frozenset({"torch.multiprocessing.spawn"})
"""Calls that start their workers with spawn whatever the default start method."""

POOLS: dict[str, str] = {
    "multiprocessing.Pool": "Pool",
    "concurrent.futures.ProcessPoolExecutor": "ProcessPoolExecutor",
}
"""Pools of processes: what is made by these, and by ``get_context(...).Pool``."""

_FUNC = (("func", 0),)
POOL_METHODS: dict[tuple[str, str], Handover] = {
    **{
        ("Pool", name): Handover((("func", 0), ("args", 1)), True, f"`Pool.{name}`", False, ("args",))
        for name in ("apply", "apply_async")
    },
    **{
        ("Pool", name): Handover((("func", 0), ("iterable", 1)), True, f"`Pool.{name}`", False, ("iterable",))
        for name in ("map", "map_async", "imap", "imap_unordered", "starmap", "starmap_async")
    },
    ("ProcessPoolExecutor", "submit"): Handover(
        (("fn", 0), *((f"*{index}", index) for index in range(1, 8))), True, "`ProcessPoolExecutor.submit`", True
    ),
    ("ProcessPoolExecutor", "map"): Handover((("fn", 0),), True, "`ProcessPoolExecutor.map`", True),
}
"""Methods of pools: what they are given goes through a queue and is pickled under every start method."""

CONTEXTS = frozenset({"multiprocessing.get_context"})
"""Calls whose result has the names of ``multiprocessing``."""

MANAGERS = frozenset({"multiprocessing.Manager", "multiprocessing.managers.SyncManager"})
"""Calls that start a process of their own."""
