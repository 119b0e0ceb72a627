"""What starts worker processes and what is handed to them.

Sources: torch 2.13 and the standard library's documentation; what fails where was seen by running each case (evidence
tables callables and guard: every row a process of its own, Linux, CPython 3.11).
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class LoaderApi(NamedTuple):
    """A class of loaders.

    ``workers`` and ``dataset`` are positions of ``num_workers`` and the dataset among positional arguments (None:
    keyword only); ``workers_name`` is the keyword. ``batches``: without a ``collate_fn`` it makes batches by torch's
    ``default_collate``, and none where ``batch_size=None``.
    """

    dataset: int | None = 0
    workers: int | None = None
    workers_name: str = "num_workers"
    collate: int | None = None
    batches: bool = False


_TORCH = LoaderApi(dataset=0, workers=5, collate=6, batches=True)
_KEYWORD = LoaderApi(dataset=0, workers=None)
_GRAPH = LoaderApi(dataset=None)
_GRAPH_MODULES = ("LightningDataset", "LightningNodeData", "LightningLinkData")

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
    "torch_geometric.loader.GraphSAINTNodeSampler": _GRAPH,
    "torch_geometric.loader.GraphSAINTEdgeSampler": _GRAPH,
    "torch_geometric.loader.NeighborSampler": _GRAPH,
    "torch_geometric.loader.RandomNodeSampler": _GRAPH,
    "torch_geometric.loader.NodeLoader": _GRAPH,
    "torch_geometric.loader.LinkLoader": _GRAPH,
    **{f"torch_geometric.nn.{model}.loader": _GRAPH for model in ("Node2Vec", "MetaPath2Vec")},
    **{f"torch_geometric.nn.models.{model}.loader": _GRAPH for model in ("Node2Vec", "MetaPath2Vec")},
    **{f"torch_geometric.nn.{model}.loader": _GRAPH for model in ("ComplEx", "DistMult", "RotatE", "TransE")},
    **{f"torch_geometric.data.{made_by}": _GRAPH for made_by in _GRAPH_MODULES},
    **{f"torch_geometric.data.lightning.{made_by}": _GRAPH for made_by in _GRAPH_MODULES},
    **{
        f"pytorch_forecasting.{made_by}.to_dataloader": _GRAPH
        for made_by in (
            *("TimeSeriesDataSet", "TimeSeriesDataSet.from_dataset", "TimeSeriesDataSet.from_parameters"),
            *("data.TimeSeriesDataSet", "data.TimeSeriesDataSet.from_dataset"),
        )
    },
    **dict.fromkeys(
        (f"{module}.LightningDataModule.from_datasets" for module in ("lightning", "lightning.pytorch")),
        LoaderApi(dataset=None, workers=5),
    ),
    "torchdata.stateful_dataloader.StatefulDataLoader": _TORCH,
    "webdataset.WebLoader": _KEYWORD._replace(batches=True),
    "timm.data.create_loader": _KEYWORD,
    "timm.data.loader.create_loader": _KEYWORD,
    "monai.data.DataLoader": LoaderApi(dataset=0, workers=1),
    "monai.data.ThreadDataLoader": _KEYWORD,
    "dgl.dataloading.DataLoader": LoaderApi(dataset=None),
    "dgl.dataloading.GraphDataLoader": _KEYWORD,
}
"""What makes loaders: classes, methods (under their class), and data modules that make some for a trainer.

