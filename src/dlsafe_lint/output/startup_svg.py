"""A picture of what programs load when they start: an icicle chart of import time, before and after fixing.

The picture needs nothing from outside, and follows the reader's light or dark theme. Each box is a module, as wide as
the time that importing it takes; what it loads itself stands below it.
"""

from __future__ import annotations

import sys
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint.comparison import in_seconds, in_times
from dlsafe_lint.import_times import Box, boxes, by_library
from dlsafe_lint.output import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dlsafe_lint.comparison import Comparison
    from dlsafe_lint.import_times import Loaded

WIDTH = 1200
MARGIN = 32
GAP = 40
HEADER = 166
"""Pixels above the boxes of a program."""
ROW = 25
NARROWEST = 2
"""Pixels below which a box is left out."""
SMALLEST_SHARE = 0.3
"""Share of the width that the smaller chart has at least; it is then enlarged."""
LETTER = 7.0
"""Pixels of a letter of the boxes' text, a little generous: fonts differ."""

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1f2328",
    "dim": "#59636e",
    "line": "#d1d9e0",
    "good": "#116329",
    "own": "#d5dbe1",
    "standard": "#e6eaef",
    "rest": "#cbd3db",
    "library0": "#9fcbff",
    "library1": "#ffc58a",
    "library2": "#a5e3b4",
    "library3": "#d6c1ff",
    "library4": "#ffb9cd",
    "library5": "#97e2de",
    "library6": "#f2de82",
    "library7": "#f6b3a6",
}
DARK = {
    "paper": "#0d1117",
    "ink": "#f0f6fc",
    "dim": "#9aa4af",
    "line": "#3d444d",
    "good": "#56d364",
    "own": "#424c58",
    "standard": "#2b323b",
    "rest": "#37414c",
    "library0": "#1f5ca6",
    "library1": "#8a4b10",
    "library2": "#1c6b37",
    "library3": "#6443ad",
    "library4": "#98345a",
    "library5": "#14645f",
    "library6": "#6a5708",
    "library7": "#93362c",
}
"""Colours by name; text in ink is readable on every one of them but ink, dim, line and good."""

_STYLE = """\
.dlsafe {{ {light} color-scheme: light dark; font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }}
@media (prefers-color-scheme: dark) {{ .dlsafe {{ {dark} }} }}
.dlsafe .paper {{ fill: var(--paper); }}
.dlsafe text {{ fill: var(--ink); }}
.dlsafe .name {{ font-size: 22px; font-weight: 650; }}
.dlsafe .big {{ font-size: 30px; font-weight: 650; }}
.dlsafe .dim {{ fill: var(--dim); font-size: 13px; }}
.dlsafe .tick {{ fill: var(--dim); font-size: 11px; }}
.dlsafe .good {{ fill: var(--good); }}
.dlsafe .faster {{ font-size: 22px; font-weight: 650; fill: var(--good); }}
.dlsafe .track {{ fill: var(--line); }}
.dlsafe .bar {{ fill: var(--dim); }}
.dlsafe .bar.good {{ fill: var(--good); }}
.dlsafe line {{ stroke: var(--line); }}
.dlsafe .box rect {{ stroke: var(--paper); }}
.dlsafe .box text {{ pointer-events: none; }}
.dlsafe .box:hover rect, .dlsafe .box:focus rect {{ stroke: var(--ink); stroke-width: 2; }}
.dlsafe .box:focus {{ outline: none; }}
{fills}"""


class _Panel(NamedTuple):
    """One of the two charts: where it is, and how long its tree takes in all."""

    tree: Loaded
    left: float
    width: float
    title: str
    good: bool = False

    @property
    def scale(self) -> float:
        """Pixels per microsecond."""
        return self.width / self.tree.total if self.tree.total else 0


def render(comparisons: Sequence[Comparison]) -> str:
    """Draw all programs below each other. See `dlsafe_lint.output.render_startup`."""
    parts: list[str] = []
    top = 0.0
    for comparison in comparisons:
        drawn, height = _program(comparison, top)
        parts += drawn
        top += height
    height = round(top) if comparisons else 64
    if not comparisons:
        parts = [_text(MARGIN, 40, "no programs", "name")]
    names = ", ".join(comparison.name for comparison in comparisons)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="dlsafe" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{_clean(f"Import time of {names}, before and after fixing")}">'
    )
    paper = f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
    return "\n".join([head, f"<style>\n{_style()}</style>", paper, *parts, "</svg>\n"])


