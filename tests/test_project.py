"""What follows from all facts together."""

from __future__ import annotations

import textwrap

import pytest

from dlsafe_lint import facts, project
from dlsafe_lint.facts import Lambda, Literal, ModuleFacts
from dlsafe_lint.project import Project, Site, Value, Where


def build(sources: dict[str, str], **settings: object) -> Project:
    """Make a project in /p of paths and texts."""
    modules = []
    for path, text in sources.items():
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        read = facts.read(textwrap.dedent(text), path=f"/p/{path}", name=name, is_package=path.endswith("__init__.py"))
        assert isinstance(read, ModuleFacts), path
        modules.append(read)
    return project.build("/p", modules, **settings)  # type: ignore[arg-type]


def member(whole: Project, path: str, name: str) -> list[Value]:
    return whole.member(f"/p/{path}", name)


def literals(values: list[Value]) -> list[object]:
    return [value.expr.value if isinstance(value.expr, Literal) else value.kind for value in values]


LAYOUTS: dict[str, tuple[dict[str, str], str]] = {
    "flat": (
        {"train.py": "from data.loading import x", "data/__init__.py": "", "data/loading.py": "x = 1"},
        "train.py",
    ),
    "src": (
        {"src/pkg/__init__.py": "", "src/pkg/a.py": "x = 1", "tests/test_a.py": "from pkg.a import x"},
        "tests/test_a.py",
    ),
    "namespace": ({"train.py": "from space.part.a import x", "space/part/a.py": "x = 1"}, "train.py"),
    "several roots": (
        {"one/src/a/__init__.py": "from b.c import x", "two/src/b/__init__.py": "", "two/src/b/c.py": "x = 1"},
        "one/src/a/__init__.py",
    ),
    "scripts beside each other": ({"tools/run.py": "from help import x", "tools/help.py": "x = 1"}, "tools/run.py"),
    "script in a package": (
        {"pkg/__init__.py": "", "pkg/run.py": "from other import x", "pkg/other.py": "x = 1"},
        "pkg/run.py",
    ),
    "relative": (
        {"pkg/__init__.py": "", "pkg/sub/__init__.py": "from ..a import x", "pkg/a.py": "x = 1"},
        "pkg/sub/__init__.py",
    ),
    "re-exported": (
        {
            "pkg/__init__.py": "from .a import y as x",
            "pkg/a.py": "from .b import *",
            "pkg/b.py": "y = 1",
            "m.py": "from pkg import x",
        },
        "m.py",
    ),
    "submodule": ({"pkg/__init__.py": "", "pkg/a.py": "x = 1", "m.py": "import pkg.a\nx = pkg.a.x"}, "m.py"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_where_an_imported_name_comes_from(layout: str) -> None:
    sources, path = LAYOUTS[layout]
    assert literals(member(build(sources), path, "x")) == [1]


def test_the_standard_library_is_not_the_projects() -> None:
    whole = build({"pkg/__init__.py": "", "pkg/logging.py": "x = 1", "pkg/a.py": "from logging import x"})
    assert [value.name for value in member(whole, "pkg/a.py", "x")] == ["logging.x"]


def test_a_package_named_like_a_library_does_not_hide_it_from_itself() -> None:
    inner = {"pkg/__init__.py": "", "pkg/lmdb/__init__.py": "", "pkg/lmdb/reader.py": "from lmdb import open as x"}
    assert [value.name for value in member(build(inner), "pkg/lmdb/reader.py", "x")] == ["lmdb.open"]
    outer = {"lmdb/__init__.py": "x = 1", "lmdb/reader.py": "from lmdb import x"}
    assert literals(member(build(outer), "lmdb/reader.py", "x")) == [1]


def test_a_sum_of_lists_is_unknown_where_one_of_them_is() -> None:
    whole = build({"m.py": "x = [0] + list(range(n))\ny = [0] + [1]\n"})
    assert [value.kind for value in member(whole, "m.py", "x")] == ["collection", "unknown"]
    assert [value.kind for value in member(whole, "m.py", "y")] == ["collection", "collection"]


def test_what_a_with_binds_anew_is_bound_after_it() -> None:
    whole = build({"m.py": "with open('a') as x:\n    x = 1\n"})
    assert literals(member(whole, "m.py", "x")) == [1]
    whole = build({"m.py": "x = 1\nfor i in range(3):\n    x = 2\n"})
    assert sorted(map(str, literals(member(whole, "m.py", "x")))) == ["1", "2"]


def test_a_folder_without_init_does_not_hide_an_installed_package() -> None:
    whole = build({"datasets/prepare.py": "x = 1", "m.py": "from datasets import load_dataset"})
    assert [value.name for value in member(whole, "m.py", "load_dataset")] == ["datasets.load_dataset"]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("from space.pkg.a import x", "space.pkg.a"),
        ("from src.space import pkg", "src.space.pkg.a"),
        ("from pkg import a", "pkg.a"),
        ("import space.other", "pkg.a"),
        ("from . import pkg", "pkg.a"),
    ],
)
def test_a_package_is_named_as_the_project_imports_it(statement: str, name: str) -> None:
    sources = {"src/space/pkg/__init__.py": "", "src/space/pkg/a.py": "x = 1\n", "m.py": f"{statement}\n"}
    read = [
        facts.read(text, path=f"/p/{path}", name=short, is_package=path.endswith("__init__.py"))
        for (path, text), short in zip(sources.items(), ("pkg", "pkg.a", "m"), strict=True)
    ]
    modules = [each for each in read if isinstance(each, ModuleFacts)]
    whole = project.build("/p", modules)
    assert whole.modules["/p/src/space/pkg/a.py"].name == name


