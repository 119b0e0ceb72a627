"""What an object carries when its construction has ended."""

from __future__ import annotations

from textwrap import dedent

import pytest

from dlsafe_lint import facts, project
from dlsafe_lint.analysis import datasets
from dlsafe_lint.facts import Literal


def read(body: str) -> project.Project:
    found = facts.read(dedent(body), path="/p/m.py", name="m", is_package=False)
    assert isinstance(found, facts.ModuleFacts)
    return project.build("/p", [found])


def carried(body: str, name: str = "D") -> list[tuple[str, object]]:
    """Attributes and the literals that they carry."""
    made = read(body)
    site = next(site for site in made.classes() if made.scope(site).name == name)
    return [
        (each.attr, value.expr.value if isinstance(value.expr, Literal) else value.kind)
        for each in datasets.construction(made, site).carried
        for value in made.values(each.expr, each.where)
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            """
            class D:
                def __init__(self):
                    self.a = 1
                    self.a = 2
                    self.b = 3
                    del self.b
            """,
            [("a", 2)],
        ),
        (
            """
            class D:
                def __init__(self, big):
                    self.a = 1
                    if big:
                        self.a = 2
            """,
            [("a", 1), ("a", 2)],
        ),
        (
            """
            class D:
                def __init__(self):
                    for i in range(3):
                        self.a = 1
                        self.a = None
            """,
            [("a", None)],
        ),
        (
            """
            class D:
                def __init__(self, big):
                    if big:
                        self.a = 1
                    else:
                        self.a = 2
                    try:
                        self.b = 3
                    finally:
                        self.b = 4
            """,
            [("a", 1), ("a", 2), ("b", 4)],
        ),
        (
            """
            class Base:
                def __init__(self, a):
                    self.a = a
                    self.late()
                def late(self):
                    self.never = 0
            class D(Base):
                def __init__(self):
                    super().__init__(7)
                    fill(1, self)
                def late(self):
                    self.mine = 8
            def fill(number, owner):
                owner.filled = number
            """,
            [("a", 7), ("mine", 8), ("filled", 1)],
        ),
        (
            """
            class D:
                def __init__(self, number=5):
                    self.number = number
                    self.size
                    self.known = self.length + 1
                @property
                def length(self):
                    self.read = 1
                    return 2
                def __len__(self):
                    self.not_constructed = 3
            """,
            [("number", 5), ("known", "unknown"), ("read", 1)],
        ),
        (
            """
            class D:
                def __init__(self):
                    self.again()
                def again(self):
                    self.a = 1
                    self.again()
            """,
            [("a", 1)],
        ),
    ],
)
def test_what_is_carried(body: str, expected: list[tuple[str, object]]) -> None:
    assert sorted(carried(body), key=str) == sorted(expected, key=str)


def test_the_call_that_makes_the_object_gives_its_arguments() -> None:
    made = read("""
        class D:
            def __init__(self, number):
                self.number = number
        d = D(9)
        """)
    call = made.modules["/p/m.py"].calls[0]
    value = made.values(call, project.Where(made.modules["/p/m.py"], 0, call.statement))[0]
    assert value.site is not None
    (one,) = datasets.construction(made, value.site, value).carried
    assert [found.expr for found in made.values(one.expr, one.where)] == [Literal(9)]
    (nobody,) = datasets.construction(made, value.site).carried
    assert [found.kind for found in made.values(nobody.expr, nobody.where)] == ["missing"]


def test_closed_and_not_always() -> None:
    made = read("""
        class D:
            def __init__(self, x):
                self.a = x
                if x:
                    self.b = x
                self.a.close()
        """)
    site = next(made.classes())
    assert [(each.attr, each.closed, each.always) for each in datasets.construction(made, site).carried] == [
        ("a", True, True),
        ("b", False, False),
    ]


@pytest.mark.parametrize(
    ("method", "dropped"),
    [
        ("def __getstate__(self): return {**self.__dict__, 'file': None}", True),
        ("def __getstate__(self): return {'path': self.path}", True),
        ("def __getstate__(self): return {k: v for k, v in self.__dict__.items() if picklable(v)}", True),
        ("def __getstate__(self): return self.__dict__.copy()", False),
        ("def __getstate__(self): return {'file': self.file}", False),
        ("def __reduce__(self): return D, (self.path,)", True),
        ("def __reduce__(self): return D, (self.file,)", False),
        ("def __len__(self): return 1", False),
    ],
)
def test_what_is_left_out_when_pickled(method: str, dropped: bool) -> None:
    made = read(f"class D:\n    {method}\n")
    assert datasets.drops(made, next(made.classes()), "file") == dropped


def test_who_knows_in_which_process_it_is() -> None:
    made = read("""
        import os
        class Base:
            def check(self):
                return os.getpid()
        class D(Base):
            pass
        class Other:
            pass
        """)
    assert [datasets.knows_processes(made, site) for site in made.classes()] == [True, True, False]
