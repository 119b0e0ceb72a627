"""Which callables reach workers without a name of their own, and what becomes of a lambda."""

from __future__ import annotations

from textwrap import dedent

import pytest

from dlsafe_lint import facts, fixes, project, rule, rules
from dlsafe_lint.analysis import handovers

IMPORTS = """\
import functools
import multiprocessing
import torch.multiprocessing as mp
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial, wraps
from multiprocessing import Pool, Process, get_context
from multiprocessing.pool import ThreadPool
from torch.utils.data import ConcatDataset, DataLoader, Dataset, random_split
from torchvision import datasets, transforms


class Items(Dataset):
    def __init__(self, transform=None):
        self.transform = transform

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.transform(index)


def work(x):
    return x


"""


def build(*bodies: str) -> project.Project:
    modules = []
    for number, body in enumerate(bodies):
        found = facts.read(dedent(body), path=f"/p/m{number or ''}.py", name=f"m{number or ''}", is_package=False)
        assert isinstance(found, facts.ModuleFacts)
        modules.append(found)
    return project.build("/p", modules)


def found(*bodies: str) -> list[handovers.Handed]:
    """What is handed over in several modules, the first of which gets the imports."""
    first, *others = bodies
    made = build(IMPORTS + dedent(first), *others)
    return [each for entries in handovers.handovers(made).values() for each in entries]


def said(*bodies: str) -> list[tuple[str, str]]:
    """Kind and taker of all that is handed over."""
    return [(each.origin.kind, each.taker.kind) for each in found(*bodies)]


@pytest.mark.parametrize(
    ("body", "kind", "taker"),
    [
        ("DataLoader([1], num_workers=2, collate_fn=lambda b: b)", "lambda", "loader"),
        ("DataLoader([1], 1, False, None, None, 2, lambda b: b)", "lambda", "loader"),
        ("DataLoader([1], num_workers=2, worker_init_fn=partial(lambda s, i: s, 1))", "lambda", "loader"),
        ("DataLoader([1], num_workers=2, collate_fn=work if DEBUG else lambda b: b)", "lambda", "loader"),
        ("DataLoader(Items(lambda x: x), num_workers=2)", "lambda", "dataset"),
        ("DataLoader(Items(transforms.Compose([transforms.Lambda(lambda x: x)])), num_workers=2)", "lambda", "dataset"),
        ("DataLoader(ConcatDataset([Items(lambda x: x)]), num_workers=2)", "lambda", "dataset"),
        ("DataLoader(random_split(Items(lambda x: x), [1, 2])[0], num_workers=2)", "lambda", "dataset"),
        ("DataLoader(datasets.MNIST('.', transform=lambda x: x), num_workers=2)", "lambda", "dataset"),
        (
            "DataLoader(datasets.MNIST('.', transform=functools.partial(lambda x: x)), num_workers=2)",
            "lambda",
            "dataset",
        ),
        ("Process(target=lambda: 1)", "lambda", "process"),
        ("Process(target=work, args=(1, lambda: 1))", "lambda", "process"),
        ("get_context('spawn').Process(target=lambda: 1)", "lambda", "process"),
        ("Pool(2, lambda: 1)", "lambda", "pool"),
        ("Pool(2).map(lambda x: x, [1])", "lambda", "pool"),
        ("get_context('fork').Pool(2).imap(lambda x: x, [1])", "lambda", "pool"),
        ("ProcessPoolExecutor(2).submit(work, lambda: 1)", "lambda", "executor"),
        ("mp.spawn(lambda rank: 1)", "lambda", "spawn"),
    ],
)
def test_who_gets_a_lambda(body: str, kind: str, taker: str) -> None:
    assert said(body) == [(kind, taker)]