monai's ThreadDataLoader passes num_workers on to torch's.
"""

CHAINED = frozenset({"webdataset.WebLoader"})
"""Classes of loaders whose methods return loaders that iterate them (``WebLoader(…).shuffle(9).batched(4)``)."""

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
    "multiprocessing.Pool": Handover((("initializer", 1), ("initargs", 2)), False, "a `Pool`", True, ("initargs",)),
    "concurrent.futures.ProcessPoolExecutor": Handover(
        (("initializer", 2), ("initargs", 3)), False, "a `ProcessPoolExecutor`", False, ("initargs",)
    ),
    "torch.multiprocessing.spawn": Handover((("fn", 0), ("args", 1)), False, "`mp.spawn`", True, ("args",)),
    "torch.multiprocessing.start_processes": Handover(
        (("fn", 0), ("args", 1)), False, "`start_processes`", True, ("args",)
    ),
    "tqdm.contrib.concurrent.process_map": Handover((("fn", 0),), True, "`process_map`", True),
}
"""Library callables that hand something to workers. ``mp.spawn`` always spawns, whatever the default start method."""

ALWAYS_SPAWN = frozenset({"torch.multiprocessing.spawn"})
"""Calls that start their workers with spawn whatever the default start method."""

POOLS: dict[str, str] = {
    "multiprocessing.Pool": "Pool",
    "concurrent.futures.ProcessPoolExecutor": "ProcessPoolExecutor",
}
"""Pools of processes: what is made by these, and by ``get_context(...).Pool``."""

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

STARTERS: dict[str, str] = {
    "multiprocessing.Pool": "pool",
    "multiprocessing.Manager": "manager",
    **{
        f"multiprocessing.managers.{kind}Manager.{method}": "manager"
        for kind in ("Base", "Sync", "SharedMemory")
        for method in ("start", "__enter__")
    },
    "multiprocessing.Process.start": "process",
    "concurrent.futures.ProcessPoolExecutor.submit": "executor",
    "concurrent.futures.ProcessPoolExecutor.map": "executor",
    "tqdm.contrib.concurrent.process_map": "executor",
    "torch.multiprocessing.spawn": "spawn",
    "torch.multiprocessing.start_processes": "spawn",
}
"""Calls that start processes, and which kind, because each kind fails in its own way.

Making a ``Process`` or a ``ProcessPoolExecutor`` starts none. Methods stand under their class.
"""

START_METHOD_ARGUMENTS: dict[str, tuple[str, int]] = {"torch.multiprocessing.start_processes": ("start_method", 5)}
"""Arguments that name the start method; not given, it is spawn there, whatever the default elsewhere."""


class Consumer(NamedTuple):
    """A call that iterates what it is given.

    Attributes:
        arguments: (keyword, position) of what it iterates; empty: every argument.
        lazily: whether it does so only when its own result is iterated.
        hooks: methods of an argument (a module, a data module) that return the loaders it iterates.
        inside: whether loaders in collections that it is given are iterated too.
        unless: a keyword that is False where it iterates nothing.
    """

    arguments: tuple[tuple[str, int | None], ...] = ()
    lazily: bool = False
    hooks: tuple[str, ...] = ()
    inside: bool = False
    unless: str = ""


_FIRST = (("iterable", 0),)
_ITERABLE = Consumer(_FIRST)
_WRAPPED = Consumer(_FIRST, lazily=True)
_FIT = ("train_dataloader", "val_dataloader")
_EVERY = (*_FIT, "test_dataloader", "predict_dataloader")

CONSUMERS: dict[str, Consumer] = {
    **dict.fromkeys(
        ("list", "tuple", "set", "frozenset", "sorted", "sum", "max", "min", "any", "all", "dict", "iter", "reversed"),
        _ITERABLE,
    ),
    "next": _ITERABLE,
    **dict.fromkeys(("enumerate", "itertools.islice", "itertools.cycle", "itertools.accumulate"), _WRAPPED),
    **dict.fromkeys(("zip", "itertools.chain", "itertools.zip_longest", "itertools.product"), Consumer(lazily=True)),
    **dict.fromkeys(
        ("map", "filter", "itertools.takewhile", "itertools.dropwhile", "itertools.starmap"),
        Consumer((("iterable", 1),), lazily=True),
    ),
    "functools.reduce": Consumer((("iterable", 1),)),
    "collections.deque": _ITERABLE,
    **dict.fromkeys(
        (
            *(
                f"tqdm.{inner}tqdm"
                for inner in ("", "auto.", "std.", "notebook.", "autonotebook.", "rich.", "asyncio.")
            ),
            "tqdm.tqdm_notebook",
            "tqdm._tqdm.tqdm",
            "rich.progress.track",
            "alive_progress.alive_it",
        ),
        _WRAPPED,
    ),
    **dict.fromkeys(
        ("fastprogress.progress_bar", "fastprogress.master_bar", "fastprogress.fastprogress.progress_bar"),
        Consumer((("gen", 0),), lazily=True),
    ),
    "progressbar.progressbar": _WRAPPED,
    "torch.optim.swa_utils.update_bn": Consumer((("loader", 0),)),
    **{
        f"{trainer}.{method}": Consumer(hooks=hooks, inside=True)
        for trainer in (
            "lightning.Trainer",
            "lightning.pytorch.Trainer",
            "lightning.pytorch.Trainer.from_argparse_args",
            "lightning.pytorch.trainer.Trainer",
        )
        for method, hooks in (
            ("fit", _FIT),
            ("validate", ("val_dataloader",)),
            ("test", ("test_dataloader",)),
            ("predict", ("predict_dataloader",)),
        )
    },
    **dict.fromkeys(
        (
            *("lightning.pytorch.cli.LightningCLI", "lightning.cli.LightningCLI"),
            *("lightning.pytorch.utilities.cli.LightningCLI",),
        ),
        Consumer((("model_class", 0), ("datamodule_class", 1)), hooks=_EVERY, unless="run"),
    ),
    "ignite.engine.Engine.run": Consumer((("data", 0),)),
    "ignite.engine.create_supervised_trainer.run": Consumer((("data", 0),)),
    "ignite.engine.create_supervised_evaluator.run": Consumer((("data", 0),)),
    "torch_lr_finder.LRFinder.range_test": Consumer((("train_loader", 0), ("val_loader", 1))),
    "sentence_transformers.SentenceTransformer.fit": Consumer((("train_objectives", 0),), inside=True),
    "catalyst.dl.SupervisedRunner.train": Consumer((("loaders", None),), inside=True),
    "poutyne.Model.fit_generator": Consumer((("train_generator", 0), ("valid_generator", 1))),
    **dict.fromkeys(
        (f"segmentation_models_pytorch.utils.train.{epoch}Epoch.run" for epoch in ("Train", "Valid")),
        Consumer((("dataloader", 0),)),
    ),
}
"""Calls that iterate a loader handed to them. Methods stand under their class, or the function that makes the object.

