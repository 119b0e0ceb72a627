"""Which handles Datasets keep: one small program for each shape, with the lines on which something must change."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest

from dlsafe_lint import facts, project
from dlsafe_lint.analysis import openings

HEAD = """\
import os
import h5py, lmdb, openslide, torch, zipfile, numpy as np
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
    "one of two classes is loaded with workers": """
        class D(Dataset):
            def __init__(self, path):
                self.file = open(path)  # here
        class E(D):
            pass
        loader = DataLoader(D("x"))
        other = DataLoader(E("x"), num_workers=2)
        """,
    "one for each worker, but sent": """
        class D(Dataset):
            def __init__(self, path):
                self.archives = {None: zipfile.ZipFile(path)}  # here
                self.path = path
            def archive(self):
                info = torch.utils.data.get_worker_info()
                key = info.id if info else None
                if key not in self.archives:
                    self.archives[key] = zipfile.ZipFile(self.path)
                return self.archives[key]
        """,
    "sent under the start method of the program": """
        torch.multiprocessing.set_start_method("spawn")
        class D(Dataset):
            def __init__(self, path):
                self.archive = zipfile.ZipFile(path)  # here
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
    "possible: loaded without workers here": """
        class D(Dataset):
            def __init__(self, path):
                self.file = open(path)
        loader = DataLoader(D("x"))
        """,
    "possible: a loader that no call gives workers": """
        class D(Dataset):
            def __init__(self, path):
                self.file = open(path)
        def load(path, **options):
            return DataLoader(D(path), **options)
        def train():
            return load("x", batch_size=2, num_workers=0), load("y", shuffle=True)
        """,
    "possible: shared by forks in a program that spawns": """
        torch.multiprocessing.set_start_method("spawn")
        class D(Dataset):
            def __init__(self, path):
                self.archive = zipfile.ZipFile(path)
            def __getstate__(self):
                return {**self.__dict__, "archive": None}
        """,
    "possible: shared by forks, but its only loader spawns": """
        class D(Dataset):
            def __init__(self, path):
                self.archive = zipfile.ZipFile(path)
            def __getstate__(self):
                return {**self.__dict__, "archive": None}
        loader = DataLoader(D("x"), num_workers=2, multiprocessing_context="spawn")
        """,
    "one for each worker, and left out": """
        class D(Dataset):
            def __init__(self, path):
                self.archives = {None: zipfile.ZipFile(path)}
                self.path = path
            def archive(self):
                info = torch.utils.data.get_worker_info()
                key = info.id if info else None
                if key not in self.archives:
                    self.archives[key] = zipfile.ZipFile(self.path)
                return self.archives[key]
            def __getstate__(self):
                return {**self.__dict__, "archives": {}}
        """,
    "a Dataset made where another reads items": """
        class Part(Dataset):
            def __init__(self, rows):
                self.rows = rows
        class D(Dataset):
            def __init__(self, path):
                self.path = path
            def __getitem__(self, index):
                return Part(h5py.File(self.path)["x"])
        """,
    "a list that is made of itself": """
        class D(Dataset):
            def __init__(self, names):
                for name in names:
                    names = sorted(list(names))
                    names = list(zip(names, open(name)))
                self.names = names
        """,
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


IMPORTS = """\
import attr, bz2, contextlib, copy, csv, dbm, fileinput, functools, gzip, importlib.resources, io, json, linecache, os
import pickle, shelve, sqlite3, subprocess, tempfile, urllib.request, weakref, zipfile
import fsspec, h5py, lightning as L, lmdb, numpy as np, openslide, pandas as pd, rasterio, smart_open, tifffile, torch
import torch_geometric, xarray as xr, zarr
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, Union
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, IterDataPipe, Subset, random_split
"""

# What ordinary programs write, class by class: "# here" is what must change, everything else is silent.
SHAPES = {
    "a loop that fills a dict": """
        class D(Dataset):
            def __init__(self, paths):
                self.files = {}
                for k, p in enumerate(paths):
                    self.files[k] = open(p)  # here
        """,
    "nested containers": """
        class D(Dataset):
            def __init__(self, paths):
                self.files = {"a": {"b": [open(p) for p in paths]}}  # here
        """,
    "ways to put in": """
        class A(Dataset):
            def __init__(self, p):
                self.files = []
                self.files.insert(0, open(p))  # here
        class B(Dataset):
            def __init__(self, p):
                self.files = {}
                self.files.setdefault("a", open(p))  # here
        class C(Dataset):
            def __init__(self, p):
                self.files = {}
                self.files.update({"a": open(p)})  # here
        class C2(Dataset):
            def __init__(self, p):
                self.files = {}
                self.files.update(a=open(p))  # here
        class E(Dataset):
            def __init__(self, ps):
                self.files = []
                self.files.extend(open(p) for p in ps)  # here
        class E2(Dataset):
            def __init__(self, ps):
                self.files = []
                self.files.extend([open(p) for p in ps])  # here
        class E3(Dataset):
            def __init__(self, ps):
                self.files = []
                self.files += [open(p) for p in ps]  # here
        class E4(Dataset):
            def __init__(self, ps):
                self.files = defaultdict(list)
                for p in ps:
                    self.files[p].append(open(p))  # here
        class E5(Dataset):
            def __init__(self, ps):
                self.files = {}
                for p in ps:
                    self.files.setdefault(p, []).append(open(p))  # here
        """,
    "ways to build a container": """
        class A(Dataset):
            def __init__(self, p):
                self.files = dict.fromkeys(["a", "b"], open(p))  # here
        class B(Dataset):
            def __init__(self, ps, names):
                self.files = dict(zip(names, [open(p) for p in ps]))  # here
        class C(Dataset):
            def __init__(self, ps, names):
                self.files = list(zip(names, [open(p) for p in ps]))  # here
        class E(Dataset):
            def __init__(self, ps, names):
                self.files = dict(zip(names, map(open, ps)))  # here
        class F(Dataset):
            def __init__(self, ps, names):
                self.files = {n: open(p) for n, p in zip(names, ps)}  # here
        class G(Dataset):
            def __init__(self, ps):
                self.files = [(p, open(p)) for p in ps]  # here
        class H(Dataset):
            def __init__(self, ps):
                self.files = [{"path": p, "file": h5py.File(p)} for p in ps]  # here
        class I(Dataset):
            def __init__(self, ps):
                self.files = dict((p, open(p)) for p in ps)  # here
        class J(Dataset):
            def __init__(self, ps):
                self.files = dict([(p, open(p)) for p in ps])  # here
        class K(Dataset):
            def __init__(self, ps):
                self.files = [open(p) for p in ps] + [open("x")]  # here
        class L(Dataset):
            def __init__(self, p):
                self.files = [open(p)] * 3  # here
        class M(Dataset):
            def __init__(self, p):
                self.files = (*[open(p)],)  # here
        class N(Dataset):
            def __init__(self, p):
                self.files = {**{"a": open(p)}}  # here
        class O(Dataset):
            def __init__(self, p):
                self.files = dict(a=open(p))  # here
        class P(Dataset):
            def __init__(self, ps):
                self.files = np.array([open(p) for p in ps])
        class Q(Dataset):
            def __init__(self, ps):
                self.n = [len(h5py.File(p)["x"]) for p in ps]
                self.s = {p: h5py.File(p)["x"].shape for p in ps}
                self.t = sum(len(h5py.File(p)["x"]) for p in ps)
                self.u = [h5py.File(p)["x"][:] for p in ps]
                self.v = np.concatenate([h5py.File(p)["x"] for p in ps])
                self.w = sorted(zipfile.ZipFile("x").namelist())
                self.l = [json.loads(line) for line in open("x")]
                self.m = {json.loads(line)["id"] for line in open("x")}
                self.k = list(h5py.File("x"))
                self.kk = list(h5py.File("x").keys())
                self.r = list(csv.reader(open("x")))
                self.rr = [row for row in csv.DictReader(open("x"))]
                self.e = dict(enumerate(open("x")))
                self.ll = list(open("x"))
                self.nl = [n for n in zipfile.ZipFile("x").namelist() if n.endswith("png")]
        """,
    "local containers": """
        class A(Dataset):
            def __init__(self, ps):
                files = {}
                for p in ps:
                    files[p] = open(p)
                self.files = files  # here
        class B(Dataset):
            def __init__(self, ps):
                files = {}
                for p in ps:
                    files[p] = {"f": open(p)}
                self.files = list(files.values())  # here
        class C(Dataset):
            def __init__(self, ps):
                files = {}
                for p in ps:
                    files.setdefault(p, open(p))
                self.files = files  # here
        class E(Dataset):
            def __init__(self, ps):
                files = {}
                for p in ps:
                    files.update({p: open(p)})
                self.files = files  # here
        class F(Dataset):
            def __init__(self, ps):
                files = []
                for p in ps:
                    files += [open(p)]
                self.files = files  # here
        class G(Dataset):
            def __init__(self, ps):
                files = []
                for p in ps:
                    files = files + [open(p)]
                self.files = files  # here
        class H(Dataset):
            def __init__(self, ps):
                files = []
                for p in ps:
                    f = open(p)
                    files.append((p, f))
                self.files = files  # here
        class I(Dataset):
            def __init__(self, ps):
                lines = []
                for p in ps:
                    f = open(p)
                    lines.append(f.readline())
                    lines.extend(f)
                self.lines = lines
        class J(Dataset):
            def __init__(self, ps):
                self.files, self.names = [], []
                for p in ps:
                    self.names.append(p)
                    self.files.append(h5py.File(p, "r"))  # here
        class K(Dataset):
            def __init__(self, ps):
                self.index = []
                for p in ps:
                    f = h5py.File(p, "r")
                    for key in f.keys():
                        self.index.append((f, key))  # here
        class L(Dataset):
            def __init__(self, ps):
                self.index = []
                for p in ps:
                    f = h5py.File(p, "r")
                    for key in f.keys():
                        self.index.append((p, key))
        class M(Dataset):
            def __init__(self, ps):
                self.index = []
                for p in ps:
                    f = h5py.File(p, "r")
                    self.index.extend((f[k], 1) for k in f)  # here
        class N(Dataset):
            def __init__(self, p):
                f = h5py.File(p, "r")
                self.groups = [f[k] for k in f.keys()]  # here
        class O(Dataset):
            def __init__(self, p):
                f = h5py.File(p, "r")
                self.groups = [v for v in f.values()]  # here
        class P(Dataset):
            def __init__(self, p):
                f = h5py.File(p, "r")
                self.groups = {k: v for k, v in f.items()}  # here
        class Q(Dataset):
            def __init__(self, p):
                f = h5py.File(p, "r")
                self.groups = {k: v[:] for k, v in f.items()}
                self.names = [k for k, v in f.items()]
                self.other = [f[k][()] for k in f]
                self.lens = [len(v) for v in f.values()]
        """,
    "ways to assign": """
        class A(Dataset):
            def __init__(self, p):
                self.f = open(p) if p else None  # here
        class B(Dataset):
            def __init__(self, p):
                self.f = f = h5py.File(p)  # here
        class B2(Dataset):
            def __init__(self, p):
                f = self.f = h5py.File(p)  # here
        class C(Dataset):
            def __init__(self, p, q):
                self.a, self.b = h5py.File(p), h5py.File(q)  # here
        class E(Dataset):
            def __init__(self, p):
                if (f := h5py.File(p)):
                    self.f = f  # here
        class E2(Dataset):
            def __init__(self, p):
                self.f = (f := h5py.File(p))  # here
        class F(Dataset):
            def __init__(self, names, p):
                for name in names:
                    setattr(self, name, open(p))  # here
        class G(Dataset):
            def __init__(self, p):
                self.__dict__["f"] = open(p)  # here
        class H(Dataset):
            def __init__(self, p):
                self.__dict__.update(f=open(p))  # here
        class I(Dataset):
            def __init__(self, p):
                vars(self)["f"] = open(p)  # here
        class J(Dataset):
            def __init__(self, p):
                self.open = functools.partial(h5py.File, p)
                self.opener = open
                self.cls = h5py.File
                self.mode = "r"
        class K(Dataset):
            def __init__(self, p):
                self.stack = contextlib.ExitStack()
                self.f = self.stack.enter_context(open(p))  # here
        class L(Dataset):
            def __init__(self, p):
                with contextlib.ExitStack() as stack:
                    f = stack.enter_context(open(p))
                    self.lines = f.readlines()
        class L2(Dataset):
            def __init__(self, ps):
                with contextlib.ExitStack() as stack:
                    fs = [stack.enter_context(open(p)) for p in ps]
                    self.lines = [f.readlines() for f in fs]
        class M(Dataset):
            def __init__(self, p):
                with contextlib.closing(zipfile.ZipFile(p)) as z:
                    self.names = z.namelist()
        class N(Dataset):
            def __init__(self, p):
                self.f: h5py.File = h5py.File(p)  # here
        class O(Dataset):
            def __init__(self, p):
                self.f = h5py.File(p) or None  # here
        class P(Dataset):
            def __init__(self, p):
                object.__setattr__(self, "f", open(p))  # here
        class Q(Dataset):
            def __init__(self, p):
                super().__setattr__("f", open(p))  # here
        class R(Dataset):
            def __init__(self, p):
                (self.f,) = [open(p)]  # here
        class T(Dataset):
            def __init__(self, p):
                self.a, *self.rest = [open(x) for x in p]  # here
        class U(Dataset):
            def __init__(self, p, f=None):
                self.f = f or open(p)  # here
        class V(Dataset):
            def __init__(self, p, f=None):
                self.f = f if f is not None else open(p)  # here
        class W(Dataset):
            def __init__(self, p, f=None):
                if f is None:
                    f = open(p)
                self.f = f  # here
        class X(Dataset):
            def __init__(self, p):
                try:
                    self.f = h5py.File(p, "r", libver="latest", swmr=True)  # here
                except OSError:
                    self.f = None
        class Y(Dataset):
            def __init__(self, p):
                f = None
                try:
                    f = h5py.File(p)
                except OSError:
                    raise RuntimeError(p)
                self.f = f  # here
        """,
    "openers": """
        class A(Dataset):
            def __init__(self, p):
                self.a = tempfile.TemporaryFile()  # here
                self.b = tempfile.SpooledTemporaryFile()
                self.c = tempfile.TemporaryDirectory()
                self.d = zipfile.Path(p)  # here
                self.e = importlib.resources.open_binary("pkg", "x")  # here
                self.f = importlib.resources.open_text("pkg", "x")  # here
                self.g = importlib.resources.files("pkg").joinpath("x").open()  # here
                self.h = smart_open.open(p)  # here
                self.i = smart_open.smart_open(p)  # here
                self.j = fsspec.open(p).open()  # here
                self.k = fsspec.open(p)
                fs = fsspec.filesystem("file")
                self.l = fs.open(p)  # here
                self.fs = fs
                self.m = gzip.open(p, "rt")  # here
                self.n = pd.HDFStore(p)  # here
                self.o = pd.read_csv(p, chunksize=10)  # here
                self.q = pd.read_csv(p)
                self.r = h5py.File(p)["x"]  # here
                self.s = h5py.File(p)["x"]["y"]  # here
                self.t = pd.read_hdf(p)
                self.v = pd.read_json(p, lines=True, chunksize=3)  # here
                self.w = io.open(p)  # here
                self.x = linecache.getlines(p)
                self.aa = rasterio.MemoryFile(open(p, "rb").read())
                self.ab = io.BytesIO(open(p, "rb").read())
                self.ac = torch.load(open(p, "rb"))
                self.ad = pickle.load(open(p, "rb"))
                self.ae = pickle.Unpickler(open(p, "rb"))  # here
                self.af = bz2.BZ2File(p)  # here
                self.ag = zipfile.ZipFile(p).open("x")  # here
                self.ah = fileinput.input(p)
                self.ai = subprocess.Popen(["x"]).stdout
                self.aj = os.popen("x")  # here
                self.ak = urllib.request.urlopen("x")  # here
                self.al = gzip.GzipFile(p)  # here
                self.am = os.open(p, os.O_RDONLY)  # here
                self.head = os.pread(self.am, 4, 0)
                self.an = lmdb.open(p, lock=False)  # here
                self.ao = lmdb.Environment(p)  # here
                self.ap = zarr.open(zarr.ZipStore(p))  # here
                self.aq = zarr.open(p)
                self.ar = xr.open_dataset(p)
        """,
    "paths": """
        class A(Dataset):
            def __init__(self, p: Path):
                self.f = p.open()  # here
        class B(Dataset):
            def __init__(self, root):
                self.root = Path(root)
                self.f = (self.root / "x").open("rb")  # here
        class C(Dataset):
            def __init__(self, root: Path):
                self.root = root
                self.f = (self.root / "x" / "y").open("rb")  # here
        class E(Dataset):
            def __init__(self, root: "Path"):
                self.files = [p.open() for p in root.glob("*")]  # here
        class F(Dataset):
            def __init__(self, root: Path | None = None):
                self.f = root.open()  # here
        class G(Dataset):
            def __init__(self, root: Union[str, Path]):
                root = Path(root)
                self.f = root.joinpath("x").open()  # here
        class H(Dataset):
            def __init__(self, root):
                p = Path(root).expanduser().resolve()
                self.f = p.with_suffix(".x").open()  # here
        class I(Dataset):
            root: Path
            def __init__(self):
                self.f = self.root.open()  # here
        class J(Dataset):
            def __init__(self, root):
                self.text = Path(root).read_text()
                self.paths = list(Path(root).glob("*"))
                with Path(root).open() as f:
                    self.lines = f.readlines()
                self.data = json.load(Path(root).open())
        class K(Dataset):
            def __init__(self, store):
                self.f = store.open()
        class L(Dataset):
            def __init__(self, ps: list[Path]):
                self.f = [p.open() for p in ps]  # here
        class M(Dataset):
            def __init__(self, root):
                self.f = open(Path(root) / "x")  # here
        class N(Dataset):
            def __init__(self, root):
                self.files = [p.open() for p in sorted(Path(root).glob("*"))]  # here
        class O(Dataset):
            def __init__(self):
                self.f = Path.home().joinpath("x").open()  # here
        class P(Dataset):
            def __init__(self, root):
                self.f = Path(root).parent.open()  # here
        """,
    "helpers and factories": """
        class Mixin:
            def open_all(self, p):
                self.f = h5py.File(p)  # here
        class A(Mixin, Dataset):
            def __init__(self, p):
                self.open_all(p)
        class Base(Dataset):
            def __init__(self, p):
                super().__init__()
                self.prepare(p)
            def prepare(self, p):
                pass
        class B(Base):
            def prepare(self, p):
                self.f = h5py.File(p)  # here
        class C(Dataset):
            def __init__(self, p):
                self.f = self._open(p)  # here
            def _open(self, p):
                return h5py.File(p)
        class C2(Dataset):
            def __init__(self, p):
                self.f = self._open(p)  # here
            @staticmethod
            def _open(p):
                return h5py.File(p)
        class C3(Dataset):
            def __init__(self, p):
                self.f, self.n = self._open(p)  # here
            def _open(self, p):
                f = h5py.File(p)
                return f, len(f)
        class C4(Dataset):
            def __init__(self, p):
                self.f = C4._open(p)  # here
            @classmethod
            def _open(cls, p):
                return {"f": h5py.File(p)}
        class E(Dataset):
            def __init__(self, f):
                self.f = f
            @classmethod
            def from_path(cls, p):
                return cls(h5py.File(p))  # here
        class F(Dataset):
            def __init__(self, f):
                self.f = f
            @staticmethod
            def from_path(p):
                return F(f=h5py.File(p))  # here
        class G(Dataset):
            @classmethod
            def from_path(cls, p):
                self = cls()
                self.f = h5py.File(p)  # here
                return self
        class H(Dataset):
            def __init__(self, rows):
                self.rows = rows
            @classmethod
            def from_path(cls, p):
                with h5py.File(p) as f:
                    return cls(f["rows"][:])
        class I(Dataset):
            def __init__(self, rows):
                self.rows = rows
            @classmethod
            def from_path(cls, p):
                f = h5py.File(p)
                return cls(f["rows"][:])
        class J(Dataset):
            def __init__(self, p):
                self._init(p)
            def _init(self, p):
                self._more(p)
            def _more(self, p):
                self.f = h5py.File(p)  # here
        class L(Dataset):
            def __init__(self, p):
                self.p = p
                self._load()
            def _load(self):
                self.handles = [self._open(x) for x in self.p]  # here
            def _open(self, x):
                return open(x)
        class M(Dataset):
            def __init__(self, p):
                self.f = (lambda: h5py.File(p))()  # here
        class N(Dataset):
            def __init__(self, p):
                self.opener = lambda: open(p)
        class O(Dataset):
            def __init__(self, p):
                def opener():
                    return open(p)
                self.f = opener()  # here
        """,
    "data classes": """
        @dataclass
        class A(Dataset):
            p: str
            def __post_init__(self):
                self.f = h5py.File(self.p)  # here
        @dataclass
        class B(Dataset):
            f: object = field(default_factory=lambda: open("x"))  # here
        @dataclass
        class C(Dataset):
            f: object = field(default_factory=list)
        @dataclass
        class E(Dataset):
            f: object = open("x")  # here
        def make():
            return open("x")
        @dataclass
        class F(Dataset):
            f: object = field(default_factory=make)  # here
        @dataclass
        class G(Dataset):
            f: object
        ds = DataLoader(G(open("x")), num_workers=2)  # here
        @dataclass
        class H(Dataset):
            p: str
            f: object = field(init=False)
            def __post_init__(self):
                object.__setattr__(self, "f", h5py.File(self.p))  # here
        @attr.s
        class I(Dataset):
            f = attr.ib(factory=lambda: open("x"))  # here
        """,
    "a module's handle": """
        ARCHIVE = zipfile.ZipFile("x")  # here
        class A(Dataset):
            def __getitem__(self, i):
                return ARCHIVE.read(i)
        """,
    "a module's handle that a function reads": """
        ARCHIVE = zipfile.ZipFile("x")  # here
        def read(i):
            return ARCHIVE.read(i)
        class A(Dataset):
            def __getitem__(self, i):
                return read(i)
        """,
    "a global statement": """
        ARCHIVE = None
        class A(Dataset):
            def __init__(self, p):
                global ARCHIVE
                ARCHIVE = zipfile.ZipFile(p)  # here
            def __getitem__(self, i):
                return ARCHIVE.read(i)
        """,
    "a module's handle that is kept": """
        F = h5py.File("x")
        class A(Dataset):
            def __init__(self):
                self.f = F  # here
            def __getitem__(self, i):
                return self.f[i]
        """,
    "what lies on the class": """
        class A(Dataset):
            cache = {"a": zipfile.ZipFile("x")}  # here
            def __getitem__(self, i):
                return self.cache["a"].read(i)
        class B(Dataset):
            cache = {}
            def __init__(self, p):
                self.cache[p] = zipfile.ZipFile(p)  # here
            def __getitem__(self, i):
                return self.cache["a"].read(i)
        class C(Dataset):
            f = None
            def __init__(self, p):
                C.f = zipfile.ZipFile(p)  # here
            def __getitem__(self, i):
                return C.f.read(i)
        """,
    "wrapper classes": """
        class Inner:
            def __init__(self, p):
                self.h = h5py.File(p)
        class Middle:
            def __init__(self, p):
                self.inner = Inner(p)
        class Sub(Inner):
            pass
        class Sub2(Inner):
            def __init__(self, p):
                super().__init__(p)
        class Helper:
            def __init__(self, p):
                self._open(p)
            def _open(self, p):
                self.h = h5py.File(p)
        class Lazy:
            def __init__(self, p):
                self.p = p
                self.h = None
            def read(self):
                self.h = h5py.File(self.p)
        class Reopens:
            def __init__(self, p):
                self.p = p
                self.h = h5py.File(p)
            def __getstate__(self):
                return {"p": self.p}
            def __setstate__(self, s):
                self.__init__(s["p"])
        class ReopensZip:
            def __init__(self, p):
                self.p = p
                self.h = zipfile.ZipFile(p)
            def __getstate__(self):
                return {"p": self.p}
            def __setstate__(self, s):
                self.__init__(s["p"])
        class Reduces:
            def __init__(self, p):
                self.p = p
                self.h = h5py.File(p)
            def __reduce__(self):
                return Reduces, (self.p,)
        class A(Dataset):
            def __init__(self, p):
                self.r = Inner(p)  # here
        class B(Dataset):
            def __init__(self, p):
                self.r = Middle(p)  # here
        class C(Dataset):
            def __init__(self, p):
                self.r = Sub(p)  # here
        class E(Dataset):
            def __init__(self, p):
                self.r = Sub2(p)  # here
        class F(Dataset):
            def __init__(self, p):
                self.r = Helper(p)  # here
        class G(Dataset):
            def __init__(self, p):
                self.r = Lazy(p)
        class H(Dataset):
            def __init__(self, p):
                self.r = Reopens(p)
        class I(Dataset):
            def __init__(self, p):
                self.r = ReopensZip(p)  # here
        class J(Dataset):
            def __init__(self, p):
                self.r = Reduces(p)
        class K(Dataset):
            def __init__(self, ps):
                self.rs = [Inner(p) for p in ps]  # here
        class L(Dataset):
            def __init__(self, p):
                self.n = Inner(p).h["x"].shape
        class M(Dataset):
            def __init__(self, p):
                self.h = Inner(p).h  # here
        """,
    "a class that derives from an opener": """
        class MyFile(h5py.File):
            def __init__(self, p):
                super().__init__(p, "r")
        class A(Dataset):
            def __init__(self, p):
                self.r = MyFile(p)  # here
        class MyZip(zipfile.ZipFile):
            pass
        class B(Dataset):
            def __init__(self, p):
                self.r = MyZip(p)  # here
        """,
    "data modules": """
        class DS(Dataset):
            def __init__(self, p):
                self.f = h5py.File(p)  # here
        class DM(L.LightningDataModule):
            def __init__(self, p):
                super().__init__()
                self.f = h5py.File(p)
                self.p = p
            def setup(self, stage=None):
                self.ds = DS(self.p)
            def train_dataloader(self):
                return DataLoader(self.ds, num_workers=2)
        class DS2(Dataset):
            def __init__(self, f):
                self.f = f
        class DM2(L.LightningDataModule):
            def __init__(self, p):
                super().__init__()
                self.f = h5py.File(p)
            def setup(self, stage=None):
                self.ds = DS2(self.f)  # here
            def train_dataloader(self):
                return DataLoader(self.ds, num_workers=2)
        class DM3(L.LightningDataModule):
            def __init__(self, p):
                super().__init__()
                self.p = p
            def setup(self, stage=None):
                self.f = h5py.File(self.p)
                self.train, self.val = random_split(DS2(self.f), [1, 2])  # here
            def train_dataloader(self):
                return DataLoader(self.train, num_workers=2)
        """,
    "wrappers around Datasets and other bases": """
        class NoBase:
            def __init__(self, p):
                self.f = h5py.File(p)  # here
            def __len__(self): return 1
            def __getitem__(self, i): return self.f[i]
        a, b = random_split(NoBase("x"), [1, 2])
        DataLoader(a, num_workers=2)
        class NoBase2:
            def __init__(self, p):
                self.f = h5py.File(p)  # here
            def __len__(self): return 1
            def __getitem__(self, i): return self.f[i]
        DataLoader(ConcatDataset([NoBase2(p) for p in ps]), num_workers=2)
        class NoBase3:
            def __init__(self, p):
                self.f = h5py.File(p)  # here
            def __len__(self): return 1
            def __getitem__(self, i): return self.f[i]
        DataLoader(Subset(NoBase3(p), [1]), num_workers=2)
        class NoLoader:
            def __init__(self, p):
                self.f = h5py.File(p)
            def __len__(self): return 1
            def __getitem__(self, i): return self.f[i]
        class It(IterableDataset):
            def __init__(self, p):
                self.f = h5py.File(p)  # here
        class Geo(torch_geometric.data.Dataset):
            def __init__(self, p):
                self.f = h5py.File(p)  # here
        class Pipe(IterDataPipe):
            def __init__(self, p):
                self.f = h5py.File(p)  # here
        class Gen:
            def __init__(self, p):
                self.f = h5py.File(p)  # here
            def __iter__(self):
                yield 1
        DataLoader(Gen("x"), num_workers=3)
        """,
    "dropped on every path": """
        DEBUG = False
        class A(Dataset):
            def __init__(self, p):
                self.f = h5py.File(p)
                self.n = len(self.f)
                self.f.close()
                self.f = None
        class B(Dataset):
            def __init__(self, p):
                self.f = None
                try:
                    self.f = zipfile.ZipFile(p)
                    self.names = self.f.namelist()
                finally:
                    if self.f is not None:
                        self.f.close()
                        self.f = None
        class C(Dataset):
            def __init__(self, p):
                self.f = zipfile.ZipFile(p)
                self.names = self.f.namelist()
                if self.f:
                    self.f.close()
                    self.f = None
        class E(Dataset):
            def __init__(self, p):
                self.f = zipfile.ZipFile(p)
                self.names = self.f.namelist()
                if hasattr(self, "f"):
                    self.f.close()
                    del self.f
        class F(Dataset):
            def __init__(self, p, cached):
                self.f = zipfile.ZipFile(p)
                if cached:
                    self.names = cached
                    self.f = None
                    return
                self.names = self.f.namelist()
                self.f = None
        class F2(Dataset):
            def __init__(self, p, cached):
                self.f = zipfile.ZipFile(p)  # here
                if cached:
                    return
                self.names = self.f.namelist()
                self.f = None
        class G(Dataset):
            def __init__(self, p):
                self.f = zipfile.ZipFile(p)
                if not self.f.namelist():
                    raise ValueError
                self.f = None
        class H(Dataset):
            def __init__(self, p):
                self.data = open(p)
                self.data = self.data.read()
        class I(Dataset):
            def __init__(self, p):
                if DEBUG:
                    self.log = open("log")
        class J(Dataset):
            def __init__(self, p):
                self.f = zipfile.ZipFile(p)
                if len(self.f.namelist()) > 3:
                    self.f = None
                else:
                    self.f = None
        class K(Dataset):
            def __init__(self, p):
                self.open(p)
                self.close()
            def open(self, p):
                self.f = zipfile.ZipFile(p)
            def close(self):
                if self.f is not None:
                    self.f.close()
                    self.f = None
        class L(Dataset):
            def __init__(self, p):
                self.open(p)
                self.close()
            def open(self, p):
                self.f = zipfile.ZipFile(p)
            def close(self):
                if self.f is None:
                    return
                self.f.close()
                self.f = None
        class M(Dataset):
            def __init__(self, p):
                self.f = zipfile.ZipFile(p)
                with self.f:
                    self.names = self.f.namelist()
                self.f = None
        class M2(Dataset):
            def __init__(self, p):
                self.f = zipfile.ZipFile(p)  # here
                with self.f:
                    self.names = self.f.namelist()
        class N(Dataset):
            def __init__(self, p):
                self.files = [h5py.File(x) for x in p]
                self.n = [len(f) for f in self.files]
                for f in self.files:
                    f.close()
                self.files = None
        class O(Dataset):
            def __init__(self, p):
                self.files = [h5py.File(x) for x in p]
                self.n = [len(f) for f in self.files]
                self.files = []
        class P(Dataset):
            def __init__(self, p):
                self.files = [h5py.File(x) for x in p]
                self.files = [f["x"][:] for f in self.files]
        class Q(Dataset):
            def __init__(self, p, keep=False):
                self.f = h5py.File(p)  # here
                if not keep:
                    self.f.close()
                    self.f = None
        class R(Dataset):
            def __init__(self, p):
                f = open(p)
                try:
                    self.lines = f.readlines()
                finally:
                    f.close()
        class T(Dataset):
            def __init__(self, p):
                self.f = open(p)
                try:
                    self.x = 1
                except ValueError:
                    raise
                finally:
                    self.f.close()
                    self.f = None
        class U(Dataset):
            def __init__(self, p):
                self.f = open(p)
                self.x = self.f.read()
                delattr(self, "f")
        class V(Dataset):
            def __init__(self, p):
                self.f = open(p)
                self.x = self.f.read()
                self.__dict__.pop("f")
        class V2(Dataset):
            def __init__(self, p):
                self.f = open(p)
                self.x = self.f.read()
                del self.__dict__["f"]
        class W(Dataset):
            def __init__(self, p):
                self.files = {"a": open(p)}
                self.x = 1
                del self.files["a"]
        class X(Dataset):
            def __init__(self, p):
                self.files = {"a": open(p)}
                self.x = 1
                self.files.pop("a").close()
        class Y(Dataset):
            def __init__(self, p):
                self.f = self.g = None
                self.f, self.g = open(p), open(p)
                self.f = self.g = None
        class Z(Dataset):
            def __init__(self, p):
                self.f = open(p)
                self.x, self.f = self.f.read(), None
        class AA(Dataset):
            def __init__(self, p):
                if False:
                    self.f = open(p)
        class AB(Dataset):
            def __init__(self, p):
                for x in p:
                    self.f = open(x)
                    self.x = self.f.read()
                    self.f = None
        class AC(Dataset):
            def __init__(self, p):
                self.f = None
                while self.f is None:
                    self.f = open(p)  # here
        class AD(Dataset):
            def __init__(self, p, preload=True):
                self.preload = preload
                if self.preload:
                    self.f = open(p)
                    self.x = self.f.read()
                if self.preload:
                    self.f = None
        class AE(Dataset):
            def __init__(self, p):
                match p:
                    case "a":
                        self.f = open(p)  # here
        class AF(Dataset):
            def __init__(self, p):
                self.f = open(p)
                self.x = self.f.read()
                self._reset()
            def _reset(self):
                self.f, self.g = None, None
        class AG(Dataset):
            def __init__(self, p):
                self.p = p
                with self._open() as f:
                    self.n = len(f)
            def _open(self):
                return h5py.File(self.p)
        class AH(Dataset):
            def __init__(self, p):
                self.f = None
                self.n = self._count(p)
            def _count(self, p):
                f = h5py.File(p)
                n = len(f)
                f.close()
                return n
        """,
    "pickled by hand": """
        class A(Dataset):
            def __init__(self, p):
                self.p = p
                self.f = h5py.File(p)
            def __getstate__(self):
                s = self.__dict__.copy()
                s.pop("f")
                return s
        class B(Dataset):
            def __init__(self, p):
                self.p = p
                self.f = h5py.File(p)
            def __getstate__(self):
                s = dict(self.__dict__)
                del s["f"]
                return s
        class C(Dataset):
            def __init__(self, p):
                self.p = p
                self.f = h5py.File(p)  # here
            def __getstate__(self):
                return self.__dict__
        class E(Dataset):
            def __init__(self, p):
                self.p = p
                self._f = zipfile.ZipFile(p)
                self._pid = os.getpid()
            @property
            def f(self):
                if self._pid != os.getpid():
                    self._f = zipfile.ZipFile(self.p)
                    self._pid = os.getpid()
                return self._f
            def __getstate__(self):
                return {**self.__dict__, "_f": None, "_pid": None}
        class F(Dataset):
            def __init__(self, p):
                self.p = p
                self.f = zipfile.ZipFile(p)  # here
                self.name = f"{os.getpid()}"
            def __getitem__(self, i):
                return self.f.read(i)
        """,
    "opened under the guard, read out": """
        class A(Dataset):
            def __init__(self, rows):
                self.rows = rows
            def __getitem__(self, i):
                return self.rows[i]
        if __name__ == "__main__":
            f = h5py.File("x")
            ds = A(f["x"][:])
            for b in DataLoader(ds, num_workers=2):
                print(b)
        """,
    "a global of the guard": """
        class A(Dataset):
            def __getitem__(self, i):
                return f[i]
        if __name__ == "__main__":
            f = zipfile.ZipFile("x")  # here
            for b in DataLoader(A(), num_workers=2):
                print(b)
        """,
    "opened under the guard and handed over": """
        class A(Dataset):
            def __init__(self, f):
                self.f = f
        if __name__ == "__main__":
            f = h5py.File("x")
            for b in DataLoader(A(f), num_workers=2):  # here
                print(b)
        """,
    "no workers": """
        class A(Dataset):
            def __init__(self, f):
                self.f = f
        DataLoader(A(h5py.File("x")))
        DataLoader(A(h5py.File("x")), num_workers=0)
        """,
    "numpy.load": """
        class A(Dataset):
            def __init__(self, p):
                self.a = np.load(p, mmap_mode="r")
        class B(Dataset):
            def __init__(self, p):
                self.a = np.load(p + ".npz")["x"]
        class C(Dataset):
            def __init__(self, p):
                z = np.load(p + ".npz")
                self.a = z  # here
        class E(Dataset):
            def __init__(self, p):
                z = np.load(p)
                self.keys = z.files
                self.a = z  # here
        class F(Dataset):
            def __init__(self, p):
                self.a = dict(np.load(p + ".npz"))
        class G(Dataset):
            def __init__(self, p):
                self.a = np.load(p + ".npz", allow_pickle=True)  # here
            def __getitem__(self, i):
                return self.a["x"][i]
        class H(Dataset):
            def __init__(self, p):
                self.a = np.load(p)  # here
                self.x = self.a["x"]
        class I(Dataset):
            def __init__(self, p):
                self.a = np.load(p, allow_pickle=True).item()
            def __getitem__(self, i):
                return self.a["x"]
        class J(Dataset):
            def __init__(self, p):
                self.a = [np.load(x) for x in p]
        class K(Dataset):
            def __init__(self, p):
                self.a = np.memmap(p)
                self.b = torch.load(p, mmap=True)
                self.c = np.lib.format.open_memmap(p)
                self.e = tifffile.memmap(p)
                self.im = Image.open(p).convert("RGB")
                self.im2 = np.array(Image.open(p))
        class M(Dataset):
            def __init__(self, p):
                self.a = {k: np.load(v) for k, v in p.items()}
            def __getitem__(self, i):
                return self.a["x"][i]
        class N(Dataset):
            def __init__(self, p):
                data = np.load(p)
                self.x, self.y = data["x"], data["y"]
        class O(Dataset):
            def __init__(self, p):
                data = np.load(p)
                self.x = data[:, 0]
                self.d = data
        """,
    "odds and ends": """
        class A(Dataset):
            def __init__(self, p, f=open("x")):
                self.f = f  # here
        class B(Dataset):
            def __init__(self, p):
                self.f = iter(open(p))  # here
        class C(Dataset):
            def __init__(self, p):
                self.f = (line for line in open(p))
        class E(Dataset):
            def __init__(self, p):
                self.f = SimpleNamespace(f=open(p))  # here
        class Row(NamedTuple):
            f: object
        class F(Dataset):
            def __init__(self, p):
                self.f = Row(open(p))  # here
        class G(Dataset):
            def __init__(self, p):
                self.sizes = os.stat(open(p).fileno())
                self.name = open(p).name
                self.closed = open(p).closed
                self.text = str(open(p))
                self.rd = open(p).readline
        class H(Dataset):
            def __init__(self, p):
                self.w = csv.writer(open(p, "w"))  # here
        class I(Dataset):
            def __init__(self, p):
                self.db = sqlite3.connect(p).cursor()  # here
        class J(Dataset):
            def __init__(self, p):
                self.rows = sqlite3.connect(p).execute("x").fetchall()
                conn = sqlite3.connect(p)
                self.df = pd.read_sql("x", conn)
                self.len = conn.execute("x").fetchone()[0]
        class K(Dataset):
            def __init__(self, p):
                env = lmdb.open(p)
                with env.begin() as txn:
                    self.n = txn.stat()["entries"]
                    self.keys = [k for k, _ in txn.cursor()]
        class K2(Dataset):
            def __init__(self, p):
                self.env = lmdb.open(p)  # here
                with self.env.begin() as txn:
                    self.n = txn.stat()["entries"]
        class K3(Dataset):
            def __init__(self, p):
                self.txn = lmdb.open(p).begin()  # here
        class L(Dataset):
            def __init__(self, p):
                self.handle = copy.copy(h5py.File(p))
        class M(Dataset):
            def __init__(self, p):
                self.reader = (h5py.File if p.endswith("h5") else zipfile.ZipFile)(p)  # here
        class N(Dataset):
            READERS = {"h5": h5py.File, "zip": zipfile.ZipFile}
            def __init__(self, p):
                self.reader = self.READERS["h5"](p)  # here
        class O(Dataset):
            def __init__(self, p, cls=h5py.File):
                self.reader = cls(p)  # here
        class P(Dataset):
            _opener = h5py.File
            def __init__(self, p):
                self.reader = self._opener(p)  # here
        class Q(Dataset):
            def __init__(self, p):
                opener = functools.partial(h5py.File, mode="r")
                self.reader = opener(p)  # here
        class R(Dataset):
            async def open(self, p):
                self.f = h5py.File(p)
        class T(Dataset):
            def __init__(self, p):
                self.f = weakref.ref(h5py.File(p))
        class U(Dataset):
            def __init__(self, p):
                self.f = open(p).read
        """,
    "shared by forks in a program that spawns if asked to": """
        if parser.parse_args().spawn:
            torch.multiprocessing.set_start_method("spawn")
        class D(Dataset):
            def __init__(self, path):
                self.archive = zipfile.ZipFile(path)  # here
            def __getstate__(self):
                return {**self.__dict__, "archive": None}
        """,
    "a loader that some call may give workers": """
        class D(Dataset):
            def __init__(self, path):
                self.file = open(path)  # here
        def load(path, **options):
            return DataLoader(D(path), **options)
        def train(options):
            return load("x", batch_size=2), load("y", **options)
        """,
    "a loader of the project opens": """
        class Reading(Dataset):
            def __init__(self, file, size):
                self.file = file
                self.labels = file["labels"][:]
        class Loader(DataLoader):
            def __init__(self, path, **kwargs):
                self.file = h5py.File(path)
                self.data = Reading(self.file, 3)  # here
                super().__init__(self.data, **kwargs)
        class Plain(DataLoader):
            def __init__(self, path):
                self.file = h5py.File(path)
                self.data = Reading(self.file, 3)
                super().__init__(self.data, batch_size=2)
        """,
    "an object that opened hands it on": """
        class Slide:
            def __init__(self, path):
                self.wsi = openslide.open_slide(path)
                self.size = self.wsi.dimensions
        class Region(Dataset):
            def __init__(self, slide, level=0):
                self.wsi = slide.wsi
        class Sizes(Dataset):
            def __init__(self, slide, level=0):
                self.size = slide.size
        def load(slide):
            Sizes(slide, level=1)
            return DataLoader(Region(slide, level=1), num_workers=4)  # here
        def initialize(path):
            slide = Slide(path)
            return slide
        load(initialize("a.svs"))
        """,
    "dropped where a flag says that it is there": """
        class Dropped(Dataset):
            def __init__(self, path):
                self.paths = path if isinstance(path, list) else None
                self.are_open = False
                self.prepare()
                self.prepare()
                self.close()
            def prepare(self):
                self.connect()
            def connect(self):
                if self.paths is None:
                    self.one = None
                else:
                    if self.are_open is False:
                        self.files = []
                        for path in self.paths:
                            self.files.append(open(path))
                        self.are_open = True
            def close(self):
                if self.paths is not None:
                    if self.are_open:
                        for file in self.files:
                            file.close()
                        del self.files
                        self.are_open = False
        class NotSaid(Dataset):
            def __init__(self, path, quick):
                self.are_open = False
                self.connect(path, quick)  # here
                if self.are_open:
                    self.files.clear()
            def connect(self, path, quick):
                self.files = [open(path)]
                if quick:
                    return
                self.are_open = True
            def __getitem__(self, index):
                self.connect("a", True)
        class Changed(Dataset):
            def __init__(self, path):
                self.path = path
                if self.path is not None:
                    self.file = open(path)  # here
                self.path = None
                if self.path is not None:
                    self.file = None
        """,
    "left out by name": """
        class Base(Dataset):
            def __getstate__(self):
                return dict(self.__dict__, labels=None)
        class A(Base):
            def __init__(self, path):
                self.pid = os.getpid()
                self.archive = zipfile.ZipFile(path)
            def __getstate__(self):
                return dict(super().__getstate__(), archive=None)
        class B(Base):
            def __init__(self, path):
                self.pid = os.getpid()
                self.archive = zipfile.ZipFile(path)  # here
        """,
    "stored from outside": """
        class A(Dataset):
            def __init__(self, p):
                self.b = 1
            def open_now(self, p):
                self.f = h5py.File(p)
        ds = A("x")
        ds.f = h5py.File("x")  # here
        DataLoader(ds, num_workers=2)
        """,
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_of_ordinary_programs(name: str) -> None:
    body = dedent(SHAPES[name]).lstrip("\n")
    found = [line - IMPORTS.count("\n") for _, line, _, _ in kept({"m": IMPORTS + body})]
    assert sorted(set(found)) == [number for number, line in enumerate(body.split("\n"), 1) if line.endswith("# here")]


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
        class Inner(Dataset):
            def __init__(self, path):
                self.d = open(path)
        class InnerWithWorkers(Dataset):
            def __init__(self, path):
                self.e = open(path)
        class Outer(Dataset):
            def __init__(self, datasets):
                self.datasets = datasets
        loader = DataLoader(Outer([Inner("x"), 3]))
        loader = DataLoader(Outer([InnerWithWorkers("x")]), num_workers=2)
        """)
    rows = {row.name: row.confidence for row in openings.kept(read({"m": body}))["/p/m.py"]}
    assert rows == {
        "self.a": "certain", "self.b": "likely", "self.c": "possible", "self.d": "possible", "self.e": "certain"
    }  # fmt: skip
