"""Which `__getattr__` fails when an object is unpickled: each shape is told from its code, and then really pickled."""

from __future__ import annotations

import pickle
import sys
from textwrap import dedent, indent
from types import ModuleType

import pytest

from dlsafe_lint import facts, project
from dlsafe_lint.analysis import proxies

HEAD = """\
import functools
from abc import ABC

"""
PROGRAM = """\
class Inner:
    size = 8

class Outer(Dataset, ABC):
    def __init__(self, dataset):
        self.dataset = dataset
        self.extra = {}

    def __len__(self):
        return 1
"""

FAILS = {
    "passes everything on": """
        def __getattr__(self, name):
            return getattr(self.dataset, name)
        """,
    "in other words": """
        def __getattr__(self, name):
            inner = self.dataset
            return inner.__getattribute__(name)
        """,
    "__getstate__ alone": """
        def __getattr__(self, name):
            return getattr(self.dataset, name)
        def __getstate__(self):
            return self.__dict__.copy()
        """,
    "asks the other object first": """
        def __getattr__(self, name):
            if hasattr(self.dataset, name):
                return getattr(self.dataset, name)
            raise AttributeError(name)
        """,
    "looks into a dict of its own": """
        def __getattr__(self, name):
            if name in self.extra:
                return self.extra[name]
            raise AttributeError(name)
        """,
    "guards another name": """
        def __getattr__(self, name):
            if name == "size":
                raise AttributeError(name)
            return getattr(self.dataset, name)
        """,
    "guards what it has": """
        def __getattr__(self, name):
            if name in self.__dict__:
                return self.__dict__[name]
            return getattr(self.dataset, name)
        """,
    "guards single underscores only where there is no second one": """
        def __getattr__(self, name):
            if name.startswith("_") and not name.startswith("__"):
                raise AttributeError(name)
            else:
                return getattr(self.dataset, name)
        """,
    "a key that is missing": """
        def __getattr__(self, name):
            return getattr(self.__dict__["dataset"], name)
        """,
    "a function for every name": """
        def __getattr__(self, name):
            return self.ask(name)
        def ask(self, name):
            def call(*args):
                return getattr(self.dataset, name)(*args)
            return call
        """,
    "only annotated on the class": """
        dataset: object
        def __getattr__(self, name):
            return getattr(self.dataset, name)
        """,
}

WORKS = {
    "guards what Python asks for": """
        def __getattr__(self, name):
            if name.startswith("__") and name.endswith("__"):
                raise AttributeError(name)
            return getattr(self.dataset, name)
        """,
    "guards private names": """
        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            return getattr(self.dataset, name)
        """,
    "guards the other object's name": """
        def __getattr__(self, name):
            if name == "dataset":
                raise AttributeError(name)
            return getattr(self.dataset, name)
        """,
    "guards by the names that are passed on": """
        def __getattr__(self, name):
            if name in ("size", "shape"):
                return getattr(self.dataset, name)
            raise AttributeError(name)
        """,
    "passes one name on": """
        def __getattr__(self, name):
            if name == "size":
                return self.dataset.size
            raise AttributeError(name)
        """,
    "an attribute of the class": """
        dataset = None
        def __getattr__(self, name):
            return getattr(self.dataset, name)
        """,
    "looks it up without asking itself": """
        def __getattr__(self, name):
            return getattr(object.__getattribute__(self, "dataset"), name)
        """,
    "a key that may be missing": """
        def __getattr__(self, name):
            return getattr(self.__dict__.get("dataset"), name)
        """,
    "__setstate__": """
        def __getattr__(self, name):
            return getattr(self.dataset, name)
        def __setstate__(self, state):
            self.__dict__.update(state)
        """,
    "__reduce__": """
        def __getattr__(self, name):
            return getattr(self.dataset, name)
        def __reduce__(self):
            return type(self), (self.dataset,)
        """,
    "says that there is none": """
        def __getattr__(self, name):
            raise AttributeError(f"{type(self).__name__} has no {name}")
        """,
    "a property": """
        def __getattr__(self, name):
            return getattr(self.inner, name)
        @property
        def inner(self):
            return self.__dict__.get("dataset")
        """,
}


def found(body: str) -> list[proxies.Proxy]:
    text = HEAD + "from torch.utils.data import Dataset\n" + body
    module = facts.read(text, path="/p/m.py", name="m", is_package=False)
    assert isinstance(module, facts.ModuleFacts)
    return proxies.proxies(project.build("/p", [module])).get("/p/m.py", [])


def can_be_unpickled(body: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    module = ModuleType("proxied")
    monkeypatch.setitem(sys.modules, "proxied", module)
    exec(HEAD + "class Dataset: pass\n" + body, module.__dict__)
    sent = pickle.dumps(module.Outer(module.Inner()))
    try:
        pickle.loads(sent)
    except (RecursionError, AttributeError, KeyError):
        return False
    return True


@pytest.mark.parametrize("name", [*FAILS, *WORKS])
def test_what_is_told_is_what_happens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = PROGRAM + indent(dedent(FAILS.get(name) or WORKS[name]), "    ")
    assert can_be_unpickled(body, monkeypatch) == (name in WORKS)
    assert bool(found(body)) == (name in FAILS)


@pytest.mark.parametrize("test", ["allows(name)", "not name", "name in dir(type(self))"])
def test_silent_about_a_guard_that_is_not_understood(test: str) -> None:
    body = f"    def __getattr__(self, name):\n        if {test}:\n            raise AttributeError\n"
    assert not found(PROGRAM + body + "        return getattr(self.dataset, name)\n")


@pytest.mark.parametrize("base", ["dict", "torch.nn.Module", "torch.utils.data.IterDataPipe"])
def test_silent_where_a_library_may_say_how_it_is_pickled(base: str) -> None:
    body = PROGRAM.replace("ABC)", f"{base})") + "    def __getattr__(self, name):\n        return self.dataset\n"
    assert not found("import torch\n" + body)
    assert found(body.replace(f", {base}", ""))


def test_what_a_dataset_keeps_is_sent_with_it() -> None:
    body = """\
class Settings:
    def __init__(self, values):
        self.values = values
    def __getattr__(self, name):
        return self.values[name]

class Kept(Dataset):
    def __init__(self):
        self.settings = Settings({})
"""
    (row,) = found(body)
    assert (row.owner, row.reads) == ("Settings", "self.values")
    assert not found(body + "    def __getstate__(self):\n        return {}\n")
    assert not found(body.replace("self.settings = ", "settings = "))
