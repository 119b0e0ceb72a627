"""What a module loads at import time, which programs there are, what can move and where to."""

from __future__ import annotations

import textwrap

import pytest

from dlsafe_lint import facts
from dlsafe_lint.analysis import effects, startup
from dlsafe_lint.apis import heavy
from dlsafe_lint.project import Project, build

ROOT = "/project"
PARSES = "import argparse\n{}\nif __name__ == '__main__':\n    argparse.ArgumentParser().parse_args()\n    main()\n"


def project(heavy_imports: str = "startup", entry_points: tuple[str, ...] = (), **sources: str) -> Project:
    """Build a project; "pkg__init" stands for pkg/__init__.py, "pkg_sub" for pkg/sub.py."""
    modules = []
    for key, text in sources.items():
        path = key.replace("__init", "/__init__").replace("__main", "/__main__")
        path = f"{path if '/__' in path else path.replace('_', '/')}.py"
        read = facts.read(
            textwrap.dedent(text), path=f"{ROOT}/{path}", name=key, is_package=path.endswith("__init__.py")
        )
        assert isinstance(read, facts.ModuleFacts), read
        modules.append(read)
    return build(ROOT, modules, heavy_imports=heavy_imports, entry_points=entry_points)


def loaded(found: Project, module: str, *, main: bool = False) -> list[str]:
    edges = startup.edges(found, found.modules[f"{ROOT}/{module}.py"], main=main)
    return [target.path.removeprefix(f"{ROOT}/") if target.path else target.name for e in edges for target in e.targets]


def cut(found: Project) -> dict[str, list[str]]:
    return {
        path.removeprefix(f"{ROOT}/"): [name for each in cuts for name in each.names]
        for path, cuts in startup.cuts(found).items()
    }


class TestEdges:
    @pytest.mark.parametrize(
        ("statement", "targets"),
        [
            ("import b", ["b.py"]),
            ("from b import x", ["b.py"]),
            ("from pkg import sub", ["pkg/__init__.py", "pkg/sub.py"]),
            ("import pkg.sub", ["pkg/__init__.py", "pkg/sub.py"]),
            ("from pkg import *", ["pkg/__init__.py", "pkg/sub.py"]),
            ("try:\n    import b\nexcept ImportError:\n    b = None", ["b.py"]),
            ("class A:\n    import b", ["b.py"]),
            ("import importlib\nimportlib.import_module('pkg.sub')", ["importlib", "pkg/__init__.py", "pkg/sub.py"]),
            ("def f():\n    import b\nf()", ["b.py"]),
            ("def g(function):\n    import b\n    return function\n@g\ndef h(): ...", ["b.py"]),
            ("def f():\n    import b", []),
            ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import b", ["typing"]),
            ("__lazy_modules__ = ['b']\nimport b", []),
            ("__lazy_modules__ = ['b']\nfrom b import x", []),
            ("__lazy_modules__ = ['b']\nimport b\nb.x", ["b.py"]),
            ("__lazy_modules__ = ['b']\nfrom b import x\nclass A(x): ...", ["b.py"]),
            ("__lazy_modules__ = ['pkg']\nimport pkg.sub", ["pkg/__init__.py", "pkg/sub.py"]),
            ("__lazy_modules__ = ['pkg.sub']\nimport pkg.sub", []),
            ("__lazy_modules__ = ['pkg']\nfrom pkg import *", ["pkg/__init__.py", "pkg/sub.py"]),
            ("__lazy_modules__ = ['b']\ntry:\n    import b\nexcept ImportError: ...", ["b.py"]),
            ("if __name__ == '__main__':\n    import b", []),
            ("if False:\n    import b", []),
            ("if 0:\n    import b\nelse:\n    import c", ["c.py"]),
            ("import sys\nif sys.version_info[0] < 3:\n    import b\nelse:\n    import c", ["sys", "c.py"]),
            ("DEBUG = False\nif DEBUG:\n    import b", []),
            ("import os\nif os.name == 'nt':\n    import b", ["os", "b.py"]),
            ("def f():\n    if False:\n        import b\n    import c\nf()", ["c.py"]),
            ("def f():\n    import b\nif False:\n    f()", []),
            ("def f():\n    import b\ndef g():\n    if 0:\n        f()\ng()", []),
            ("from scipy import stats", ["scipy", "scipy.stats"]),
        ],
    )
    def test_what_a_statement_loads(self, statement: str, targets: list[str]) -> None:
        found = project(a=statement, b="x = 1", c="", pkg__init="__all__ = ['sub']", pkg_sub="")
        assert loaded(found, "a") == targets

    def test_a_package_that_imports_on_demand(self) -> None:
        init = "def __getattr__(name):\n    if name == 'x':\n        from .sub import x\n        return x"
        found = project(a="from pkg import x", b="import pkg", pkg__init=init, pkg_sub="x = 1")
        assert loaded(found, "a") == ["pkg/__init__.py", "pkg/sub.py"]
        assert loaded(found, "b") == ["pkg/__init__.py"]

    def test_the_guard_runs_in_the_program_only(self) -> None:
        found = project(a="if __name__ == '__main__':\n    import b\nelse:\n    import c", b="", c="")
        assert loaded(found, "a", main=True) == ["b.py"]
        assert loaded(found, "a") == ["c.py"]


