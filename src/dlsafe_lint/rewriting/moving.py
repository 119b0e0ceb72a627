"""Imports that move from the top of a module into the functions that use them, and to where only type checkers look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dlsafe_lint.analysis import deferring, startup
from dlsafe_lint.fixes import is_pragma
from dlsafe_lint.rewriting import lazy_imports, lazy_statements
from dlsafe_lint.rewriting.lazy_property import comments
from dlsafe_lint.rule import Draft

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dlsafe_lint.analysis.startup import Cut
    from dlsafe_lint.finding import Applicability
    from dlsafe_lint.rule import Rule


class Move(NamedTuple):
    """The imports (by number) and names that move together, and how safe that is."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    applicability: Applicability


class _Wanted(NamedTuple):
    """The names of one import that go to one place; ``first`` says whether its comments go along."""

    number: int
    names: frozenset[str]
    first: bool


def drafts(rule: Rule, cuts: Sequence[Cut]) -> dict[int, Draft]:
    """Return the fixes by the number of the import: one for all imports whose move is as safe.

    Args:
        rule: the rule that reports, with its facts, project and tree.
        cuts: the imports that should move, all of the rule's module.
    """
    style = rule.project.lazy_style
    if style != "function":
        lazy = lazy_statements.with_keyword if style == "keyword" else lazy_statements.in_lazy_modules
        single = {cut.number: draft for cut in cuts if not _is_meant(rule, cut) and (draft := lazy(rule, [cut]))}
        whole = lazy(rule, [cut for cut in cuts if cut.number in single]) if single else None
        return single if whole is None else dict.fromkeys(single, whole)
    text = rule.tree.module.code if cuts else ""
    moves = {cut.number: made for cut in cuts if (made := _move(rule, cut, text))}
    found: dict[int, Draft] = {}
    for applicability in {move.applicability for move in moves.values()}:
        mine = {number: move for number, move in moves.items() if move.applicability == applicability}
        draft = _draft(rule, list(mine.values()))
        if draft is None and len(mine) > 1:  # one of them may stand in the others' way
            found.update({number: each for number, move in mine.items() if (each := _draft(rule, [move])) is not None})
        elif draft is not None:
            found.update(dict.fromkeys(mine, draft))
    return found


def _move(rule: Rule, cut: Cut, text: str) -> Move | None:
    """Return what has to move so that a statement can go from a module with this text, None if something is lost."""
    facts = rule.facts
    numbers = sorted({binding.target for name in cut.names for binding in facts.scopes[0].bindings.get(name, ())})
    for number in numbers:
        statement = _statement(rule, number)
        line = rule.tree.line_of(statement)
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            return None
        if any(rule.code in comment for comment in comments(line)):
            return None  # somebody said that it is meant
        if "#" in rule.tree.module.code_for_node(statement) and not _goes_whole(rule, statement, cut.names):
            return None
    functions = {function for name in cut.names for function in startup.functions(facts, name)}
    many = len(functions) > rule.project.max_moves
    unused = any(not facts.uses.get(name) for name in cut.names)
    safe = not (many or unused or cut.effects or any(_in_doctest(text, name) for name in cut.names))
    return Move(tuple(numbers), cut.names, "safe" if safe else "unsafe")


def _is_meant(rule: Rule, cut: Cut) -> bool:
    """Whether a comment at an import says that it is meant to stay."""
    line = rule.tree.line_of(_statement(rule, cut.number))
    return any(rule.code in comment for comment in comments(line))


def _goes_whole(rule: Rule, statement: lazy_imports.ImportStatement, names: Collection[str]) -> bool:
    """Whether all names of an import go to the same places, so that comments between them can go along."""
    bound = {lazy_imports.bound(alias) for alias in lazy_imports.aliases(statement)}
    places = {(*startup.functions(rule.facts, name), _is_typed(rule, name)) for name in bound}
    return bound <= set(names) and len(places) == 1


def _is_typed(rule: Rule, name: str) -> bool:
    return deferring.is_annotated(rule.facts, name) or deferring.only_annotates(rule.facts, name)


def _in_doctest(text: str, name: str) -> bool:
    return re.search(rf"^\s*(>>>|\.\.\.) .*\b{re.escape(name)}\b", text, re.MULTILINE) is not None


def _statement(rule: Rule, number: int) -> lazy_imports.ImportStatement:
    statement = rule.tree.statements[rule.facts.imports[number].statement]
    assert isinstance(statement, (cst.Import, cst.ImportFrom))
    return statement


