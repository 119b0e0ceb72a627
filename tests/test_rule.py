"""The walk over a LibCST tree and the facts number the same nodes."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import libcst as cst
import pytest

from claims import FIXTURES
from dlsafe_lint import facts, files, newer_grammar, rule
from dlsafe_lint.facts import Attribute, ModuleFacts, Name

STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"])
SAMPLE = [*FIXTURES.rglob("*.py"), *(STANDARD_LIBRARY / "asyncio").glob("*.py"), *STANDARD_LIBRARY.glob("[a-d]*.py")]


def called(func: cst.BaseExpression) -> str | None:
    match func:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
    return None


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.name)
def test_every_call_lambda_and_statement_has_the_same_number_in_both_trees(path: Path) -> None:
    source = files.read(str(path))
    if isinstance(source, files.Unreadable):
        return
    module = facts.read(source.text, path=source.path, name="m", is_package=False, lower=newer_grammar.lower)
    if not isinstance(module, ModuleFacts):
        return
    tree = rule.Tree(cst.parse_module(source.text))
    rule.drive([], tree)
    assert [called(node.func) for node in tree.calls] == [
        call.func.id if isinstance(call.func, Name) else call.func.attr if isinstance(call.func, Attribute) else None
        for call in module.calls
    ]
    assert [len(node.args) for node in tree.calls] == [len(call.args) + len(call.keywords) for call in module.calls]
    assert [len(node.params.params) for node in tree.lambdas] == [
        sum(param.kind == "positional" for param in module.scopes[each.scope].params) - len(node.params.posonly_params)
        for node, each in zip(tree.lambdas, module.lambdas, strict=True)
    ]
    assert [_NAMES.get(name := type(node).__name__.lower(), name) for node in tree.statements] == [
        _NAMES.get(each.kind, each.kind) for each in module.statements
    ]


# What the two trees call the same statement; what an older interpreter can't parse is rewritten (newer_grammar.py).
_NAMES = {
    "asyncfunctiondef": "functiondef",
    "asyncfor": "for",
    "asyncwith": "with",
    "delete": "del",
    "typealias": "assign",
    "lazyimport": "import",
    "lazyimportfrom": "importfrom",
}
