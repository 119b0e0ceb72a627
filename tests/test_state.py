"""What Datasets open on first use, keep and can't send, and do on a CUDA device: one small program for each shape."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest

from dlsafe_lint import facts, project
from dlsafe_lint.analysis import devices, first_use, unsendable

HEAD = """\
import functools, os, threading
import h5py, torch, zipfile
from torch.utils.data import DataLoader, Dataset, get_worker_info
"""


def read(body: str) -> project.Project:
    found = facts.read(HEAD + dedent(body).lstrip("\n"), path="/p/m.py", name="m", is_package=False)
    assert isinstance(found, facts.ModuleFacts)
    return project.build("/p", [found])


def marked(body: str) -> list[int]:
    return [
        number for number, line in enumerate(dedent(body).lstrip("\n").split("\n"), 1) if re.search("# here$", line)
    ]


def lines(made: project.Project, statements: list[int]) -> list[int]:
    facts_ = made.modules["/p/m.py"]
    return sorted({facts_.statements[each].line - HEAD.count("\n") for each in statements})


FIRST_USE = {
    "a getter of the module": """
        def get(dataset):
            if dataset.file is None:
                dataset.file = zipfile.ZipFile(dataset.path)  # here
            return dataset.file
        class D(Dataset):
            def __getitem__(self, i):
                return get(self).read(str(i))
        """,
    "an inherited opener, and a reader that calls super": """
        class Base(Dataset):
            def open(self):
                self.file = zipfile.ZipFile(self.path)  # here
            def __getitem__(self, i):
                self.open()
        class D(Base):
            def __getitem__(self, i):
                super().__getitem__(i)
        """,
    "a wrapper that opens": """
        class Reader:
            def __init__(self, path):
                self.file = zipfile.ZipFile(path)
        class D(Dataset):
            def __iter__(self):
                if not self.reader:
                    self.reader = Reader(self.path)  # here
        """,
    "closed but kept": """
        class D(Dataset):
            def __getitem__(self, i):
                self.file = open(self.path)  # here
                text = self.file.read()
                self.file.close()
                return text
        """,
    "shared out by worker, not opened by worker": """
        class D(Dataset):
            def __iter__(self):
                info = get_worker_info()
                if self.file is None:
                    self.file = open(self.path)  # here
                return range(info.id)
        """,
    "only the eager call is another rule's": """
        class D(Dataset):
            def __init__(self, path):
                self.path = path
                self.open()
            def open(self):
                self.file = zipfile.ZipFile(self.path)
            def __getitem__(self, i):
                self.open()
        """,
    "after a fork it is opened anew, and never sent": """
        class D(Dataset):
            def __init__(self):
                self.file = None
                os.register_at_fork(after_in_child=self.drop)
            def drop(self):
                self.file = None
            def __getstate__(self):
                return {**self.__dict__, "file": None}
            def __getitem__(self, i):
                if self.file is None:
                    self.file = zipfile.ZipFile(self.path)
        """,
    "h5py in a forked process reads right": """
        class D(Dataset):
            def __getstate__(self):
                state = dict(self.__dict__)
                del state["file"]
                return state
            def __getitem__(self, i):
                if not hasattr(self, "file"):
                    self.file = h5py.File(self.path)
        """,
    "a method that no reader calls": """
        class D(Dataset):
            def open(self):
                self.file = zipfile.ZipFile(self.path)
            def __getitem__(self, i):
                return self.file.read(str(i))
        """,
    "what is read out": """
        class D(Dataset):
            def __getitem__(self, i):
                if self.images is None:
                    self.images = h5py.File(self.path)["images"][:]
        """,
}


@pytest.mark.parametrize("body", FIRST_USE.values(), ids=FIRST_USE)
def test_what_is_opened_on_first_use_and_kept(body: str) -> None:
    made = read(body)
    rows = first_use.shared(made).get("/p/m.py", [])
    assert lines(made, [each.statement for each in rows]) == marked(body)


@pytest.mark.parametrize(
    ("loaders", "confidences"),
    [
        ("DataLoader(D('a'))", []),
        ("DataLoader(D('a'))\nDataLoader([1], num_workers=4)", []),
        ("DataLoader(D('a'))\ndef load(dataset):\n    return DataLoader(dataset)", []),
        ("DataLoader(D('a'))\ndef load(dataset):\n    return DataLoader(dataset, num_workers=4)", ["possible"]),
    ],
)
def test_a_loader_of_an_unknown_dataset_may_have_the_workers(loaders: str, confidences: list[str]) -> None:
    body = """\
class D(Dataset):
    def __init__(self, path):
        self.path = path
    def __getitem__(self, index):
        self.file = zipfile.ZipFile(self.path)