@pytest.mark.parametrize(
    "body",
    [
        "DataLoader([1], collate_fn=lambda b: b)",
        "DataLoader([1], num_workers=0, collate_fn=lambda b: b)",
        "DataLoader([1], num_workers=2, multiprocessing_context='fork', collate_fn=lambda b: b)",
        "DataLoader([1], num_workers=2, sampler=S(lambda i: i), generator=lambda: 1)",
        "DataLoader(Items(lambda x: x))",
        "DataLoader(Items(sorted([1], key=lambda x: x)), num_workers=2)",
        "DataLoader(Items(list(map(lambda x: x, [1]))), num_workers=2)",
        "DataLoader(datasets.ImageFolder('.', is_valid_file=lambda p: True), num_workers=2)",
        "DataLoader(Items(work), num_workers=2, collate_fn=partial(work, 1))",
        "get_context('fork').Process(target=lambda: 1)",
        "ThreadPool(2).map(lambda x: x, [1])",
        "ThreadPoolExecutor(2).submit(lambda: 1)",
        "multiprocessing.dummy.Pool(2).map(lambda x: x, [1])",
        "Pool(2).apply_async(work, callback=lambda r: r)",
        "unknown().map(lambda x: x, [1])",
    ],
)
def test_what_no_worker_gets(body: str) -> None:
    assert said(body) == []


def test_a_pool_that_pickles_by_value() -> None:
    assert said("from multiprocess import Pool as DillPool\nDillPool(2).map(lambda x: x, [1])") == []


def test_an_argument_is_followed_to_the_caller_in_another_module() -> None:
    loaders = """
        from torch.utils.data import DataLoader

        def make(dataset, collate=None, workers=4):
            return DataLoader(dataset, collate_fn=collate, num_workers=workers)
    """
    (handed,) = found("from m1 import make\nmake(Items(), collate=lambda b: b)\n", loaders)
    assert handed.origin.spot.path == "/p/m.py"
    assert [place.path for place in handed.related] == ["/p/m.py", "/p/m1.py"]


def test_arguments_in_a_dict_that_is_updated() -> None:
    body = """
        def main(cuda):
            kwargs = {"batch_size": 2}
            if cuda:
                kwargs.update({"num_workers": 1})
            kwargs["collate_fn"] = lambda b: b
            DataLoader([1], **kwargs)
    """
    assert said(body) == [("lambda", "loader")]


def test_a_class_that_passes_everything_on() -> None:
    body = """
        class More(Items):
            def __init__(self, name, **kwargs):
                super().__init__(**kwargs)

        class Digits(datasets.MNIST):
            def __init__(self, **kwargs):
                super().__init__('.', **kwargs)

        DataLoader(More('a', transform=lambda x: x), num_workers=2)
        DataLoader(Digits(target_transform=lambda x: x), num_workers=2)
    """
    assert said(body) == [("lambda", "dataset")] * 2


def test_an_object_that_the_dataset_keeps() -> None:
    body = """
        class Reader:
            def __init__(self, suffix):
                self.read = lambda p: p + suffix

        class Files(Items):
            def __init__(self):
                super().__init__()
                self.reader = Reader('.txt')
    """
    assert said(body) == [("lambda", "dataset")]


def test_what_a_dataset_drops() -> None:
    body = """
        class Dropped(Items):
            def __init__(self):
                super().__init__()
                self.gone = lambda x: x
                self.kept = lambda x: x

            def __getstate__(self):
                state = dict(self.__dict__)
                state.pop("gone")
                return state

        class Cleared(Items):
            def __init__(self):
                super().__init__()
                self.gone = lambda x: x
                self.data = self.gone(1)
                self.gone = None

        class OwnWay(Items):
            def __init__(self):
                super().__init__()
                self.gone = lambda x: x

            def __reduce__(self):
                return (OwnWay, ())
    """
    (handed,) = found(body)
    assert handed.origin.qualname == "Dropped.__init__.<locals>.<lambda>"


def test_what_other_instances_are_given_is_not_this_ones() -> None:
    body = """
        class Hooked(Items):
            def __init__(self):
                super().__init__()
                self.hooks = []

            def add(self, hook):
                self.hooks.append(hook)

        def one():
            DataLoader(Hooked(), num_workers=2)

        def other():
            Hooked().add(lambda x: x)
    """
    assert said(body) == []


