"""DLS104: CUDA used by a Dataset or a callable that workers run."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import libcst as cst

from dlsafe_lint.analysis import devices
from dlsafe_lint.apis import cuda
from dlsafe_lint.finding import Breakage
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    from dlsafe_lint.analysis.devices import Use
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.finding import Confidence
    from dlsafe_lint.project import Project

_FLAGS = ("cuda", "gpu", "device")


class CudaInDataset(Rule):
    """A Dataset or a collate function uses CUDA in the DataLoader's workers.

    ## Why is this bad?
    A process that was forked from one that uses CUDA can't use it, and a program that trains on a GPU uses it before
    its workers start. Under `fork` (the default on Linux before Python 3.14) the first `.cuda()` in `__getitem__` or
    `collate_fn`, and the first read of a tensor that the Dataset keeps on the device, raise "Cannot re-initialize CUDA
    in forked subprocess". Where the parent has not used CUDA yet, or under `spawn` and `forkserver`, it works, but
    every worker has a CUDA context of its own, of some hundred megabytes on the device, and PyTorch advises against
    returning CUDA tensors from workers.

    What this rule says was read from PyTorch's documentation, its source (`torch.cuda._lazy_init`) and reports of
    users; it was not run, since that takes a GPU.

    Silent where the loader or the program asks for another start method than `fork`, and where the device can't be seen
    in the code.

    ## Example
    ```python
    import torch
    from torch.utils.data import Dataset


    class Features(Dataset):
        def __init__(self, images, model):
            self.images = images
            self.model = model.cuda()

        def __len__(self):
            return len(self.images)

        def __getitem__(self, index):
            with torch.no_grad():
                return self.model(self.images[index].cuda())
    ```

    ## Use instead
    ```python
    import torch
    from torch.utils.data import DataLoader, Dataset


    class Images(Dataset):
        def __init__(self, images):
            self.images = images

        def __len__(self):
            return len(self.images)

        def __getitem__(self, index):
            return self.images[index]


    def features(images, model):
        loader = DataLoader(Images(images), batch_size=64, num_workers=4, pin_memory=True)
        with torch.no_grad():
            for batch in loader:
                yield model(batch.cuda(non_blocking=True))
    ```

    ## References
    - [PyTorch: CUDA in multiprocessing](https://docs.pytorch.org/docs/stable/notes/multiprocessing.html#cuda-in-multiprocessing)
    - [PyTorch: multi-process data loading](https://docs.pytorch.org/docs/stable/data.html#multi-process-data-loading)
    - [pytorch/pytorch#40403](https://github.com/pytorch/pytorch/issues/40403),
      [#77159](https://github.com/pytorch/pytorch/issues/77159), [#24292](https://github.com/pytorch/pytorch/issues/24292)
    """

    code: ClassVar[str] = "DLS104"
    name: ClassVar[str] = "cuda-in-dataset"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules in which workers use CUDA."""
        return facts.path in devices.used(project)

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every call that uses it."""
        for used in devices.used(self.project).get(self.facts.path, ()):
            call = self.tree.calls[used.call]
            self.report(
                call,
                _message(used),
                breaks=(Breakage("fork", cuda.FORKED),),
                help="keep and return tensors on the CPU; move each batch where the loader is read (`pin_memory=True`)",
                confidence=self._confidence(used, call),
                related=used.via,
            )

    def _confidence(self, used: Use, call: cst.Call) -> Confidence:
        """Return "possible" where a flag decides (``if self.use_gpu:``): what it says can't be seen here."""
        for outer in self.tree.enclosing(call):
            if isinstance(outer, (cst.If, cst.IfExp)) and _is_flag(outer.test):
                return "possible"
            if isinstance(outer, cst.FunctionDef):
                break
        return used.confidence


def _message(used: Use) -> str:
    if used.kept:
        return f"`{used.kept}` is kept on a CUDA device ({used.what}), which the DataLoader's forked workers can't use"
    return f"{used.what} uses CUDA in the DataLoader's workers, which run {used.runner}"


def _is_flag(test: cst.BaseExpression) -> bool:
    """Whether a test asks a flag for CUDA, not CUDA itself."""
    match test:
        case cst.Call() | cst.Comparison(left=cst.Call()):
            return False
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return any(flag in name.lower() for flag in _FLAGS)
        case cst.Comparison(left=inner) | cst.UnaryOperation(expression=inner):
            return _is_flag(inner)
        case cst.BooleanOperation(left=left, right=right):
            return _is_flag(left) or _is_flag(right)
    return False
