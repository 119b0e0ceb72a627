"""What it costs to import a library, and which other slow libraries that loads.

The figures of `COSTS` are CPU milliseconds of ``import X`` in fresh interpreters with a warm disk cache, measured on
2026-11-22 on Linux with 2 cores, CPython 3.11.7, torch 2.13.0 (CPU) and the newest releases of that day of everything
else. They tell a second from five; another machine has others.
`benchmarks/heavy/measure.py` measures again and says what differs.
"""

from __future__ import annotations

from typing import NamedTuple

SLOW = 500
"""An import that costs as many milliseconds is worth moving."""


class Cost(NamedTuple):
    """What an import costs: milliseconds (0: not measured), and the slow libraries that it loads, apart from itself."""

    milliseconds: int
    brings: str = ""


COSTS: dict[str, Cost] = {
    "accelerate": Cost(2340, "torch"),
    "albumentations": Cost(3180, "torch scipy"),
    "altair": Cost(530),
    "anthropic": Cost(2130),
    "av": Cost(130),
    "bokeh": Cost(110),
    "boto3": Cost(300),
    "click": Cost(60),
    "cv2": Cost(160),
    "dask": Cost(270),
    "dask.dataframe": Cost(2070, "pandas scipy"),
    "datasets": Cost(1620, "pandas scipy"),
    "diffusers": Cost(5140, "torch sympy"),
    "duckdb": Cost(190),
    "einops": Cost(17),
    "evaluate": Cost(9210, "torch pandas scipy transformers sympy"),
    "faiss": Cost(240),
    "fastapi": Cost(520),
    "fire": Cost(110),
    "gensim": Cost(1940, "scipy"),
    "geopandas": Cost(750, "pandas"),
    "gradio": Cost(5520, "pandas"),
    "h5py": Cost(250),
    "huggingface_hub": Cost(19),
    "hydra": Cost(200),
    "imageio": Cost(260),
    "IPython": Cost(150),
    "jax": Cost(1180),
    "jax.numpy": Cost(1050),
    "kornia": Cost(2180, "torch"),
    "librosa": Cost(17),
    "lightgbm": Cost(2590, "pandas scipy sklearn"),
    "lightning": Cost(8790, "torch scipy matplotlib transformers sympy torchmetrics"),
    "lightning.pytorch": Cost(8000, "torch scipy matplotlib transformers sympy torchmetrics"),
    "lmdb": Cost(2),
    "loguru": Cost(130),
    "matplotlib": Cost(480),
    "matplotlib.pyplot": Cost(790),
    "mlflow": Cost(2510, "pandas scipy"),
    "monai": Cost(11800, "torch pandas scipy sklearn matplotlib transformers sympy"),
    "netCDF4": Cost(360),
    "networkx": Cost(280),
    "nibabel": Cost(630, "scipy"),
    "nltk": Cost(2640, "pandas scipy sklearn"),
    "numba": Cost(580, "scipy"),
    "numpy": Cost(250),
    "omegaconf": Cost(170),
    "onnx": Cost(380),
    "onnxruntime": Cost(300),
    "openai": Cost(1220),
    "optuna": Cost(410),
    "pandas": Cost(760),
    "peft": Cost(7640, "torch scipy transformers sympy"),
    "PIL": Cost(1),
    "PIL.Image": Cost(66),
    "plotly": Cost(89),
    "plotly.express": Cost(1120, "pandas"),
    "polars": Cost(300),
    "pyarrow": Cost(320),
    "pydantic": Cost(56),
    "pydicom": Cost(510),
    "pytest": Cost(220),
    "pytorch_lightning": Cost(8270, "torch scipy matplotlib transformers sympy torchmetrics"),
    "rasterio": Cost(550),
    "requests": Cost(200),
    "rich": Cost(24),
    "rich.progress": Cost(110),
    "safetensors.torch": Cost(2190, "torch"),
    "scipy": Cost(300),
    "scipy.ndimage": Cost(790),
    "scipy.optimize": Cost(940),
    "scipy.signal": Cost(1430),
    "scipy.sparse": Cost(520),
    "scipy.stats": Cost(1690),
    "seaborn": Cost(3020, "pandas scipy matplotlib"),
    "sentence_transformers": Cost(9730, "torch pandas scipy sklearn transformers sympy"),
    "shapely": Cost(240),
    "SimpleITK": Cost(240),
    "skimage": Cost(20),
    "skimage.io": Cost(550, "scipy"),
    "sklearn": Cost(2310, "pandas scipy"),
    "sklearn.ensemble": Cost(2490, "pandas scipy"),
    "sklearn.metrics": Cost(2210, "pandas scipy"),
    "soundfile": Cost(270),
    "spacy": Cost(2890, "torch"),
    "sqlalchemy": Cost(390),
    "statsmodels": Cost(1),
    "statsmodels.api": Cost(2960, "pandas scipy"),
    "sympy": Cost(540),
    "tensorboard": Cost(6),
    "tensorboardX": Cost(2380, "torch"),
    "tifffile": Cost(250),
    "tiktoken": Cost(42),
    "tokenizers": Cost(31),
    "torch": Cost(1850),
    "torch._dynamo": Cost(3510, "sympy"),
    "torch.distributed": Cost(1740),
    "torch.nn": Cost(1480),
    "torch.utils.data": Cost(1910),
    "torch.utils.tensorboard": Cost(1930),
    "torch_geometric": Cost(6630, "torch pandas scipy transformers numba sympy"),
    "torchmetrics": Cost(6910, "torch scipy matplotlib transformers"),
    "tqdm": Cost(110),
    "transformers": Cost(1360),
    "typer": Cost(100),
    "tyro": Cost(140),
    "wandb": Cost(1010),
    "xarray": Cost(840, "pandas"),
    "xgboost": Cost(2540, "pandas scipy sklearn"),
    "yaml": Cost(40),
    "zarr": Cost(410),
}
"""Measured. A name below one of these (``torch.nn.functional``) costs what the nearest one above it costs."""