def test_aliases_of_libraries() -> None:
    whole = build({"m.py": "import torch.utils.data as tud\nL = tud.dataloader.DataLoader\n"})
    assert [value.name for value in member(whole, "m.py", "L")] == ["torch.utils.data.DataLoader"]


def test_what_an_import_loads_parents_first() -> None:
    whole = build(
        {
            "pkg/__init__.py": "",
            "pkg/sub/__init__.py": "",
            "pkg/sub/a.py": "",
            "m.py": "import pkg.sub.a\nimport torch.nn\n",
        }
    )
    module = whole.modules["/p/m.py"]
    assert [target.name for target in whole.targets(module, module.imports[0])] == ["pkg", "pkg.sub", "pkg.sub.a"]
    assert [target.name for target in whole.targets(module, module.imports[1])] == ["torch.nn"]


def test_from_package_import_takes_a_name_before_a_submodule() -> None:
    whole = build({"pkg/__init__.py": "a = 1", "pkg/a.py": "", "pkg/b.py": "", "m.py": "from pkg import a, b"})
    module = whole.modules["/p/m.py"]
    assert [target.name for target in whole.targets(module, module.imports[0])] == ["pkg", "pkg.b"]


def test_a_later_binding_replaces_an_earlier_one() -> None:
    assert literals(member(build({"m.py": "x = 1\nx = 2\n"}), "m.py", "x")) == [2]


def test_branches_leave_both_possibilities() -> None:
    assert literals(member(build({"m.py": "x = 1\nif c:\n    x = 2\n"}), "m.py", "x")) == [2, 1]


def test_a_binding_in_the_other_branch_does_not_count() -> None:
    whole = build(
        {"m.py": "def f():\n    if c:\n        x = 1\n    else:\n        x = 2\n        y = x\n    return y\nz = f()\n"}
    )
    assert literals(member(whole, "m.py", "z")) == [2]


def test_arguments_are_followed_into_functions() -> None:
    whole = build(
        {
            "a.py": "def f(x, y=3):\n    return y\n",
            "m.py": "from a import f as g\np = g(1, 2)\nq = g(1)\nr = g(1, **{'y': 4})\n",
        }
    )
    assert [literals(member(whole, "m.py", name)) for name in "pqr"] == [[2], [3], [4]]


def test_a_method_that_is_asked_of_its_class_gets_the_object_first() -> None:
    whole = build(
        {
            "a.py": """
            class Base:
                def __init__(self, options):
                    self.options = options

            class Images(Base):
                def __init__(self):
                    Base.__init__(self, 5)
            """
        }
    )
    module = whole.modules["/p/a.py"]
    (call,) = module.calls
    base = next(each for each in module.scopes if each.name == "__init__")
    bound = whole.bind(Site(module.path, base.index), module, call)
    assert bound is not None
    assert {name: expr for name, (expr, _) in bound.args.items()} == {"options": Literal(5)}


def test_a_parameter_is_what_the_callers_pass() -> None:
    whole = build({"a.py": "def f(n):\n    g(n)\n", "m.py": "import a\na.f(1)\na.f(n=2)\n"})
    module = whole.modules["/p/a.py"]
    call = module.calls[0]
    assert literals(whole.values(call.args[0], Where(module, call.scope, call.statement))) == [1, 2]


def test_attributes_of_instances() -> None:
    whole = build(
        {
            "a.py": """
                class Base:
                    def __init__(self, t=None):
                        self.t = t
                class C(Base):
                    def __init__(self, t):
                        super().__init__(t=t)
            """,
            "m.py": "from a import C\nc = C(lambda x: x)\nt = c.t\n",
        }
    )
    assert any(isinstance(value.expr, Lambda) for value in member(whole, "m.py", "t"))


def test_items_of_collections() -> None:
    whole = build({"m.py": "d = {'a': 1, 'b': 2}\nx = d['b']\nl = [1]\nl.append(2)\ny = [v for v in l][0]\n"})
    assert literals(member(whole, "m.py", "x")) == [2]


def test_recursion_ends() -> None:
    whole = build({"m.py": "def f(n):\n    return f(n - 1)\nx = f(3)\ny = y\n"})
    assert [value.kind for value in member(whole, "m.py", "x")] == ["unknown"]
    assert [value.kind for value in member(whole, "m.py", "y")] == ["unknown"]


def test_ancestors_across_modules_and_import_cycles() -> None:
    whole = build(
        {
            "a.py": "from torch.utils.data import Dataset\nfrom b import C\nclass A(Dataset): pass\n",
            "b.py": "import a\nclass C(a.A): pass\n",
        }
    )
    module = whole.modules["/p/b.py"]
    site = Site("/p/b.py", module.scopes[1].index)
    names = [base.name for base in whole.ancestors(site)]
    assert names == ["C", "A", "torch.utils.data.Dataset"]
    assert [place.path for place in whole.ancestors(site)[-1].via] == ["/p/b.py", "/p/a.py"]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("m.py", 'if __name__ == "__main__":\n    main()\n', True),
        ("pkg/__main__.py", "main()\n", True),
        ("m.py", 'import unittest\nif __name__ == "__main__":\n    unittest.main()\n', False),
        ("m.py", "main()\n", False),
    ],
)
def test_scripts(path: str, text: str, expected: bool) -> None:
    whole = build({path: text})
    assert (whole.is_script(whole.modules[f"/p/{path}"]) is not None) is expected
