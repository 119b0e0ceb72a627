"""What a test of Python's version says on every Python that a project runs on.

Sources: the documentation of ``sys.version_info``, ``sys.hexversion`` and ``sys.version``; six, future and torch._six
for their constants.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from dlsafe_lint.facts import Attribute, Collection, Compared, Expr, Literal, Name, Opaque, Subscript, dotted

if TYPE_CHECKING:
    from collections.abc import Callable

CONSTANTS = {
    "future.utils.PY2": False,
    "future.utils.PY3": True,
    "six.PY2": False,
    "six.PY3": True,
    "torch._six.PY2": False,
    "torch._six.PY3": True,
}
"""Names of libraries that say whether this is Python 2 or 3."""

_ASKED = frozenset({"sys.version_info", "sys.hexversion", "sys.version"})

_NEWEST = 60
"""The minor version of a Python that nobody will have seen."""

_FIELDS = ("major", "minor", "micro")

_COMPARED: dict[str, Callable[[Any, Any], object]] = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
}


def said(test: Expr, named: Callable[[Expr], str], oldest: tuple[int, int]) -> bool | None:
    """Tell what a comparison with Python's version says; None where it depends, or where it is another test.

    Args:
        test: the comparison, ``sys.version_info >= (3, 8)``.
        named: returns the qualified name that an expression stands for, "" if it is not a library's.
        oldest: the oldest Python that the project runs on.
    """
    if not isinstance(test, Compared) or test.op not in _COMPARED:
        return None
    if not (_asks(test.left, named) or _asks(test.right, named)):
        return None
    verdicts = set()
    for version in _versions(oldest):
        left, right = (_value(side, named, version) for side in (test.left, test.right))
        if left is None or right is None:
            return None
        try:
            verdicts.add(bool(_COMPARED[test.op](left, right)))
        except TypeError:
            return None
    return verdicts.pop() if len(verdicts) == 1 else None


def _versions(oldest: tuple[int, int]) -> list[tuple[int | str, ...]]:
    """Return values of ``sys.version_info`` between which no test can tell others apart."""
    return [(oldest[0], minor, micro, "final", 0) for minor in range(oldest[1], _NEWEST) for micro in (0, 1, _NEWEST)]


def _asks(expr: Expr, named: Callable[[Expr], str]) -> bool:
    """Whether an expression is made of Python's version."""
    while isinstance(expr, Subscript) or (isinstance(expr, Attribute) and expr.attr in _FIELDS):
        expr = expr.value
    spelled = dotted(expr) or ""
    return spelled.rpartition(".")[2] in ("version_info", "hexversion", "version") and named(expr) in _ASKED


def _value(expr: Expr, named: Callable[[Expr], str], version: tuple[int | str, ...]) -> object:
    """Return what an expression is under a Python, None if that is not known."""
    match expr:
        case Literal(literal):
            return literal
        case Collection("tuple", items):
            return tuple(_value(item, named, version) for item in items)
        case Attribute(inner, attr) if attr in _FIELDS and named(inner) == "sys.version_info":
            return version[_FIELDS.index(attr)]
        case Subscript(inner, key):
            value = _value(inner, named, version)
            index = key.parts[0] if isinstance(key, Opaque) and len(key.parts) == 1 else key
            if isinstance(value, (str, tuple)) and isinstance(index, Literal) and isinstance(index.value, int):
                return value[: index.value] if isinstance(key, Opaque) else value[index.value]
        case Name() | Attribute():
            match named(expr):
                case "sys.version_info":
                    return version
                case "sys.version":
                    return ".".join(map(str, version[:3]))
                case "sys.hexversion":
                    major, minor, micro = (int(part) for part in version[:3])
                    return major << 24 | minor << 16 | micro << 8 | 0xF0
    return None