def _style() -> str:
    light, dark = (" ".join(f"--{name}: {color};" for name, color in colors.items()) for colors in (LIGHT, DARK))
    kinds = [name for name in LIGHT if name.startswith("library") or name in ("own", "standard", "rest")]
    fills = "".join(f".dlsafe .{name} rect, .dlsafe rect.{name} {{ fill: var(--{name}); }}\n" for name in kinds)
    return _STYLE.format(light=light, dark=dark, fills=fills)


def _program(comparison: Comparison, top: float) -> tuple[list[str], float]:
    """Draw one program; return its parts and its height."""
    kinds = _kinds(comparison)
    panels = _panels(comparison)
    rows = 0
    parts = [_text(MARGIN, top + 42, comparison.name, "name"), _text(MARGIN, top + 64, _about(comparison), "dim")]
    before, after = comparison.trees
    if (times := comparison.times_faster) and times >= 1.05:
        parts.append(_text(WIDTH - MARGIN, top + 42, f"{in_times(times)} times faster", "faster", anchor="end"))
    elif after.total == 0 < before.total:
        parts.append(_text(WIDTH - MARGIN, top + 42, "nothing slow is left", "faster", anchor="end"))
    for panel in panels:
        parts += _heading(panel, panels[0], top)
        laid = boxes(panel.tree, max(round(NARROWEST / panel.scale), 1)) if panel.scale else []
        rows = max(rows, *(box.row + 1 for box in laid), 1)
        parts += _axis(panel, top, max((box.row + 1 for box in laid), default=0))
        parts.append(f'<g class="icicle" role="group" aria-label="{_clean(panel.title)}">')
        parts += [_box(box, laid, panel, top, kinds) for box in laid]
        parts.append("</g>")
    bottom = top + HEADER + rows * ROW
    legend, lines = _legend(comparison, kinds, bottom + 34)
    return parts + legend, bottom + 34 + 24 * lines + 12 - top


def _about(comparison: Comparison) -> str:
    reads = comparison.before.entry.reason == "arguments"
    what = "imports before the arguments are read" if reads else "imports at start-up"
    if comparison.measured is None:
        return f"{what} · estimated"
    runs = len(comparison.measured[0].runs)
    return f"{what} · measured" + (f", median of {runs} runs" if runs > 1 else "")


def _panels(comparison: Comparison) -> list[_Panel]:
    """Return the charts: side by side on one scale, or the smaller one enlarged where it would be too small to read."""
    before, after = comparison.trees
    room = WIDTH - 2 * MARGIN - GAP
    if not comparison.is_fixed:
        return [_Panel(before, MARGIN, room + GAP, "as it is: there is nothing for --fix to move")]
    whole = before.total + after.total
    share = min(max(after.total / whole if whole else 0, SMALLEST_SHARE), 1 - SMALLEST_SHARE)
    first = _Panel(before, MARGIN, room * (1 - share), "before")
    second = _Panel(after, MARGIN + first.width + GAP, room * share, "after dlsafe-lint --fix", good=True)
    return [first, second]


def _heading(panel: _Panel, first: _Panel, top: float) -> Iterator[str]:
    good = " good" if panel.good else ""
    yield _text(panel.left, top + 110, in_seconds(panel.tree.total / 1e6), f"big{good}")
    larger = panel.scale / first.scale if panel.scale and first.scale else 1
    if larger >= 1.05:
        yield _text(panel.left + 112, top + 98, panel.title, "dim")
        yield _text(panel.left + 112, top + 113, f"drawn {in_times(larger)} times larger", "tick")
    else:
        yield _text(panel.left + 112, top + 110, panel.title, "dim")
    share = min(panel.tree.total / first.tree.total, 1) if first.tree.total else 0
    yield _rect(panel.left, top + 122, panel.width, 5, "track")
    if share:
        yield _rect(panel.left, top + 122, max(panel.width * share, 2), 5, f"bar{good}")


def _axis(panel: _Panel, top: float, rows: int) -> Iterator[str]:
    step = _tick(panel)
    bottom = top + HEADER + rows * ROW
    at = step
    while step and at < panel.tree.total:
        x = panel.left + at * panel.scale
        label = in_seconds(at / 1e6).replace(".0 ", " ").replace(".00 ", " ")
        if x + len(label) * LETTER < panel.left + panel.width:
            yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEADER - 8:.0f}" y2="{bottom + 4:.0f}"/>'
            yield _text(x + 3, top + HEADER - 8, label, "tick")
        at += step