"""
    rows = first_use.shared(read(body + loaders)).get("/p/m.py", [])
    assert [row.confidence for row in rows] == confidences


@pytest.mark.parametrize(("method", "confidence"), [("__len__", "likely"), ("__getitem__", "possible")])
def test_len_is_asked_for_by_the_loader(method: str, confidence: str) -> None:
    body = f"""
        class D(Dataset):
            def {method}(self, *args):
                self.file = zipfile.ZipFile(self.path)
        """
    (row,) = first_use.shared(read(body))["/p/m.py"]
    assert (row.confidence, row.measured) == (confidence, method == "__len__")
    assert row.sent
    assert row.forked


UNSENDABLE = {
    "a method of construction, a default of nobody": """
        class D(Dataset):
            def __init__(self, lock=None):
                self.lock = lock or threading.Lock()  # here
                self.prepare()
            def prepare(self):
                self.stream = self.read()  # here
            def read(self):
                yield 1
        """,
    "passed to super": """
        class Base(Dataset):
            def __init__(self, lock):
                self.lock = lock
        class D(Base):
            def __init__(self):
                super().__init__(threading.Lock())  # here
        """,
    "another Dataset made where items are read": """
        class Stream(Dataset):
            def __init__(self, items):
                self.items = items
            def __iter__(self):
                yield from self.items
        class D(Dataset):
            def read(self):
                yield 1
            def __iter__(self):
                yield from Stream(self.read())
        """,
    "a thread of the project": """
        class Prefetcher(threading.Thread):
            def run(self):
                pass
        class D(Dataset):
            def __init__(self):
                self.prefetcher = Prefetcher()  # here
        """,
    "a helper that drops it": """
        class Helper:
            def __init__(self):
                self.lock = threading.Lock()
            def __getstate__(self):
                return {}
        class D(Dataset):
            def __init__(self):
                self.helper = Helper()
        """,
    "a data class": """
        class D(Dataset):
            def __post_init__(self):
                self.state = {"lock": threading.Lock()}  # here
        """,
    "read out, replaced, local": """
        class D(Dataset):
            def __init__(self, names):
                self.names = (name for name in names)
                self.names = list(self.names)
                lock = threading.Lock()
                self.kind = type(lock)
                self.home = os.environ["HOME"]
                self.cpus = os.environ.get("CPUS")
                self.join = os.path.join
        """,
    "an alias is the same hazard": """
        class D(Dataset):
            def __init__(self):
                self.a = threading.Lock()  # here
                self.b = self.a
        """,
    "left out by a loop over its attributes": """
        class D(Dataset):
            def __init__(self):
                self.local = threading.local()
            def __getstate__(self):
                state = {}
                for name, value in self.__dict__.items():
                    if name != "local":
                        state[name] = value
                return state
        """,
    "a variable that is bound later": """
        class D(Dataset):
            def __init__(self, parts):
                for _ in parts:
                    self.first = part
                    for part in parts:
                        pass
        """,
    "not a Dataset": """
        class D:
            def __init__(self):
                self.a = threading.Lock()
        """,
}


@pytest.mark.parametrize("body", UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_cannot_be_sent(body: str) -> None:
    made = read(body)
    rows = unsendable.unsendable(made).get("/p/m.py", [])
    assert lines(made, [each.statement for each in rows]) == marked(body)


ON_A_DEVICE = {
    "a parameter whose callers say cuda": """
        class D(Dataset):
            def __init__(self, device="cpu"):
                self.device = device
            def __getitem__(self, i):
                return self.x[i].to(self.device)  # here
        D("cuda:1")
        """,
    "a number is a device": """
        class D(Dataset):
            def __getitem__(self, i):
                return self.x[i].to(device=0)  # here
        """,
    "another device, a type, another tensor": """
        class D(Dataset):
            def __getitem__(self, i):
                return self.x[i].to("cpu").to("mps").to(torch.float16).to(self.x)
        """,
    "a name put together": """
        class D(Dataset):
            def __getitem__(self, i):
                return self.x[i].to("cuda:%d" % self.rank), torch.ones(3, device="cuda:" + str(i))  # here
        """,
    "brought back while it is made": """
        class D(Dataset):
            def __init__(self, x):
                self.x = x.cuda().mean(0).cpu()
                self.y = x.cuda().to("cpu")
                y = x.cuda()
                self.z = float(y.sum())
                self.s = y.shape
        """,
    "kept, and dropped again": """
        class D(Dataset):
            def __init__(self, x):
                self.x = x.cuda()
                self.x = None
        """,
}


@pytest.mark.parametrize("body", ON_A_DEVICE.values(), ids=ON_A_DEVICE)
def test_what_is_on_a_device(body: str) -> None:
    made = read(body)
    rows = devices.used(made).get("/p/m.py", [])
    calls = made.modules["/p/m.py"].calls
    assert lines(made, [calls[each.call].statement for each in rows]) == marked(body)