LOCAL = """
    def outer():
        def inner(x):
            return x

        class Inside:
            def method(self, x):
                return x

        {}
"""


@pytest.mark.parametrize(
    ("statement", "qualname"),
    [
        ("DataLoader([1], num_workers=2, collate_fn=inner)", "outer.<locals>.inner"),
        ("DataLoader([1], num_workers=2, collate_fn=partial(inner, 1))", "outer.<locals>.inner"),
        ("DataLoader([1], num_workers=2, collate_fn=Inside().method)", "outer.<locals>.Inside"),
        ("DataLoader(Inside(), num_workers=2)", "outer.<locals>.Inside"),
        ("Process(target=inner)", "outer.<locals>.inner"),
    ],
)
def test_what_is_local(statement: str, qualname: str) -> None:
    handed = found(LOCAL.format(statement))
    assert {each.origin.kind for each in handed} == {"local"}
    assert qualname in {each.origin.qualname for each in handed}


@pytest.mark.parametrize(("decorator", "kinds"), [("", ["local"]), ("@wraps(f)", [])])
def test_decorators(decorator: str, kinds: list[str]) -> None:
    body = f"""
        def logged(f):
            {decorator or "# not wrapped"}
            def inner(x):
                return f(x)
            return inner

        @logged
        def collate(b):
            return b

        DataLoader([1], num_workers=2, collate_fn=collate)
    """
    assert [kind for kind, _ in said(body)] == kinds


def test_a_stand_in_for_a_missing_library_is_no_local_class() -> None:
    body = """
        def optional(name):
            try:
                return __import__(name)
            except ImportError:
                class Missing:
                    def __getattr__(self, name):
                        raise ImportError(name)
                return Missing()

        DataLoader(Items(optional('cv2')), num_workers=2)
    """
    assert said(body) == []


def test_what_only_the_main_module_defines() -> None:
    body = """
        if __name__ == "__main__":
            def collate(b):
                return b

            DataLoader([1], num_workers=2, collate_fn=collate)
            Pool(2).map(collate, [1])
    """
    loader, pool = found(body)
    assert loader.origin.kind == pool.origin.kind == "guarded"
    assert [each.start_method for each in pool.breaks] == ["spawn", "forkserver"]
    assert "hangs for ever" in pool.breaks[0].what


def test_what_goes_through_a_queue_breaks_under_fork_too() -> None:
    (handed,) = found("def main():\n    Pool(2).map(lambda x: x, [1])\n")
    assert [each.start_method for each in handed.breaks] == ["fork", "spawn", "forkserver"]
    assert handed.breaks[0].what == "AttributeError: Can't pickle local object 'main.<locals>.<lambda>'"


def test_a_task_that_nobody_asks_about() -> None:
    forgotten, asked = found("Pool(2).apply_async(lambda: 1)\nr = Pool(2).apply_async(lambda: 2)\n")
    assert forgotten.taker.forgotten
    assert not asked.taker.forgotten


def test_spawn_spawns_whatever_the_default() -> None:
    (handed,) = found("mp.spawn(lambda rank: 1)")
    assert [each.start_method for each in handed.breaks] == ["fork", "spawn", "forkserver"]


def fixed(body: str) -> str:
    """The text after as many rounds of DLS201's fix as it takes."""
    text = dedent(body).lstrip("\n")
    chosen = rules.load(["DLS201"])
    for _ in range(5):
        made = build(text)
        reported = rule.judge(chosen, made.modules["/p/m.py"], made, text)
        after, applied = fixes.apply(text, [each.fix for each in reported if each.fix])
        if not applied:
            break
        assert fixes.check(text, after) is None
        text = after
    return text


def check_fix(before: str, after: str) -> None:
    assert fixed(before) == dedent(after).lstrip("\n")