def _tick(panel: _Panel) -> int:
    """Return the microseconds between two ticks: 1, 2 or 5 and noughts, at least 90 pixels."""
    if not panel.scale:
        return 0
    step = 1000
    while step * panel.scale < 90:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return step


def _box(box: Box, laid: Sequence[Box], panel: _Panel, top: float, kinds: Mapping[str, str]) -> str:
    loaded = box.loaded
    above = laid[box.parent].loaded if box.parent >= 0 else None
    x, y = panel.left + box.start * panel.scale, top + HEADER + box.row * ROW
    width = loaded.total * panel.scale
    kind = "own" if above is None else kinds.get(_library(loaded.name), _kind(loaded.name))
    percent = round(100 * loaded.total / panel.tree.total)
    words = f"{loaded.name}: {in_seconds(loaded.total / 1e6)}"
    if above is not None:
        words += f", {percent} % of the start" if percent else ""
        words += f"; {in_seconds(loaded.own / 1e6)} of it in the module itself" if loaded.inner else ""
    label = _label(loaded, above, width)
    shown = _text(x + 5, y + 16.5, label, "") if label else ""
    return (
        f'<g class="box {kind}" data-row="{box.row}"><title>{_clean(words)}</title>'
        f"{_rect(x, y, width, ROW - 1, '', rounded=3)}{shown}</g>"
    )


def _label(loaded: Loaded, above: Loaded | None, width: float) -> str:
    """Return as much of a module's name as there is room for, and its time if there is more."""
    name = loaded.name
    if above is not None and name.startswith(f"{above.name}."):
        name = name.removeprefix(above.name)
    elif above is not None and _library(name) == _library(above.name) and "." in name:
        name = f".{name.partition('.')[2]}"
    room = int((width - 10) / LETTER)
    time = in_seconds(loaded.total / 1e6)
    if len(name) + len(time) + 2 <= room:
        return f"{name}  {time}"
    if len(name) <= room:
        return name
    return f"{name[: room - 1]}…" if room >= 5 else ""


def _legend(comparison: Comparison, kinds: Mapping[str, str], top: float) -> tuple[list[str], int]:
    """Draw which colour is which library, and how long its own modules take; return the number of lines too."""
    before, after = (by_library(tree) for tree in comparison.trees)
    parts = []
    x, line = float(MARGIN), 0
    for library, kind in kinds.items():
        if not kind.startswith("library"):
            continue
        words = library
        for number, spent in enumerate((before, after) if comparison.is_fixed else (before,)):
            words += f"{' →' * number} {in_seconds(spent[library] / 1e6) if library in spent else 'not loaded'}"
        width = 24 + len(words) * 7.3 + 22
        if x + width > WIDTH - MARGIN:
            x, line = float(MARGIN), line + 1
        y = top + 24 * line
        parts += [_rect(x, y - 11, 14, 14, kind, rounded=3), _text(x + 21, y, words, "")]
        x += width
    return parts, line + 1


def _kinds(comparison: Comparison) -> dict[str, str]:
    """Return the colour of each library: the slowest have their own, the same before and after."""
    own = {_library(module) for start in (comparison.before, comparison.after) for module in start.names}
    weights: dict[str, float] = {}
    for tree in comparison.trees:
        for library, spent in by_library(tree).items():
            if library not in own and _kind(library) == "rest" and 50 * spent >= tree.total > 0:
                weights[library] = max(weights.get(library, 0), spent / comparison.trees[0].total)
    found = dict.fromkeys(own, "own")
    slowest = sorted(weights, key=lambda each: (-weights[each], each))[:8]
    found.update({library: f"library{number}" for number, library in enumerate(slowest)})
    return found


def _kind(name: str) -> str:
    return "standard" if _library(name) in sys.stdlib_module_names else "rest"


def _library(name: str) -> str:
    return name.partition(".")[0]


def _rect(x: float, y: float, width: float, height: float, kind: str, *, rounded: int = 2) -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<rect{named} x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" rx="{rounded}"/>'


def _text(x: float, y: float, words: str, kind: str, *, anchor: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    anchored = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}"{anchored} xml:space="preserve">{_clean(words)}</text>'


def _clean(text: str) -> str:
    return escape(printable(text))
