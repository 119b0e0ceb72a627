"""A package that imports the names it passes on when somebody asks for them: a module ``__getattr__`` (PEP 562)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from dlsafe_lint.analysis import packages
from dlsafe_lint.analysis.loading import exported
from dlsafe_lint.fixes import is_pragma
from dlsafe_lint.rewriting import lazy_imports
from dlsafe_lint.rewriting.lazy_property import comments
from dlsafe_lint.rule import Draft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlsafe_lint.analysis.startup import Cut
    from dlsafe_lint.rule import Rule


def draft(rule: Rule, cuts: Sequence[Cut]) -> Draft | None:
    """Return the fix by which a package offers names on demand, None where a comment would be lost.

    Args:
        rule: the rule that reports, with the facts and tree of the package's ``__init__``.
        cuts: the imports that should wait.
    """
    facts, tree = rule.facts, rule.tree
    lazy: list[lazy_imports.Name] = []
    checked: list[cst.SimpleStatementLine] = []
    replacements: dict[cst.CSTNode, cst.CSTNode] = {}
    removed: list[cst.CSTNode] = []
    typed = packages.is_typed(rule.project, facts)
    for cut in cuts:
        statement = tree.statements[facts.imports[cut.number].statement]
        line = tree.line_of(statement)
        if not isinstance(statement, cst.ImportFrom) or not isinstance(line, cst.SimpleStatementLine):
            return None
        said = comments(line)
        if len(line.body) != 1 or any(rule.code in comment or not is_pragma(comment) for comment in said):
            return None
        aliases = lazy_imports.aliases(statement)
        gone = [alias for alias in aliases if lazy_imports.bound(alias) in cut.names]
        kept = [alias for alias in aliases if alias not in gone]
        if not kept:
            removed.append(line)
        elif (fewer := lazy_imports.with_names(statement, kept)) is not None:
            replacements[statement] = fewer
        else:
            return None
        lazy += [_name(rule, cut.number, lazy_imports.bound(alias), alias.evaluated_name) for alias in gone]
        if typed:
            made = cst.SimpleStatementLine([lazy_imports.only(statement, gone)])
            checked.append(line.with_changes(leading_lines=[]) if not kept else made)
    module: cst.Module | None = tree.rewritten(replacements, removed)
    if module is not None and checked:
        module = lazy_imports.for_type_checkers(module, checked)
    if module is None:
        return None
    in_all = {each.name for each in lazy} <= exported(facts)
    functions = [
        lazy_imports.module_getattr(module, lazy, typed=typed),
        lazy_imports.module_dir(module, lazy, exported=in_all, typed=typed),
    ]
    safe = not any(cut.effects for cut in cuts)
    names = " and ".join(f"`{each.name}`" for each in lazy) if len(lazy) < 4 else f"{len(lazy)} names"
    return Draft(
        f"Import {names} when somebody asks for {'it' if len(lazy) == 1 else 'them'}",
        {tree.module: lazy_imports.appended(module, functions)},
        "safe" if safe else "unsafe",
        ("__getattr__", "__dir__"),
        may_unbind=frozenset(each.name for each in lazy),
    )


def _name(rule: Rule, number: int, bound: str, written: str) -> lazy_imports.Name:
    """Return a name as a ``__getattr__`` imports it."""
    statement = rule.facts.imports[number]
    module = f"{'.' * statement.level}{statement.module or ''}"
    inner = f"{statement.module}.{written}" if statement.module else written
    source = rule.project.find(rule.facts, statement.module or "", statement.level)
    is_own = source in (None, rule.facts.path) or written not in rule.project.modules[source].scopes[0].bindings
    if is_own and rule.project.find(rule.facts, inner, statement.level) is not None:
        return lazy_imports.Name(bound, f"{'.' * statement.level}{inner}", "")
    return lazy_imports.Name(bound, module, written)
