"""Which handles Datasets keep: one small program for each shape, with the lines on which something must change."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest

from dlsafe_lint import facts, openings, project

HEAD = """\
import os
import h5py, lmdb, zipfile, openslide, numpy as np
from pathlib import Path
from torch.utils.data import DataLoader, Dataset
"""


def read(sources: dict[str, str], **settings: object) -> project.Project:
    """The project of these modules."""
    modules = []
    for name, text in sources.items():
        path = f"/p/{name.replace('.', '/')}.py"
        found = facts.read(text, path=path, name=name, is_package=False)
        assert isinstance(found, facts.ModuleFacts)
        modules.append(found)
    return project.build("/p", modules, **settings)  # type: ignore[arg-type]


def kept(sources: dict[str, str], **settings: object) -> list[tuple[str, int, str, str]]:
    """Module, line, what keeps it and how it is kept."""
    made = read(sources, **settings)
    return sorted(
        (made.modules[path].name, made.modules[path].statements[each.statement].line, each.name, each.fate)
        for path, rows in openings.kept(made).items()
        for each in rows
        if each.confidence != "possible"
    )


def lines(body: str) -> list[int]:
    """The lines of `body` that must change."""
    return [line - HEAD.count("\n") for _, line, _, _ in kept({"m": HEAD + dedent(body).lstrip("\n")})]


def marked(body: str) -> list[int]:
    return [
        number for number, line in enumerate(dedent(body).lstrip("\n").split("\n"), 1) if re.search(r"# here$", line)
    ]


KEPT = {
    "two names for one handle": """
        class D(Dataset):
            def __init__(self, path):
                self.a = self.b = open(path)  # here
        """,
    "a comprehension": """
        class D(Dataset):
            def __init__(self, paths):
                self.files = {p: h5py.File(p) for p in paths}  # here
        """,
    "a tuple made from a generator": """
        class D(Dataset):
            def __init__(self, paths):
                self.files = tuple(h5py.File(p) for p in paths)  # here
        """,
    "map": """
        class D(Dataset):
            def __init__(self, paths):
                self.files = list(map(h5py.File, paths))  # here
        """,
    "a list that was filled before": """
        class D(Dataset):
            def __init__(self, paths):
                files = []
                for path in paths:
                    files.append(zipfile.ZipFile(path))
                self.files = files  # here
        """,
    "a dataset in a file of a local name": """
        class D(Dataset):
            def __init__(self, path):
                file = h5py.File(path)
                group = file["train"]
                self.images = group["images"]  # here
                self.count = len(group["images"])
        """,
    "closed before it is kept": """
        class D(Dataset):
            def __init__(self, path):
                with h5py.File(path) as file:
                    self.images = file["images"]  # here
        """,
    "closed on one path only": """
        class D(Dataset):
            def __init__(self, path, keep=True):
                self.archive = zipfile.ZipFile(path)  # here
                if not keep:
                    self.archive = None
        """,
    "a base class that is no Dataset": """
        class Reader:
            def __init__(self, path):
                self.env = lmdb.open(path)  # here
        class D(Reader, Dataset):
            def __init__(self, path):
                super().__init__(path)
        """,
    "a base class called by name": """
        class Reader(Dataset):
            def setup(self, path):
                self.env = lmdb.open(path)  # here
        class D(Reader):
            def __init__(self, path):
                Reader.setup(self, path)
        """,
    "passed on to a base class": """
        class Reader(Dataset):
            def __init__(self, file):
                self.file = file
        class D(Reader):
            def __init__(self, path):
                super().__init__(h5py.File(path))  # here
        """,
    "a wrapper class": """
        class Slide:
            def __init__(self, path):
                self.slide = openslide.OpenSlide(path)
        class D(Dataset):
            def __init__(self, path):
                self.reader = Slide(path)  # here
        """,
    "passed to a wrapper class": """
        class Slide:
            def __init__(self, slide):
                self.slide = slide
        class D(Dataset):
            def __init__(self, path):
                self.reader = Slide(openslide.OpenSlide(path))  # here
        """,
    "taken out of a wrapper that is passed": """
        class Slide:
            def __init__(self, path):
                self.slide = openslide.OpenSlide(path)
        class D(Dataset):
            def __init__(self, wrapper):
                self.slide = wrapper.slide
        def loader(wrapper):
            return DataLoader(D(wrapper), num_workers=2)  # here
        def main(path):
            return loader(Slide(path))
        """,
    "a property that is read too early": """
        class D(Dataset):
            def __init__(self, path):
                self.path = path
                self._file = None
                self.count = len(self.file["images"])  # here
            @property
            def file(self):
                if self._file is None:
                    self._file = h5py.File(self.path)
                return self._file
        """,
    "setattr": """
        class D(Dataset):
            def __init__(self, path):
                setattr(self, "file", open(path))  # here
        """,
    "__getstate__ does not help fork": """
        class D(Dataset):
            def __init__(self, path):
                self.archive = zipfile.ZipFile(path)  # here
            def __getstate__(self):
                state = self.__dict__.copy()
                state["archive"] = None
                return state
        """,
    "__getstate__ forgets it": """
        class D(Dataset):
            def __init__(self, path):
                self.file = h5py.File(path)  # here
            def __getstate__(self):
                state = self.__dict__.copy()
                state["cache"] = None
                return state
        """,
    "a path put together": """
        class D(Dataset):
            def __init__(self, folder):
                self.file = (Path(folder) / "x.txt").open()  # here
        """,
    "an archive by the name of its file": """
        class D(Dataset):
            def __init__(self, folder):
                name = os.path.join(folder, "x.npz")
                self.arrays = np.load(name)  # here
        """,
    "an archive by its items": """
        class D(Dataset):
            def __init__(self, path):
                self.arrays = np.load(path)  # here
            def __getitem__(self, index):
                return self.arrays["x"][index]
        """,
    "loaded without workers here, but kept": """
        class D(Dataset):
            def __init__(self, path):
                self.file = open(path)  # here
        loader = DataLoader(D("x"))
        """,
    "what __new__ makes": """
        class D(Dataset):
            def __new__(cls, path):
                self = super().__new__(cls)
                self.file = open(path)  # here
                return self
        """,
}

NOT_KEPT = {
    "no handle": """
        class D(Dataset):
            def __init__(self, path):
                with open(path) as file:
                    self.lines = file.readlines()
                    self.rows = [line.split() for line in file]
                self.text = open(path).read()
                self.shape = h5py.File(path)["x"].shape
                self.first = h5py.File(path)["x"][0]
                self.all = h5py.File(path)["x"][...]
                self.some = h5py.File(path)["x"][()]
                self.names = list(h5py.File(path).keys())
                self.kind = h5py.File(path)["x"].attrs["kind"]
                self.array = np.array(h5py.File(path).get("x"))
                self.length, self.width = h5py.File(path)["x"].shape
        """,
    "overwritten by what was read": """
        class D(Dataset):
            def __init__(self, path):
                self.data = h5py.File(path)
                self.data = self.data["x"][:]
        """,
    "closed and dropped in finally": """
        class D(Dataset):
            def __init__(self, path):
                try:
                    self.file = open(path)
                    self.first = self.file.readline()
                finally:
                    self.file.close()
                    del self.file
        """,
    "dropped by a method": """
        class D(Dataset):
            def __init__(self, path):
                self.open(path)
                self.release()
            def open(self, path):
                self.file = open(path)
            def release(self):
                self.file = None
        """,
    "a list that is cleared": """
        class D(Dataset):
            def __init__(self, paths):
                self.files = []
                for path in paths:
                    self.files.append(open(path))
                self.files.clear()
        """,
    "closed and able to be sent then": """
        class D(Dataset):
            def __init__(self, path):
                self.arrays = np.load(path + ".npz")
                self.x = self.arrays["x"]
                self.arrays.close()
        """,
    "lazy": """
        class D(Dataset):
            def __init__(self, path):
                self.path = path
                self.file = None
            def __getitem__(self, index):
                if self.file is None:
                    self.file = h5py.File(self.path)
                return self.file["x"][index]
        """,
    "__getstate__ and the process": """
        class D(Dataset):
            def __init__(self, path):
                self.path = path
                self.pid = os.getpid()
                self.archive = zipfile.ZipFile(path)
            def __getstate__(self):
                return {k: v for k, v in self.__dict__.items() if k != "archive"}
        """,
    "__reduce__": """
        class D(Dataset):
            def __init__(self, path):
                self.path = path
                self.file = h5py.File(path)
            def __reduce__(self):
                return (D, (self.path,))
        """,
    "a wrapper that drops it": """
        class Slide:
            def __init__(self, path):
                self.slide = openslide.OpenSlide(path)
            def __getstate__(self):
                return {"slide": None}
        class D(Dataset):
            def __init__(self, path):
                self.reader = Slide(path)
        """,
    "a Dataset in a Dataset is reported once": """
        class D(Dataset):
            def __init__(self, path):
                self.file = open(path)  # here
        class Outer(Dataset):
            def __init__(self, path):
                self.inner = D(path)
        """,
    "a function inside the constructor": """
        class D(Dataset):
            def __init__(self, path):
                def opener():
                    self.file = open(path)
                self.count = 1
        """,
    "a class method": """
        class D(Dataset):
            def __init__(self, rows):
                self.rows = rows
            @classmethod
            def load(cls, path):
                return cls(open(path).readlines())
        """,
    "a string parameter with the name of a handle": """
        class D(Dataset):
            def __init__(self, file):
                self.file = file
        loader = DataLoader(D("x.h5"), num_workers=2)
        """,
    "passed, but read without a loader": """
        class D(Dataset):
            def __init__(self, file):
                self.file = file
        for row in D(h5py.File("x")):
            print(row)
        """,
    "passed, but loaded without workers": """
        class D(Dataset):
            def __init__(self, file):
                self.file = file
        loader = DataLoader(D(h5py.File("x")), batch_size=2)
        """,
    "one of several things that the caller's callers pass": """
        class D(Dataset):
            def __init__(self, images):
                self.images = images
        def loader(images, is_slide):
            if is_slide:
                return None
            return DataLoader(D(images), num_workers=2)
        loader(openslide.OpenSlide("x"), True)
        loader(["x.png"], False)
        """,
    "arrays in an archive somewhere": """
        class D(Dataset):
            def __init__(self, path):
                self.array = np.load(path)
            def __getitem__(self, index):
                return self.array[index]
        """,
    "an array of a file by its name": """
        class D(Dataset):
            def __init__(self, folder):
                self.array = np.load(f"{folder}/x.npy", mmap_mode="r")
        """,
    "a handle of the module that was closed": """
        with zipfile.ZipFile("x") as ARCHIVE:
            NAMES = ARCHIVE.namelist()
        class D(Dataset):
            def __getitem__(self, index):
                return NAMES[index]
        """,
    "a handle of the module that no Dataset uses": """
        LOG = open("log.txt")
        class D(Dataset):
            def __getitem__(self, index):
                return index
        """,
    "a handle of the module that a function opens": """
        ARCHIVE = None
        class D(Dataset):
            def __getitem__(self, index):
                global ARCHIVE
                if ARCHIVE is None:
                    ARCHIVE = zipfile.ZipFile("x")
                return ARCHIVE.read(str(index))
        """,
}


@pytest.mark.parametrize("name", [*KEPT, *NOT_KEPT])
def test_what_must_change(name: str) -> None:
    body = KEPT.get(name) or NOT_KEPT[name]
    assert lines(body) == marked(body)


def test_kept_and_closed_is_told_from_kept_and_open() -> None:
    body = HEAD + dedent("""\
        class D(Dataset):
            def __init__(self, path):
                self.a = open(path)
                self.b = h5py.File(path)
                self.b.close()
                file = lmdb.open(path)
                self.c = file
                file.close()
        """)
    assert [(name, fate) for _, _, name, fate in kept({"m": body})] == [
        ("self.a", "open"),
        ("self.b", "closed"),
        ("self.c", "closed"),
    ]


def test_a_function_of_another_module_opens() -> None:
    sources = {
        "readers": "import h5py\ndef load(path):\n    file = h5py.File(path)\n    return file['x']\n",
        "data": HEAD
        + "import readers\nclass D(Dataset):\n    def __init__(self, path):\n        self.x = readers.load(path)\n",
    }
    assert kept(sources) == [("data", 8, "self.x", "open")]


def test_a_handle_of_another_module_is_used() -> None:
    sources = {
        "store": "import zipfile\nARCHIVE = zipfile.ZipFile('x')\n",
        "data": HEAD
        + "from store import ARCHIVE as A\nclass D(Dataset):\n"
        + "    def __getitem__(self, i):\n        return A.read(i)\n",
    }
    assert kept(sources) == [("store", 2, "ARCHIVE", "shared")]


def test_the_caller_in_another_module_is_to_blame() -> None:
    sources = {
        "data": HEAD + "class Bag(Dataset):\n    def __init__(self, wsi):\n        self.wsi = wsi\n",
        "main": HEAD
        + "from data import Bag\ndef run(path):\n    slide = openslide.open_slide(path)\n"
        + "    return DataLoader(Bag(wsi=slide), num_workers=2)\n",
    }
    assert kept(sources) == [("main", 8, "self.wsi", "open")]


def test_openers_of_the_settings() -> None:
    sources = {
        "readers": "import far\ndef slide(path):\n    return far.away(path)\nclass Reader:\n    pass\n",
        "data": HEAD
        + "import far\nimport readers\nclass D(Dataset):\n    def __init__(self, path):\n"
        + "        self.a = far.open_it(path)\n"
        + "        self.b = readers.slide(path)\n"
        + "        self.c = readers.Reader()\n",
    }
    settings = {"handles": {"far.open_it", "readers.slide", "readers.Reader"}}
    assert [name for _, _, name, _ in kept(sources, **settings)] == ["self.a", "self.b", "self.c"]
    assert kept(sources) == []


def test_sharing_a_class_or_module_handle_breaks_fork_only() -> None:
    made = read({"m": HEAD + "class D(Dataset):\n    archive = zipfile.ZipFile('x')\n    data = h5py.File('x')\n"})
    rows = {row.name: (row.sent, row.forked, row.confidence) for row in openings.kept(made)["/p/m.py"]}
    assert rows == {"D.archive": (False, True, "certain"), "D.data": (False, True, "possible")}


def test_confidence() -> None:
    body = HEAD + dedent("""\
        class Certain(Dataset):
            def __init__(self, path):
                self.a = open(path)
        class OnOnePath(Dataset):
            def __init__(self, path, lazy=False):
                if not lazy:
                    self.b = open(path)
        class LoadedWithoutWorkers(Dataset):
            def __init__(self, path):
                self.c = open(path)
        loader = DataLoader(LoadedWithoutWorkers("x"), num_workers=0)
        """)
    rows = {row.name: row.confidence for row in openings.kept(read({"m": body}))["/p/m.py"]}
    assert rows == {"self.a": "certain", "self.b": "likely", "self.c": "likely"}
