"""Who evaluates annotations: only where nobody does can a name that they use go to type checkers alone.

Sources: the documentation of the libraries, and their sources where it says nothing. What is on none of these lists may
evaluate annotations.
"""

from __future__ import annotations

DECORATORS = frozenset(
    {
        "abc.abstractmethod",
        "asyncio.coroutine",
        "atexit.register",
        "classmethod",
        "click.argument",
        "click.command",
        "click.group",
        "click.option",
        "click.pass_context",
        "click.pass_obj",
        "click.version_option",
        "contextlib.asynccontextmanager",
        "contextlib.contextmanager",
        "functools.cache",
        "functools.cached_property",
        "functools.lru_cache",
        "functools.total_ordering",
        "functools.wraps",
        "hydra.main",
        "lightning.fabric.utilities.rank_zero_only",
        "lightning.pytorch.utilities.rank_zero.rank_zero_only",
        "lightning.pytorch.utilities.rank_zero_only",
        "lightning_utilities.core.rank_zero.rank_zero_only",
        "property",
        "pytest.fixture",
        "pytorch_lightning.utilities.rank_zero.rank_zero_only",
        "pytorch_lightning.utilities.rank_zero_only",
        "pytorch_lightning.utilities.distributed.rank_zero_only",
        "staticmethod",
        "tenacity.retry",
        "torch.cuda.amp.autocast",
        "torch.enable_grad",
        "torch.inference_mode",
        "torch.no_grad",
        "typing.final",
        "typing.no_type_check",
        "typing.overload",
        "typing_extensions.override",
        "typing.override",
    }
)
"""Decorators that don't look at the annotations of what they decorate."""

ACCESSORS = frozenset({"setter", "getter", "deleter", "command", "group"})
"""Last names of decorators that are attributes of what stands above: ``@size.setter``, ``@cli.command()`` of click."""

CLASSES = frozenset(
    {
        "abc.ABC",
        "BaseException",
        "Exception",
        "RuntimeError",
        "ValueError",
        "dict",
        "enum.Enum",
        "enum.IntEnum",
        "list",
        "object",
        "str",
        "threading.Thread",
        "typing.Generic",
        "typing.Protocol",
        "lightning.Callback",
        "lightning.LightningDataModule",
        "lightning.LightningModule",
        "lightning.pytorch.Callback",
        "lightning.pytorch.LightningDataModule",
        "lightning.pytorch.LightningModule",
        "pytorch_lightning.Callback",
        "pytorch_lightning.LightningDataModule",
        "pytorch_lightning.LightningModule",
        "torch.autograd.Function",
        "torch.nn.Module",
        "torch.optim.Optimizer",
        "torch.utils.data.Dataset",
        "torch.utils.data.IterableDataset",
        "torch.utils.data.Sampler",
    }
)
"""Base classes that don't look at the annotations in their subclasses' bodies."""

LIBRARIES = frozenset(
    {
        "beartype",
        "cyclopts",
        "defopt",
        "draccus",
        "fastapi",
        "gradio",
        "jaxtyping",
        "jsonargparse",
        "lightning.cli",
        "lightning.pytorch.cli",
        "litestar",
        "multipledispatch",
        "plac",
        "plum",
        "prefect",
        "pydantic",
        "pyrallis",
        "pytorch_lightning.cli",
        "pytorch_lightning.utilities.cli",
        "ray.serve",
        "simple_parsing",
        "strawberry",
        "typeguard",
        "typer",
        "tyro",
    }
)
"""Libraries that evaluate the annotations of functions or classes that they are given.

typer, fastapi and gradio read a command's parameters from them, beartype, jaxtyping and typeguard check them,
jsonargparse and Lightning's command line make options of them.
"""

FUNCTIONS = frozenset(
    {
        "functools.singledispatch",
        "functools.singledispatchmethod",
        "inspect.get_annotations",
        "torch.jit.script",
        "torch.jit.script_method",
        "torch.jit.interface",
        "torch.jit.export",
        "torch.library.custom_op",
        "torch.library.infer_schema",
        "transformers.HfArgumentParser",
        "typing.get_type_hints",
        "typing_extensions.get_type_hints",
    }
)
"""What evaluates the annotations of whatever it is given, wherever that is defined."""

ATTRIBUTES = frozenset({"__annotations__", "get_type_hints", "get_annotations", "LightningCLI", "eval_str"})
"""Names whose use says that a project evaluates annotations itself."""
