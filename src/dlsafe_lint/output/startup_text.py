"""What programs load when they start, for people: figures, and the imports that lead to slow libraries as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dlsafe_lint.comparison import in_seconds, in_times
from dlsafe_lint.output import printable, relative

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dlsafe_lint.analysis.starting import Link, Start
    from dlsafe_lint.comparison import Comparison

_COLORS = {"fix": "green", "unsafe": "cyan", "by hand": "cyan", "stays": "yellow"}
_MARGIN = max(map(len, _COLORS)) + 2


def render(comparisons: Sequence[Comparison], *, cwd: Path, color: bool) -> str:
    """Writes a block for each program. See `dlsafe_lint.output.render_startup`."""
    if not comparisons:
        return "No programs found for which it would pay to start light.\n"
    return "\n".join("".join(f"{line}\n" for line in _block(each, cwd, color=color)) for each in comparisons)


def _block(comparison: Comparison, cwd: Path, *, color: bool) -> Iterator[str]:
    before, after = comparison.before, comparison.after
    yield _styled(printable(comparison.name), bold=True, color=color)
    place = before.entry.place
    yield f"  {printable(relative(place.path, cwd))}:{place.line}: {printable(place.message)}"
    yield f"  loads {_count(len(before.modules), 'module')} of the project, {_libraries(before)}"
    yield ""
    yield from _figures(comparison)
    if not before.links:
        yield ""
        yield "  Nothing that it loads is known to be slow."
        return
    yield ""
    yield "  The imports that lead there:"
    for link in before.links:
        yield from _chain(link, 0, comparison, cwd, color=color)
    if comparison.is_fixed and after.links:
        yield ""
        yield "  After --fix these would be left:"
        for link in after.links:
            yield from _chain(link, 0, comparison._replace(before=after), cwd, color=color, left=True)


def _libraries(start: Start) -> str:
    shown = ", ".join(start.libraries[:12]) + (", …" if len(start.libraries) > 12 else "")
    return f"{len(start.libraries)} other librar{'y' if len(start.libraries) == 1 else 'ies'}" + f": {shown}" * bool(
        shown
    )


def _figures(comparison: Comparison) -> Iterator[str]:
    before, after = comparison.seconds
    how = "measured" if comparison.measured else "estimated"
    times = comparison.times_faster
    faster = f"   {in_times(times)} times faster" if times and times >= 1.05 else ""
    rows = [("all imports", in_seconds(before), in_seconds(after) + faster)]
    roots = dict.fromkeys((*comparison.before.roots, *comparison.after.roots))
    rows += [(f"  {root}", _cost(comparison, root, 0), _cost(comparison, root, 1)) for root in roots]
    width = max(len(name) for name, _, _ in rows)
    second = max(len("before"), *(len(cost) for _, cost, _ in rows))
    yield f"  {how:<{width}}   {'before':>{second}}   after --fix"
    for name, cost, left in rows:
        yield f"  {name:<{width}}   {cost:>{second}}   {left}".rstrip()


def _cost(comparison: Comparison, root: str, which: int) -> str:
    """Return what a slow library adds to what is loaded before it."""
    start = (comparison.before, comparison.after)[which]
    if root not in start.roots:
        return "not loaded"
    if comparison.measured:
        tree = comparison.measured[which].tree
        found = next((each for each in tree.walk() if each is not tree and each.name == root), None)
        return in_seconds(found.total / 1e6) if found else "not loaded"
    if root in start.unmeasured:
        return "not known"
    return in_seconds(start.roots[root] / 1000) if start.roots[root] else "comes along"


def _chain(
    link: Link, depth: int, comparison: Comparison, cwd: Path, *, color: bool, going: bool = False, left: bool = False
) -> Iterator[str]:
    fate = "" if going else comparison.fate(link)
    margin = _styled(f"{fate:<{_MARGIN}}", fg=_COLORS.get(fate), color=color)
    words = printable(link.words)
    seen = " (what it loads stands above)" if link.again else ""
    # where something is left after fixing, that is what the reasons are told of
    why = f": {printable(link.stays)}" if fate == "stays" and (left or not comparison.is_fixed) else ""
    place = f"{printable(relative(link.path, cwd))}:{link.line}"
    yield f"  {margin}{'  ' * depth}{place}  {words}{seen}{_styled(why, fg='yellow', color=color)}".rstrip()
    for inner in link.inner:
        yield from _chain(inner, depth + 1, comparison, cwd, color=color, going=going or fate == "fix", left=left)


def _styled(text: str, *, color: bool, fg: str | None = None, bold: bool | None = None) -> str:
    return click.style(text, fg=fg, bold=bold) if color and text else text


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
