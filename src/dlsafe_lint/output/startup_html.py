"""What programs load when they start, as a page: the picture, and what it is made of as text. It needs no network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from dlsafe_lint.comparison import in_seconds
from dlsafe_lint.output import printable, relative

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dlsafe_lint.analysis.starting import Link
    from dlsafe_lint.comparison import Comparison
    from dlsafe_lint.import_times import Loaded

_DEEPEST = 4
"""Rows of the table of modules."""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Start-up: {title}</title>
<style>
:root {{ --text: #1f2328; --back: #ffffff; --soft: #59636e; --edge: #d1d9e0; --fix: #116329; --stay: #7d4e00; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #f0f6fc; --back: #0d1117; --soft: #9aa4af; --edge: #3d444d; --fix: #56d364; --stay: #e3b341; }}
}}
body {{ margin: 0 auto; padding: 16px; max-width: 1240px; color: var(--text); background: var(--back);
  font: 14px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }}
h1 {{ font-size: 14px; font-weight: 400; color: var(--soft); margin: 0 32px; }}
h2 {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }}
section {{ border-bottom: 1px solid var(--edge); padding-bottom: 24px; }}
figure {{ margin: 0; overflow-x: auto; }}
figure svg {{ display: block; width: 100%; min-width: 760px; height: auto; }}
output, details {{ display: block; margin: 8px 32px; }}
output {{ color: var(--soft); min-height: 1.5em; }}
summary {{ cursor: pointer; font-weight: 600; }}
ul {{ list-style: none; padding-left: 22px; margin: 2px 0; }}
code {{ font: 12.5px ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }}
.place, .note {{ color: var(--soft); }}
.fix {{ color: var(--fix); font-weight: 600; }}
.stays {{ color: var(--stay); }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: 3px 18px 3px 0; border-bottom: 1px solid var(--edge); font-weight: 400; }}
td.time {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style>
</head>
<body>
<main>
<h1>What programs load when they start, by dlsafe-lint</h1>
{sections}
</main>
<script>
for (const figure of document.querySelectorAll("figure")) {{
  const said = figure.nextElementSibling, boxes = [...figure.querySelectorAll(".box")];
  const hint = said.textContent;
  const words = box => box.querySelector("title").textContent;
  const row = box => Number(box.dataset.row);
  const go = box => {{
    if (!box) return;
    boxes.forEach(each => each.setAttribute("tabindex", each === box ? 0 : -1));
    box.focus();
  }};
  const find = (from, step, wanted, until) => {{
    for (let at = from + step; boxes[at] && !until(boxes[at]); at += step) if (wanted(boxes[at])) return boxes[at];
  }};
  boxes.forEach((box, at) => {{
    box.setAttribute("tabindex", at ? -1 : 0);
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", words(box));
    box.addEventListener("pointerenter", () => {{ said.textContent = words(box); }});
    box.addEventListener("pointerleave", () => {{ said.textContent = hint; }});
    box.addEventListener("focus", () => {{ said.textContent = words(box); }});
    box.addEventListener("keydown", event => {{
      const here = row(box), same = each => row(each) === here;
      const to = {{
        ArrowRight: () => find(at, 1, same, () => false),
        ArrowLeft: () => find(at, -1, same, () => false),
        ArrowUp: () => find(at, -1, each => row(each) < here, () => false),
        ArrowDown: () => find(at, 1, each => row(each) > here, each => row(each) <= here),
      }}[event.key];
      if (to) {{ event.preventDefault(); go(to()); }}
    }});
  }});
}}
</script>
</body>
</html>
"""


def render(comparisons: Sequence[Comparison], pictures: Sequence[str], *, cwd: Path) -> str:
    """Write the page. See `dlsafe_lint.output.render_startup`.

    Args:
        comparisons: the programs.
        pictures: the picture of each, as SVG.
        cwd: paths below it are shown relative to it.
    """
    sections = "\n".join(
        "\n".join(_section(comparison, picture, cwd)) for comparison, picture in zip(comparisons, pictures, strict=True)
    )
    title = _clean(", ".join(comparison.name for comparison in comparisons)) or "no programs"
    return _PAGE.format(title=title, sections=sections or "<p>No programs found for which it would pay.</p>")


def _section(comparison: Comparison, picture: str, cwd: Path) -> Iterator[str]:
    yield f"<section>\n<h2>{_clean(comparison.name)}</h2>"
    yield f"<figure>\n{picture.strip()}\n</figure>"
    yield "<output>Point at a box, or go there with Tab and the arrow keys, to read more about it.</output>"
    if comparison.before.links:
        yield "<details open><summary>The imports that lead to slow libraries</summary>"
        yield from _links(comparison.before.links, comparison, cwd)
        yield "</details>"
    if comparison.is_fixed and comparison.after.links:
        yield "<details open><summary>What would be left after <code>--fix</code></summary>"
        yield from _links(comparison.after.links, comparison._replace(before=comparison.after), cwd)
        yield "</details>"
    yield "<details><summary>The modules as a table</summary>"
    yield from _table(comparison)
    yield "</details>\n</section>"


def _links(links: Sequence[Link], comparison: Comparison, cwd: Path, *, going: bool = False) -> Iterator[str]:
    yield "<ul>"
    for link in links:
        fate = "" if going else comparison.fate(link)
        said = {
            "fix": '<span class="fix">--fix moves it</span>',
            "unsafe": '<span class="fix">--unsafe-fixes would move it</span>',
            "by hand": '<span class="fix">can move by hand</span>',
            "stays": f'<span class="stays">stays: {_clean(link.stays)}</span>',
        }.get(fate, "")
        again = '<span class="note">what it loads stands above</span>' if link.again else ""
        place = f'<span class="place">{_clean(relative(link.path, cwd))}:{link.line}</span>'
        yield f"<li>{place} <code>{_clean(link.words)}</code> {said}{again}"
        if link.inner:
            yield from _links(link.inner, comparison, cwd, going=going or fate == "fix")
        yield "</li>"
    yield "</ul>"


def _table(comparison: Comparison) -> Iterator[str]:
    before, after = comparison.trees
    left = {each.name: each.total for each in after.walk()}
    yield "<table><thead><tr><th>module</th><th>before</th><th>after --fix</th></tr></thead><tbody>"
    for depth, each in _rows(before, before.total // 100, 0):
        rest = in_seconds(left[each.name] / 1e6) if each.name in left else "not loaded"
        indent = f' style="padding-left: {18 * depth}px"' if depth else ""
        yield (
            f'<tr><td{indent}><code>{_clean(each.name)}</code></td><td class="time">{in_seconds(each.total / 1e6)}</td>'
            f'<td class="time">{rest}</td></tr>'
        )
    yield "</tbody></table>"


def _rows(tree: Loaded, least: int, depth: int) -> Iterator[tuple[int, Loaded]]:
    yield depth, tree
    for inner in tree.inner if depth < _DEEPEST else ():
        if inner.total >= max(least, 1):
            yield from _rows(inner, least, depth + 1)


def _clean(text: str) -> str:
    return escape(printable(text))
