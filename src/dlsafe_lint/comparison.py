"""A program's start before and after fixing: what the formats of `dlsafe-lint startup` show."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.analysis.starting import all_links

if TYPE_CHECKING:
    from dlsafe_lint.analysis.starting import Link, Start
    from dlsafe_lint.import_times import Loaded
    from dlsafe_lint.measuring import Measured


class Comparison(NamedTuple):
    """A program, as it is and as ``--fix`` would leave it.

    Attributes:
        before, after: what it loads; the same where nothing would be fixed.
        by_hand: the identities of imports that could move but that no fix moves.
        unsafe: those of imports that only an unsafe fix moves, where that was not asked for.
        measured: what was measured before and after, None where it is estimated.
    """

    before: Start
    after: Start
    by_hand: frozenset[tuple[str, str]] = frozenset()
    measured: tuple[Measured, Measured] | None = None
    unsafe: frozenset[tuple[str, str]] = frozenset()

    @property
    def name(self) -> str:
        """The program's name."""
        return self.before.name

    @property
    def trees(self) -> tuple[Loaded, Loaded]:
        """What is loaded before and after, with times."""
        if self.measured:
            return self.measured[0].tree, self.measured[1].tree
        return self.before.tree, self.after.tree

    @property
    def seconds(self) -> tuple[float, float]:
        """What importing takes before and after."""
        if self.measured:
            return self.measured[0].seconds, self.measured[1].seconds
        return self.before.seconds, self.after.seconds

    @property
    def times_faster(self) -> float | None:
        """How many times faster the imports get; None where that can't be said, as nothing is left that takes time."""
        before, after = self.seconds
        return before / after if after > 0 else None

    @property
    def is_fixed(self) -> bool:
        """Whether fixing changes what is loaded."""
        return [link.identity for link in all_links(self.before.links)] != [
            link.identity for link in all_links(self.after.links)
        ]

    def fate(self, link: Link) -> str:
        """Say what becomes of an import that leads to something slow: "fix", "unsafe", "by hand", "stays" or ""."""
        if link.identity not in {each.identity for each in all_links(self.after.links)}:
            return "fix"
        if link.identity in self.unsafe:
            return "unsafe"
        if link.identity in self.by_hand:
            return "by hand"
        return "stays" if link.stays else ""


def in_seconds(seconds: float) -> str:
    """Return a time as people write it: "9.8 s", "0.37 s", "4 ms"."""
    if seconds >= 9.95:
        return f"{seconds:.0f} s" if seconds >= 99.5 else f"{seconds:.1f} s"
    return f"{seconds:.2f} s" if seconds >= 0.0995 else f"{1000 * seconds:.0f} ms"


def in_times(times: float) -> str:
    """Return a ratio as people write it: "26", "1.4"."""
    return f"{times:.0f}" if times >= 9.95 else f"{times:.1f}"
