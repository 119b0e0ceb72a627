"""Files in a grammar newer than the interpreter's are read in full."""

from __future__ import annotations

import ast

import libcst as cst
import pytest

from dlsafe_lint import facts, newer_grammar, rule
from dlsafe_lint.facts import ModuleFacts, dotted

LAZY = "lazy import torch\nlazy from a.b import (c,\n    d as e)\nimport os\n"
NEWER = [
    "type X[T: int] = list[f(T)]\ng()\n",
    "def f[T: int = 3](x: T = g(1)) -> T:\n    return h(x)\nclass C[T](D): pass\nk()\n",
    'x = f"{a["b"](c())}" "z" f\'{d():{e()}}\'\nf()\n',
    'x = f"""\n{ g("a") + f"{h()}" }\n"""\nk()\n',
    "try:\n    f()\nexcept A, B:\n    g()\nk()\n",
    "x = t'{f()}'\nk()\n",
    "f(f'{a}'[0])(g())\n",
    LAZY,
]


@pytest.mark.parametrize("text", NEWER)
def test_lowered_text_has_the_same_calls_on_the_same_lines(text: str) -> None:
    lowered = newer_grammar.lower(text)
    assert lowered is not None
    module = facts.read(lowered[0], path="/p/m.py", name="m", is_package=False)
    assert isinstance(module, ModuleFacts)
    tree = rule.Tree(cst.parse_module(text))
    rule.drive([], tree)
    assert len(tree.statements) == len(module.statements)
    assert [cst.Module([]).code_for_node(node.func) for node in tree.calls if isinstance(node.func, cst.Name)] == [
        dotted(call.func) for call in module.calls if dotted(call.func)
    ]
    assert module.statements[-1].line == text.rstrip("\n").count("\n") + 1 or text is LAZY


def test_the_oldest_supported_interpreter_can_read_what_is_lowered() -> None:
    for text in NEWER:
        lowered = newer_grammar.lower(text)
        assert lowered is not None
        ast.parse(lowered[0], feature_version=(3, 10))


def test_lazy_imports_are_known_as_lazy() -> None:
    module = facts.read(LAZY, path="/p/m.py", name="m", is_package=False, lower=newer_grammar.lower)
    assert isinstance(module, ModuleFacts)
    assert [each.lazy for each in module.imports] == [True, True, False]


@pytest.mark.parametrize("text", ["def f(:\n", "x = " + "(" * 5000 + ")" * 5000 + "\n", "x = '" + "[" * 400 + "\n"])
def test_what_no_grammar_allows_stays_a_problem(text: str) -> None:
    assert newer_grammar.lower(text) is None
