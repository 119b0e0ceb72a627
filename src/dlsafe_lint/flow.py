"""Which way a function runs on from a statement, as far as its blocks and tests tell.

Asked for one thing that holds from the statement on ("`self.file` is open"): does it still hold where the function ends
on some path? Exceptions that the function does not raise itself are left out: after a ``try`` its body has run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.facts import Attribute, Call, Choice, Compared, Expr, Literal, ModuleFacts, Name, Opaque

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_FALLS, _RETURNS, _BREAKS = "falls", "returns", "breaks"
_LEAVES = frozenset({"return", "raise", "break", "continue"})
_LOOPS = frozenset({"for", "asyncfor", "while"})


class Outline(NamedTuple):
    """How the statements and blocks of a module lie in each other: the statements of each block, and vice versa."""

    statements: dict[int, list[int]]
    blocks: dict[int, list[int]]


def outline(facts: ModuleFacts) -> Outline:
    """Return the outline of a module; functions and classes are no blocks of the statement that defines them."""
    statements: dict[int, list[int]] = {}
    blocks: dict[int, list[int]] = {}
    for index, statement in enumerate(facts.statements):
        statements.setdefault(statement.block, []).append(index)
    for index, block in enumerate(facts.blocks):
        if block.parent >= 0:
            blocks.setdefault(block.statement, []).append(index)
    return Outline(statements, blocks)


def within(lies: Outline, statements: Sequence[int]) -> Iterator[int]:
    """Yield statements and all that stand in their blocks."""
    for statement in statements:
        yield statement
        for block in lies.blocks.get(statement, ()):
            yield from within(lies, lies.statements.get(block, ()))


def survives(
    facts: ModuleFacts,
    lies: Outline,
    start: int,
    ends: Callable[[int], bool],
    holds: Callable[[Expr], bool | None],
    *,
    function: int | None = None,
) -> bool:
    """Tell whether a function can run from a statement to its end without an end of the thing that is asked about.

    Args:
        facts: the module.
        lies: its outline.
        start: the statement after which the thing holds; -1 for the beginning of `function`.
        ends: whether the thing ends with a statement.
        holds: what a test says while the thing holds: True, False, or None where it may be either.
        function: the function's scope, where `start` is -1.
    """
    path = _Path(facts, lies, ends, holds)
    if start < 0:
        body = facts.scopes[function or 0].body
        return bool(path.run(lies.statements.get(body, ())) - {_BREAKS})
    return path.after(start)


def skipped(
    facts: ModuleFacts, lies: Outline, function: int, holds: Callable[[Expr, int], bool | None]
) -> frozenset[int]:
    """Return the statements of a function that don't run as far as its tests tell, and what lies behind its returns.

    Args:
        facts: the module.
        lies: its outline.
        function: the function's scope.
        holds: what the test of an ``if`` says at that statement: True, False, or None where it may be either.
    """
    found: set[int] = set()

    def leave_out(statements: Sequence[int]) -> None:
        found.update(within(lies, statements))

    def run(statements: Sequence[int]) -> bool:
        """Whether what follows the statements may run."""
        for index, statement in enumerate(statements):
            if not goes_on(statement):
                leave_out(statements[index + 1 :])
                return False
        return True

    def goes_on(statement: int) -> bool:
        kind = facts.statements[statement].kind
        blocks = lies.blocks.get(statement, ())
        inside = [lies.statements.get(block, []) for block in blocks]
        if kind != "if" or not blocks:
            ends = [not run(each) for each in inside]
            return kind not in _LEAVES and not (kind in ("with", "asyncwith") and all(ends) and ends)
        first = facts.blocks[blocks[0]]
        verdict = holds(first.test, statement) if first.kind == "if" and first.test is not None else None
        ways = [True] * (2 - len(inside)) if verdict is not True else []
        for block, each in zip((True, False), inside, strict=False):
            if verdict is not None and block != verdict:
                leave_out(each)
            else:
                ways.append(run(each))
        return any(ways)

    run(lies.statements.get(facts.scopes[function].body, ()))
    return frozenset(found)


class _Path(NamedTuple):
    facts: ModuleFacts
    lies: Outline
    ends: Callable[[int], bool]
    holds: Callable[[Expr], bool | None]

    def after(self, statement: int) -> bool:
        """Whether the function's end is reached from behind the statement."""
        block = self.facts.statements[statement].block
        ways = self.run(self.following(statement))
        while ways:
            parent, owner = self.facts.blocks[block].parent, self.facts.blocks[block].statement
            if parent < 0:
                return bool(ways - {_BREAKS})
            ways = self.out_of(block, ways)
            if _FALLS in ways:
                ways = (ways - {_FALLS}) | self.run(self.following(owner))
            block = parent
        return False

    def following(self, statement: int) -> Sequence[int]:
        inside = self.lies.statements[self.facts.statements[statement].block]
        return inside[inside.index(statement) + 1 :]

    def run(self, statements: Sequence[int]) -> frozenset[str]:
        """Return how a list of statements may end while the thing still holds."""
        ways: frozenset[str] = frozenset()
        for statement in statements:
            if self.ends(statement):
                return ways
            match self.facts.statements[statement].kind:
                case "return":
                    return ways | {_RETURNS}
                case "raise":
                    return ways
                case "break" | "continue":
                    return ways | {_BREAKS}
            inner = self.inside(statement)
            ways |= inner - {_FALLS}
            if _FALLS not in inner:
                return ways
        return ways | {_FALLS}

    def inside(self, statement: int) -> frozenset[str]:
        """Return how a statement may end."""
        blocks = self.lies.blocks.get(statement)
        if not blocks:
            return frozenset({_FALLS})
        by_kind = {self.facts.blocks[block].kind: block for block in blocks}
        match self.facts.statements[statement].kind:
            case "if":
                return self.branches(blocks)
            case "match":
                ways = frozenset(way for block in blocks for way in self.block(block))
                last = self.facts.blocks[blocks[-1]].test
                return ways if isinstance(last, Literal) else ways | {_FALLS}
            case "with" | "asyncwith":
                return self.block(blocks[0])
            case "try" | "trystar":
                return self.out_of(by_kind["try"], self.block(by_kind["try"]))
            case kind if kind in _LOOPS:
                body = by_kind["loop"]
                test = self.facts.blocks[body].test
                ways = self.block(body)
                for_ever = isinstance(test, Literal) and bool(test.value)
                falls = frozenset({_FALLS}) if _BREAKS in ways or not for_ever else frozenset()
                return (ways - {_FALLS, _BREAKS}) | falls
        return frozenset({_FALLS})

    def branches(self, blocks: Sequence[int]) -> frozenset[str]:
        first = self.facts.blocks[blocks[0]]
        verdict = False if first.kind in ("never", "typing") else self.holds(first.test) if first.test else None
        if verdict is True:
            return self.block(blocks[0])
        otherwise = self.block(blocks[1]) if len(blocks) > 1 else frozenset({_FALLS})
        return otherwise if verdict is False else self.block(blocks[0]) | otherwise

    def block(self, block: int) -> frozenset[str]:
        return self.run(self.lies.statements.get(block, ()))

    def out_of(self, block: int, ways: frozenset[str]) -> frozenset[str]:
        """Return how the statement around a block may end if the block ends in these ways."""
        found = self.facts.blocks[block]
        if found.kind == "loop":
            return (ways - {_BREAKS}) | ({_FALLS} if _BREAKS in ways else frozenset())
        owner = self.facts.statements[found.statement].kind
        if owner not in ("try", "trystar") or found.kind == "finally":
            return ways
        others = {self.facts.blocks[each].kind: each for each in self.lies.blocks[found.statement]}
        if found.kind == "try" and "else" in others and _FALLS in ways:
            ways = (ways - {_FALLS}) | self.block(others["else"])
        if "finally" in others:
            last = self.block(others["finally"])
            ways = (ways if _FALLS in last else frozenset()) | (last - {_FALLS})
        return ways


def truth(test: Expr, about: Callable[[Expr], bool | None]) -> bool | None:
    """Tell what a test says, from what its parts say.

    Args:
        test: the test of an ``if``.
        about: tells of an expression whether it is true or false, None where it may be either; asked for the whole test
            first, then for what ``not``, ``and``, ``or`` and comparisons with None are made of.
    """
    known = about(test)
    if known is not None:
        return known
    match test:
        case Choice("and" | "or" as how, options):
            verdicts = {truth(option, about) for option in options}
            decisive = how == "or"
            if decisive in verdicts:
                return decisive
            return (not decisive) if verdicts == {not decisive} else None
        case Compared("Is" | "Eq" | "IsNot" | "NotEq" as op, left, Literal(None)) if isinstance(
            left, (Name, Attribute)
        ):
            exists = about(left)
            # what is true is not None; what is false may be None or something empty
            return op in ("IsNot", "NotEq") if exists else None
        case Opaque((Compared() | Name() | Opaque() | Attribute() | Call() | Choice() as inner,)):
            # `not test` is the only test made of a single part
            verdict = truth(inner, about)
            return None if verdict is None else not verdict
        case Literal(value):
            return bool(value)
    return None
