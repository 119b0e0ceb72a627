"""Which scripts a package loads, with the chain that leads to them."""

from __future__ import annotations

import pytest

from dlsafe_lint.analysis import packages
from test_importing import ROOT, package, project

SCRIPT = "def main(): ...\nif __name__ == '__main__':\n    main()"


def test_a_chain_has_its_hops() -> None:
    found = project(package("from . import api", api="from .train import main", train=SCRIPT))
    ((only,),) = packages.loaded_scripts(found).values()
    assert only.scripts == (f"{ROOT}/pkg/train.py",)
    assert not only.direct
    assert [(hop.path, hop.line) for hop in only.via] == [(f"{ROOT}/pkg/api.py", 1)]


def test_only_packages_around_the_script_count() -> None:
    found = project({**package("", train=SCRIPT), "other/__init__.py": "import pkg.train"})
    assert not packages.loaded_scripts(found)


GUARDS = [
    # what takes its arguments
    ("import argparse\n", "args = argparse.ArgumentParser().parse_args()\n    print(args)", "likely"),
    ("import argparse\ndef read():\n    return argparse.ArgumentParser().parse_args()\n", "show(read())", "likely"),
    ("import sys\n", "show(sys.argv[1])", "likely"),
    ("import sys\n", "if len(sys.argv) > 1:\n        show(1)", "likely"),
    ("from sys import argv\n", "for each in argv[1:]:\n        show(each)", "likely"),
    ("import sys\ndef read():\n    return sys.argv[1]\n", "show(read())", "likely"),
    ("import sys\ndef read():\n    return sys.argv[1]\n", "show(1)", "possible"),
    ("import fire\n", "fire.Fire(show)", "likely"),
    ("import click\n@click.command()\ndef train(): ...\n", "train()", "likely"),
    ("import typer\napp = typer.Typer()\n", "app()", "likely"),
    ("from absl import app\n", "app.run(show)", "likely"),
    ("import tyro\n", "show(tyro.cli(show))", "likely"),
    ("from lightning.pytorch.cli import LightningCLI\n", "LightningCLI(show)", "likely"),
    ("from lightning.pytorch.cli import LightningCLI\nclass C(LightningCLI): ...\n", "C(show)", "likely"),
    ("from hydra import compose, initialize\n", "with initialize():\n        show(compose('a'))", "possible"),
    # what is called as a program is
    ("", "main()", "likely"),
    ("import sys\n", "sys.exit(main())", "likely"),
    ("import asyncio\n", "asyncio.run(main())", "likely"),
    ("from . import other\n", "other.main(3)", "likely"),
    ("from .other import main as cli_main\n", "result = cli_main(3)", "likely"),
    ("from torch import multiprocessing\ndef main_worker(rank): ...\n", "multiprocessing.spawn(main_worker)", "likely"),
    ("", "main_size = 3\n    show(main_size)", "possible"),
    # what the guard leaves to a function
    ("def train(): ...\n", "train()", "likely"),
    ("import logging\ndef train(): ...\n", "logging.basicConfig(level=10)\n    train()", "likely"),
    ("def make(): ...\n", "model = make()", "possible"),
    ("def make(): ...\n", "make()\n    show(1)", "possible"),
    ("class Model: ...\n", "Model()", "possible"),
    ("def demo_model(): ...\n", "demo_model()", "possible"),
    # what only tries the module out
    ("", "test()", "possible"),
    ("import unittest\n", "unittest.main()", "possible"),
    ("", "print(show(3))", "possible"),
    ("", "pass", "possible"),
]


@pytest.mark.parametrize(("above", "guarded", "confidence"), GUARDS)
def test_a_guard_that_only_tries_the_module_out_makes_no_likely_program(
    above: str, guarded: str, confidence: str
) -> None:
    script = f"{above}def main(): ...\ndef test(): ...\ndef show(x): ...\nif __name__ == '__main__':\n    {guarded}"
    files = package("from . import train", train=script, other="def main(): ...")
    ((only,),) = packages.loaded_scripts(project(files)).values()
    assert only.confidence == confidence


@pytest.mark.parametrize(
    "run",
    [
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pkg.train', '3'])",
        "import os\nos.system('python3 -m pkg.train 3')",
        "import runpy\nrunpy.run_module('pkg.train')",
    ],
)
def test_what_the_project_runs_is_a_program(run: str) -> None:
    script = "def show(x): ...\nif __name__ == '__main__':\n    show(3)"
    files = package("from . import train, other", train=script, other=script)
    ((only,),) = packages.loaded_scripts(project({**files, "run.py": run})).values()
    assert (only.confidence, only.scripts) == ("likely", (f"{ROOT}/pkg/train.py",))


def test_what_is_declared_as_a_program_is_one() -> None:
    script = "def show(x=3): ...\nif __name__ == '__main__':\n    show(3)"
    setup = "from setuptools import setup\nsetup(entry_points={'console_scripts': ['train = pkg.train:show']})"
    files = {**package("from . import train", train=script), "setup.py": setup}
    ((only,),) = packages.loaded_scripts(project(files)).values()
    assert only.confidence == "likely"