_NEED_TORCH = frozenset(
    {
        "albumentations.pytorch",
        "apex",
        "bitsandbytes",
        "botorch",
        "captum",
        "clip",
        "compressai",
        "deepspeed",
        "detectron2",
        "dgl",
        "e2cnn",
        "efficientnet_pytorch",
        "espnet2",
        "facenet_pytorch",
        "fairscale",
        "fairseq",
        "fastai",
        "flash_attn",
        "fvcore.nn",
        "gpytorch",
        "horovod.torch",
        "ignite",
        "laion_clap",
        "lightning_fabric",
        "lpips",
        "mmaction",
        "mmcls",
        "mmcv",
        "mmdet",
        "mmengine",
        "mmpretrain",
        "mmseg",
        "nvidia.dali.plugin.pytorch",
        "open_clip",
        "piq",
        "ptflops",
        "pyro",
        "pytorch3d",
        "pytorch_metric_learning",
        "pytorch_msssim",
        "pytorch_wavelets",
        "s3prl",
        "segmentation_models_pytorch",
        "skorch",
        "speechbrain",
        "tensordict",
        "thop",
        "timm",
        "torch_cluster",
        "torch_fidelity",
        "torch_geometric_temporal",
        "torch_scatter",
        "torch_sparse",
        "torch_spline_conv",
        "torchattacks",
        "torchaudio",
        "torchdata",
        "torchdiffeq",
        "torchinfo",
        "torchio",
        "torchrl",
        "torchsummary",
        "torchtext",
        "torchvision",
        "torchx",
        "transformers.",
        "trl",
        "ultralytics",
        "vissl",
        "vllm",
        "whisper",
        "xformers",
    }
)
"""Libraries that aren't measured and can't be imported without torch, by their own sources or requirements.

"transformers." stands for whatever is taken out of transformers: a bare import is lazy, its models and trainers aren't.
"""


def nearest(name: str) -> str:
    """Return the longest measured name that is the module or one of its parents, "" if none is."""
    while name and name not in COSTS:
        name = name.rpartition(".")[0]
    return name


def root(name: str) -> str:
    """Return the library that a slow import counts as: "torch" for ``torch.nn``, but "scipy.stats", as scipy is quick.

    "" if the import is not known to be slow.
    """
    known = nearest(name)
    if not known or COSTS[known].milliseconds < SLOW:
        return ""
    top = known.partition(".")[0]
    return top if top in COSTS and COSTS[top].milliseconds >= SLOW else known


def brings(name: str) -> frozenset[str]:
    """Return the top-level names of the slow libraries that importing the module loads, its own not included."""
    found = set(COSTS[known].brings.split()) if (known := nearest(name)) else set()
    while name:
        if name in _NEED_TORCH or (f"{name.rpartition('.')[0]}." in _NEED_TORCH and "." in name):
            found.add("torch")
        name = name.rpartition(".")[0]
    return frozenset(found)


def estimate(roots: frozenset[str]) -> int:
    """Return the milliseconds that importing all of these costs, shared parts counted once; 0 where nobody measured."""
    total = 0
    counted: set[str] = set()
    for name in sorted(roots, key=lambda each: -_milliseconds(each)):
        if name.partition(".")[0] in counted:
            continue
        parts = brings(name)
        shared = max((_milliseconds(part) for part in parts & counted), default=0)
        total += max(_milliseconds(name) - shared, 0)
        counted |= {name.partition(".")[0], *parts}
    return total


def _milliseconds(name: str) -> int:
    known = nearest(name)
    return COSTS[known].milliseconds if known else 0