class TestPrograms:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (PARSES.format("def main(): ..."), "arguments"),
            ("import click\n@click.command()\ndef main(): ...\nif __name__ == '__main__':\n    main()", "arguments"),
            ("import hydra\n@hydra.main()\ndef main(cfg): ...\nif __name__ == '__main__':\n    main()", "arguments"),
            ("import fire\ndef main(): ...\nif __name__ == '__main__':\n    fire.Fire(main)", "arguments"),
            ("import typer\napp = typer.Typer()\nif __name__ == '__main__':\n    app()", "arguments"),
            ("import argparse\nargs = argparse.ArgumentParser().parse_args()", "arguments"),
            ("import options\nif __name__ == '__main__':\n    options.read()", "arguments"),
            ("def main(): ...\nif __name__ == '__main__':\n    main()", ""),
            ("def main(): ...", ""),
        ],
    )
    def test_programs_that_read_arguments(self, text: str, reason: str) -> None:
        options = "import argparse\ndef read():\n    return argparse.ArgumentParser().parse_args()"
        found = [entry.reason for entry in startup.entries(project(a=text, options=options))]
        assert found == ([reason] if reason else [])

    def test_a_console_script(self) -> None:
        found = project(entry_points=("pkg.cli:main",), pkg__init="", pkg_cli="def main(): ...")
        assert [(entry.path, entry.reason) for entry in startup.entries(found)] == [
            (f"{ROOT}/pkg/cli.py", "console script")
        ]

    def test_tests_are_no_programs(self) -> None:
        assert not startup.entries(project(tests_a=PARSES.format("def main(): ...")))


