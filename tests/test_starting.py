"""What one program loads, by which ways it comes to slow libraries, and what an interpreter would run."""

from __future__ import annotations

import textwrap

import pytest

from dlsafe_lint import facts
from dlsafe_lint.analysis import starting
from dlsafe_lint.analysis.programs import entries
from dlsafe_lint.project import Project, build

ROOT = "/project"


def project(programs: str = "", **sources: str) -> Project:
    """Build a project; "pkg__init" stands for pkg/__init__.py, "pkg_sub" for pkg/sub.py."""
    modules = []
    for key, text in sources.items():
        path = f"{key.replace('__init', '/__init__').replace('__main', '/__main__')}"
        path = f"{path if '/__' in path else path.replace('_', '/')}.py"
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        read = facts.read(
            textwrap.dedent(text), path=f"{ROOT}/{path}", name=name, is_package=path.endswith("__init__.py")
        )
        assert isinstance(read, facts.ModuleFacts), read
        modules.append(read)
    return build(ROOT, modules, entry_points=programs.split())


def start(found: Project, name: str = "train.py") -> starting.Start:
    (entry,) = starting.named(found, name)
    return starting.start(found, entry)


def shown(links: tuple[starting.Link, ...], depth: int = 0) -> list[str]:
    lines = []
    for link in links:
        place = f"{link.path.removeprefix(f'{ROOT}/')}:{link.line}"
        why = f" # {link.stays}" if link.stays else " # again" if link.again else ""
        lines += [f"{'  ' * depth}{place} {link.words}{why}", *shown(link.inner, depth + 1)]
    return lines


RUNNER = {
    "train": """\
        import argparse
        import numpy
        from pkg import model, tools

        def main():
            argparse.ArgumentParser().parse_args()
            import wandb
            return model.Net(), numpy, tools

        if __name__ == "__main__":
            main()
        """,
    "pkg__init": "",
    "pkg_model": "import torch\nimport lightning\nclass Net(torch.nn.Module):\n    def fit(self): lightning.fit()\n",
    "pkg_tools": "import torch\nfrom pkg import model\nhalf = model.Net()\ndef f(): torch.ones(1)\n",
}


def test_the_ways_to_slow_libraries() -> None:
    assert shown(start(project(**RUNNER)).links) == [
        "train.py:3 from pkg import model, tools",
        "  pkg/model.py:1 import torch # base class `torch.nn.Module` at line 3",
        "  pkg/model.py:2 import lightning",
        "  pkg/tools.py:1 import torch",
        "  pkg/tools.py:2 from pkg import model # `half` is made with `model.Net` at line 3",
    ]


def test_what_is_loaded_and_what_that_costs() -> None:
    found = start(project(**RUNNER))
    assert found.names == ("train", "pkg", "pkg.model", "pkg.tools")
    assert found.libraries == ("numpy", "torch", "lightning")
    assert list(found.roots) == ["torch", "lightning"]
    named = {each.name: each for each in found.tree.walk()}
    assert found.roots == {"torch": named["torch"].total // 1000, "lightning": named["lightning"].total // 1000}
    assert named["pkg.model"].inner == (named["torch"], named["lightning"])
    assert [each.name for each in found.tree.inner] == ["argparse", "numpy", "pkg", "pkg.model", "pkg.tools"]
    for each in found.tree.walk():
        assert each.total == each.own + sum(inner.total for inner in each.inner)
    assert found.seconds == found.tree.total / 1e6 > 8


def test_a_library_is_loaded_once() -> None:
    once = start(project(train="import torch\nimport torch.nn\nif __name__ == '__main__': ..."))
    assert once.seconds == start(project(train="import torch\nif __name__ == '__main__': ...")).seconds
    brought = start(project(train="import lightning\nimport torch\nif __name__ == '__main__': ..."))
    assert brought.roots["torch"] == 0


def test_libraries_that_bring_something_slow_and_were_never_measured() -> None:
    found = start(project(train="import timm\nif __name__ == '__main__': ..."))
    assert found.roots["torch"] == start(project(train="import torch\nif __name__ == '__main__': ...")).roots["torch"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("train.py", "train.py"),
        ("/project/train.py", "train.py"),
        ("train", "train.py"),
        ("pkg.cli:main", "pkg.cli:main"),
        ("pkg/cli.py:main", "pkg.cli:main"),
        ("pkg", "pkg/__init__.py"),
        ("pkg.app", "pkg/app/__main__.py"),
        ("pkg.plain", "pkg/plain.py"),
    ],
)
def test_programs_are_found_by_name(name: str, what: str) -> None:
    found = project(
        train=RUNNER["train"],
        pkg__init="",
        pkg_cli="def main(): ...",
        pkg_plain="import torch",
        **{"pkg/app__main": "import torch"},
    )
    assert [starting.name_of(found, entry) for entry in starting.named(found, name)] == [what]


@pytest.mark.parametrize("name", ["nope", "nope.py", "pkg.cli:nope", "pkg.nope", ":main", ""])
def test_there_is_no_program_of_another_name(name: str) -> None:
    assert starting.named(project(pkg__init="", pkg_cli="def main(): ..."), name) == []


def test_the_statements_to_measure() -> None:
    text = """\
        import argparse, os as system
        from . import one
        try:
            import two
        except ImportError:
            two = None
        if __name__ == "__main__":
            from three import *
            argparse.ArgumentParser().parse_args()
            import four
        """
    found = project(pkg__init="", pkg_one="", pkg_train=text)
    (entry,) = starting.named(found, "pkg.train")
    assert [(step.text, step.line, step.may_fail) for step in starting.steps(found, entry)] == [
        ("import pkg", 1, False),
        ("import argparse, os as system", 1, False),
        ("from . import one", 2, False),
        ("import two", 4, True),
        ("from three import *", 8, False),
    ]
    assert starting.package_of(found, entry) == "pkg"
    assert starting.search_path(found, entry) == [ROOT]


def test_of_a_function_its_module_is_imported_and_what_it_imports_before_it_reads_its_arguments() -> None:
    text = (
        "import torch\ndef main():\n    import argparse\n    argparse.ArgumentParser().parse_args()\n    import wandb\n"
    )
    found = project(programs="pkg.cli:main", pkg__init="", pkg_cli=text)
    (entry,) = entries(found)
    assert [step.text for step in starting.steps(found, entry)] == ["import pkg", "import pkg.cli", "import argparse"]
