"""The fix of DLS401: each package is run before and after, and offers the same names before and after."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dlsafe_lint import linter
from dlsafe_lint.config import Config

if TYPE_CHECKING:
    from pathlib import Path

WARNING = "found in sys.modules after import of package"
WORK = """

def work(number):
    print(f"worked {number}\\n", end="", flush=True)
"""
TRAIN = f"""\
import multiprocessing
import os


class Config:
    workers = int(os.environ["WORKERS"])
{WORK}

def main():
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(number,)) for number in range(Config.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
"""
OFFERS = """\
import importlib, json, sys

def said(value):
    return [type(value).__name__, getattr(value, "__qualname__", ""), getattr(value, "__name__", "")]

package = importlib.import_module("pkg")
names = sys.argv[1:] or [name for name in dir(package) if not name.startswith("__")]
taken = {}
for name in names:
    space = {}
    exec(f"from pkg import {name}", space)
    taken[name] = said(space[name])
space = {}
exec("from pkg import *", space)
print(json.dumps([taken, sorted(set(space) - {"__builtins__"}), dir(package)]))
"""
GETATTR = """

def __getattr__(name):
{}    raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")


def __dir__():
    return sorted({{*globals(), {}}})
"""
MAIN = GETATTR.format(
    """\
    if name == "main":
        from .train import main

        return main
""",
    '"main"',
)
BOTH = GETATTR.format(
    """\
    if name in ("Config", "main"):
        from importlib import import_module

        return getattr(import_module(".train", __name__), name)
""",
    '"Config", "main"',
)
MODULE = GETATTR.format(
    """\
    if name == "train":
        from importlib import import_module

        return import_module(".train", __name__)
""",
    '"train"',
)
OWN = """\
def __getattr__(key):
    if key == "old":
        return 1
{}    raise AttributeError(key)
"""
SIZE = "\n\ndef size(): return model\n"
CONFIG = "[options.entry_points]\nconsole_scripts =\n    t = pkg:train.main\n"
SETUP = "from setuptools import setup\n\nsetup(entry_points={'console_scripts': ['t = pkg:train.main']})\n"
RENAMED = MODULE.replace('"train"', '"run"')


class Shape(NamedTuple):
    """A package: its ``__init__``, what the fix makes of it, further files, the script, what goes on purpose.

    Parent and workers warn; workers don't import a ``__main__.py`` again. Where only ``__all__``, a comment or a user
    of the package differs from another shape, there are no workers.
    """

    what: str
    before: str
    after: str
    files: dict[str, str] = {}  # noqa: RUF012
    script: str = "pkg/train.py"
    gone: tuple[str, ...] = ()
    workers: int = 4


SHAPES = [
    Shape("the submodule", "from . import train\n", ""),
    Shape("the submodule among others", "from . import model, train\n", "from . import model\n"),
    Shape(
        "the submodule in __all__",
        'from . import model, train\n\n__all__ = ["model", "train"]\n',
        'from . import model\n\n__all__ = ["model"]\n',
        gone=("train",),
        workers=0,
    ),
    Shape(
        "the submodule in a tuple",
        'from . import model, train\n\n__all__ = ("model", "train")\n',
        'from . import model\n\n__all__ = ("model",)\n',
        gone=("train",),
        workers=0,
    ),
    Shape(
        "the submodule in an __all__ that grows",
        'from . import model, train\n\n__all__ = ["model"]\n__all__ += ["train"]\n',
        'from . import model\n\n__all__ = ["model"]\n',
        gone=("train",),
        workers=0,
    ),
    Shape(
        "the submodule in a sum",
        'from . import model, train\n\n__all__ = ["model"] + ["train"]\n__all__ += ("model", "train")\n',
        'from . import model\n\n__all__ = ["model"] + []\n__all__ += ("model",)\n',
        gone=("train",),
        workers=0,
    ),
    Shape(
        "the submodule appended to __all__",
        'from . import model, train\n\n__all__ = ["model"]\n__all__.append("train")\n__all__.extend(["train"])\n',
        'from . import model\n\n__all__ = ["model"]\n',
        gone=("train",),
        workers=0,
    ),
    Shape("a plain import", '"""Doc."""\n\nimport pkg.train\n', '"""Doc."""\n', gone=("pkg",)),
    Shape("absolute", '"""Doc."""\n\nfrom pkg import train\n', '"""Doc."""\n', workers=0),
    Shape("the submodule under another name", "from . import train as run\n", RENAMED),
    Shape(
        "a plain import with a name",
        "import pkg.train as run\n",
        RENAMED.replace('".train", __name__', '"pkg.train"'),
    ),
    Shape("a function", "from .train import main\n", MAIN),
    Shape("a function, absolute", "from pkg.train import main\n", MAIN.replace("from .train", "from pkg.train")),
    Shape("a function under another name", "from .train import main as run\n", MAIN.replace('"main"', '"run"')),
    Shape("a function and a class", "from .train import Config, main\n", BOTH),
    Shape(
        "in __all__",
        'from .model import Model\nfrom .train import main\n\n__all__ = ["Model", "main"]\n',
        'from .model import Model\n\n__all__ = ["Model", "main"]\n' + MAIN.replace('"main"}', "*__all__}"),
        workers=0,
    ),
    Shape(
        "used in a function",
        'from .train import main\n\n\ndef run():\n    """Run."""\n    main()\n',
        'def run():\n    """Run."""\n    from .train import main\n\n    main()\n' + MAIN,
    ),
    Shape(
        "the submodule used in functions",
        "from . import model, train\n\n\ndef run():\n    train.main()\n" + SIZE,
        "from . import model\n\n\ndef run():\n    from . import train\n\n    train.main()\n" + SIZE,
    ),
    Shape(
        "read through the package",
        "from . import train\n",
        MODULE,
        {"use.py": "import pkg\n\npkg.train.main()\n"},
    ),
    Shape(
        "read through the package that only takes a name",
        "from .train import main\n",
        GETATTR.format(
            """\
    if name == "main":
        from .train import main

        return main
    if name == "train":
        from importlib import import_module

        return import_module(".train", __name__)
""",
            '"main", "train"',
        ),
        {"use.py": "import pkg as p\n\n\ndef use():\n    p.train.main()\n"},
    ),
    Shape(
        "read through the package what the script loads",
        "from . import train\n",
        MODULE.replace("train", "model"),
        {"use.py": "import pkg\n\npkg.model.Model\n", "pkg/train.py": f"from . import model\n{TRAIN}"},
        workers=0,
    ),
    Shape("an entry point", "from . import train\n", MODULE, {"setup.cfg": CONFIG}, workers=0),
    Shape("setup.py", "from . import train\n", MODULE, {"setup.py": SETUP}, workers=0),
    Shape(
        "patched",
        "from . import train\n",
        MODULE,
        {"use.py": "from unittest import mock\n\nmock.patch('pkg.train.main')\n"},
        workers=0,
    ),
    Shape(
        "a star import",
        "from .train import *\n",
        MAIN,
        {"pkg/train.py": f"__all__ = ['main']\n{TRAIN}"},
    ),
    Shape(
        "a script further down",
        "from .scripts.train import main\n",
        MAIN.replace(".train", ".scripts.train"),
        {"pkg/scripts/__init__.py": "", "pkg/scripts/train.py": TRAIN},
        "pkg/scripts/train.py",
    ),
    Shape(
        "a script that two packages take",
        "from .scripts.train import main\n",
        MAIN.replace(".train", ".scripts.train"),
        {"pkg/scripts/__init__.py": "from .train import main\n", "pkg/scripts/train.py": TRAIN},
        "pkg/scripts/train.py",
    ),
    Shape(
        "__main__",
        "from .__main__ import main\n",
        MAIN.replace(".train", ".__main__"),
        {"pkg/__main__.py": TRAIN.replace(WORK, "from .work import work\n"), "pkg/work.py": WORK.lstrip("\n")},
        "pkg/__main__.py",
    ),
    Shape(
        "two scripts",
        "from .evaluate import main as evaluate\nfrom .train import main\n",
        GETATTR.format(
            """\
    if name == "rate":
        from .evaluate import main

        return main
    if name == "main":
        from .train import main

        return main
""",
            '"rate", "main"',
        ),
        {"pkg/evaluate.py": TRAIN},
    )._replace(before="from .evaluate import main as rate\nfrom .train import main\n"),
    Shape(
        "read through the package, two of them",
        "from . import evaluate, model, train\n",
        "from . import model\n"
        + GETATTR.format(
            """\
    if name in ("evaluate", "train"):
        from importlib import import_module

        return import_module(f".{name}", __name__)
""",
            '"evaluate", "train"',
        ),
        {"pkg/evaluate.py": TRAIN, "use.py": "import pkg\n\npkg.train.main()\npkg.evaluate.main()\n"},
        workers=0,
    ),
    Shape(
        "many scripts",
        "".join(f"from .s{number} import f{number}\n" for number in range(4)) + "from .train import main as run\n",
        GETATTR.format(
            """\
    modules = {
        "f0": ".s0",
        "f1": ".s1",
        "f2": ".s2",
        "f3": ".s3",
    }
    if name in modules:
        from importlib import import_module

        return getattr(import_module(modules[name], __name__), name)
    if name == "run":
        from .train import main

        return main
""",
            '"f0", "f1", "f2", "f3", "run"',
        ),
        {f"pkg/s{n}.py": f"def f{n}(): ...\n\n\nif __name__ == '__main__':\n    f{n}()\n" for n in range(4)},
    ),
    Shape(
        "a module __getattr__",
        "from .train import main\n\n\n" + OWN.format(""),
        OWN.format('    if key == "main":\n        from .train import main\n\n        return main\n')
        + '\n\ndef __dir__():\n    return sorted({*globals(), "main"})\n',
    ),
    Shape(
        "comments",
        "from .model import Model  # what\n\n# how\nfrom .train import main  # noqa: F401\n",
        "from .model import Model  # what\n" + MAIN.replace("    if", "    # how\n    if"),
        workers=0,
    ),
    Shape(
        "a comment at the end",
        "from .train import main  # the program\n",
        MAIN.replace("import main\n", "import main  # the program\n"),
        workers=0,
    ),
    Shape("a comment for a linter", "from . import train  # noqa: F401\n", "", workers=0),
]


def lay_out(shape: Shape, folder: Path) -> None:
    """Write the files of a package."""
    files = {
        "pkg/__init__.py": shape.before,
        "pkg/model.py": "class Model: ...\n",
        "pkg/train.py": TRAIN,
        **shape.files,
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def fix(folder: Path, *, unsafe: bool = True) -> linter.Report:
    """Apply the fixes of DLS401 to a project."""
    return linter.run([folder], Config(select=("DLS4",)), root=folder, fix=True, unsafe=unsafe, cache=False)


def python(folder: Path, *arguments: str, workers: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the interpreter in a folder; without its site-packages, since many are started here."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "WORKERS": str(workers)}
    return subprocess.run(
        [sys.executable, "-S", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def run(folder: Path, shape: Shape) -> subprocess.CompletedProcess[str]:
    """Run the script of a package as a module."""
    module = shape.script.removesuffix(".py").removesuffix("/__main__").replace("/", ".")
    return python(folder, "-m", module, workers=shape.workers)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.what)
def test_the_fix_writes(shape: Shape, tmp_path: Path) -> None:
    lay_out(shape, tmp_path)
    report = fix(tmp_path)
    assert not report.warnings
    assert (tmp_path / "pkg/__init__.py").read_text() == shape.after.lstrip("\n")
    assert not fix(tmp_path).changes
    assert not report.findings


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.what)
def test_the_parent_and_each_worker_warn_before_and_nobody_after(shape: Shape, tmp_path: Path) -> None:
    """And every name that the package had can be imported from it as before."""
    lay_out(shape, tmp_path)
    before = run(tmp_path, shape)
    assert before.stderr.count(WARNING) == 1 + shape.workers * (shape.script != "pkg/__main__.py")
    offered, starred, listed = json.loads(python(tmp_path, "-c", OFFERS).stdout)
    fix(tmp_path)
    after = run(tmp_path, shape)
    assert not after.stderr
    assert sorted(after.stdout.split()) == sorted(before.stdout.split())
    names = sorted(offered.keys() - shape.gone)
    answer = python(tmp_path, "-c", OFFERS, *names)
    offered_now, starred_now, listed_now = json.loads(answer.stdout)
    assert offered_now == {name: offered[name] for name in names}
    if "__all__" in shape.before:
        assert set(starred) - set(shape.gone) == set(starred_now)
    if "__dir__" in shape.after:
        assert {name for name in listed if name in shape.after} <= set(listed_now)


class Kept(NamedTuple):
    """A package that is reported but not changed, and what the help says about it."""

    what: str
    init: str
    reason: str
    files: dict[str, str] = {}  # noqa: RUF012


KEPT = [
    Kept("used at import time", "from .train import main\n\nCOMMANDS = [main]\n", "line 3 needs `main`"),
    Kept("an evaluated annotation", "from .train import Config\n\n\ndef f(c: Config): ...\n", "line 4 needs `Config`"),
    Kept("a base class", "from .train import Config\n\n\nclass Mine(Config): ...\n", "line 4 needs `Config`"),
    Kept("its __all__", "from . import train\n\n__all__ = train.__all__\n", "line 3 needs `train`"),
    Kept("a lambda", "from .train import main\n\nrun = lambda: main()\n", "the lambda on line 3 uses `main`"),
    Kept(
        "a function that runs at import time",
        "from .train import main\n\n\ndef run():\n    return main\n\n\nrun()\n",
        "`run` uses `main` and runs while the package is loaded",
    ),
    Kept(
        "a function that another module runs at import time",
        "from .train import main\n\n\ndef run():\n    return main\n\n\nfrom . import api\n",
        "`run` uses `main` and runs while the package is loaded",
        {"pkg/api.py": "import pkg\n\npkg.run()\n"},
    ),
    Kept("a condition", "try:\n    from .train import main\nexcept ImportError:\n    main = None\n", "on a condition"),
    Kept("a call", "import importlib\n\ntrain = importlib.import_module('.train', __name__)\n", "imported by a call"),
    Kept("a star import", "from .train import *\n", "takes whatever is there"),
    Kept(
        "a star import whose name is used",
        "from .train import *\n\nCOMMANDS = [main]\n",
        "the package uses `main` itself",
        {"pkg/train.py": f"__all__ = ['main']\n{TRAIN}"},
    ),
    Kept("a name that is bound again", "from .train import main\n\nmain = None\n", "bound in another way"),
    Kept("a global name", "from .train import main\n\n\ndef f():\n    global main\n    main = 1\n", "bound in another"),
    Kept("names by string", "from .train import main\n\nglobals()['main']()\n", "looks up its names by string"),
    Kept("two statements on a line", "import os; from .train import main\n", "shares its line"),
    Kept("a comment inside", "from .train import (\n    main,  # the program\n)\n", "a comment stands in it"),
    Kept(
        "a name of the package that is used",
        "import pkg.train\n\n\ndef f():\n    pkg.train.main()\n",
        "line 5 uses `pkg`",
    ),
    Kept(
        "another way to the script",
        "from .api import run\nfrom .train import main\n",
        "line 1 loads `pkg.train` as well",
        {"pkg/api.py": "from .train import main\n\n\ndef run(): main()\n"},
    ),
    Kept(
        "another package around it",
        "from .scripts.train import main as scripts\n",
        "line 1 of `pkg` loads it as well",
        {"pkg/scripts/__init__.py": "from .train import main\n", "pkg/scripts/train.py": TRAIN},
    ),
    Kept(
        "by way of another module",
        "from .api import run\n",
        "`pkg.api` imports it on line 1: import it there inside the functions that need it",
        {"pkg/api.py": "from .train import main\n\n\ndef run(): main()\n"},
    ),
    Kept(
        "a module that takes it while the package is loaded",
        "from .train import main\nfrom .api import run\n",
        "`pkg.api` takes `main` while the package is loaded",
        {"pkg/api.py": "from pkg import main\n\n\ndef run(): main()\n"},
    ),
    Kept(
        "a module that reads it while the package is loaded",
        "from . import train\nfrom .api import run\n",
        "`pkg.api` reads `pkg.train` without importing it",
        {"pkg/api.py": "import pkg\n\nrun = pkg.train.main\n"},
    ),
    Kept(
        "read through a package below",
        "from .scripts.train import main\n",
        "`use` reads `pkg.scripts.train` without importing it",
        {
            "pkg/scripts/__init__.py": "",
            "pkg/scripts/train.py": TRAIN,
            "pkg/train.py": "",
            "use.py": "import pkg\n\npkg.scripts.train.main()\n",
        },
    ),
    Kept(
        "a star import from it",
        "from .train import main\n",
        "`use` takes it with `import *`: write an `__all__`",
        {"use.py": "from pkg import *\n\nmain()\n"},
    ),
    Kept(
        "a function named like its module",
        "from .train import train\n",
        "`train` is a module of the package too",
        {"pkg/train.py": "def train(): ...\n\n\nif __name__ == '__main__':\n    train()\n"},
    ),
    Kept(
        "a function named like another module",
        "from .train import main as model\n",
        "`model` is a module of the package too",
    ),
]


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.what)
def test_what_would_change_the_meaning_is_left_alone(kept: Kept, tmp_path: Path) -> None:
    lay_out(Shape(kept.what, kept.init, "", kept.files), tmp_path)
    report = fix(tmp_path)
    assert not report.changes
    assert not report.warnings
    assert any(kept.reason in finding.help for finding in report.findings), [each.help for each in report.findings]


def test_a_loaded_module_hides_a_function_of_its_name(tmp_path: Path) -> None:
    """Which is why there is no fix then: on demand, the function is there once, and afterwards the module is."""
    init = GETATTR.format(
        '    if name == "train":\n        from .train import train\n\n        return train\n', '"train"'
    )
    for text, kinds in (("from .train import train\n", "function function"), (init, "function module")):
        lay_out(Shape("", text, "", {"pkg/train.py": "def train(): ...\n"}), tmp_path)
        asked = "import pkg; print(type(pkg.train).__name__, type(pkg.train).__name__)"
        assert python(tmp_path, "-c", asked).stdout.split() == kinds.split()


@pytest.mark.parametrize(
    ("what", "init", "train"),
    [
        ("a __getattr__ of its own", "from .train import main\n\n\n" + OWN.format(""), TRAIN),
        ("a name that the script binds anew", "from .train import main\n", f"def f():\n    global main\n\n\n{TRAIN}"),
        ("a script without a guard", "from .__main__ import main\n", TRAIN),
        (
            "a script that registers what it defines",
            "from .train import main\n",
            f"from .registry import register\n\n\n@register\nclass Model: ...\n\n\n{TRAIN}",
        ),
        (
            "an annotation",
            "from __future__ import annotations\n\nfrom .train import Config\n\n\ndef f(c: Config): ...\n",
            TRAIN,
        ),
    ],
)
def test_what_somebody_may_notice_is_unsafe(what: str, init: str, train: str, tmp_path: Path) -> None:
    assert what
    files = {
        "pkg/train.py": train,
        "pkg/__main__.py": "def main(): ...\n\n\nmain()\n",
        "pkg/registry.py": "MODELS = []\n\n\ndef register(model):\n    MODELS.append(model)\n    return model\n",
    }
    lay_out(Shape(what, init, "", files), tmp_path)
    assert not fix(tmp_path, unsafe=False).changes
    assert fix(tmp_path).changes


TYPED = [
    ("py.typed", {"pkg/py.typed": ""}, "from .train import main\n"),
    ("a hint in the package", {"pkg/model.py": "def f(x: int): ...\n"}, "from .train import main\n"),
]


@pytest.mark.parametrize(("what", "files", "init"), TYPED, ids=[what for what, _, _ in TYPED])
def test_type_checkers_still_see_the_names(what: str, files: dict[str, str], init: str, tmp_path: Path) -> None:
    lay_out(Shape(what, init, "", files), tmp_path)
    fix(tmp_path)
    after = (tmp_path / "pkg/__init__.py").read_text()
    assert after.startswith("from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from .train import main\n")
    assert "def __getattr__(name: str) -> object:" in after
    assert "def __dir__() -> list[str]:" in after


CHECKED = [
    (
        """\
        from typing import TYPE_CHECKING

        from .train import main

        if TYPE_CHECKING:
            import os
        """,
        """\
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            import os
            from .train import main
        """,
    ),
    (
        """\
        import typing as t
        from .train import main  # noqa: F401
        from .model import Model
        X = 1
        """,
        """\
        import typing as t
        from .model import Model

        if t.TYPE_CHECKING:
            from .train import main  # noqa: F401

        X = 1
        """,
    ),
    (
        """\
        from __future__ import annotations

        from typing import Any

        from .model import Model
        from .train import main, Config
        """,
        """\
        from __future__ import annotations

        from typing import TYPE_CHECKING, Any

        from .model import Model

        if TYPE_CHECKING:
            from .train import main, Config
        """,
    ),
    (
        """\
        import os
        import pkg.model
        from pkg.train import main
        """,
        """\
        import os
        from typing import TYPE_CHECKING

        import pkg.model

        if TYPE_CHECKING:
            from pkg.train import main
        """,
    ),
    (
        """\
        import os
        from . import model, train
        from .train import main
        """,
        """\
        import os
        from typing import TYPE_CHECKING

        from . import model

        if TYPE_CHECKING:
            from .train import main
        """,
    ),
]


@pytest.mark.parametrize(("before", "after"), CHECKED)
def test_how_type_checkers_see_the_names(before: str, after: str, tmp_path: Path) -> None:
    lay_out(Shape("", textwrap.dedent(before), "", {"pkg/py.typed": ""}), tmp_path)
    fix(tmp_path)
    written = (tmp_path / "pkg/__init__.py").read_text().partition("\n\ndef ")[0]
    assert written.rstrip("\n") + "\n" == textwrap.dedent(after)


UNNAMED = """\
    if name == "main":
        from importlib import import_module

        return import_module(".train", __name__).main
"""

FLAKES = [
    ("a name", "from .train import main\n", UNNAMED),
    ("a name with a noqa", "from .train import main  # noqa: F401\n", UNNAMED),
    ("a redundant alias", "from .train import main as main\n", UNNAMED),
    ("another name", "from .train import main as run\n", "        from .train import main\n\n        return main\n"),
    ("a name in __all__", 'from .train import main\n\n__all__ = ["main"]\n', "        from .train import main\n"),
    (
        "a name that a function uses",
        "from .train import main\n\n\ndef run() -> None:\n    main()\n",
        "        from .train import main\n",
    ),
    (
        "a name that a function uses and another that none does",
        "from .train import Config, main  # noqa: F401\n\n\ndef run() -> None:\n    main()\n",
        "if TYPE_CHECKING:\n    from .train import Config  # noqa: F401\n\n\ndef run",
    ),
    (
        "a name in __all__ that a function uses",
        'from .train import main\n\n__all__ = ["main"]\n\n\ndef run() -> None:\n    main()\n',
        "        from .train import main\n",
    ),
    (
        "a name that an annotation uses",
        "from __future__ import annotations\n\nfrom .train import Config\n\n\ndef run(config: Config): ...\n",
        "        from .train import Config\n\n        return Config\n",
    ),
    ("two names", "from .train import Config, main\n", "        return getattr(import_module("),
    ("the submodule", "from . import train as run\n", "        return import_module("),
    (
        "a __getattr__ that is there",
        "from .train import main\n\n\ndef __getattr__(name: str) -> object:\n    raise AttributeError(name)\n",
        UNNAMED,
    ),
]


@pytest.mark.parametrize(("what", "before", "has"), FLAKES, ids=[what for what, _, _ in FLAKES])
def test_other_linters_find_no_more_than_before(what: str, before: str, has: str, tmp_path: Path) -> None:
    lay_out(Shape(what, before, "", {"pkg/py.typed": ""}), tmp_path)
    found = {}
    for name, command in {"pyflakes": ["pyflakes"], "ruff": ["ruff", "check", "--isolated", "--no-cache"]}.items():
        found[name] = other_linter(tmp_path, command)
    fix(tmp_path)
    assert has in (tmp_path / "pkg/__init__.py").read_text()
    for name, command in {"pyflakes": ["pyflakes"], "ruff": ["ruff", "check", "--isolated", "--no-cache"]}.items():
        assert other_linter(tmp_path, command) == found[name]


def test_a_name_that_a_function_and_another_module_use_has_its_type(tmp_path: Path) -> None:
    init = "from .train import Config\n\n\ndef run() -> None:\n    print(Config())\n"
    files = {"pkg/py.typed": "", "tool.py": "import pkg\n\nprint(pkg.Config())\n"}
    lay_out(Shape("", init, "", files), tmp_path)
    fix(tmp_path)
    assert "if TYPE_CHECKING:\n    from .train import Config\n" in (tmp_path / "pkg/__init__.py").read_text()


def other_linter(folder: Path, command: list[str]) -> list[str]:
    """Return what another linter says about the package, without places."""
    done = subprocess.run(
        [sys.executable, "-m", *command, "pkg/__init__.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert not done.stderr
    lines = [line for line in done.stdout.splitlines() if "__init__.py:" in line]
    return sorted(re.sub(r":\d+|line \d+", "", line) for line in lines)


def test_a_suppressed_import_stays(tmp_path: Path) -> None:
    """Although the one below it goes."""
    suppressed = "from .a import f  # noqa\nfrom .b import f as g  # dlsafe: ignore[DLS401] meant\n"
    files = {f"pkg/{name}.py": "def f(): ...\n\n\nif __name__ == '__main__':\n    f()\n" for name in "ab"}
    lay_out(Shape("", f"{suppressed}from .train import main\n", "", files), tmp_path)
    fix(tmp_path)
    assert (tmp_path / "pkg/__init__.py").read_text() == suppressed + MAIN


def test_the_files_own_line_ends_and_indentation_stay(tmp_path: Path) -> None:
    before = "from .train import main\n\n\ndef run():\n\tmain()\n"
    after = "def run():\n\tfrom .train import main\n\n\tmain()\n" + MAIN.replace("    ", "\t")
    lay_out(Shape("", "", ""), tmp_path)
    path = tmp_path / "pkg/__init__.py"
    path.write_bytes(before.replace("\n", "\r\n").encode())
    fix(tmp_path)
    assert path.read_bytes().decode() == after.replace("\n", "\r\n")