Sources: the documentation of Python, tqdm, rich, fastprogress, Lightning 2.x, ignite 0.5, torch-lr-finder,
sentence-transformers, catalyst, poutyne and segmentation-models-pytorch.
"""

KEEPERS = frozenset(
    {
        "accelerate.Accelerator.prepare",
        "accelerate.Accelerator.prepare_data_loader",
        "accelerate.prepare_data_loader",
        "lightning.fabric.Fabric.setup_dataloaders",
        "lightning.Fabric.setup_dataloaders",
        "torch_xla.distributed.parallel_loader.MpDeviceLoader",
        "copy.copy",
    }
)
"""Calls that return the loaders they are given, or something that iterates them when it is iterated."""


class OwnLoader(NamedTuple):
    """A class, or a function that makes its objects, that makes loaders itself and iterates them in some methods.

    Attributes:
        methods: the methods that do.
        workers: the keywords that say how many workers the loaders have; an attribute of the settings may, too.
        held_by: which call has these keywords: "settings", that which makes the argument `settings` of the object;
            "object", that which makes the object; "method", that of the method.
        settings: (keyword, position) of the object's settings.
        by_default: whether the loaders have workers where the keyword is not given.
    """

    methods: frozenset[str]
    workers: tuple[str, ...]
    held_by: Literal["settings", "object", "method"] = "settings"
    settings: tuple[str, int] = ("args", 1)
    by_default: bool = False


_TRAINER = OwnLoader(frozenset({"train", "evaluate", "predict"}), ("dataloader_num_workers",))
_LEARNER = OwnLoader(
    frozenset(
        {
            *("fit", "fit_one_cycle", "fit_flat_cos", "fit_sgdr", "fine_tune", "lr_find"),
            *("validate", "get_preds", "show_results"),
        }
    ),
    ("num_workers",),
    settings=("dls", 0),
    by_default=True,
)

OWN_LOADERS: dict[str, OwnLoader] = {
    **dict.fromkeys(
        (
            *("transformers.Trainer", "transformers.Seq2SeqTrainer"),
            *("sentence_transformers.SentenceTransformerTrainer", "setfit.Trainer"),
            *(f"trl.{kind}Trainer" for kind in ("SFT", "DPO", "GRPO", "KTO", "ORPO", "CPO", "Reward")),
        ),
        _TRAINER,
    ),
    **dict.fromkeys(
        (
            *("fastai.Learner", "fastai.TabularLearner", "fastai.cnn_learner", "fastai.vision_learner"),
            *("fastai.unet_learner", "fastai.language_model_learner", "fastai.text_classifier_learner"),
            *("fastai.tabular_learner", "fastai.collab_learner"),
        ),
        _LEARNER,
    ),
    **dict.fromkeys(
        ("ultralytics.YOLO", "ultralytics.RTDETR", "ultralytics.YOLOWorld"),
        OwnLoader(frozenset({"train", "val", "tune"}), ("workers",), "method", by_default=True),
    ),
    "detectron2.engine.DefaultTrainer": OwnLoader(
        frozenset({"train"}), ("DATALOADER.NUM_WORKERS",), settings=("cfg", 0), by_default=True
    ),
    **dict.fromkeys(
        (f"skorch.{kind}" for kind in ("NeuralNet", "NeuralNetClassifier", "NeuralNetRegressor")),
        OwnLoader(
            frozenset({"fit", "partial_fit", "predict", "predict_proba", "score"}),
            ("iterator_train__num_workers", "iterator_valid__num_workers"),
            "object",
        ),
    ),
}
"""Trainers that make their loaders themselves.

