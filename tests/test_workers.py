"""Which loaders the project makes, and whether they may have workers."""

from __future__ import annotations

import pytest

from dlsafe_lint.analysis import workers
from dlsafe_lint.finding import START_METHODS
from test_project import build

HEAD = (
    "import argparse, multiprocessing, functools, torch.utils.data as data\nfrom torch.utils.data import DataLoader\n"
)
ALL = set(START_METHODS)


def loaders(text: str, **others: str) -> list[workers.Loader]:
    sources = {"m.py": HEAD + text, **{f"{name}.py": other for name, other in others.items()}}
    return workers.loaders(build(sources))


COUNTS = {
    "DataLoader(ds, num_workers=2)": "certain",
    "DataLoader(ds, 1, False, None, None, 2)": "certain",
    "data.DataLoader(ds, num_workers=n)": "likely",
    "DataLoader(ds)": None,
    "DataLoader(ds, num_workers=0)": None,
    "DataLoader(ds, **options)": None,
    "DataLoader(ds, **{'num_workers': 2})": "certain",
    "DataLoader(ds, num_workers=4 if linux else 0)": "likely",
}


@pytest.mark.parametrize("call", COUNTS)
def test_how_sure_it_is_that_a_loader_has_workers(call: str) -> None:
    assert [loader.confidence for loader in loaders(f"loader = {call}\n") if loader.confidence] == (
        [COUNTS[call]] if COUNTS[call] else []
    )


@pytest.mark.parametrize(("default", "expected"), [("0", None), ("4", "likely"), ("None", None), ("count()", "likely")])
def test_options_of_the_command_line(default: str, expected: str | None) -> None:
    [loader] = loaders(
        "parser = argparse.ArgumentParser()\n"
        f"parser.add_argument('-j', '--num-workers', type=int, default={default})\n"
        "args = parser.parse_args()\n"
        "loader = DataLoader(ds, num_workers=args.num_workers)\n"
    )
    assert loader.confidence == expected


RECORD = """
import draccus, pyrallis, simple_parsing, transformers, tyro
from dataclasses import dataclass, field
from tap import Tap
@dataclass
class Other:
    rate: float = 0.1
@dataclass
class Options:
    batch: int
    jobs: int = {}
@dataclass
class All:
    data: Options = field(default_factory=Options)
class Typed(Tap):
    jobs: int = {}
"""
DESCRIBED = {
    "tyro": "args = tyro.cli(Options)",
    "draccus": "args = draccus.parse(config_class=Options)",
    "pyrallis": "args = pyrallis.parse(Options)",
    "simple-parsing": "args = simple_parsing.parse(Options)",
    "transformers": "_, args = transformers.HfArgumentParser((Other, Options)).parse_args_into_dataclasses()",
    "transformers, one": "args = transformers.HfArgumentParser(Options).parse_args_into_dataclasses()[0]",
    "Tap": "args = Typed().parse_args()",
    "one in another": "args = tyro.cli(All).data",
    "simple-parsing's parser": """
parser = simple_parsing.ArgumentParser()
parser.add_arguments(Options, dest="options")
args = parser.parse_args().options
""",
    "a function that is decorated": """
@pyrallis.wrap()
def main(args: Options):
    return DataLoader(ds, num_workers=args.jobs)
""",
    "a function that is described": """
def main(args: Options):
    return DataLoader(ds, num_workers=args.jobs)
tyro.cli(main)
""",
}


@pytest.mark.parametrize("library", DESCRIBED)
@pytest.mark.parametrize(("default", "expected"), [("0", None), ("4", "likely"), ("field(default=0)", None)])
def test_fields_that_the_command_line_fills(library: str, default: str, expected: str | None) -> None:
    text = RECORD.format(default, default) + DESCRIBED[library]
    if "DataLoader" not in text:
        text += "\nloader = DataLoader(ds, num_workers=args.jobs)\n"
    [loader] = loaders(text)
    assert loader.confidence == expected


PUT = (
    "setattr(args, 'jobs', {})",
    "vars(args).update(jobs={})",
    "vars(args).update({{'jobs': {}}})",
    "vars(args)['jobs'] = {}",
    "args.__dict__.update(jobs={})",
    "args.__dict__['jobs'] = {}",
)


@pytest.mark.parametrize("line", PUT)
def test_what_is_put_into_options_by_name(line: str) -> None:
    def confidence(default: int, value: str) -> str | None:
        [loader] = loaders(
            "parser = argparse.ArgumentParser()\n"
            f"parser.add_argument('--jobs', type=int, default={default})\n"
            f"args = parser.parse_args()\n{line.format(value)}\n"
            "loader = DataLoader(ds, num_workers=args.jobs)\n"
        )
        return loader.confidence

    assert confidence(4, "0") is None
    assert confidence(0, "4") == "certain"
    assert confidence(0, "read()") == "likely"


def test_what_is_put_into_options_under_other_names() -> None:
    [loader] = loaders(
        "parser = argparse.ArgumentParser()\nparser.add_argument('--jobs', type=int, default=0)\n"
        "args = parser.parse_args()\nvars(args).update(epochs=4)\nsetattr(args, name, 4)\n"
        "loader = DataLoader(ds, num_workers=args.jobs)\n"
    )
    assert loader.confidence is None


