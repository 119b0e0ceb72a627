"""What a test of Python's version says on every Python that a project runs on."""

from __future__ import annotations

import sys

import pytest

from dlsafe_lint import facts
from dlsafe_lint.project import Where, build

ABOVE = "import six, sys\nfrom sys import version_info\nimport torch._six\nPY2 = sys.version_info[0] == 2\n"

TESTS = [
    ("sys.version_info < (3,)", False),
    ("sys.version_info >= (3, 8)", True),
    ("sys.version_info > (3, 10)", True),
    ("sys.version_info >= (3, 10)", True),
    ("sys.version_info < (3, 10)", False),
    ("sys.version_info >= (3, 10, 2)", None),
    ("sys.version_info >= (3, 11)", None),
    ("sys.version_info < (3, 13)", None),
    ("sys.version_info[:2] == (3, 8)", False),
    ("sys.version_info[:2] != (3, 8)", True),
    ("sys.version_info[:2] == (3, 12)", None),
    ("sys.version_info.minor < 9", False),
    ("sys.version_info[1] >= 12", None),
    ("(3, 9) <= sys.version_info", True),
    ("2 == sys.version_info[0]", False),
    ("version_info.major >= 3", True),
    ("sys.hexversion >= 0x3080000", True),
    ("sys.version < '3'", False),
    ("sys.version[0] == '3'", True),
    ("sys.version_info > 3", None),
    ("sys.version_info >= MINIMUM", None),
    ("sys.version_info == sys.version_info", True),
    ("six.PY2", False),
    ("not six.PY2", True),
    ("six.PY3 and sys.argv", None),
    ("six.PY2 and sys.argv", False),
    ("torch._six.PY3", True),
    ("PY2", False),
    ("not PY2", True),
    ("sys.argv", None),
    ("len(sys.argv) == 2", None),
]


def said(test: str, oldest: tuple[int, int] = (3, 10)) -> bool | None:
    """Return whether the branch under a test always runs, None where it may or may not."""
    path = "/project/a.py"
    module = facts.read(f"{ABOVE}if {test}:\n    pass\nelse:\n    pass\n", path=path, name="a", is_package=False)
    assert isinstance(module, facts.ModuleFacts)
    project = build("/project", [module], oldest=oldest)
    off = [
        project.is_off(number, Where(module, 0, block.statement))
        for number, block in enumerate(module.blocks)
        if block.kind in ("if", "else")
    ]
    assert off != [True, True]
    return None if off == [False, False] else off[1]


@pytest.mark.parametrize(("test", "verdict"), TESTS)
def test_what_it_says(test: str, verdict: bool | None) -> None:
    assert said(test) is verdict


@pytest.mark.parametrize(("oldest", "verdict"), [((3, 9), None), ((3, 12), True), ((3, 13), True)])
def test_it_depends_on_the_oldest_python(oldest: tuple[int, int], verdict: bool | None) -> None:
    assert said("sys.version_info >= (3, 12)", oldest) is verdict


@pytest.mark.parametrize(
    "test",
    [test for test, verdict in TESTS if verdict is not None and "six" not in test and "PY2" not in test],
)
def test_python_agrees(test: str) -> None:
    assert bool(eval(test, {"sys": sys, "version_info": sys.version_info})) is said(test)