Sources: transformers 4.x and 5.x, trl and sentence-transformers (no workers unless the arguments say so); fastai 1 and
2 (as many as there are processors unless ``num_workers`` says otherwise); ultralytics 8 (``workers`` is 8, and 0 on a
CPU); detectron2 0.6 (4 unless the configuration says otherwise); skorch.
"""

RETURNING_SELF = frozenset({"load", "fuse", "to", "to_fp16", "to_fp32", "to_native_fp16", "to_bf16", "resume_or_load"})
"""Methods of these that return the object itself: ``YOLO("n.yaml").load("n.pt").train(…)``."""

LOADERS_HELD = frozenset({"fastai.DataLoaders"})
"""Classes of settings that hold loaders which are made elsewhere: these are what is iterated."""

TESTS = frozenset({"unittest.main", "torch.testing._internal.common_utils.run_tests", "absl.testing.absltest.main"})
"""Calls that run the test cases of the file that makes them, and exit."""

TEST_CASES = frozenset({"unittest.TestCase", "unittest.IsolatedAsyncioTestCase", "absl.testing.absltest.TestCase"})
"""Classes whose methods they run, those named "test…" and the ones that set up."""


class Runner(NamedTuple):
    """A call that calls, in this very process, a function that it is given.

    Attributes:
        name, position: the argument.
        members: whether it may also be a class, an object or a dict, any of whose functions may be called; not given,
            any function of the file.
        of_object: whether it is an argument of the call that made the object whose method this is.
    """

    name: str
    position: int
    members: bool = False
    of_object: bool = False


RUNNERS: dict[str, Runner] = {
    "fire.Fire": Runner("component", 0, members=True),
    "fire.core.Fire": Runner("component", 0, members=True),
    "typer.run": Runner("function", 0),
    "absl.app.run": Runner("main", 0),
    "tensorflow.app.run": Runner("main", 0),
    "tensorflow.compat.v1.app.run": Runner("main", 0),
    "tyro.cli": Runner("f", 0),
    "jsonargparse.CLI": Runner("components", 0, members=True),
    "jsonargparse.auto_cli": Runner("components", 0, members=True),
    "defopt.run": Runner("funcs", 0, members=True),
    "plac.call": Runner("obj", 0),
    "argh.dispatch_command": Runner("function", 0),
    "trio.run": Runner("async_fn", 0),
    "anyio.run": Runner("func", 0),
    "wandb.agent": Runner("function", 1),
    "optuna.create_study.optimize": Runner("func", 0),
    "detectron2.engine.launch": Runner("main_func", 0),
    "threading.Thread.start": Runner("target", 1, of_object=True),
    "concurrent.futures.ThreadPoolExecutor.submit": Runner("fn", 0),
    "concurrent.futures.ThreadPoolExecutor.map": Runner("fn", 0),
    "multiprocessing.pool.ThreadPool.map": Runner("func", 0),
    "asyncio.to_thread": Runner("func", 0),
    "timeit.timeit": Runner("stmt", 0),
}
"""Calls that call a function that they are given. Methods stand under their class."""


class App(NamedTuple):
    """An object on which functions are registered as commands.

    Attributes:
        runs: its methods that run a command; "" where it is called itself.
        registers: its decorators.
    """

    runs: frozenset[str]
    registers: frozenset[str]


_CLICK = App(frozenset({"", "main"}), frozenset({"command", "callback", "default", "group", "result_callback"}))

COMMAND_APPS: dict[str, App] = {
    "typer.Typer": _CLICK,
    "click.Group": _CLICK,
    "cyclopts.App": _CLICK,
    **dict.fromkeys(
        (
            f"ignite.engine.{made_by}"
            for made_by in ("Engine", "create_supervised_trainer", "create_supervised_evaluator")
        ),
        App(frozenset({"run"}), frozenset({"on"})),
    ),
    "sacred.Experiment": App(frozenset({"run", "run_commandline"}), frozenset({"main", "command", "automain"})),
}
"""Objects that run the functions registered on them (``@app.command()``, ``@trainer.on(Events.STARTED)``).