def test_fix_lifts_a_lambda_of_several_lines() -> None:
    check_fix(
        """
        from torch.utils.data import DataLoader


        class Maker:
            def make(self):
                return DataLoader(
                    [1],
                    num_workers=2,
                    collate_fn=lambda batch, *rest, n=-1: [
                        batch,  # first
                        rest[n],
                    ],
                )
        """,
        """
        from torch.utils.data import DataLoader


        def collate_fn(batch, *rest, n=-1):
            return [
                batch,  # first
                rest[n],
            ]


        class Maker:
            def make(self):
                return DataLoader(
                    [1],
                    num_workers=2,
                    collate_fn=collate_fn,
                )
        """,
    )


def test_fix_puts_brackets_around_a_body_that_needs_them() -> None:
    check_fix(
        """
        from torch.utils.data import DataLoader

        loader = DataLoader([1], num_workers=2, collate_fn=lambda batch: batch
                            + batch)
        """,
        """
        from torch.utils.data import DataLoader


        def collate_fn(batch):
            return (
                batch
                + batch
            )


        loader = DataLoader([1], num_workers=2, collate_fn=collate_fn)
        """,
    )


def test_fix_makes_a_variable_a_function_in_its_place() -> None:
    check_fix(
        """
        from torch.utils.data import DataLoader
        # joins them
        collate = lambda batch: sum(batch)  # all of them
        SIZE = 2
        loader = DataLoader([1], SIZE, num_workers=2, collate_fn=collate)
        """,
        """
        from torch.utils.data import DataLoader


        # joins them
        def collate(batch):
            return sum(batch)  # all of them


        SIZE = 2
        loader = DataLoader([1], SIZE, num_workers=2, collate_fn=collate)
        """,
    )


def test_fix_avoids_every_name_of_the_module_and_shares_what_is_the_same() -> None:
    check_fix(
        """
        from torch.utils.data import DataLoader


        def loaders(collate_fn=None):
            yield DataLoader([1], num_workers=2, collate_fn=lambda batch: sum(batch))
            yield DataLoader([2], num_workers=2, collate_fn=lambda batch: sum(batch))
            yield DataLoader([3], num_workers=2, collate_fn=lambda batch: max(batch))
        """,
        """
        from torch.utils.data import DataLoader


        def sum_batch(batch):
            return sum(batch)


        def max_batch(batch):
            return max(batch)


        def loaders(collate_fn=None):
            yield DataLoader([1], num_workers=2, collate_fn=sum_batch)
            yield DataLoader([2], num_workers=2, collate_fn=sum_batch)
            yield DataLoader([3], num_workers=2, collate_fn=max_batch)
        """,
    )


@pytest.mark.parametrize(
    "body",
    [
        "x = [DataLoader([1], num_workers=2, collate_fn=lambda b: b[n]) for n in range(2)]\n",
        "class C:\n    def f(self):\n        DataLoader([1], num_workers=2, collate_fn=lambda b: super())\n",
        "class C:\n    def f(self):\n        DataLoader([1], num_workers=2, collate_fn=lambda b: b.__own)\n",
        "loader = DataLoader([1], num_workers=2, collate_fn=(lambda b: b  # a\n    # b\n    ))\n",
    ],
    ids=["comprehension", "super", "private", "comment"],
)
def test_no_fix_where_the_meaning_or_a_comment_would_change(body: str) -> None:
    text = "from torch.utils.data import DataLoader\n\n" + body
    assert fixed(text) == text
    assert found(body)


def test_one_definition_handed_over_twice_in_a_function_is_one_finding() -> None:
    twice = """
        def main():
            def collate(batch):
                return batch
            DataLoader([1], num_workers=2, collate_fn=collate)
            DataLoader([2], num_workers=2, collate_fn=collate)
        """
    assert len(found(twice)) == 1
    apart = """
        def make():
            def collate(batch):
                return batch
            return collate
        def main():
            DataLoader([1], num_workers=2, collate_fn=make())
        def other():
            DataLoader([1], num_workers=2, collate_fn=make())
        """
    assert len(found(apart)) == 2