def _draft(rule: Rule, moves: Sequence[Move]) -> Draft | None:
    """Return the fix that makes all moves at once: their imports stand together in each function."""
    facts, tree = rule.facts, rule.tree
    moving: dict[int, set[str]] = {}
    for move in moves:
        for number in move.numbers:
            moving.setdefault(number, set()).update(move.names)
    replacements: dict[cst.CSTNode, cst.CSTNode] = {}
    removed = []
    for number, names in moving.items():
        statement = _statement(rule, number)
        kept = [alias for alias in lazy_imports.aliases(statement) if lazy_imports.bound(alias) not in names]
        if not kept:
            line = tree.line_of(statement)
            removed.append(line)
            if isinstance(line, cst.SimpleStatementLine) and _own_comments(rule, line):
                blanks = [each for each in line.leading_lines if each.comment is None]
                replacements[line] = line.with_changes(leading_lines=blanks)
        elif (fewer := lazy_imports.with_names(statement, kept)) is not None:
            replacements[statement] = fewer
        else:
            return None
    wanted, checked = _places(rule, moving)
    typed = {name for names in moving.values() for name in names if _is_typed(rule, name)}
    annotations = [each for each in _annotations(rule, typed) if not facts.future_annotations]
    in_quotes = rule.project.annotation_style == "quotes" or not deferring.may_postpone(rule.project, facts)
    quoted: dict[cst.CSTNode, cst.CSTNode] = {}
    if annotations and in_quotes:
        for each in annotations:
            if (string := _quoted(rule, each.annotation)) is None:
                return None
            quoted[each.annotation] = string
    for function, lines in wanted.items():
        node = tree.statements[facts.scopes[function].statement]
        if isinstance(node, cst.FunctionDef):
            replacements[node.body] = _with_imports(rule, node, function, lines, quoted)
    inside = [tree.statements[facts.scopes[function].statement] for function in wanted]
    bodies = {id(node.body) for node in inside if isinstance(node, cst.FunctionDef)}
    replacements |= {
        expr: string
        for expr, string in quoted.items()
        if not any(id(around) in bodies for around in tree.enclosing(expr))
    }
    module: cst.Module | None = tree.rewritten(replacements, removed)
    if module is not None and checked:
        module = lazy_imports.for_type_checkers(module, [_line(rule, each) for each in checked])
    if module is not None and annotations and not in_quotes:
        module = lazy_imports.with_future_annotations(module)
    if module is None:
        return None
    # what another fix puts into the same functions has to find its place among these
    mine = {number for move in moves for number in move.numbers}
    others = any(cut.number not in mine for cut in startup.cuts(rule.project).get(facts.path, ()))
    return Draft(
        _title(rule, moving, wanted, checked),
        {tree.module: module},
        applicability=moves[0].applicability,
        may_unbind=frozenset(name for names in moving.values() for name in names),
        alone_from=0 if others else None,
    )


def _title(
    rule: Rule, moving: Mapping[int, set[str]], wanted: Mapping[int, Sequence[_Wanted]], checked: Sequence[_Wanted]
) -> str:
    titles = [f"`{startup.import_in_words(rule.facts, number, names)}`" for number, names in sorted(moving.items())]
    it = "it" if len(titles) == 1 else "them"
    where = [f"into the functions that use {it}"] if wanted else []
    where += ["under `TYPE_CHECKING`"] if checked else []
    return f"Move {' and '.join(titles)} {' and '.join(where)}" if where else f"Remove {' and '.join(titles)}"


def _places(rule: Rule, moving: Mapping[int, set[str]]) -> tuple[dict[int, list[_Wanted]], list[_Wanted]]:
    """Return the imports that each function needs, and those that type checkers need."""
    wanted: dict[int, list[_Wanted]] = {}
    checked: list[_Wanted] = []
    for number, names in sorted(moving.items()):
        mine = names & {lazy_imports.bound(alias) for alias in lazy_imports.aliases(_statement(rule, number))}
        first = True
        typed = frozenset(name for name in mine if _is_typed(rule, name))
        functions = {each: startup.functions(rule.facts, each) for each in mine}
        for function in sorted({each for found in functions.values() for each in found}):
            here = frozenset(name for name in mine if function in functions[name])
            wanted.setdefault(function, []).append(_Wanted(number, here, first))
            first = False
        if typed:
            checked.append(_Wanted(number, typed, first))
    return wanted, checked


def _line(rule: Rule, wanted: _Wanted) -> cst.SimpleStatementLine:
    """Return an import statement reduced to some names; its own comments go along once, those for tools always."""
    statement = _statement(rule, wanted.number)
    line = cst.ensure_type(rule.tree.line_of(statement), cst.SimpleStatementLine)
    aliases = [alias for alias in lazy_imports.aliases(statement) if lazy_imports.bound(alias) in wanted.names]
    whole = len(aliases) == len(lazy_imports.aliases(statement))
    made = line if whole else cst.SimpleStatementLine([lazy_imports.only(statement, aliases)])
    comment = line.trailing_whitespace.comment
    if comment is not None and (wanted.first or is_pragma(comment.value)):
        made = made.with_changes(trailing_whitespace=line.trailing_whitespace)
    elif comment is not None:
        made = made.with_changes(trailing_whitespace=cst.TrailingWhitespace())
    return made.with_changes(leading_lines=_own_comments(rule, line) if wanted.first else [])