sacred's ``automain`` is a guard as well.
"""

REGISTERING = frozenset(name for app in COMMAND_APPS.values() for name in app.registers)
"""Last names of all these decorators."""

ADDING = {"add_command": ("cmd", 0), "add_typer": ("typer_instance", 0), "add_event_handler": ("handler", 1)}
"""Methods that register a function, or a whole group of them: (keyword, position) of it."""

PROCESSORS = frozenset(
    {
        "os.cpu_count",
        "os.process_cpu_count",
        "multiprocessing.cpu_count",
        "psutil.cpu_count",
        "joblib.cpu_count",
        "loky.cpu_count",
    }
)
"""Functions that return how many processors there are."""

CONVERTING = frozenset({"int", "float", "round", "abs", "math.ceil", "math.floor"})
"""Functions whose result is as positive or zero as what they are given."""

ENVIRONMENT = frozenset({"os.environ.get", "os.getenv", "os.environ.setdefault", "os.environ.pop"})
"""Functions that read an environment variable; their second argument is what holds where it is not set."""

DEFAULTED: dict[str, tuple[str, int | None]] = {
    "typer.Option": ("default", 0),
    "typer.Argument": ("default", 0),
    "dataclasses.field": ("default", None),
    "attr.ib": ("default", 0),
    "attrs.field": ("default", None),
    "pydantic.Field": ("default", 0),
}
"""Calls that stand for a parameter or attribute with a default, which is their argument (keyword, position)."""

RESULTS: dict[str, tuple[str, str]] = {
    "os.scandir": ("an iterator", "TypeError: cannot pickle 'posix.ScandirIterator' object"),
    "csv.reader": ("an iterator", "TypeError: cannot pickle '_csv.reader' object"),
    "multiprocessing.Lock": (
        "a lock",
        "RuntimeError: Lock objects should only be shared between processes through inheritance",
    ),
}
"""What a queue doesn't take beside what `attributes` has: what it is, and the error."""

DICTS = frozenset({"dict", "collections.OrderedDict", "collections.defaultdict", "collections.Counter", "vars"})
"""Callables that make a dict; ``keys()``, ``values()`` and ``items()`` of one are views, which can't be pickled."""

VIEWS = {"keys": "dict_keys", "values": "dict_values", "items": "dict_items"}
"""Methods of a dict that return a view, and the view's class."""

ITERATING = frozenset({"map", "filter", "zip", "enumerate", "iter", "reversed"})
"""Iterators that can be pickled if what they iterate and the function that they call can (CPython 3.10 to 3.14)."""

COPYING = frozenset({"list", "tuple", "dict", "set", "frozenset", "collections.OrderedDict", "collections.deque"})
"""Callables whose result holds the elements of what they are given, read out."""

DEFAULT_COLLATE = frozenset({"torch.utils.data.default_collate", "torch.utils.data._utils.collate.default_collate"})
"""The function that puts items into a batch where no other is given."""