class TestWhatCanMove:
    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("def main():\n    torch.ones(1)", None),
            ("class A:\n    def f(self):\n        return torch.ones(1)", None),
            ("async def main():\n    yield [torch.ones(n) for n in range(2)]", None),
            ("def main():\n    x: torch.Tensor = torch.ones(1)", None),
            ("def main(x: torch.Tensor): ...", None),
            ("def main(x: 'torch.Tensor'): ...", None),
            ("from __future__ import annotations\ndef main(x: torch.Tensor): ...", None),
            ("x: torch.Tensor", None),
            ("class A:\n    x: torch.Tensor\n    def f(self) -> torch.Tensor: ...", None),
            ("class A(torch.nn.Module): ...", "base class `torch.nn.Module`"),
            ("class A(metaclass=torch.Meta): ...", "base class `torch.Meta`"),
            ("def main(x=torch.ones(1)): ...", "default value `torch.ones` of `main`"),
            ("@torch.no_grad()\ndef main(): ...", "decorator `torch.no_grad` of `main`"),
            ("class A:\n    x = torch.ones(1)", "`x` is made with `torch.ones`"),
            ("torch.manual_seed(0)", "call of `torch.manual_seed`"),
            ("if torch: ...", "use of `torch`"),
            ("x = [torch for _ in 'ab']", "`x` is made with `torch`"),
            ("main = lambda: torch.ones(1)", "a lambda uses `torch`"),
            ("def main():\n    global torch\n    torch = None", "`torch` is bound in another way too"),
            ("def main():\n    torch.ones(1)\ndel torch", "`torch` is bound in another way too"),
            ("def main():\n    global torch\n    return torch", "`main` declares `torch` global"),
            ("def main():\n    return globals()['torch'], torch", "the module looks up names by string"),
            ("__all__ = ['main', 'torch']\ndef main():\n    torch.ones(1)", "`torch` is in `__all__`"),
            ("from numba import njit\n@njit\ndef main():\n    torch.ones(1)", "`main` can't import"),
            ("class A:\n    def __del__(self):\n        torch.ones(1)", "`__del__` can't import"),
        ],
    )
    def test_the_uses_decide(self, text: str, why: str | None) -> None:
        found = project(a=f"{text}\nimport torch")
        obstacle = startup.needed(found, found.modules[f"{ROOT}/a.py"], "torch")
        assert (obstacle.reason if obstacle else None) == why

    @pytest.mark.parametrize(
        ("text", "who"),
        [
            ("from dataclasses import dataclass\n@dataclass\nclass A:\n    x: torch.Tensor", "decorator `dataclass`"),
            ("import attrs\n@attrs.define\nclass A:\n    x: torch.Tensor", "decorator `attrs.define`"),
            ("from typing import NamedTuple\nclass A(NamedTuple):\n    x: torch.Tensor", "`typing.NamedTuple`"),
            ("from typing import TypedDict\nclass A(TypedDict):\n    x: torch.Tensor", "`typing.TypedDict`"),
            ("from pydantic import BaseModel\nclass A(BaseModel):\n    x: torch.Tensor", "`pydantic`"),
            ("from b import Unknown\nclass A(Unknown):\n    x: torch.Tensor", "`b.Unknown`"),
            ("import typer\ndef main(x: torch.Tensor): ...\ntyper.run(main)", "`typer`"),
            ("import tyro\ndef main(x: torch.Tensor): ...\ntyro.cli(main)", "`tyro`"),
            (
                "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef main(x: torch.Tensor): ...",
                "`fastapi`",
            ),
            ("from beartype import beartype\n@beartype\ndef main(x: torch.Tensor): ...", "`beartype`"),
            (
                "from functools import singledispatch\n@singledispatch\ndef main(x: torch.Tensor): ...",
                "`singledispatch`",
            ),
            ("from lib import thing\n@thing\ndef main(x: torch.Tensor): ...", "decorator `thing`"),
            (
                "def run(f):\n    return f.__annotations__\n@run\ndef main(x: torch.Tensor): ...",
                "`__annotations__` in `a`",
            ),
            ("import typing\ndef main(x: torch.Tensor): ...\ntyping.get_type_hints(main)", "get_type_hints"),
        ],
    )
    def test_who_evaluates_annotations(self, text: str, who: str) -> None:
        found = project(a=f"{text}\nimport torch")
        obstacle = startup.needed(found, found.modules[f"{ROOT}/a.py"], "torch")
        assert obstacle is not None
        assert who in obstacle.reason
        assert obstacle.reason.startswith("an annotation")

    def test_who_evaluates_annotations_elsewhere(self) -> None:
        found = project(a="import torch\ndef main(x: torch.Tensor): ...", b="import typer, a\ntyper.run(a.main)")
        obstacle = startup.needed(found, found.modules[f"{ROOT}/a.py"], "torch")
        assert obstacle is not None
        assert obstacle.reason == "an annotation of `main`, which `typer` may evaluate"

    def test_what_nothing_uses(self) -> None:
        found = project(a="import torch", b="import some.library", pkg__init="import torch")
        reasons = [
            startup.needed(found, found.modules[f"{ROOT}/{path}.py"], name)
            for path, name in (("a", "torch"), ("b", "some"), ("pkg/__init__", "torch"))
        ]
        assert [each is None for each in reasons] == [True, False, False]

    @pytest.mark.parametrize(
        "reader",
        [
            "from a import torch",
            "import a\na.torch.ones(1)",
            "from a import *",
            "from unittest import mock\nmock.patch('a.torch.ones')",
            "import a\na.torch = None",
            "import a\ndef test(monkeypatch):\n    monkeypatch.setattr(a, 'torch', None)",
        ],
    )
    def test_other_modules_decide(self, reader: str) -> None:
        found = project(a="import torch\ndef main():\n    torch.ones(1)", b=reader)
        assert startup.needed(found, found.modules[f"{ROOT}/a.py"], "torch")

    def test_a_submodule_that_others_rely_on_stays(self) -> None:
        text = "import torch.special\ndef main():\n    torch.special.x()"
        reader = "import torch\ndef f():\n    torch.special.x()"
        relied_on, alone = project(a=text, b=reader), project(a=text)
        assert startup.needed(relied_on, relied_on.modules[f"{ROOT}/a.py"], "torch")
        assert not startup.needed(alone, alone.modules[f"{ROOT}/a.py"], "torch")

    def test_an_import_goes_after_the_arguments_are_read(self) -> None:
        text = """
            import argparse
            import torch
            def main():
                parser = argparse.ArgumentParser()
                parser.add_argument("--n")
                args = parser.parse_args()
                torch.ones(args.n)
            def early():
                torch.ones(1)
                argparse.ArgumentParser().parse_args()
        """
        found = project(a=text)
        module = found.modules[f"{ROOT}/a.py"]
        places = [startup.insertion(found, module, each, ["torch"]) for each in startup.functions(module, "torch")]
        assert [module.statements[at].line if at >= 0 else None for at in places] == [7, None]


