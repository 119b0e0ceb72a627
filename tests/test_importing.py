"""What importing a package loads: each case is answered by Python as well, which imports the very same files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dlsafe_lint import facts
from dlsafe_lint.analysis import importing
from dlsafe_lint.project import Project, build

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ROOT = "/project"
ASK = """\
import json, sys
before = set(sys.modules)
__import__(sys.argv[1])
new = [module for name, module in sys.modules.items() if name not in before]
specs = [object.__getattribute__(module, "__dict__").get("__spec__") for module in new]
print(json.dumps([spec.origin for spec in specs if spec and spec.origin]))
"""
CHECKING = "from typing import TYPE_CHECKING\n"
ON_DEMAND = """\
def __getattr__(name):
    if name {}:
        from .train import main
        return main
    raise AttributeError(name)
"""


class Case(NamedTuple):
    """A package, and the modules of it that ``import pkg`` loads; ``asked`` is imported instead of pkg."""

    what: str
    files: dict[str, str]
    loads: list[str]
    asked: str = "pkg"


def package(init: str, **modules: str) -> dict[str, str]:
    """Return the files of a package "pkg"; "sub__init" stands for sub/__init__.py, "sub__train" for sub/train.py."""
    files = {"__init__.py": init}
    for key, text in modules.items():
        path = key.replace("__", "/") + ".py"
        files[re.sub(r"\b(init|main)\.py$", r"__\1__.py", path)] = text
    return {f"pkg/{path}": text for path, text in files.items()}


CASES = [
    Case("the submodule", package("from . import train", train=""), ["train"]),
    Case("a name of it", package("from .train import main", train="main = 1"), ["train"]),
    Case("absolute", package("from pkg.train import main", train="main = 1"), ["train"]),
    Case("absolute submodule", package("from pkg import train", train=""), ["train"]),
    Case("plain import", package("import pkg.train", train=""), ["train"]),
    Case("plain import with a name", package("import pkg.train as t", train=""), ["train"]),
    Case("star", package("from .train import *", train="main = 1"), ["train"]),
    Case("several at once", package("from . import a, train, b", a="", b="", train=""), ["a", "train", "b"]),
    Case("nothing", package("import os, collections", train=""), []),
    # parents first
    Case("parents first", package("from .a.b import c", a__init="", a__b__init="", a__b__c=""), ["a", "a.b", "a.b.c"]),
    Case(
        "a plain import's parents",
        package("import pkg.a.b", a__init="from . import x", a__b="", a__x=""),
        ["a", "a.b", "a.x"],
    ),
    Case("the package around", package("from . import x", x="", sub__init="", sub__train=""), ["x", "sub"], "pkg.sub"),
    Case("a folder without __init__", package("from .a import b", a__b=""), ["a.b"]),
    Case("a name in a folder without __init__", package("from .a.b import c", a__b="c = 1"), ["a.b"]),
    # a name or a submodule
    Case("a name that is bound before", package("train = 1\nfrom . import train", train=""), []),
    Case("a name that is bound behind", package("from . import train\ntrain = 1", train=""), ["train"]),
    Case("a function of that name", package("def train(): ...\nfrom pkg import train", train=""), []),
    Case(
        "an import of that name", package("from .a import train\nfrom . import train", a="train = 1", train=""), ["a"]
    ),
    Case(
        "a star import of that name", package("from .a import *\nfrom . import train", a="train = 1", train=""), ["a"]
    ),
    Case(
        "a star import that leaves it out",
        package("from .a import *\nfrom . import train", a="__all__ = []\ntrain = 1", train=""),
        ["a", "train"],
    ),
    Case("a private name and a star", package("from .a import *\nfrom . import _t", a="_t = 1", _t=""), ["a", "_t"]),
    Case("a name that is deleted", package("train = 1\ndel train\nfrom . import train", train=""), ["train"]),
    Case("a name with a type only", package("train: int\nfrom . import train", train=""), ["train"]),
    Case(
        "a name for type checkers",
        package(CHECKING + "if TYPE_CHECKING:\n    train = 1\nfrom . import train", train=""),
        ["train"],
    ),
    Case(
        "a name of another package",
        package("from .a import train", a__init="train = 1", a__train=""),
        ["a"],
    ),
    Case("no name of another package", package("from .a import train", a__init="", a__train=""), ["a", "a.train"]),
    # relative levels
    Case(
        "two dots",
        package("from .a import x", a__init="", a__x="from .. import train", train=""),
        ["a", "a.x", "train"],
    ),
    Case(
        "two dots and a name",
        package("from .a import x", a__init="", a__x="from ..train import m", train="m = 1"),
        ["a", "a.x", "train"],
    ),
    Case(
        "three dots",
        package("from .a.b import x", a__init="", a__b__init="", a__b__x="from ... import train", train=""),
        ["a", "a.b", "a.b.x", "train"],
    ),
    Case(
        "a package's own dot", package("from . import a", a__init="from . import train", a__train=""), ["a", "a.train"]
    ),
    # star imports
    Case(
        "star of a package with __all__",
        package("from .a import *", a__init="__all__ = ['train']", a__train=""),
        ["a", "a.train"],
    ),
    Case("star of a package without", package("from .a import *", a__init="x = 1", a__train=""), ["a"]),
    Case(
        "star of a package whose __all__ has names",
        package("from .a import *", a__init="__all__ = ['train']\ntrain = 1", a__train=""),
        ["a"],
    ),
    Case(
        "__all__ that grows",
        package(
            "from .a import *",
            a__init="__all__ = []\n__all__ += ['b']\n__all__.append('c')\n__all__.extend(['d'])",
            a__b="",
            a__c="",
            a__d="",
        ),
        ["a", "a.b", "a.c", "a.d"],
    ),
    Case("star of itself", package("__all__ = ['train']\nfrom . import *", train="", other=""), ["train"]),
    Case("star of itself, too early", package("from . import *\n__all__ = ['train']", train=""), []),
    Case(
        "star of a package that is not done",
        package("from . import a\n__all__ = ['train']", a="from . import *\nfrom pkg import *", train=""),
        ["a"],
    ),
    Case(
        "star of a package that is done so far",
        package("__all__ = ['train']\nfrom . import a\n__all__ += ['b']", a="from . import *", b="", train=""),
        ["a", "train"],
    ),
    Case(
        "__all__ that shrinks",
        package("__all__ = ['a', 'train']\n__all__.remove('train')\nfrom . import *", a="", train=""),
        ["a"],
    ),
    Case(
        "__all__ that is made anew",
        package("__all__ = ['train']\n__all__ = ['a']\nfrom . import *", a="", train=""),
        ["a"],
    ),
    Case(
        "__all__ of itself",
        package("__all__ = ['train']\n__all__ = __all__ + ['a']\nfrom . import *", a="", train=""),
        ["a", "train"],
    ),
    Case(
        "__all__ of others",
        package(
            "from . import a, b\n__all__ = [*a.__all__] + sorted(b.__all__)\nfrom . import *",
            a="__all__ = ['train']\ntrain = None",
            b="__all__ = ['c']\nc = None",
            c="",
            train="",
        ),
        ["a", "b", "train", "c"],
    ),
    Case(
        "__all__ under another name",
        package("NAMES = ['train']\n__all__ = NAMES\nfrom . import *", train=""),
        ["train"],
    ),
    Case(
        "__all__ of what is there",
        package(
            "from .a import *\nfrom . import train",
            a="train = None\n__all__ = [n for n in dir() if n[0] != '_']",
            train="",
        ),
        ["a"],
    ),
    Case(
        "__all__ that leaves out what is there",
        package("from .a import *\nfrom . import train", a="train = None\n__all__ = []", train=""),
        ["a", "train"],
    ),
    # functions that import what they are told to
    Case(
        "a function that others tell to import something else",
        package(
            "from . import load\nload.load('a')",
            load="import importlib\ndef load(name):\n    importlib.import_module(f'pkg.{name}')",
            a="",
            other="from .load import load\nload('train')",
            train="",
        ),
        ["load", "a"],
    ),
    Case(
        "a function that is told twice",
        package(
            "from .load import load\nload('a')\nload(name='train')\ndef later():\n    load('other')",
            load="import importlib\ndef load(name):\n    importlib.import_module(f'pkg.{name}')",
            a="",
            train="",
            other="",
        ),
        ["load", "a", "train"],
    ),
    # conditions
    Case("try", package("try:\n    from . import train\nexcept ImportError:\n    train = None", train=""), ["train"]),
    Case("a version", package("import sys\nif sys.version_info > (3,):\n    from . import train", train=""), ["train"]),
    *(
        Case(
            f"a version: {test}",
            package(f"import sys\n{test}:\n    from . import train\nelse:\n    from . import a", train="", a=""),
            loads,
        )
        for test, loads in (
            ("if sys.version_info < (3,)", ["a"]),
            ("if sys.version_info < (3, 0)", ["a"]),
            ("if (3, 0) > sys.version_info", ["a"]),
            ("if sys.version_info[0] == 2", ["a"]),
            ("if sys.version_info[0] < 3", ["a"]),
            ("if sys.version_info[:2] <= (2, 7)", ["a"]),
            ("if sys.version_info.major == 2", ["a"]),
            ("if sys.version[0] == '2'", ["a"]),
            ("if sys.hexversion < 0x03000000", ["a"]),
            ("if not sys.version_info >= (3, 6)", ["a"]),
            ("if sys.version_info[0] == 2 and len(sys.argv) < 99", ["a"]),
            ("if sys.version_info[0] == 3", ["train"]),
            ("if sys.version_info >= (3, 8)", ["train"]),
            ("if sys.version_info[0] >= 3 or len(sys.argv) > 99", ["train"]),
        )
    ),
    Case(
        "an older version in elif",
        package(
            "import sys\nif sys.argv[99:]:\n    pass\nelif sys.version_info < (3,):\n    from . import train", train=""
        ),
        [],
    ),
    Case(
        "a constant made of a version",
        package("import sys\nPY2 = sys.version_info[0] == 2\nif PY2:\n    from . import train", train=""),
        [],
    ),
    Case(
        "one of another module",
        package(
            "from ._compat import PY2\nfrom . import _compat\nif PY2 or _compat.PY2:\n    from . import train",
            train="",
            _compat="import sys\nPY2 = sys.version_info < (3,)",
        ),
        ["_compat"],
    ),
    Case(
        "a name for it",
        package("from sys import version_info\nif version_info[0] < 3:\n    from . import train", train=""),
        [],
    ),
    Case(
        "a call under an old version",
        package(
            "import sys\ndef f():\n    from . import train\nif sys.version_info < (3,):\n    f()",
            train="",
        ),
        [],
    ),
    Case(
        "a name that only an old version has",
        package(
            "from . import a\nfrom .a import train",
            a__init="import sys\nif sys.version_info < (3,):\n    train = None",
            a__train="",
        ),
        ["a", "a.train"],
    ),
    Case(
        "with",
        package("import contextlib\nwith contextlib.suppress(ImportError):\n    from . import train", train=""),
        ["train"],
    ),
    Case("a class", package("class A:\n    from . import train", train=""), ["train"]),
    Case("a loop", package("for _ in range(1):\n    from . import train", train=""), ["train"]),
    Case(
        "TYPE_CHECKING",
        package(CHECKING + "if TYPE_CHECKING:\n    from . import train", train=""),
        [],
    ),
    Case(
        "typing.TYPE_CHECKING",
        package("import typing\nif typing.TYPE_CHECKING:\n    from . import train", train=""),
        [],
    ),
    Case(
        "t.TYPE_CHECKING",
        package(
            "import typing as t\nif t.TYPE_CHECKING:\n    from . import train\nelse:\n    from . import a",
            train="",
            a="",
        ),
        ["a"],
    ),
    Case(
        "not TYPE_CHECKING",
        package(
            CHECKING + "if not TYPE_CHECKING:\n    from . import a\nelse:\n    from . import train",
            train="",
            a="",
        ),
        ["a"],
    ),
    Case(
        "TYPE_CHECKING and",
        package(
            CHECKING + "import sys\nif TYPE_CHECKING and sys.version_info > (3,):\n    from . import train",
            train="",
        ),
        [],
    ),
    Case("TYPE_CHECKING or", package(CHECKING + "if TYPE_CHECKING or False:\n    from . import train", train=""), []),
    Case("a constant", package("DEBUG = False\nif DEBUG:\n    from . import train", train=""), []),
    Case(
        "a call under a constant",
        package("DEBUG = False\ndef f():\n    from . import train\nif DEBUG:\n    f()", train=""),
        [],
    ),
    Case("a constant that holds", package("DEBUG = True\nif DEBUG:\n    from . import train", train=""), ["train"]),
    Case("if False", package("if False:\n    from . import train", train=""), []),
    Case("the main guard", package("if __name__ == '__main__':\n    from . import train", train=""), []),
    # what runs
    Case("a function", package("def f():\n    from . import train", train=""), []),
    Case("a function that is called", package("def f():\n    from . import train\nf()", train=""), ["train"]),
    Case(
        "a function of another module",
        package("from .a import f\nf()", a="def f():\n    from . import train", train=""),
        ["a", "train"],
    ),
    Case(
        "a decorator",
        package("def d(f):\n    from . import train\n    return f\n@d\ndef g(): ...", train=""),
        ["train"],
    ),
    Case(
        "a constructor",
        package("class A:\n    def __init__(self):\n        from . import train\nA()", train=""),
        ["train"],
    ),
    Case("a method", package("class A:\n    def f(self):\n        from . import train\nA()", train=""), []),
    Case(
        "types in a function that is called",
        package(
            CHECKING + "def f():\n    if TYPE_CHECKING:\n        from . import train\nf()",
            train="",
        ),
        [],
    ),
    Case(
        "a module __getattr__",
        package("def __getattr__(name):\n    from . import train\n    raise AttributeError(name)", train=""),
        [],
    ),
    Case(
        "a module __getattr__ that is asked",
        package(
            ON_DEMAND.format("== 'main'") + "from .a import x",
            a="from pkg import main\nx = 1",
            train="main = 1",
        ),
        ["a", "train"],
    ),
    Case(
        "a module __getattr__ that is asked for something else",
        package(
            ON_DEMAND.format("in ('main', 'run')") + "from .a import x",
            a="from pkg import b\nx = 1",
            b="",
            train="main = 1",
        ),
        ["a", "b"],
    ),
    # calls
    Case("import_module", package("import importlib\nimportlib.import_module('pkg.train')", train=""), ["train"]),
    Case(
        "import_module of a relative name",
        package("from importlib import import_module\nimport_module('.train', __name__)", train=""),
        ["train"],
    ),
    Case(
        "import_module with package=",
        package("import importlib\nimportlib.import_module('.train', package=__package__)", train=""),
        ["train"],
    ),
    Case(
        "import_module under another name",
        package("from importlib import import_module as load\nload('.train', 'pkg')", train=""),
        ["train"],
    ),
    Case(
        "import_module with name=",
        package("import importlib\nimportlib.import_module(name='pkg.a.train')", a__init="", a__train=""),
        ["a", "a.train"],
    ),
    Case(
        "import_module of an f-string",
        package("import importlib\nimportlib.import_module(f'{__name__}.train')", train=""),
        ["train"],
    ),
    Case(
        "import_module of a sum",
        package("import importlib\nimportlib.import_module(__name__ + '.train')", train=""),
        ["train"],
    ),
    Case(
        "import_module in a loop",
        package(
            "import importlib\nfor name in ('a', 'b'):\n    importlib.import_module('.' + name, __name__)",
            a="",
            b="",
            train="",
        ),
        ["a", "b"],
    ),
    Case(
        "import_module with two dots",
        package("from . import a", a__init="import importlib\nimportlib.import_module('..train', __name__)", train=""),
        ["a", "train"],
    ),
    Case(
        "import_module in a function",
        package("import importlib\ndef f(name):\n    importlib.import_module('pkg.' + name)\nf('train')", train=""),
        ["train"],
    ),
    Case(
        "import_module in a function that is not called",
        package("import importlib\ndef f():\n    importlib.import_module('pkg.train')", train=""),
        [],
    ),
    Case("__import__", package("__import__('pkg.train')", train=""), ["train"]),
    Case("__import__ with fromlist", package("__import__('pkg', fromlist=['train'])", train=""), ["train"]),
    Case(
        "__import__ with level", package("__import__('train', globals(), locals(), ['main'], 1)", train=""), ["train"]
    ),
    Case("__import__ of something else", package("__import__('os')", train=""), []),
    Case(
        "LazyLoader",
        package(
            """\
            import importlib.util, sys
            def lazy(name):
                spec = importlib.util.find_spec(name)
                spec.loader = importlib.util.LazyLoader(spec.loader)
                module = importlib.util.module_from_spec(spec)
                sys.modules[name] = module
                spec.loader.exec_module(module)
                return module
            train = lazy("pkg.train")
            """,
            train="from . import a",
            a="",
        ),
        ["train"],
    ),
    # cycles
    Case("a cycle", package("from . import a", a="from . import b", b="from . import a"), ["a", "b"]),
    Case("a cycle through the package", package("from .a import x", a="import pkg\nx = 1"), ["a"]),
    Case(
        "a name that an unfinished package does not have yet",
        package("from . import a\nfrom .b import train", a="from pkg import train", b="train = 1", train=""),
        ["a", "train", "b"],
    ),
    Case(
        "a name that an unfinished package has by then",
        package("from .b import train\nfrom . import a", a="from pkg import train", b="train = 1", train=""),
        ["b", "a"],
    ),
    Case(
        "transitive",
        package("from .a import x", a="from .b import x", b="from .train import x", train="x = 1"),
        ["a", "b", "train"],
    ),
    Case(
        "the bare name of a submodule is another module",
        {**package("import train", train=""), "train.py": ""},
        ["/train"],
    ),
    Case(
        "src",
        {f"src/{path}": text for path, text in package("from pkg.train import x", train="x = 1").items()},
        ["train"],
    ),
    Case(
        "a package in a folder without __init__",
        {"space/pkg/__init__.py": "from space.pkg import train", "space/pkg/train.py": ""},
        ["train"],
        "space.pkg",
    ),
    Case("__main__", package("from .__main__ import main", main="main = 1"), ["__main__"]),
]


def project(files: dict[str, str]) -> Project:
    """Build a project of these files."""
    modules = []
    for path, text in files.items():
        name = path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        read = facts.read(
            textwrap.dedent(text), path=f"{ROOT}/{path}", name=name, is_package=path.endswith("__init__.py")
        )
        assert isinstance(read, facts.ModuleFacts), read
        modules.append(read)
    return build(ROOT, modules)


def initial(asked: str, files: dict[str, str]) -> tuple[str, ...]:
    """Return the `__init__` files that importing a package loads first."""
    parts = asked.split(".")
    paths = [f"{'/'.join(parts[: count + 1])}/__init__.py" for count in range(len(parts))]
    return tuple(f"{ROOT}/{each}" for path in paths for each in (path, f"src/{path}") if each in files)


def write(files: dict[str, str], folder: Path) -> None:
    """Write the files of a case."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(textwrap.dedent(text))


def short(paths: Iterable[str], root: object) -> list[str]:
    """Return the names of modules in the package, from their paths."""
    inside = sorted(path.removeprefix(f"{root}/") for path in paths if path.startswith(f"{root}/"))
    names = [path.removesuffix(".py").removesuffix("__init__").strip("/").replace("/", ".") for path in inside]
    inner = [name.rpartition("pkg")[2].strip(".") if "pkg" in name else f"/{name}" for name in names]
    return sorted(filter(None, inner))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_what_a_package_loads(case: Case, tmp_path: Path) -> None:
    state = importing.imported(project(case.files), initial(case.asked, case.files))
    assert short(state.progress, ROOT) == sorted(case.loads)
    write(case.files, tmp_path)
    path = os.pathsep.join([str(tmp_path), str(tmp_path / "src")])
    done = subprocess.run(
        [sys.executable, "-S", "-c", ASK, case.asked],
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    assert short(json.loads(done.stdout), tmp_path) == sorted(case.loads)