@pytest.mark.parametrize(("calls", "expected"), [("make()", None), ("make(3)", "certain"), ("", None)])
def test_a_parameter_is_what_the_callers_pass(calls: str, expected: str | None) -> None:
    [loader] = loaders(f"def make(num_workers=0):\n    return DataLoader(ds, num_workers=num_workers)\n{calls}\n")
    assert loader.confidence == expected


def test_a_partial_of_a_loader_makes_loaders() -> None:
    [loader] = loaders("make = functools.partial(DataLoader, num_workers=2)\nloader = make(ds)\n")
    assert loader.confidence == "certain"


def test_the_arguments_of_a_subclass_reach_the_library() -> None:
    [loader] = [
        each
        for each in loaders(
            "from loading import Loader\nloader = Loader(ds, 2)\n",
            loading="from torch.utils.data import DataLoader\n"
            "class Loader(DataLoader):\n"
            "    def __init__(self, dataset, workers):\n"
            "        super().__init__(dataset, num_workers=workers)\n",
        )
        if each.confidence
    ]
    assert loader.workers == "num_workers=workers"


CONTEXTS = {
    "multiprocessing_context='fork'": {"fork"},
    "multiprocessing_context=multiprocessing.get_context('spawn')": {"spawn"},
    "multiprocessing_context=multiprocessing.get_context()": ALL,
    "multiprocessing_context=context": ALL,
    "multiprocessing_context=None": ALL,
    "": ALL,
}


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_start_methods_of_a_loader(context: str) -> None:
    [loader] = loaders(f"loader = DataLoader(ds, num_workers=2, {context})\n")
    assert loader.methods == CONTEXTS[context]


def test_a_start_method_that_nobody_sets_is_its_default() -> None:
    [loader] = loaders(
        "class Feeder:\n"
        "    def __init__(self, start_method='fork'):\n"
        "        self.start_method = start_method\n"
        "    def load(self):\n"
        "        context = multiprocessing.get_context(self.start_method)\n"
        "        return DataLoader(ds, num_workers=2, multiprocessing_context=context)\n"
    )
    assert loader.methods == {"fork"}


def test_what_is_handed_to_a_loader_is_a_dataset() -> None:
    project = build(
        {
            "m.py": HEAD + "from things import Things, Others\n"
            "part = data.Subset(Things(), [1])\nloader = DataLoader(part, num_workers=2)\nOthers()\n",
            "things.py": "class Things:\n"
            "    def __getitem__(self, i): return i\n"
            "    def __len__(self): return 1\n"
            "class Others(Things): pass\n"
            "class Base:\n"
            "    def __getitem__(self, i): return i\n"
            "    def __len__(self): return 1\n",
        }
    )
    found = {project.scope(site).name for site in project.classes() if workers.is_dataset(project, site) is not None}
    assert found == {"Things"}


SPAWNS = "import multiprocessing as mp\nmp.set_start_method('spawn')\n"
DATA = (
    "from torch.utils.data import DataLoader, Dataset\n"
    "class Things(Dataset):\n"
    "    def __getitem__(self, i): return i\n"
    "def load():\n"
    "    return DataLoader(Things(), num_workers=2)\n"
)
GUARDED = "if __name__ == '__main__':\n    mp.set_start_method('spawn')\n    main()\n"
RUNS = "if __name__ == '__main__':\n    main()\n"
HEADER = "import multiprocessing as mp\nfrom things import load\ndef main(): list(load())\n"
PROGRAMS = {
    "the only program sets it": ({"train.py": HEADER + GUARDED}, True),
    "each program sets it": ({"train.py": HEADER + GUARDED, "test.py": HEADER + GUARDED}, True),
    "one of two programs sets it": ({"train.py": HEADER + GUARDED, "test.py": HEADER + RUNS}, False),
    "another program sets it": (
        {"train.py": "import multiprocessing as mp\n" + GUARDED, "test.py": HEADER + RUNS},
        False,
    ),
    "a program sets it and is imported by one that does not": (
        {"train.py": HEADER + GUARDED, "test.py": "from train import main\n" + RUNS},
        False,
    ),
    "what each program imports sets it": (
        {
            "setup_mp.py": "import multiprocessing as mp\ndef prepare(): mp.set_start_method('spawn')\n",
            "train.py": "import setup_mp\n"
            + HEADER
            + "if __name__ == '__main__':\n    setup_mp.prepare()\n    main()\n",
        },
        True,
    ),
    "one that is imported in a function": (
        {
            "train.py": "import multiprocessing as mp\ndef main():\n    from things import load\n    list(load())\n"
            + GUARDED
        },
        True,
    ),
    "a test sets it": ({"tests/test_things.py": SPAWNS + HEADER, "train.py": HEADER + RUNS}, False),
    "it sets fork": ({"train.py": (HEADER + GUARDED).replace("'spawn'", "'fork'")}, False),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_start_method_is_what_the_programs_set_that_run_it(name: str) -> None:
    programs, expected = PROGRAMS[name]
    project = build({"things.py": DATA, **programs})
    [site] = [each for each in project.classes() if project.scope(each).name == "Things"]
    assert workers.never_forks(project, site) is expected