class TestCuts:
    def test_a_library_of_the_program_itself(self) -> None:
        assert cut(project(a=PARSES.format("import torch\ndef main():\n    torch.ones(1)"))) == {"a.py": ["torch"]}

    def test_a_chain_is_cut_nearest_to_the_program(self) -> None:
        main = PARSES.format("import b\ndef main():\n    b.run()")
        assert cut(project(a=main, b="import c\ndef run():\n    c.run()", c="import torch\nx = torch")) == {
            "a.py": ["b"]
        }

    def test_further_away_if_the_nearest_stays(self) -> None:
        main = PARSES.format("import b\nb.register()\ndef main(): ...")
        middle = "import c\ndef register(): ...\ndef run():\n    c.run()"
        assert cut(project(a=main, b=middle, c="import torch\nx = torch")) == {"b.py": ["c"]}

    def test_nothing_if_one_way_stays(self) -> None:
        main = PARSES.format("import torch\nimport b\nb.x\ndef main():\n    torch.ones(1)")
        assert not cut(project(a=main, b="import torch\nx = torch.ones(1)"))

    @pytest.mark.parametrize(
        "text",
        [
            "from absl import flags\nRATE = flags.DEFINE_float('rate', 0.1, '')",
            "from absl import flags\nflags.DEFINE_float('rate', 0.1, '')",
            "from hydra.core.config_store import ConfigStore\nConfigStore.instance().store('a', {})",
            "from omegaconf import OmegaConf\nOmegaConf.register_new_resolver('x', int)",
            "from options import cli\n@cli.command()\ndef f(): ...",
            "from options import parser\nparser.add_argument('--rate')",
        ],
    )
    def test_nothing_if_the_module_declares_options(self, text: str) -> None:
        main = PARSES.format("import b\ndef main():\n    b.run()")
        options = "import argparse\nimport click\nparser = argparse.ArgumentParser()\n@click.group()\ndef cli(): ..."
        middle = f"import torch\n{text}\nx = torch\ndef run(): ..."
        found = project(a=main, b=middle, options=options)
        assert not cut(found)
        (entry,) = [each for each in startup.entries(found) if each.path == f"{ROOT}/a.py"]
        (kept,) = startup.kept(found, entry)
        assert "declares" in kept.obstacle.reason
        plain = middle.replace(text, "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--x')")
        assert cut(project(a=main, b=plain)) == {"a.py": ["b"]}

    def test_nothing_if_workers_alone_would_load_it(self) -> None:
        text = """
            import pandas
            from torch.utils.data import Dataset
            class Tables(Dataset):
                def __init__(self, n):
                    {init}
                def __getitem__(self, index):
                    return pandas.read_csv(f"{{index}}.csv")
            def main(): ...
        """
        text = textwrap.dedent(text)
        assert not cut(project(a=PARSES.format(text.format(init="self.n = n"))))
        assert cut(project(a=PARSES.format(text.format(init="self.n = pandas.Index([n])")))) == {"a.py": ["pandas"]}
        assert cut(project(a=PARSES.format("import b\ndef main():\n    b.Tables(1)"), b=text)) == {"a.py": ["b"]}

    @pytest.mark.parametrize(
        ("before", "after", "inside", "moves"),
        [
            ("sys.path.insert(0, '/lib')", "sys.path.pop(0)", "...", False),
            ("sys.path.insert(0, '/lib')", "sys.path.remove('/lib')", "...", False),
            ("sys.path.append('..')", "", "os.chdir('/')", False),
            ("sys.path.append('..')", "", "...", True),
            ("sys.path.append('/lib')", "", "os.chdir('/')", True),
        ],
    )
    def test_nothing_if_it_is_not_found_later(self, before: str, after: str, inside: str, *, moves: bool) -> None:
        text = f"import os\nimport sys\n{before}\nimport b\n{after}\ndef main():\n    {inside}\n    b.run()"
        found = cut(project(a=PARSES.format(text), b="import torch\nx = torch\ndef run(): ..."))
        assert found == ({"a.py": ["b"]} if moves else {})

    def test_nothing_if_transforms_alone_would_load_it(self) -> None:
        text = """
            import pandas
            from torch.utils.data import Dataset
            {data}
            def rotate(x):
                return pandas.Index(x)
            class Rotate:
                def __call__(self, sample):
                    return rotate(sample)
            def main(): ...
        """
        data = "class Tables(Dataset):\n    def __getitem__(self, index):\n        return self.transform(index)"
        assert not cut(project(a=PARSES.format(textwrap.dedent(text).format(data=data))))
        assert "pandas" in cut(project(a=PARSES.format(textwrap.dedent(text).format(data=""))))["a.py"]

    def test_nothing_if_it_may_be_scripted(self) -> None:
        text = """
            import torch
            import sklearn
            class Net(torch.nn.Module):
                def __init__(self):
                    {init}
                def forward(self, x):
                    return sklearn.f(x)
            def main(): {main}
        """
        text = textwrap.dedent(text)
        assert cut(project(a=PARSES.format(text.format(init="...", main="Net()")))) == {"a.py": ["sklearn"]}
        scripts = PARSES.format(text.format(init="...", main="torch.jit.script(Net())"))
        assert not cut(project(a=scripts))
        elsewhere = scripts.replace("return sklearn", "return torch").replace("...", "sklearn.version", 1)
        assert cut(project(a=elsewhere)) == {"a.py": ["sklearn"]}

    def test_a_folder_hides_no_library(self) -> None:
        main = PARSES.format("import sklearn\nimport pandas\nclass A(pandas.X): ...\ndef main():\n    sklearn.x")
        assert cut(project(pandas_a=main)) == {"pandas/a.py": ["sklearn"]}
        assert loaded(project(pandas_a="import pandas.b", pandas_b="import torch"), "pandas/a") == ["pandas/b.py"]

    def test_nothing_if_another_library_brings_it_along(self) -> None:
        main = PARSES.format(
            "import torch\nimport lightning\nclass A(lightning.X): ...\ndef main():\n    torch.ones(1)"
        )
        assert not cut(project(a=main))
        main = PARSES.format("import torch\nimport torchvision\nx = torchvision\ndef main():\n    torch.ones(1)")
        assert not cut(project(a=main))

    def test_nothing_if_a_function_that_runs_at_import_time_uses_it(self) -> None:
        assert not cut(
            project(a=PARSES.format("import torch\ndef seed():\n    torch.ones(1)\nseed()\ndef main(): ..."))
        )

    def test_nothing_if_it_is_used_before_the_arguments_are_read(self) -> None:
        text = """
            import argparse
            import torch
            def read():
                parser = argparse.ArgumentParser()
                parser.add_argument("--cuda", default=torch.cuda.is_available())
                return parser.parse_args()
            if __name__ == "__main__":
                read()
        """
        assert not cut(project(a=text))

    def test_arguments_of_a_call_are_evaluated_before_it(self) -> None:
        text = """
            import argparse
            import torch
            def train(steps):
                torch.ones(steps)
            if __name__ == "__main__":
                train(argparse.ArgumentParser().parse_args().steps)
        """
        assert cut(project(a=text)) == {"a.py": ["torch"]}

    def test_a_program_that_reads_nothing_gains_nothing(self) -> None:
        assert not cut(
            project(a="import torch\ndef main():\n    torch.ones(1)\nif __name__ == '__main__':\n    main()")
        )

    def test_what_is_imported_after_the_arguments_is_no_start_up(self) -> None:
        text = (
            "import argparse\nargs = argparse.ArgumentParser().parse_args()\nimport torch\ndef f():\n    torch.ones(1)"
        )
        assert not cut(project(a=text))

    def test_all_programs_of_a_statement_are_named(self) -> None:
        main = PARSES.format("from b import run, x\nprint(x)\ndef main():\n    run()")
        ((only,),) = startup.cuts(
            project(a=main, c=main, b="import wandb\nx = 1\ndef run():\n    wandb.init()")
        ).values()
        assert [entry.path for entry in only.entries] == [f"{ROOT}/a.py", f"{ROOT}/c.py"]
        assert startup.before_what(only) == "before `a.py` and 1 more program have read their arguments"

    def test_what_is_loaded_before_is_no_cut(self) -> None:
        main = PARSES.format("import pkg.sub\nprint(pkg.sub)\ndef main(): ...")
        sub = "import pkg.other\ndef run():\n    pkg.other.x"
        init = "import torch\ndef f():\n    torch.ones(1)"
        assert cut(project(a=main, pkg__init=init, pkg_sub=sub, pkg_other="x = 1")) == {"pkg/__init__.py": ["torch"]}

    def test_one_import_that_has_to_move_anyway_is_enough(self) -> None:
        main = PARSES.format("import b\nimport c\nprint(b.x)\ndef main():\n    c.run()")
        slow = "import wandb\nx = 1\ndef log():\n    wandb.log()"
        other = "def run(): ..."
        assert cut(project(a=main, b="from d import x", c=f"import d\n{other}", d=slow)) == {"d.py": ["wandb"]}
        # here `d` alone does not do: `c` needs the library itself while it is imported
        more = f"import d\nimport wandb\ny = wandb.z\n{other}"
        assert cut(project(a=main, b="from d import x", c=more, d=slow)) == {"a.py": ["c"], "d.py": ["wandb"]}

    def test_little_on_top_of_what_stays_is_not_worth_it(self) -> None:
        text = "import torch\nimport kornia\nx = torch.ones(1)\ndef main():\n    kornia.x()"
        assert not cut(project(a=PARSES.format(text)))

    @pytest.mark.parametrize(
        ("start", "names"),
        [
            ("DataLoader(data, num_workers=2)", ["plt"]),
            ("DataLoader(data, num_workers=0)", []),
            ("DataLoader(plt.data, num_workers=2)", []),
            ("DataLoader(data, num_workers=2, multiprocessing_context='fork')", []),
        ],
    )
    def test_workers_import_the_script_again(self, start: str, names: list[str]) -> None:
        text = f"""
            import matplotlib.pyplot as plt
            import torch
            from torch.utils.data import DataLoader
            def draw():
                plt.plot()
            def main(data):
                for batch in {start}:
                    torch.ones(batch)
                draw()
            if __name__ == "__main__":
                main([])
        """
        assert cut(project(a=text)) == ({"a.py": names} if names else {})

    def test_settings(self) -> None:
        text = "import torch\ndef main():\n    torch.ones(1)"
        assert cut(project("everywhere", a=text)) == {"a.py": ["torch"]}
        assert not cut(project("off", a=PARSES.format(text)))
        own = project(a=PARSES.format("import slow.part\ndef main():\n    slow.part.f()"))
        own.extra_heavy = frozenset({"slow"})
        assert cut(own) == {"a.py": ["slow"]}
        only = project(a=PARSES.format(text))
        only.heavy_modules = frozenset({"other"})
        assert not cut(only)


