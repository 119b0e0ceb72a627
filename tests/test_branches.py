"""Which branches of a function one call of it takes: those that its arguments decide.

Each pair of programs differs in what is passed: one way a callable reaches workers, the other way it doesn't.
"""

from __future__ import annotations

import pytest

from test_handover_shapes import handed

BRANCHES = {
    "is None": (
        """
        def build(size, params=None):
            steps = []
            if params is None:
                steps.append(transforms.RandomCrop(size))
            else:
                steps.append(transforms.Lambda(lambda image: image.crop(params["crop"])))
            return transforms.Compose(steps)
        """,
        "build(64)",
        "build(64, {'crop': 3})",
    ),
    "or": (
        """
        def build(size, params=None):
            steps = []
            if params is None or "crop" not in params:
                steps.append(transforms.RandomCrop(size))
            else:
                steps.append(transforms.Lambda(lambda image: image.crop(params["crop"])))
            return transforms.Compose(steps)
        """,
        "build(64)",
        "build(64, {'crop': 3})",
    ),
    "what a written dict lacks": (
        """
        def build(params):
            if "crop" in params:
                return transforms.Lambda(lambda image: image.crop(params["crop"]))
            return transforms.ToTensor()
        """,
        "build({'flip': True})",
        "build(read())",
    ),
    "a flag": (
        """
        def build(crop=False):
            steps = []
            if crop:
                steps += [lambda image: image[:2]]
            return transforms.Compose(steps)
        """,
        "build()",
        "build(True)",
    ),
    "not a flag": (
        """
        def build(plain, crop):
            if not plain and crop:
                return lambda image: image[:2]
            return work
        """,
        "build(True, read())",
        "build(False, read())",
    ),
    "an early return": (
        """
        def build(split):
            if split == "test":
                return work
            return lambda image: image[::-1]
        """,
        "build('test')",
        "build('train')",
    ),
    "a variable made of it": (
        """
        def build(split):
            train = split in ("train", "all")
            if train:
                made = lambda image: image[::-1]
            else:
                made = work
            return made
        """,
        "build(split='test')",
        "build('all')",
    ),
    "a raise": (
        """
        def build(size):
            if size < 0:
                raise ValueError(size)
            elif size > 100:
                return work
            return lambda image: image[:size]
        """,
        "build(101)",
        "build(3)",
    ),
    "a conditional expression": (
        """
        def build(size=None):
            return (lambda image: image[:size]) if size else work
        """,
        "build()",
        "build(3)",
    ),
    "what takes the place of nothing": (
        """
        def build(function=None):
            return function or (lambda image: image)
        """,
        "build(work)",
        "build()",
    ),
    "two calls deep": (
        """
        def inner(size, flip):
            return (lambda image: image[::-1]) if flip else work
        def build(flip=False):
            return inner(3, flip)
        """,
        "build()",
        "build(flip=True)",
    ),
    "an attribute of the object that is asked": (
        """
        class Recipe:
            def __init__(self, flip=False):
                self.flip = flip
            def build(self):
                if self.flip:
                    return lambda image: image[::-1]
                return work
        """,
        "Recipe().build()",
        "Recipe(True).build()",
    ),
}
DATASET = """
        class Photos(Dataset):
            def __init__(self, paths):
                self.transform = {}
            def __len__(self):
                return 1
            def __getitem__(self, index):
                return self.transform(index)
        DataLoader(Photos([]), num_workers=4)
"""


@pytest.mark.parametrize("name", BRANCHES)
def test_a_call_takes_the_branches_that_its_arguments_decide(name: str) -> None:
    function, other, this = BRANCHES[name]
    assert not handed(function + DATASET.format(other))
    assert handed(function + DATASET.format(this))


UNDECIDED = {
    "a parameter of the constructor": """
        def build(crop):
            return (lambda image: image[:2]) if crop else work
        class Photos(Dataset):
            def __init__(self, crop=False):
                self.transform = build(crop)
            def __getitem__(self, index):
                return self.transform(index)
            def __len__(self):
                return 1
        DataLoader(Photos(), num_workers=4)
        """,
    "an attribute that is set from outside": """
        class Recipe:
            def __init__(self):
                self.flip = False
            def build(self):
                return (lambda image: image[::-1]) if self.flip else work
        def main():
            recipe = Recipe()
            recipe.flip = True
            DataLoader(Items(recipe.build()), num_workers=4)
        """,
    "a variable that an inner function sets": """
        def build(words):
            found = None
            def look():
                nonlocal found
                found = len(words)
            look()
            if found is None:
                return work
            return lambda image: image[:found]
        DataLoader(Items(build("a")), num_workers=4)
        """,
    "an option that is filled later": """
        def build(size=None):
            steps = []
            steps.extend([size])
            if steps:
                return lambda image: image[:size]
            return work
        DataLoader(Items(build()), num_workers=4)
        """,
    "more arguments than are seen": """
        def build(size=None, **others):
            return (lambda image: image[:size]) if size else work
        DataLoader(Items(build(**read())), num_workers=4)
        """,
    "a handler": """
        def build(size=None):
            try:
                return read(size)
            except ValueError:
                return lambda image: image
        DataLoader(Items(build()), num_workers=4)
        """,
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_a_call_does_not_decide_may_be_either(name: str) -> None:
    assert handed(UNDECIDED[name])