def _own_comments(rule: Rule, line: cst.SimpleStatementLine) -> list[cst.EmptyLine]:
    """Return the comments directly above an import that don't head further imports."""
    above: list[cst.EmptyLine] = []
    for each in reversed(line.leading_lines):
        if each.comment is None:
            break
        above.insert(0, each)
    body = list(rule.tree.module.body)
    after = body[index] if line in body and (index := body.index(line) + 1) < len(body) else None
    heads = (
        isinstance(after, cst.SimpleStatementLine)
        and isinstance(after.body[0], (cst.Import, cst.ImportFrom))
        and not after.leading_lines
    )
    return [] if heads else above


def _with_imports(
    rule: Rule,
    node: cst.FunctionDef,
    function: int,
    wanted: Sequence[_Wanted],
    quoted: Mapping[cst.CSTNode, cst.CSTNode],
) -> cst.BaseSuite:
    """Return the body of a function with the imports that it needs."""
    body = node.body
    if isinstance(body, cst.SimpleStatementSuite):
        return lazy_imports.importing(body, [_line(rule, each) for each in wanted])
    assert isinstance(body, cst.IndentedBlock)
    docstring = int(lazy_imports.has_docstring(body.body))
    split = len(lazy_imports.with_docstring_alone(body).body) - len(body.body)
    places: dict[int, list[cst.SimpleStatementLine]] = {}
    before_others: set[int] = set()
    for each in wanted:
        after = startup.insertion(rule.project, rule.facts, function, each.names)
        index = docstring
        if after >= 0:
            before: list[cst.CSTNode] = list(body.body)
            index = before.index(rule.tree.line_of(rule.tree.statements[after])) + 1 + split
        run = _imports_at(rule, body, index - split)
        if _is_of_project(rule, each.number):
            index += next((place for place, of_project in enumerate(run) if of_project), len(run))
        elif run and run[0]:
            before_others.add(index)
        places.setdefault(index, []).append(_line(rule, each))
    changed = lazy_imports.with_docstring_alone(rule.tree.replaced(body, quoted) if quoted else body)
    made: list[cst.BaseStatement] = []
    for index, line in enumerate(changed.body):
        if index in places:
            below = index in before_others
            made += lazy_imports.imports_before(places[index], line, apart=index > docstring, below=below)
        else:
            made.append(line)
    if len(changed.body) in places:  # a function that is nothing but its docstring, or that ends by reading arguments
        first, *rest = places[len(changed.body)]
        made += [first.with_changes(leading_lines=[cst.EmptyLine(indent=False), *first.leading_lines]), *rest]
    return changed.with_changes(body=made)


def _imports_at(rule: Rule, body: cst.IndentedBlock, index: int) -> list[bool]:
    """Return, for each of the imports that stand at a place in a function, whether it is of a module of the project."""
    numbers = {statement.statement: number for number, statement in enumerate(rule.facts.imports)}
    found = []
    for line in body.body[index:]:
        inner = line.body[0] if isinstance(line, cst.SimpleStatementLine) else line
        number = numbers.get(rule.tree.numbers.get(inner, -1))
        if number is None:
            break
        found.append(_is_of_project(rule, number))
    return found


def _is_of_project(rule: Rule, number: int) -> bool:
    """Whether an import is of a module of the project: such imports stand below those of libraries."""
    targets = rule.project.targets(rule.facts, rule.facts.imports[number])
    return any(target.path is not None for target in targets)


# --- annotations ---


def _annotations(rule: Rule, names: Collection[str]) -> list[cst.Annotation]:
    """Return the annotations that use one of the names and are evaluated: not in quotes, not of a local variable."""
    if not names:
        return []
    found = []
    for node in rule.tree.parents:
        if not isinstance(node, cst.Annotation) or not _names(node.annotation) & set(names):
            continue
        around = rule.tree.enclosing(node)
        local = isinstance(around[0], cst.AnnAssign) and next(
            (isinstance(each, cst.FunctionDef) for each in around if isinstance(each, (cst.FunctionDef, cst.ClassDef))),
            False,
        )
        if not local:
            found.append(node)
    return found


def _names(expr: cst.CSTNode) -> set[str]:
    """Return the names in an expression, strings not looked into."""
    if isinstance(expr, cst.Name):
        return {expr.value}
    if isinstance(expr, cst.Attribute):
        return _names(expr.value)
    return {name for child in expr.children for name in _names(child)}


def _quoted(rule: Rule, expr: cst.BaseExpression) -> cst.SimpleString | None:
    """Return an annotation in quotes, None where it has quotes or comments itself, or several lines."""
    code = rule.tree.module.code_for_node(expr)
    return None if re.search(r"[\"\\\n#]", code) else cst.SimpleString(f'"{code}"')