class TestCosts:
    @pytest.mark.parametrize(
        ("name", "root"),
        [
            ("torch.nn.functional", "torch"),
            ("scipy", ""),
            ("scipy.stats", "scipy.stats"),
            ("matplotlib.pyplot", "matplotlib.pyplot"),
            ("sklearn.metrics", "sklearn"),
            ("numpy", ""),
            ("json", ""),
        ],
    )
    def test_what_counts_as_slow(self, name: str, root: str) -> None:
        assert heavy.root(name) == root

    def test_what_comes_along(self) -> None:
        assert "torch" in heavy.brings("lightning.pytorch")
        assert "torch" in heavy.brings("torchvision.transforms")
        assert "torch" in heavy.brings("transformers.AutoModel")
        assert "torch" not in heavy.brings("transformers")

    def test_shared_parts_are_counted_once(self) -> None:
        both = heavy.estimate(frozenset({"lightning", "torch"}))
        assert both == heavy.estimate(frozenset({"lightning"})) > heavy.estimate(frozenset({"torch"})) > 0
        assert heavy.estimate(frozenset({"unmeasured"})) == 0


class TestWhatStays:
    def kept(self, found: Project) -> list[tuple[str, str, str, list[str]]]:
        (entry,) = startup.entries(found)
        return [
            (
                each.root,
                each.obstacle.reason,
                f"{each.obstacle.place.path.removeprefix(f'{ROOT}/')}:{each.obstacle.place.line}",
                [f"{hop.path.removeprefix(f'{ROOT}/')}:{hop.line}" for hop in each.via],
            )
            for each in startup.kept(found, entry)
        ]

    def test_a_base_class_two_imports_away(self) -> None:
        found = project(
            a=PARSES.format("from b import x\nx = x()\ndef main(): ..."),
            b="from c import Net\ndef x(): return Net",
            c="from torch import nn\n\nclass Net(nn.Module): ...\nNET = Net()",
        )
        assert self.kept(found) == [("torch", "base class `nn.Module`", "c.py:3", ["a.py:2", "b.py:1", "c.py:1"])]

    def test_every_reason_is_named(self) -> None:
        found = project(
            a=PARSES.format("from b import Net\nnet = Net()\nimport torch\ndef main(device=torch.device('cpu')): ..."),
            b="from torch import nn\n\nclass Net(nn.Module): ...",
        )
        assert self.kept(found) == [
            ("torch", "default value `torch.device` of `main`", "a.py:5", ["a.py:4"]),
            ("torch", "base class `nn.Module`", "b.py:3", ["a.py:2", "b.py:1"]),
        ]

    def test_what_runs_before_the_arguments_are_read(self) -> None:
        text = (
            "import argparse\nimport torch\ndef device():\n    return torch.device('cpu')\ndef main(): ...\n"
            "if __name__ == '__main__':\n    parser = argparse.ArgumentParser()\n"
            "    parser.add_argument('--device', default=device())\n    parser.parse_args()\n"
        )
        reason = "`device` uses `torch` and runs before the arguments are read"
        assert self.kept(project(a=text)) == [("torch", reason, "a.py:4", ["a.py:2"])]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("import importlib\nimportlib.import_module('torch')", "it is imported by a call or a function"),
            ("from torch import *", "`import *` takes whatever is there"),
            (
                "__lazy_modules__ = ['torch']\nimport torch\nX = torch.ones(1)",
                "`torch` is imported lazily, but used at once: `X` is made with `torch.ones`",
            ),
            ("try:\n    import torch\nexcept ImportError:\n    torch = None", "it is imported on a condition"),
        ],
    )
    def test_statements_that_never_move(self, text: str, reason: str) -> None:
        ((root, why, _, _),) = self.kept(project(a=PARSES.format(f"{text}\ndef main(): ...")))
        assert root == "torch"
        assert why.startswith(reason)


