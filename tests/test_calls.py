"""How many workers the loader has that one call asks for: what it passes belongs together.

Each pair of programs differs in what is passed: one way a callable reaches workers, the other way it doesn't.
"""

from __future__ import annotations

from textwrap import dedent

import pytest

from dlsafe_lint.analysis import handovers
from test_handover_shapes import handed
from test_project import build

WORKERS = {
    "a namespace": (
        """
        from types import SimpleNamespace
        def build(args, tokenizer):
            return DataLoader(Items(tokenizer), num_workers=args.workers)
        def test_batches():
            args = SimpleNamespace(texts=["a"], workers={})
            assert list(build(args, lambda text: len(text)))
        """,
        "0",
        "3",
    ),
    "a namespace of argparse that is filled later": (
        """
        def build(args, tokenizer):
            return DataLoader(Items(tokenizer), num_workers=args.workers)
        def run():
            args = argparse.Namespace(texts=["a"])
            args.workers = {}
            return list(build(args, lambda text: len(text)))
        """,
        "0",
        "3",
    ),
    "a namespace that is changed later": (
        """
        from types import SimpleNamespace
        def build(args, tokenizer):
            return DataLoader(Items(tokenizer), num_workers=args.workers)
        def faster(options):
            options.workers = {}
        def run():
            args = SimpleNamespace(texts=["a"], workers=0)
            faster(args)
            return list(build(args, lambda text: len(text)))
        """,
        "0",
        "3",
    ),
    "a data class": (
        """
        from dataclasses import dataclass
        @dataclass
        class Options:
            texts: list
            workers: int = 4
        def build(options, tokenizer):
            return DataLoader(Items(tokenizer), num_workers=options.workers)
        def run():
            return list(build(Options(["a"]{}), lambda text: len(text)))
        """,
        ", workers=0",
        "",
    ),
    "a dict": (
        """
        def build(config, tokenizer):
            return DataLoader(Items(tokenizer), num_workers=config["workers"])
        def run():
            return list(build({{"texts": ["a"], "workers": {}}}, lambda text: len(text)))
        def train():
            return list(build({{"texts": ["a"], "workers": 4}}, len))
        """,
        "0",
        "2",
    ),
    "an object that is passed on": (
        """
        from types import SimpleNamespace
        def build(args, tokenizer):
            return DataLoader(Items(tokenizer), num_workers=args.workers)
        def both(args, tokenizer):
            return build(args, tokenizer), build(args, tokenizer)
        def main():
            both(args, len)
        def test_both():
            both(SimpleNamespace(workers={}), lambda text: len(text))
        """,
        "0",
        "3",
    ),
    "one of many calls": (
        """
        from types import SimpleNamespace
        def build(args, tokenizer):
            return DataLoader(Items(tokenizer), num_workers=args.workers)
        def main():
            build(args, len)
        """
        + "".join(
            f"""
        def test_{number}():
            build(SimpleNamespace(workers={{}}), lambda text: len(text) + {number})
        """
            for number in range(20)
        ),
        "0",
        "1",
    ),
    "the calls of a loader of one's own": (
        """
        from types import SimpleNamespace
        class Loader(DataLoader):
            def __init__(self, dataset, **kwargs):
                super().__init__(dataset, batch_size=2, **kwargs)
        def build(args, tokenizer):
            return Loader(Items(tokenizer), num_workers=args.workers)
        def main():
            build(args, len)
        def test_batches():
            build(SimpleNamespace(workers={}), lambda text: len(text))
        """,
        "0",
        "1",
    ),
}


@pytest.mark.parametrize("name", WORKERS)
def test_the_workers_of_a_call_are_its_own(name: str) -> None:
    program, none, some = WORKERS[name]
    assert not handed(program.replace("{}", none).replace("{{", "{").replace("}}", "}"))
    assert handed(program.replace("{}", some).replace("{{", "{").replace("}}", "}"))


def scripts(first: str, other: str) -> list[handovers.Handed]:
    """What a loader of the project hands over: two scripts with options use it, a third does not."""
    script = """
        import argparse
        from loaders import Loader
        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--num_workers", type=int, default={})
            args = parser.parse_args()
            train(args)
        def train(args):
            Loader([1], num_workers=args.num_workers)
        """
    library = """
        from torch.utils.data import DataLoader
        class Loader(DataLoader):
            def __init__(self, dataset, **kwargs):
                super().__init__(dataset, collate_fn=lambda batch: batch, **kwargs)
        """
    unrelated = """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--num_workers", type=int, default=4)
        print(parser.parse_args())
        """
    texts = {"loaders": library, "one": script.format(first), "two": script.format(other), "three": unrelated}
    made = build({f"{name}.py": dedent(text) for name, text in texts.items()})
    return handovers.handovers(made).get("/p/loaders.py", [])


@pytest.mark.parametrize(("first", "other", "count"), [("0", "0", 0), ("0", "4", 1), ("2", "4", 1)])
def test_an_option_is_that_of_the_script_that_reads_it(first: str, other: str, count: int) -> None:
    assert len(scripts(first, other)) == count
