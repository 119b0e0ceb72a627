"""What a Dataset is constructed with, whichever way it is passed, and which methods can put something on it in time."""

from __future__ import annotations

import pytest

from test_handover_shapes import handed
from test_openings import lines

STORES = """
        class Store:
            def __init__(self, path):
                self.env = lmdb.open(path, readonly=True)
        class Pairs(Dataset):
            def __init__(self, texts, images):
                self.texts = texts
                self.size = len(images)
            def __len__(self):
                return self.size
            def __getitem__(self, index):
                return self.texts
        """

PASSED = {
    "by *args": """
        class Answers(Pairs):
            def __init__(self, answers, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.answers = len(answers)
        def make(path):
            return DataLoader(Answers([], Store(path), []), num_workers=4)
        """,
    "by *args through two classes": """
        class Answers(Pairs):
            def __init__(self, *args):
                super().__init__(*args)
        class More(Answers):
            def __init__(self, *args):
                super().__init__(*args)
        def make(path):
            return DataLoader(More(Store(path), []), num_workers=4)
        """,
    "in a tuple that is unpacked": """
        def make(path):
            given = (Store(path), [])
            return DataLoader(Pairs(*given), num_workers=4)
        """,
    "to a class that is passed": """
        def make(path, dataset_class, workers):
            dataset = dataset_class(Store(path), [])
            return DataLoader(dataset, num_workers=workers)
        def main(path):
            return make(path, Pairs, 4)
        """,
    "to a class that is passed by name": """
        def make(path, *, of=None):
            return DataLoader(of(Store(path), []), num_workers=4)
        def main(path):
            return make(path, of=Pairs)
        """,
    "to one of two classes": """
        class Singles(Dataset):
            def __init__(self, texts, images):
                self.size = len(images)
            def __len__(self):
                return 4
        def make(path, single):
            chosen = Singles if single else Pairs
            return DataLoader(chosen(Store(path), []), num_workers=4)
        """,
}
NOT_KEPT = {
    "as the argument before *args": """
        class Answers(Pairs):
            def __init__(self, answers, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.answers = len(answers)
        def make(path):
            return DataLoader(Answers(Store(path), [], []), num_workers=4)
        """,
    "to a class that does not keep it": """
        class Singles(Dataset):
            def __init__(self, texts, images):
                self.size = len(images)
            def __len__(self):
                return 4
        def make(path, dataset_class, workers):
            dataset = dataset_class(Store(path), [])
            return DataLoader(dataset, num_workers=workers)
        def main(path):
            return make(path, Singles, 4)
        """,
    "to a class that is loaded without workers": """
        def make(path, dataset_class, workers):
            dataset = dataset_class(Store(path), [])
            return DataLoader(dataset, num_workers=workers)
        def main(path):
            return make(path, Pairs, 0)
        """,
}


@pytest.mark.parametrize("name", PASSED)
def test_a_handle_that_is_passed_is_kept(name: str) -> None:
    assert lines(STORES + PASSED[name])


@pytest.mark.parametrize("name", NOT_KEPT)
def test_a_handle_that_is_passed_is_not_kept(name: str) -> None:
    assert not lines(STORES + NOT_KEPT[name])


CATS = """
        class Root(Dataset):
            def __init__(self, root, transform=None):
                self.transform = transform
            def __len__(self):
                return 1
            def __getitem__(self, index):
                return self.transform(index)
        class Cats(Root):
            def __init__(self, words, *args, **kwargs):
                super().__init__(*args, **kwargs)
        class Loud(Cats):
            def __init__(self, *args):
                super().__init__(["miow"], *args)
        DataLoader({}, num_workers=2)
        """


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("Cats([], 'd', lambda x: x)", 1),
        ("Cats([], 'd', transform=lambda x: x)", 1),
        ("Loud('d', lambda x: x)", 1),
        ("Cats([], lambda x: x)", 0),
        ("Cats(lambda x: x, 'd')", 0),
        ("Loud(lambda x: x, work)", 0),
    ],
)
def test_a_callable_is_kept_where_it_arrives(call: str, count: int) -> None:
    assert len(handed(CATS.format(call))) == count


PHOTOS = """
        def make_crop(size):
            def crop(image):
                return image[:size]
            return crop
        class Photos(Dataset{base}):
            def __init__(self, size):
                self.size = size
                self.crop = None
                {constructs}
            def start(self):
                self.crop = make_crop(self.size)
            def __len__(self):
                return 4
            def __getitem__(self, index):
                {reads}
                return self.crop("abcdef")
            {method}
        """
IN_TIME = {
    "a library": {"base": ", ThreadPool"},
    "the constructor": {"constructs": "self.start()"},
    "the program": {"program": "photos = Photos(3)\nphotos.start()"},
    "whoever gets the method": {"program": "photos = Photos(3)\nschedule(photos.start)"},
    "a method that the program calls": {
        "method": "def prepare(self): self.start()",
        "program": "def main(photos):\n    photos.prepare()",
    },
}
TOO_LATE = {
    "nobody": {},
    "nobody of an abstract class": {"base": ", abc.ABC"},
    "the worker": {"reads": "if self.crop is None: self.start()"},
    "a method that only the worker calls": {
        "reads": "self.prepare()",
        "method": "def prepare(self): self.start()",
    },
}


def photos(parts: dict[str, str]) -> str:
    filled = {"base": "", "constructs": "pass", "reads": "pass", "method": "", **parts}
    lines_of_program = filled.pop("program", "").split("\n")
    return PHOTOS.format(**filled).rstrip(" ") + "\n".join(f"        {line}" for line in lines_of_program)


@pytest.mark.parametrize("name", IN_TIME)
def test_a_method_that_runs_before_the_object_is_sent_counts(name: str) -> None:
    assert [each.origin.name for each in handed(photos(IN_TIME[name]))] == ["crop"]


@pytest.mark.parametrize("name", TOO_LATE)
def test_a_method_that_runs_in_the_worker_or_never_does_not(name: str) -> None:
    assert not handed(photos(TOO_LATE[name]))
