"""Lambdas and local callables move to module level: what that looks like, and where there is only advice."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from dlsafe_lint import fixes, linter
from dlsafe_lint.config import Config

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = """\
from functools import partial

from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
"""


def fix(text: str, folder: Path, *, unsafe: bool = True) -> str:
    """Return a file's text after `--fix`, which must work in one go, change nothing more and be no bug of ours."""
    path = folder / "train.py"
    path.write_bytes(text.encode())
    report = linter.run([folder], Config(), root=folder, fix=True, unsafe=unsafe, cache=False)
    assert not report.warnings
    after = path.read_bytes().decode()
    assert fixes.check(text, after, may_unbind=frozenset({"np"})) is None
    assert not linter.run([folder], Config(), root=folder, fix=True, unsafe=unsafe, cache=False).changes
    return after


def advice(text: str, folder: Path) -> list[tuple[str, bool]]:
    """Return the help of every finding in a file, and whether it comes with a fix."""
    (folder / "train.py").write_text(text)
    report = linter.run([folder], Config(), root=folder, cache=False)
    return [(each.help, each.fix is not None) for each in report.findings]


CASES = {
    "a default is kept, a value of the moment is handed over": (
        """
        def loaders(dataset):
            for fold in range(3):
                yield DataLoader(dataset, num_workers=2, collate_fn=lambda batch, n=2, *, fold=fold: batch[n:fold])
        """,
        """
        def collate_fn(batch, n=2, *, fold):
            return batch[n:fold]


        def loaders(dataset):
            for fold in range(3):
                yield DataLoader(dataset, num_workers=2, collate_fn=partial(collate_fn, fold=fold))
        """,
    ),
    "an import that may fail stays where that is noticed": (
        """
        def loader(dataset):
            try:
                import msgpack

                return DataLoader(dataset, num_workers=2, collate_fn=lambda batch: msgpack.unpackb(batch[0]))
            except ImportError:
                raise ImportError("msgpack is not installed") from None
        """,
        """
        def collate_fn(batch):
            import msgpack

            return msgpack.unpackb(batch[0])


        def loader(dataset):
            try:
                import msgpack

                return DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
            except ImportError:
                raise ImportError("msgpack is not installed") from None
        """,
    ),
    "what a function returns is named after it": (
        """
        def _resolve_reader(kind):
            if kind == "text":
                return lambda item: item.decode()
            return lambda item: item


        class Items(Dataset):
            def __init__(self, items, kind):
                self.items = items
                self.read = _resolve_reader(kind)

            def __getitem__(self, index):
                return self.read(self.items[index])
        """,
        """
        def reader(item):
            return item.decode()


        def reader_fn(item):
            return item


        def _resolve_reader(kind):
            if kind == "text":
                return reader
            return reader_fn


        class Items(Dataset):
            def __init__(self, items, kind):
                self.items = items
                self.read = _resolve_reader(kind)

            def __getitem__(self, index):
                return self.read(self.items[index])
        """,
    ),
    "what is bound before, in branches, is handed over": (
        """
        def make(dataset, size=None):
            if size is None:
                size = 3
            return DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch[:size])
        """,
        """
        def collate_fn(batch, size):
            return batch[:size]


        def make(dataset, size=None):
            if size is None:
                size = 3
            return DataLoader(dataset, num_workers=2, collate_fn=partial(collate_fn, size=size))
        """,
    ),
    "a partial takes what is captured as well": (
        """
        def make(dataset, size):
            return DataLoader(
                dataset,
                num_workers=2,
                collate_fn=partial(
                    lambda batch, first: batch[first:size],
                    first=1,  # not the header
                ),
            )
        """,
        """
        def collate_fn(batch, first, size):
            return batch[first:size]


        def make(dataset, size):
            return DataLoader(
                dataset,
                num_workers=2,
                collate_fn=partial(
                    collate_fn,
                    first=1,  # not the header
                    size=size,
                ),
            )
        """,
    ),
    "an import of the function around it moves along": (
        """
        def make(dataset):
            import numpy as np
            from torch.nn.utils.rnn import pack_sequence, pad_sequence

            print(pack_sequence(dataset))
            return DataLoader(dataset, num_workers=2, collate_fn=lambda batch: pad_sequence(np.array(batch)))
        """,
        """
        def collate_fn(batch):
            import numpy as np
            from torch.nn.utils.rnn import pad_sequence

            return pad_sequence(np.array(batch))


        def make(dataset):
            from torch.nn.utils.rnn import pack_sequence, pad_sequence

            print(pack_sequence(dataset))
            return DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
        """,
    ),
    "what checkers are told of an import is told of its copy": (
        """
        def make(dataset):
            import msgpack  # type: ignore[import-untyped]
            from json import dumps, loads  # noqa: F401
            import lz4  # fast

            return DataLoader(dataset, num_workers=2, collate_fn=lambda batch: msgpack.dumps(loads(lz4.do(batch))))
        """,
        """
        def collate_fn(batch):
            import msgpack  # type: ignore[import-untyped]
            from json import loads  # noqa: F401
            import lz4

            return msgpack.dumps(loads(lz4.do(batch)))


        def make(dataset):
            import msgpack  # type: ignore[import-untyped]
            from json import dumps, loads  # noqa: F401
            import lz4  # fast

            return DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
        """,
    ),
    "below the heading of a section, above what is about the next statement": (
        """
        N = 1

        # ---------------------------------------------------------------
        # loaders
        # ---------------------------------------------------------------


        # for training
        def first(dataset):
            return DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch[0])


        # ===== others =====
        def second(dataset):
            yield DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch[1])
            yield DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch[2])
        """,
        """
        N = 1

        # ---------------------------------------------------------------
        # loaders
        # ---------------------------------------------------------------


        def collate_fn(batch):
            return batch[0]


        # for training
        def first(dataset):
            return DataLoader(dataset, num_workers=2, collate_fn=collate_fn)


        # ===== others =====
        def collate(batch):
            return batch[1]


        def collate_batch(batch):
            return batch[2]


        def second(dataset):
            yield DataLoader(dataset, num_workers=2, collate_fn=collate)
            yield DataLoader(dataset, num_workers=2, collate_fn=collate_batch)
        """,
    ),
    "what takes much along is written where the function was": (
        """
        def make_loader(dataset, first_column, last_column, padding_value, label_names):
            # columns and labels
            def collate(batch):
                return batch[first_column:last_column], padding_value, label_names

            return DataLoader(dataset, num_workers=2, collate_fn=collate, batch_size=4)


        def make_other(dataset, n):
            def collate_short(batch):
                return batch[n]

            return DataLoader(dataset, num_workers=2, collate_fn=collate_short)
        """,
        """
        # columns and labels
        def collate_fn(batch, first_column, last_column, padding_value, label_names):
            return batch[first_column:last_column], padding_value, label_names


        def make_loader(dataset, first_column, last_column, padding_value, label_names):
            collate = partial(
                collate_fn,
                first_column=first_column,
                last_column=last_column,
                padding_value=padding_value,
                label_names=label_names,
            )

            return DataLoader(dataset, num_workers=2, collate_fn=collate, batch_size=4)


        def collate_short(batch, n):
            return batch[n]


        def make_other(dataset, n):
            return DataLoader(dataset, num_workers=2, collate_fn=partial(collate_short, n=n))
        """,
    ),
    "an import that the module has as well is none of its own": (
        """
        def make(dataset):
            from functools import partial
            return DataLoader(dataset, num_workers=2, collate_fn=lambda batch: partial(sum, batch)())
        """,
        """
        def collate_fn(batch):
            return partial(sum, batch)()


        def make(dataset):
            from functools import partial
            return DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
        """,
    ),
    "a variable with a lambda goes, with its comments": (
        """
        def make(dataset):
            \"\"\"Make it.\"\"\"
            # lists of different lengths
            collate = lambda batch: list(batch)  # as they are

            print(collate([1]))
            return DataLoader(dataset, num_workers=2, collate_fn=collate)
        """,
        """
        # lists of different lengths
        def collate(batch):
            return list(batch)  # as they are


        def make(dataset):
            \"\"\"Make it.\"\"\"

            print(collate([1]))
            return DataLoader(dataset, num_workers=2, collate_fn=collate)
        """,
    ),
    "types stay": (
        """
        from collections.abc import Callable

        first: Callable[[list], int] = lambda batch: sum(batch)
        second = lambda batch: max(batch)  # type: Callable[[list], int]


        def make(dataset, end: int):
            def third(batch: list, n: int = 1) -> list:
                return [*batch, end] * n

            yield DataLoader(dataset, num_workers=2, collate_fn=first)
            yield DataLoader(dataset, num_workers=2, collate_fn=second)
            yield DataLoader(dataset, num_workers=2, collate_fn=third)
        """,
        """
        from collections.abc import Callable


        def first(batch: list) -> int:
            return sum(batch)


        def max_batch(batch):
            return max(batch)


        second = max_batch  # type: Callable[[list], int]


        def third(batch: list, n: int = 1, *, end: int) -> list:
            return [*batch, end] * n


        def make(dataset, end: int):
            yield DataLoader(dataset, num_workers=2, collate_fn=first)
            yield DataLoader(dataset, num_workers=2, collate_fn=second)
            yield DataLoader(dataset, num_workers=2, collate_fn=partial(third, end=end))
        """,
    ),
    "where nothing else is given": (
        """
        def make(dataset, collate_fn=None, first=False, init=lambda worker: print(worker)):
            collate_fn = collate_fn or (
                # as they are
                lambda batch: batch
            )
            yield DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
            yield DataLoader(dataset, num_workers=2, worker_init_fn=init)
            yield DataLoader(dataset, num_workers=2, collate_fn=(lambda batch: batch[0]) if first else None)
        """,
        """
        def default_collate_fn(batch):
            # as they are
            return batch


        def collate(batch):
            return batch[0]


        def default_init(worker):
            return print(worker)


        def make(dataset, collate_fn=None, first=False, init=default_init):
            collate_fn = collate_fn or default_collate_fn
            yield DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
            yield DataLoader(dataset, num_workers=2, worker_init_fn=init)
            yield DataLoader(dataset, num_workers=2, collate_fn=collate if first else None)
        """,
    ),
    "a lambda that uses self becomes a method": (
        """
        class Scaled(Dataset):
            def __init__(self, scale, offset):
                self.scale = scale
                self.transform = transforms.Compose(
                    [
                        transforms.Lambda(lambda x: x * self.scale),
                        lambda x: x + offset if self.scale else x,
                    ]
                )
                self._transform = None

            # how many there are
            def __len__(self):
                return 1
        """,
        """
        class Scaled(Dataset):
            def __init__(self, scale, offset):
                self.scale = scale
                self.transform = transforms.Compose(
                    [
                        transforms.Lambda(self._transform_item),
                        partial(self._scaled_transform, offset=offset),
                    ]
                )
                self._transform = None

            def _transform_item(self, x):
                return x * self.scale

            def _scaled_transform(self, x, offset):
                return x + offset if self.scale else x

            # how many there are
            def __len__(self):
                return 1
        """,
    ),
    "of an object that can't be sent only what is used is": (
        """
        class Training:
            def __init__(self, model, size):
                self.model = model
                self.size = size
                self.log = open("training.log", "a")

            def loader(self, dataset, n):
                handed = partial(lambda batch: self.model(batch[0 : self.size]) + n)
                return DataLoader(dataset, num_workers=2, collate_fn=handed)
        """,
        """
        def handed_fn(batch, n, model, size):
            return model(batch[0 : size]) + n


        class Training:
            def __init__(self, model, size):
                self.model = model
                self.size = size
                self.log = open("training.log", "a")

            def loader(self, dataset, n):
                handed = partial(handed_fn, n=n, model=self.model, size=self.size)
                return DataLoader(dataset, num_workers=2, collate_fn=handed)
        """,
    ),
    "local functions that it uses move along": (
        """
        def make(dataset):
            def clean(item):
                return item

            return DataLoader(dataset, num_workers=2, collate_fn=lambda batch: [clean(item) for item in batch])
        """,
        """
        def clean(item):
            return item


        def collate_fn(batch):
            return [clean(item) for item in batch]


        def make(dataset):
            return DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
        """,
    ),
    "a function whose name is taken gets another, everywhere": (
        """
        def collate(batch):
            return batch


        def make(dataset):
            def collate(batch):
                return collate(batch[0]) if batch else []

            collate([])
            return DataLoader(dataset, num_workers=2, collate_fn=collate)
        """,
        """
        def collate(batch):
            return batch


        def collate_fn(batch):
            return collate_fn(batch[0]) if batch else []


        def make(dataset):
            collate_fn([])
            return DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
        """,
    ),
    "a function that is alone in its block leaves something": (
        """
        def make(dataset, plain):
            if not plain:
                def collate(batch):
                    return batch
            return DataLoader(dataset, num_workers=2, collate_fn=collate)
        """,
        """
        def collate(batch):
            return batch


        def make(dataset, plain):
            if not plain:
                pass
            return DataLoader(dataset, num_workers=2, collate_fn=collate)
        """,
    ),
    "what stands under the main guard": (
        """
        if __name__ == "__main__":
            import numpy as np

            size = 3

            def first(batch):
                return np.array(batch[0])

            def collate(batch):
                return first(batch)

            DataLoader([1], num_workers=2, collate_fn=collate, worker_init_fn=lambda worker: print(size))
        """,
        """
        def worker_init_fn(worker, size):
            return print(size)


        def first(batch):
            import numpy as np

            return np.array(batch[0])


        def collate(batch):
            return first(batch)


        if __name__ == "__main__":
            size = 3

            DataLoader([1], num_workers=2, collate_fn=collate, worker_init_fn=partial(worker_init_fn, size=size))
        """,
    ),
    "what is suppressed stays, and what is the same does not": (
        """
        def make(dataset):
            yield DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch)  # dlsafe: ignore[DLS201] fork
            yield DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch)
            yield DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch)
        """,
        """
        def collate_fn(batch):
            return batch


        def make(dataset):
            yield DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch)  # dlsafe: ignore[DLS201] fork
            yield DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
            yield DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
        """,
    ),
    "a lambda that only passes its arguments on": (
        """
        class Batch:
            @classmethod
            def from_list(cls, items):
                return cls()


        def collate_items(batch, r, *, n=1):
            return batch


        def init(worker):
            pass


        def make(dataset, r, n):
            yield DataLoader(
                dataset,
                num_workers=2,
                collate_fn=lambda batch: collate_items(batch, r),
                worker_init_fn=lambda worker: init(worker),
            )
            collate = lambda batch: collate_items(batch, 3, n=n)
            yield DataLoader(dataset, num_workers=2, collate_fn=collate)
            yield DataLoader(dataset, num_workers=2, collate_fn=lambda items: Batch.from_list(items))
            # more than that
            yield DataLoader(dataset, num_workers=2, collate_fn=lambda batch: init(batch[0]))
            yield DataLoader(dataset, num_workers=2, worker_init_fn=lambda worker: late(worker))


        def late(worker):
            pass
        """,
        """
        class Batch:
            @classmethod
            def from_list(cls, items):
                return cls()


        def collate_items(batch, r, *, n=1):
            return batch


        def init(worker):
            pass


        def collate_fn(batch):
            return init(batch[0])


        def worker_init_fn(worker):
            return late(worker)


        def make(dataset, r, n):
            yield DataLoader(
                dataset,
                num_workers=2,
                collate_fn=partial(collate_items, r=r),
                worker_init_fn=init,
            )
            collate = partial(collate_items, r=3, n=n)
            yield DataLoader(dataset, num_workers=2, collate_fn=collate)
            yield DataLoader(dataset, num_workers=2, collate_fn=Batch.from_list)
            # more than that
            yield DataLoader(dataset, num_workers=2, collate_fn=collate_fn)
            yield DataLoader(dataset, num_workers=2, worker_init_fn=worker_init_fn)


        def late(worker):
            pass
        """,
    ),
    "a name that is taken gives way to what is called, or to what is around": (
        """
        class Cropped(Dataset):
            def __init__(self, transform=None):
                transform_list = [
                    lambda image: image / 255,
                    lambda image: image.crop((0, 0, 8, 8)),
                    lambda image: image.crop((1, 1, 8, 8)),
                    lambda image: image.crop((2, 2, 8, 8)) * 2,
                ]
                self.transform = transforms.Compose(transform_list)

            def __len__(self):
                return 1
        """,
        """
        def transform_item(image):
            return image / 255


        def crop(image):
            return image.crop((0, 0, 8, 8))


        def crop_image(image):
            return image.crop((1, 1, 8, 8))


        def cropped_transform(image):
            return image.crop((2, 2, 8, 8)) * 2


        class Cropped(Dataset):
            def __init__(self, transform=None):
                transform_list = [
                    transform_item,
                    crop,
                    crop_image,
                    cropped_transform,
                ]
                self.transform = transforms.Compose(transform_list)

            def __len__(self):
                return 1
        """,
    ),
    "calls that keep what they are given, or compute from constants": (
        """
        from dataclasses import dataclass, field


        def make(dataset):
            @dataclass
            class Options:
                names: list = field(default_factory=list)
                sizes: tuple = tuple([1, 2])
                step = partial(max, 1)

            def collate(batch, sizes=frozenset((1, 2))):
                return Options()

            return DataLoader(dataset, num_workers=2, collate_fn=collate)
        """,
        """
        from dataclasses import dataclass, field


        @dataclass
        class Options:
            names: list = field(default_factory=list)
            sizes: tuple = tuple([1, 2])
            step = partial(max, 1)


        def collate(batch, sizes=frozenset((1, 2))):
            return Options()


        def make(dataset):
            return DataLoader(dataset, num_workers=2, collate_fn=collate)
        """,
    ),
    "names from lists, dictionaries, streams and defaults": (
        """
        from collections import defaultdict

        from torchdata.datapipes.iter import IterableWrapper


        class Items(Dataset):
            def __init__(self, cleaners=()):
                self.cleaners = [lambda item: item[0], *cleaners]
                self.counts = defaultdict(lambda: 1)
                self.by_name = {"double": lambda item: item * 2}

            def __len__(self):
                return 1


        def make(root):
            pipe = IterableWrapper([1]).filter(lambda item: item > 2).map(lambda item: root + item)
            return DataLoader(pipe, num_workers=2)
        """,
        """
        from collections import defaultdict

        from torchdata.datapipes.iter import IterableWrapper


        def cleaner(item):
            return item[0]


        def default():
            return 1


        def double(item):
            return item * 2


        class Items(Dataset):
            def __init__(self, cleaners=()):
                self.cleaners = [cleaner, *cleaners]
                self.counts = defaultdict(default)
                self.by_name = {"double": double}

            def __len__(self):
                return 1


        def is_kept(item):
            return item > 2


        def transform(item, root):
            return root + item


        def make(root):
            pipe = IterableWrapper([1]).filter(is_kept).map(partial(transform, root=root))
            return DataLoader(pipe, num_workers=2)
        """,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_lift_looks_like(case: str, tmp_path: Path) -> None:
    before, after = (f"{IMPORTS}\n\n{dedent(text).strip()}\n" for text in CASES[case])
    assert fix(before, tmp_path) == after


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("indent", ["\t", "  ", "    "])
def test_indentation_and_line_ends_stay(indent: str, newline: str, tmp_path: Path) -> None:
    before = f"""{IMPORTS}

class Maker:
    def make(self, dataset):
        def pad(item):
            \"\"\"Pad it.

            With nothing.
            \"\"\"
            # short ones
            if not item:
                return [
                    0,  # nothing
                ]
            return item

        return DataLoader(
            dataset,
            num_workers=2,
            collate_fn=lambda batch: [  # all
                pad(item)
                for item in batch  # each

                # nothing else
            ],
        )
"""
    after = f"""{IMPORTS}

def pad(item):
    \"\"\"Pad it.

    With nothing.
    \"\"\"
    # short ones
    if not item:
        return [
            0,  # nothing
        ]
    return item


def collate_fn(batch):
    return [  # all
        pad(item)
        for item in batch  # each

        # nothing else
    ]


class Maker:
    def make(self, dataset):
        return DataLoader(
            dataset,
            num_workers=2,
            collate_fn=collate_fn,
        )
"""
    before, after = (text.replace("    ", indent).replace("\n", newline) for text in (before, after))
    assert fix(before, tmp_path) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""Doc."""\n\nimport os\nimport sys\n', '"""Doc."""\n\nimport functools\nimport os\nimport sys\n'),
        ("import abc\nfrom os import path\n", "import abc\nimport functools\nfrom os import path\n"),
        ("# licence\n\nimport torch\n", "# licence\n\nimport functools\n\nimport torch\n"),
        (
            "from __future__ import annotations\n\n# ours\nimport torch\n",
            "from __future__ import annotations\n\nimport functools\n\n# ours\nimport torch\n",
        ),
        ("import functools as ft\n", "import functools as ft\n"),
    ],
)
def test_functools_is_imported_where_a_sorted_list_has_it(before: str, after: str, tmp_path: Path) -> None:
    rest = """from torch.utils.data import DataLoader


def make(dataset, n):
    return DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch[n])
"""
    fixed = fix(before + rest, tmp_path)
    assert fixed.startswith(after)
    name = "ft" if "as ft" in before else "functools"
    assert fixed.endswith(f"collate_fn={name}.partial(collate_fn, n=n))\n")


def test_what_takes_something_along_is_unsafe(tmp_path: Path) -> None:
    text = f"""{IMPORTS}

def make(dataset, n):
    def shared(batch, seen=[]):
        return batch

    yield DataLoader(dataset, num_workers=2, collate_fn=lambda batch: batch[n])
    yield DataLoader(dataset, num_workers=2, collate_fn=shared)
"""
    assert fix(text, tmp_path, unsafe=False) == text
    assert advice(text, tmp_path) == [
        ("write it as a function at module level and hand `n` over by `functools.partial`", True),
        ("define `shared` at module level", True),
    ]


def test_what_workers_do_not_have_is_not_used(tmp_path: Path) -> None:
    text = f"{IMPORTS}\ncollate = lambda batch: batch[size]\n\nif __name__ == '__main__':\n    size = 2\n"
    text += "    DataLoader([1], num_workers=2, collate_fn=collate)\n"
    ((words, fixed),) = advice(text, tmp_path)
    assert "`size`, which workers don't have" in words
    assert not fixed


def test_no_fix_in_a_module_that_workers_do_not_import(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    text = f"{IMPORTS}\n\ndef main():\n    DataLoader([1], num_workers=2, collate_fn=lambda batch: batch)\n"
    (tmp_path / "package" / "__main__.py").write_text(text)
    (found,) = linter.run([tmp_path], Config(), root=tmp_path, cache=False).findings
    assert found.fix is None
    assert "in another module" in found.help


def test_no_name_that_another_module_expects(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("try:\n    from train import collate_fn\nexcept ImportError:\n    pass\n")
    text = f"{IMPORTS}\n\nloader = DataLoader([1], num_workers=2, collate_fn=lambda batch: batch)\n"
    assert "\ndef collate(batch):\n" in fix(text, tmp_path)


ADVICE = {
    "changes": (
        "for n in range(3):\n    DataLoader(ds, num_workers=1, collate_fn=lambda b: b[n])",
        "`n` is the variable of a loop",
    ),
    "comprehension": (
        "x = [DataLoader(ds, num_workers=1, collate_fn=lambda b: b[n]) for n in ds]",
        "`n` is the variable of a loop",
    ),
    "rebound": (
        "n = 1\nDataLoader(ds, num_workers=1, collate_fn=lambda b: b[n])\nn = 2",
        "`n` is bound again after that",
    ),
    "rebound in the loop": (
        "while ds:\n    n = ds.pop()\n    DataLoader(ds, num_workers=1, collate_fn=lambda b: b[n])",
        "`n` changes with each round of the loop",
    ),
    "rebound inside": (
        "n = 1\ndef more():\n    nonlocal n\n    n += 1\nDataLoader(ds, num_workers=1, collate_fn=lambda b: b[n])",
        "a function rebinds `n`",
    ),
    "handle": (
        "n = open('n')\nDataLoader(ds, num_workers=1, collate_fn=lambda b: n.write(b))",
        "`n` is an open file, which can't be sent either",
    ),
    "handle in a list": (
        "n = [open('n')]\nDataLoader(ds, num_workers=1, collate_fn=lambda b: n[0].write(b))",
        "`n` is an open file, which can't be sent either",
    ),
    "handle in a with": (
        "with open('n') as n:\n    DataLoader(ds, num_workers=1, collate_fn=lambda b: n.write(b))",
        "`n` only lives as long as its `with` block",
    ),
    "generator": (
        "n = (i for i in ds)\nDataLoader(ds, num_workers=1, collate_fn=lambda b: next(n))",
        "`n` is a generator",
    ),
    "lock": (
        "import threading\nn = threading.Lock()\nDataLoader(ds, num_workers=1, collate_fn=lambda b: n.acquire())",
        "`n` is made by `threading.Lock`",
    ),
    "another lambda": (
        "n = lambda b: b\nDataLoader(ds, num_workers=1, collate_fn=lambda b: n(b))",
        "`n` holds a lambda",
    ),
    "a helper with values": (
        "k = 1\ndef n(b):\n    return k\nDataLoader(ds, num_workers=1, collate_fn=lambda b: n(b))",
        "`n`, which it uses, takes `k` from around it",
    ),
    "super": ("DataLoader(ds, num_workers=1, collate_fn=lambda b: super())", "it uses `super`"),
    "locals": ("DataLoader(ds, num_workers=1, collate_fn=lambda b: locals())", "it uses `locals`"),
    "walrus": ("DataLoader(ds, num_workers=1, collate_fn=lambda b: (c := b))", "it yields, awaits or assigns"),
    "nonlocal": (
        "n = 1\ndef c(b):\n    nonlocal n\n    n = b\nDataLoader(ds, num_workers=1, collate_fn=c)",
        "a function rebinds `n`",
    ),
    "decorator": (
        "@ds.register\ndef c(b):\n    return b\nDataLoader(ds, num_workers=1, collate_fn=c)",
        "its decorator `ds.register` would run on import",
    ),
    "a call in a class body": (
        "class D(Dataset):\n    table = torch.randn(4)\nDataLoader(D(), num_workers=1)",
        "`torch.randn`, which is called when it is defined, would run on import",
    ),
    "a class that is configured": (
        "class D(Dataset):\n    def __init__(self, config=Config(1)):\n        pass\nDataLoader(D(), num_workers=1)",
        "`Config`, which is called when it is defined, would run on import",
    ),
    "a call in a default": (
        "def c(b, table=tuple(torch.randn(3))):\n    return b\nDataLoader(ds, num_workers=1, collate_fn=c)",
        "`torch.randn`, which is called when it is defined, would run on import",
    ),
    "what a call in a default is given": (
        "def c(b, names=tuple(NAMES)):\n    return b\nDataLoader(ds, num_workers=1, collate_fn=c)",
        "`tuple`, which is called when it is defined, would run on import",
    ),
    "bound twice": (
        (
            "if ds:\n    def c(b):\n        return b\nelse:\n    def c(b):\n        return 1\n"
            "DataLoader(ds, num_workers=1, collate_fn=c)"
        ),
        "`c` is bound more than once",
    ),
    "attribute": (
        "def c(b):\n    return b\nc.n = 1\nDataLoader(ds, num_workers=1, collate_fn=c)",
        "`c.n` is set",
    ),
    "bound below": (
        "class D(Below):\n    def __getitem__(self, i):\n        return i\nDataLoader(D(), num_workers=1)",
        "`Below`, which it needs when it is defined, must be there before",
    ),
    "class with values": (
        "class D(Dataset):\n    def __len__(self):\n        return ds\nDataLoader(D(), num_workers=1)",
        "make `ds`, which it takes from around it, an argument",
    ),
}


@pytest.mark.parametrize("case", ADVICE)
def test_where_there_is_only_advice(case: str, tmp_path: Path) -> None:
    body, words = ADVICE[case]
    inner = "".join(f"        {line}\n" for line in body.splitlines())
    maker = f"class Maker:\n    def make(self, ds):\n{inner}"
    text = f"{IMPORTS}\nimport torch\n\nNAMES = []\n\n\n{maker}\n\nclass Below(Dataset):\n    pass\n"
    found = [(said, fixed) for said, fixed in advice(text, tmp_path) if words in said]
    assert found
    assert not any(fixed for _, fixed in found)