class TestPackagesThatPassNamesOn:
    NET = "import torch\nclass Net(torch.nn.Module): ..."

    def found(self, init: str = "from .log import log\nfrom .net import Net", uses: str = "", **more: str) -> Project:
        program = f"from pkg import Net, log\nlog()\n{uses}\ndef main():\n    return Net()"
        modules = {"pkg__init": init, "pkg_log": "def log(): ...", "pkg_net": self.NET, **more}
        return project("startup", (), a=PARSES.format(program), **modules)

    def test_they_import_on_demand(self) -> None:
        found = self.found()
        assert cut(found) == {"a.py": ["Net"], "pkg/__init__.py": ["Net"]}
        assert [each.on_demand for cuts in startup.cuts(found).values() for each in cuts] == [False, True]

    @pytest.mark.parametrize(
        ("init", "uses", "more"),
        [
            ("from .log import log\nfrom .net import Net\nnet = Net()", "", {}),
            ("from .log import log\nfrom .net import Net\ndef __getattr__(name): ...", "", {}),
            ("from .log import log\nfrom .net import Net", "class Other(Net): ...", {}),
            ("from .log import log\nfrom .net import Net", "", {"b": "from pkg import *"}),
            ("from .log import log\nfrom .net import Net", "", {"tests_b": "mock.patch('pkg.Net')"}),
            ("from .log import log\nfrom .net import Net", "", {"b": "import pkg\nclass B(pkg.Net): ..."}),
            ("from .log import log\nfrom .net import Net", "", {"pkg_Net": ""}),
        ],
    )
    def test_unless_somebody_would_notice(self, init: str, uses: str, more: dict[str, str]) -> None:
        assert cut(self.found(init, uses, **more)) == {}


