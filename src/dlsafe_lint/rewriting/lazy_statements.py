"""Imports that stay where they are and wait until somebody uses them (PEP 810): the keyword, ``__lazy_modules__``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from dlsafe_lint.analysis import startup
from dlsafe_lint.rewriting import lazy_imports
from dlsafe_lint.rule import Draft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlsafe_lint.analysis.startup import Cut
    from dlsafe_lint.rule import Replacement, Rule

_NAME = "__lazy_modules__"


def with_keyword(rule: Rule, cuts: Sequence[Cut]) -> Draft | None:
    """Return the fix that writes ``lazy import``; names that are needed at once keep a statement of their own.

    Args:
        rule: the rule that reports, with its facts and tree.
        cuts: imports at the top of the module: elsewhere the keyword is a syntax error.
    """
    replacements: dict[cst.CSTNode, Replacement] = {}
    for cut in cuts:
        statement = rule.tree.statements[rule.facts.imports[cut.number].statement]
        line = rule.tree.line_of(statement)
        if not isinstance(statement, (cst.Import, cst.ImportFrom)) or not isinstance(line, cst.SimpleStatementLine):
            return None
        if len(line.body) != 1:
            return None
        aliases = lazy_imports.aliases(statement)
        wanted = [alias for alias in aliases if lazy_imports.bound(alias) in cut.names]
        kept = [alias for alias in aliases if alias not in wanted]
        if not kept:
            replacements[statement] = _lazy(statement)
        elif (fewer := lazy_imports.with_names(statement, kept)) is not None:
            lazy = cst.SimpleStatementLine([_lazy(lazy_imports.only(statement, wanted))])
            replacements[line] = cst.FlattenSentinel([line.with_changes(body=[fewer]), lazy])
        else:
            return None
    return Draft(_title(rule, cuts, "lazy"), replacements)


def _lazy(statement: lazy_imports.ImportStatement) -> cst.LazyImport | cst.LazyImportFrom:
    if isinstance(statement, cst.Import):
        return cst.LazyImport(statement.names, semicolon=statement.semicolon)
    return cst.LazyImportFrom(
        module=statement.module,
        names=statement.names,
        relative=statement.relative,
        lpar=statement.lpar,
        rpar=statement.rpar,
        semicolon=statement.semicolon,
    )


def in_lazy_modules(rule: Rule, cuts: Sequence[Cut]) -> Draft | None:
    """Return the fix that lists modules in ``__lazy_modules__``, each by its full name, before the first import.

    None where an import is relative (the list needs full names), where a name of the same statement is needed at once,
    and where there is such a list that is not written out.
    """
    names: dict[str, None] = {}
    for cut in cuts:
        statement = rule.facts.imports[cut.number]
        bound = [
            each.asname or (each.name if statement.is_from else each.name.partition(".")[0]) for each in statement.names
        ]
        if statement.level or (statement.is_from and not set(bound) <= set(cut.names)):
            return None
        if statement.module:
            names[statement.module] = None
        else:
            names.update(
                {each.name: None for each, name in zip(statement.names, bound, strict=True) if name in cut.names}
            )
    body = list(rule.tree.module.body)
    title = _title(rule, cuts, "lazy by `__lazy_modules__`")
    for line in body:
        match line:
            case cst.SimpleStatementLine(
                body=[cst.Assign(targets=[cst.AssignTarget(cst.Name(name))], value=value)]
            ) if name == _NAME:
                if not isinstance(value, (cst.List, cst.Tuple, cst.Set)):
                    return None
                more = [
                    cst.Element(cst.SimpleString(f'"{each}"')) for each in names if each not in rule.facts.lazy_modules
                ]
                return Draft(title, {value: value.with_changes(elements=[*value.elements, *more])})
    if _NAME in rule.facts.scopes[0].bindings:
        return None
    listed = ", ".join(f'"{each}"' for each in names)
    made = cst.ensure_type(cst.parse_statement(f"{_NAME} = [{listed}]"), cst.SimpleStatementLine)
    return Draft(title, {rule.tree.module: lazy_imports.before_imports(rule.tree.module, made)}, defines=(_NAME,))


def _title(rule: Rule, cuts: Sequence[Cut], how: str) -> str:
    words = [f"`{startup.import_in_words(rule.facts, cut.number, cut.names)}`" for cut in cuts]
    return f"Make {' and '.join(words)} {how}"
