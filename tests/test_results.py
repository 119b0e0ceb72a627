"""What workers return that can't be sent: shapes that are reported, shapes that are not, and the errors themselves."""

from __future__ import annotations

import csv
import os
import pickle
from multiprocessing import Lock
from textwrap import dedent

import pytest

from dlsafe_lint import rule, rules
from dlsafe_lint.analysis import results
from dlsafe_lint.apis import workers as known
from test_handover_shapes import HEAD
from test_handovers import IMPORTS, build

RETURNS = """
import threading, h5py, glob, json, collections
from pathlib import Path
from collections import namedtuple, OrderedDict, defaultdict
from dataclasses import dataclass
from torch.utils.data import default_collate
from typing import NamedTuple
def ident(b):
    return b
def cols(b):
    return tuple(zip(*b))
class Sample(NamedTuple):
    a: object
"""

REPORTED = {
    "m member unless transformed": """
        import zipfile
        class DS(Dataset):
            def __init__(self, path, transform=None):
                self.path = path
                self.transform = transform
            def __len__(self): return 1
            def __getitem__(self, index):
                f = zipfile.ZipFile(self.path).open('a')
                if self.transform:
                    f = self.transform(f)
                return f
        DataLoader(DS('a.zip'), num_workers=2, collate_fn=ident)
        """,
    "m that object has the workers": """
        class Data:
            def __init__(self, collate, num_workers=0):
                self.collate = collate
                self.num_workers = num_workers
            def loader(self):
                return DataLoader([1], collate_fn=self.collate, num_workers=self.num_workers)
        def generate(batch):
            return (x for x in batch)
        Data(generate, num_workers=4).loader()
        Data(ident).loader()
        """,
    "c gen": """
        def collate(batch):
            return (x for x in batch)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c keys": """
        def collate(batch):
            d = {'a': batch}
            return d.keys()
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c in tuple": """
        def collate(batch):
            return batch, {'a': 1}.values()
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c var": """
        def collate(batch):
            ks = dict(a=1).items()
            return torch.tensor(1), ks
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c map lambda": """
        def collate(batch):
            return map(lambda x: x, batch)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c filter": """
        def collate(batch):
            return list(batch), filter(lambda x: x, batch)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c zip gen": """
        def collate(batch):
            return zip((x for x in batch), batch)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c yield": """
        def collate(batch):
            for b in batch:
                yield b
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c lambda": """
        DataLoader([1], num_workers=2, multiprocessing_context='fork', collate_fn=lambda b: (x for x in b))
        """,
    "c obj": """
        class C:
            def __call__(self, batch):
                return (x for x in batch)
        DataLoader([1], num_workers=2, collate_fn=C())
        """,
    "c partial": """
        def collate(batch, pad):
            return (x for x in batch)
        DataLoader([1], num_workers=2, collate_fn=partial(collate, pad=0))
        """,
    "c method": """
        class C:
            def co(self, batch):
                return (x for x in batch)
            def go(self):
                DataLoader([1], num_workers=2, collate_fn=self.co)
        """,
    "c local namedtuple": """
        def collate(batch):
            Batch = namedtuple('Batch', 'x y')
            return Batch(batch, batch)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c local class": """
        def collate(batch):
            class Batch:
                pass
            b = Batch()
            b.x = 1
            return b
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c other namedtuple": """
        Batch = namedtuple('MyBatch', 'x')
        def collate(batch):
            return Batch(1)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c dict item": """
        def collate(batch):
            out = {}
            out['x'] = (b for b in batch)
            return out
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c lambda res": """
        def collate(batch):
            return batch, lambda: 1
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c nested": """
        def collate(batch):
            def unpad(x):
                return x
            return {'x': batch, 'unpad': unpad}
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c lock": """
        def collate(batch):
            return batch, threading.Lock()
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c defaultdict": """
        def collate(batch):
            d = defaultdict(lambda: [])
            for b in batch:
                d['a'].append(b)
            return d
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c helper": """
        def load(p):
            return (x for x in p)
        def collate(batch):
            return load(batch)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "c sample": """
        def collate(batch):
            return Sample((x for x in batch))
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "i gen": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return (x for x in [1])
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "i helper method": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return self.helper(index)
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "i gen method": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return index, self.gen(index)
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "i self dict keys": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return self.d.keys()
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "i open": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return open('x')
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "i h5": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return h5py.File('x')['a']
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "i h5 with": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                with h5py.File('x') as f:
                    return f['a']
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "i yield": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                yield 1
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "i none": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return (x for x in [1])
        DataLoader(DS(), num_workers=2, batch_size=None)
        """,
    "i default": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return (x for x in [1])
        DataLoader(DS(), num_workers=2, batch_size=4)
        """,
    "i default nt": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                P = namedtuple('P', 'a')
                return P(1)
        DataLoader(DS(), num_workers=2, batch_size=4)
        """,
    "i cols": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return index, (x for x in [1])
        DataLoader(DS(), num_workers=2, collate_fn=cols)
        """,
    "i lambda coll": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return index, (x for x in [1])
        DataLoader(DS(), num_workers=2, collate_fn=lambda b: b[0])
        """,
    "i subset": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return (x for x in [1])
        DataLoader(Subset(DS(), [1]), num_workers=2, collate_fn=ident)
        """,
    "it yield": """
        class It(IterableDataset):
            def __iter__(self):
                for i in range(3):
                    yield {'a': 1}.keys()
        DataLoader(It(), num_workers=2, batch_size=None)
        """,
    "it gen method": """
        class It(IterableDataset):
            def __iter__(self):
                return self.go()
            def go(self):
                yield (x for x in [1])
        DataLoader(It(), num_workers=2, batch_size=None)
        """,
    "it next": """
        class It(IterableDataset):
            def __iter__(self):
                return self
            def __next__(self):
                return (x for x in [1])
        DataLoader(It(), num_workers=2, batch_size=None)
        """,
    "i glob": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return Path('.').glob('*')
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "i tuple comp": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return [(y for y in [x]) for x in [1]]
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "timeout": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return (x for x in [1])
        DataLoader(DS(), num_workers=2, batch_size=None, timeout=30)
        """,
}

