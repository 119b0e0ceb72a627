"""What ``-X importtime`` prints, as a tree; and how trees are laid out."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dlsafe_lint.import_times import Loaded, boxes, by_library, parse

PRINTED = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   _io
import time:        40 |        140 | io
warning: something else
import time:        10 |         10 |     a.b.c
import time:        20 |         30 |   a.b
half a lineimport time:         5 |          5 |   a.d
import time:         7 |         42 | a
"""


def test_a_module_holds_what_it_loads() -> None:
    assert parse(PRINTED) == (
        Loaded("io", 40, 140, (Loaded("_io", 100, 100),)),
        Loaded("a", 7, 42, (Loaded("a.b", 20, 30, (Loaded("a.b.c", 10, 10),)), Loaded("a.d", 5, 5))),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Traceback (most recent call last):\n",
        "import time: self [us] | cumulative | imported package\n",
        "import time:  x | 1 | a\n",
    ],
)
def test_without_modules_there_is_no_tree(text: str) -> None:
    assert parse(text) == ()


def test_what_was_cut_off_loses_nothing_that_is_there() -> None:
    assert parse("import time: 1 | 1 |     deep\nimport time: 2 | 2 | flat\n") == (
        Loaded("flat", 2, 2, (Loaded("deep", 1, 1),)),
    )
    assert [each.name for each in parse("import time: 1 | 1 |   inner\nimport time: 1 | 1 |   other\n")] == [
        "inner",
        "other",
    ]


def test_what_python_really_prints_adds_up() -> None:
    command = [sys.executable, "-X", "importtime", "-c", "import xml.etree.ElementTree, json"]
    found = parse(subprocess.run(command, capture_output=True, text=True, check=True).stderr)
    names = [each.name for tree in found for each in tree.walk()]
    assert names.index("xml.etree.ElementTree") < names.index("json")
    assert {"json.decoder", "xml.etree", "site"} <= set(names)
    for tree in found:
        for each in tree.walk():
            # each figure is rounded by itself
            rest = each.total - each.own - sum(inner.total for inner in each.inner)
            assert abs(rest) <= 1 + len(each.inner), each


def test_time_by_library() -> None:
    tree = Loaded("a.py", 1, 60, (Loaded("torch", 10, 50, (Loaded("numpy", 30, 30), Loaded("torch.nn", 10, 10))),))
    assert by_library(tree) == {"numpy": 30, "torch": 20}
    assert list(by_library(tree)) == ["numpy", "torch"]


class TestBoxes:
    TREE = Loaded(
        "train.py",
        0,
        1000,
        (
            Loaded("one", 200, 300, (Loaded("two", 99, 99), Loaded("tiny", 1, 1))),
            Loaded("three", 10, 700, (Loaded("three.inner", 100, 690, (Loaded("four", 590, 590),)),)),
        ),
    )

    def test_geometry(self) -> None:
        found = [(box.loaded.name, box.start, box.row, box.parent) for box in boxes(self.TREE, least=5)]
        assert found == [
            ("train.py", 0, 0, -1),
            ("one", 0, 1, 0),
            ("two", 0, 2, 1),
            ("three", 300, 1, 0),
            ("four", 300, 2, 3),  # `three.inner` takes no row: it is nearly as wide as `three`
        ]

    def test_every_box_lies_below_its_own_and_beside_the_others(self) -> None:
        found = boxes(self.TREE, least=1)
        for number, box in enumerate(found):
            if box.parent >= 0:
                above = found[box.parent]
                assert box.row == above.row + 1
                assert above.start <= box.start
                assert box.start + box.loaded.total <= above.start + above.loaded.total
            for other in found[:number]:
                if other.row == box.row:
                    assert other.start + other.loaded.total <= box.start

    def test_no_more_rows_than_wanted(self) -> None:
        deep = Loaded("x0", 1, 1)
        for number in range(1, 50):
            deep = Loaded(f"x{number}", 1, number + 1, (deep,))
        assert max(box.row for box in boxes(deep, least=1, rows=6)) == 5
