"""What of torch uses a CUDA device.

Source: torch 2.13, whose `torch.cuda._lazy_init` runs before anything on a device and raises in a process that was
forked from one that had run it: what is here calls it, directly or for the tensor that it makes.
"""

from __future__ import annotations

FORKED = (
    "RuntimeError: Cannot re-initialize CUDA in forked subprocess. "
    "To use CUDA with multiprocessing, you must use the 'spawn' start method"
)
"""What a forked process meets that uses CUDA where its parent has."""

MAKERS = frozenset(
    f"torch.{name}"
    for name in (
        "tensor", "as_tensor", "asarray", "zeros", "zeros_like", "ones", "ones_like", "empty", "empty_like", "full",
        "full_like", "rand", "rand_like", "randn", "randn_like", "randint", "randint_like", "randperm", "arange",
        "linspace", "logspace", "eye", "normal", "from_file", "sparse_coo_tensor", "complex", "hann_window",
        "Generator", "nn.Linear", "nn.Embedding", "nn.Conv2d",
    )
)  # fmt: skip
"""Callables that make a tensor (or what holds one) on the device that they are told by ``device``."""

LOADERS = frozenset({"torch.load", "torch.jit.load"})
"""Callables that put what they load on the device ``map_location``, their second argument."""

INITIALISERS = frozenset(
    f"torch.cuda.{name}"
    for name in (
        "init", "current_device", "synchronize", "current_stream", "default_stream", "get_device_properties",
        "get_device_name", "get_device_capability", "ipc_collect", "can_device_access_peer", "mem_get_info",
        "get_rng_state", "initial_seed", "Stream", "FloatTensor", "LongTensor", "IntTensor", "DoubleTensor",
        "HalfTensor", "ByteTensor", "BoolTensor",
    )
)  # fmt: skip
"""Callables of `torch.cuda` that use the device themselves; ``is_available`` and ``device_count`` don't."""

BACK = frozenset({"cpu", "numpy", "item", "tolist"})
"""Methods of a tensor whose result is on no device any more."""

DEVICE = "torch.device"