SILENT = {
    "n read in a with": """
        class DS(Dataset):
            def __len__(self): return 1
            def __getitem__(self, index):
                with open('a') as f:
                    f = f.read()
                return f
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "n another object has the workers": """
        class Data:
            def __init__(self, collate, num_workers=0):
                self.collate = collate
                self.num_workers = num_workers
            def loader(self):
                return DataLoader([1], collate_fn=self.collate, num_workers=self.num_workers)
        def generate(batch):
            return (x for x in batch)
        def gather(batch):
            return list(batch)
        Data(generate).loader()
        Data(gather, 4).loader()
        """,
    "n no workers": """
        def collate(batch):
            return (x for x in batch)
        DataLoader([1], collate_fn=collate)
        """,
    "n zip": """
        def collate(batch):
            return zip(*batch)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n map": """
        def collate(batch):
            return map(int, batch)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n list gen": """
        def collate(batch):
            return list(x for x in batch), tuple({'a': 1}.keys()), sorted({}.items())
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n rebound": """
        def collate(batch):
            xs = (x for x in batch)
            xs = list(xs)
            return xs
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n key replaced": """
        def collate(batch):
            d = {'a': {}.keys()}
            d['a'] = list(d['a'])
            return d
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n unknown keys": """
        def collate(batch):
            return batch[0].keys()
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n lambda used": """
        def collate(batch):
            f = lambda x: x
            return f(batch)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n read": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return open('x').read()
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "n json": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return json.load(open('x'))
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "n h5 read": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return h5py.File('x')['a'][:]
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "n self attr": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return self.f
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
    "n collate consumes": """
        def proc(b):
            return [list(x) for x in b]
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return (x for x in [1])
        DataLoader(DS(), num_workers=2, collate_fn=proc)
        """,
    "n collate consumes2": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return (x for x in [1])
        DataLoader(DS(), num_workers=2, collate_fn=cols)
        """,
    "n nested used": """
        def collate(batch):
            def pad(x):
                return x
            return [pad(b) for b in batch]
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n map def iter": """
        def collate(batch):
            return map(int, {}.keys())
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n module nt": """
        Batch = namedtuple('Batch', 'x')
        def collate(batch):
            return Batch(1)
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n sum gen": """
        def collate(batch):
            return sum(x for x in batch), torch.stack([x for x in batch])
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n sample": """
        def collate(batch):
            return Sample(list(batch))
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n default int": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return 1
        DataLoader(DS(), num_workers=2, batch_size=4)
        """,
    "n wrap": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitem__(self, index):
                return (x for x in [1])
        class W(Dataset):
            def __init__(self, i):
                self.i = i
            def __len__(self): return 1
            def __getitem__(self, i):
                return list(self.i[i])
        DataLoader(W(DS()), num_workers=2, collate_fn=ident)
        """,
    "n defaultdict list": """
        def collate(batch):
            d = defaultdict(list)
            return d
        DataLoader([1], num_workers=2, collate_fn=collate)
        """,
    "n getitems": """
        class DS(Dataset):
            def __init__(self):
                self.d = {'a': 1}
                self.f = lambda x: x
            def __len__(self): return 1
            def helper(self, i):
                return (x for x in [i])
            def gen(self, i):
                yield i
            def __getitems__(self, ix):
                return ix
            def __getitem__(self, index):
                return (x for x in [1])
        DataLoader(DS(), num_workers=2, collate_fn=ident)
        """,
}