class TestWhatHappensLater:
    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("def f(): ...\nX = f()\nclass A: ...", None),
            ("import logging\nlog = logging.getLogger(__name__)\n__all__ = []\n__all__.append('X')", None),
            ("if __name__ == '__main__':\n    print('hello')", None),
            ("import torch\ntorch.manual_seed(0)", "`torch.manual_seed` runs when `b` is loaded"),
            ("import os\nos.environ['X'] = '1'", "`os.environ` is changed when `b` is loaded"),
            ("import other\nother.value = 1", "`other` is changed when `b` is loaded"),
            ("import c", "`print` runs when `c` is loaded"),
            ("from d import register\n@register\ndef f(): ...", "`f` is registered when `b` is loaded"),
            ("from d import register\n@register('x')\nclass A: ...", "`A` is registered when `b` is loaded"),
            ("from d import wraps\n@wraps\ndef f(): ...", None),
            ("from d import Base\nclass A(Base): ...", "`A` is registered when `b` is loaded"),
        ],
    )
    def test_what_loading_a_module_does(self, text: str, what: str | None) -> None:
        kept = (
            "KNOWN = {}\ndef register(f):\n    KNOWN[f.__name__] = f\n    return f\ndef wraps(f):\n    return f\n"
            "class Base:\n    def __init_subclass__(cls): ...\n"
        )
        found = project("startup", (), b=text, c="print('hello')", d=kept)
        place = effects.effect_of_loading(found, [f"{ROOT}/b.py"])
        assert (place.message if place else None) == what