def said(init: str, **modules: str) -> dict[str, list[tuple[int, list[str], bool]]]:
    """Return, per package, line, scripts and whether they are imported directly."""
    return {
        path.removeprefix(f"{ROOT}/"): [
            (each.line, [script.removeprefix(f"{ROOT}/") for script in each.scripts], each.direct) for each in found
        ]
        for path, found in packages.loaded_scripts(project(package(init, **modules))).items()
    }


def test_what_imports_the_script_itself_is_named_wherever_it_stands() -> None:
    found = said(
        "from .sub.train import main\nfrom . import api",
        sub__init="",
        api="from .sub.train import main",
        sub__train=SCRIPT,
    )
    assert found == {"pkg/__init__.py": [(1, ["pkg/sub/train.py"], True)]}


def test_the_innermost_package_is_named_where_a_chain_goes_through_several() -> None:
    found = said(
        "from . import sub",
        sub__init="from .api import run",
        sub__api="import pkg.sub.train as run",
        sub__train=SCRIPT,
    )
    assert found == {"pkg/sub/__init__.py": [(1, ["pkg/sub/train.py"], False)]}


def test_scripts_that_one_statement_loads_are_one_finding() -> None:
    found = said("x = 1\nfrom . import train, a, test", train=SCRIPT, a="", test=SCRIPT)
    assert found == {"pkg/__init__.py": [(2, ["pkg/train.py", "pkg/test.py"], True)]}


def test_the_first_way_is_named_where_several_lead_to_a_script() -> None:
    found = said(
        "from . import a\nfrom . import b",
        a="from . import train",
        b="from . import train",
        train=SCRIPT,
    )
    assert found == {"pkg/__init__.py": [(1, ["pkg/train.py"], False)]}


@pytest.mark.parametrize("main", ["def main(): ...", SCRIPT])
def test_a_main_module_is_a_script_with_and_without_a_guard(main: str) -> None:
    ((only,),) = packages.loaded_scripts(project(package("from .__main__ import main", main=main))).values()
    assert only.confidence == "certain"


@pytest.mark.parametrize(
    ("statement", "loads"),
    [
        ("import lazy_loader as lazy\n__getattr__, __dir__, __all__ = lazy.attach(__name__, ['train'])", False),
        ("import lazy_loader as lazy\n__getattr__, _, _ = lazy.attach_stub(__name__, __file__)", False),
        ("import lazy_loader as lazy\ntrain = lazy.load('pkg.train')", True),
        ("from lazy_loader import load\ntrain = load('pkg.api')", False),
        ("lazy import pkg.train", False),
        ("lazy from .train import main", False),
        ("__lazy_modules__ = ['pkg.train']\nimport pkg.train", False),
    ],
)
def test_what_is_put_off(statement: str, loads: bool) -> None:
    """Of which `lazy_loader.load` puts off less than it seems: the module counts as imported before it runs."""
    text = statement.replace("lazy import", "import").replace("lazy from", "from")
    lazy = text != statement
    found = project(package(text, api="from . import train", train=SCRIPT))
    facts = found.modules[f"{ROOT}/pkg/__init__.py"]
    facts.imports[:] = [each._replace(lazy=lazy) for each in facts.imports]
    assert bool(packages.loaded_scripts(found)) == loads


def test_what_is_only_possible_is_not_counted_beside_what_is_likely() -> None:
    tested = "import doctest\nif __name__ == '__main__':\n    doctest.testmod()"
    assert said("from . import a, train", a=tested, train=SCRIPT) == {"pkg/__init__.py": [(1, ["pkg/train.py"], True)]}


def test_a_package_in_a_folder_of_another_one_is_no_part_of_it_under_its_bare_name() -> None:
    vendored = {"_vendor__other__init": "from . import a", "_vendor__other__a": SCRIPT}
    found = said("import sys\nsys.path.append('pkg/_vendor')\nimport other\nimport other.a", **vendored)
    assert found == {"pkg/_vendor/other/__init__.py": [(1, ["pkg/_vendor/other/a.py"], True)]}


def test_a_script_that_another_one_loads_is_named_behind_it() -> None:
    init = "from .train import main"
    train = f"from .cut import cut\n{SCRIPT}"
    ((only,),) = packages.loaded_scripts(project(package(init, train=train, cut=SCRIPT))).values()
    assert (only.scripts, only.behind) == ((f"{ROOT}/pkg/train.py",), (f"{ROOT}/pkg/cut.py",))


def test_possible_scripts_do_not_count_behind_likely_ones() -> None:
    train = f"from .cut import cut\n{SCRIPT}"
    cut = "def test(): ...\nif __name__ == '__main__':\n    test()"
    ((only,),) = packages.loaded_scripts(project(package("from .train import main", train=train, cut=cut))).values()
    assert (only.scripts, only.behind, only.confidence) == ((f"{ROOT}/pkg/train.py",), (), "likely")