def returned(body: str) -> list[results.Returned]:
    """What a program's workers return and can't send."""
    made = build(IMPORTS + HEAD + RETURNS + dedent(body))
    return [each for entries in results.results(made).values() for each in entries]


@pytest.mark.parametrize("name", REPORTED)
def test_what_can_not_be_sent_is_reported_once(name: str) -> None:
    assert len(returned(REPORTED[name])) == 1


@pytest.mark.parametrize("name", SILENT)
def test_what_can_be_sent_or_never_is_is_not_reported(name: str) -> None:
    assert not returned(SILENT[name])


DATASET = """
    class DS(Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            {body}

    DataLoader(DS(), num_workers=2, {arguments})
"""


@pytest.mark.parametrize(
    ("body", "arguments", "says"),
    [
        ("return (x for x in [1])", "collate_fn=ident", "waits for ever"),
        ("return (x for x in [1])", "batch_size=None", "cannot pickle 'generator' object"),
        ("return (x for x in [1])", "batch_size=None, timeout=5", "DataLoader timed out"),
        ("return (x for x in [1])", "batch_size=2", "default_collate: batch must contain"),
        ("return (x for x in [1])", "collate_fn=default_collate", "default_collate: batch must contain"),
        ("P = namedtuple('P', 'a'); return P(1)", "batch_size=2", "attribute lookup"),
    ],
)
def test_what_happens(body: str, arguments: str, says: str) -> None:
    found = returned(DATASET.format(body=body, arguments=arguments))
    assert [says in each.what for one in found for each in one.breaks] == [True] * 3


def test_only_the_start_methods_that_the_loader_may_have() -> None:
    (found,) = returned(
        DATASET.format(body="return {}.keys()", arguments="collate_fn=ident, multiprocessing_context='fork'")
    )
    assert [each.start_method for each in found.breaks] == ["fork"]


def test_a_lambda_that_another_rule_reports_is_not_reported_again() -> None:
    text = (
        "from torch.utils.data import DataLoader\nDataLoader([1], num_workers=2, collate_fn=lambda b: (x for x in b))\n"
    )
    made = build(text)
    chosen = rules.load(["DLS201", "DLS202", "DLS203", "DLS206"])
    assert [each.code for each in rule.judge(chosen, made.modules["/p/m.py"], made, text)] == ["DLS201"]


OPENS = """
class Members(Dataset):
    def __init__(self, path):
        self.path = path
    def __len__(self):
        return 1
    def __getitem__(self, index):
        return open(self.path)
def load(dataset):
    return DataLoader(dataset, num_workers=2, collate_fn={collate})
"""


@pytest.mark.parametrize(
    ("collate", "more", "expected"),
    [
        ("ident", "", ["possible"]),
        ("ident", "load(Members('a'))", ["certain"]),
        ("ident", "load([1])", []),
        ("lambda b: [x.read() for x in b]", "", []),
        ("ident", "DataLoader(Members('a'), collate_fn=ident)", []),
    ],
)
def test_a_loader_of_an_unknown_dataset_is_a_possibility(collate: str, more: str, expected: list[str]) -> None:
    made = build(IMPORTS + RETURNS + OPENS.format(collate=collate) + more)
    assert [each.confidence for entries in results.results(made).values() for each in entries] == expected


@pytest.mark.parametrize("method", known.VIEWS)
def test_views_can_not_be_pickled(method: str) -> None:
    with pytest.raises(TypeError, match=f"cannot pickle '{known.VIEWS[method]}' object"):
        pickle.dumps(getattr({}, method)())


MAKERS = {"os.scandir": lambda: os.scandir("."), "csv.reader": lambda: csv.reader([]), "multiprocessing.Lock": Lock}


@pytest.mark.parametrize("name", known.RESULTS)
def test_the_table_tells_the_error(name: str) -> None:
    kind, _, text = known.RESULTS[name][1].partition(": ")
    text = text.partition("'")[0]
    with pytest.raises((TypeError, RuntimeError)) as caught:
        pickle.dumps(MAKERS[name]())
    assert type(caught.value).__name__ == kind
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("kind", sorted(known.ITERATING))
def test_iterators_can_be_pickled_if_what_they_hold_can(kind: str) -> None:
    arguments = {"map": (abs, [1]), "filter": (None, [1])}.get(kind, ([1],))
    pickle.dumps(eval(kind)(*arguments))
