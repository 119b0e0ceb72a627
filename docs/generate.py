"""Writes the generated papers and parts of papers: `python docs/generate.py`.

docs/rules.md comes from the rules, docs/proofs.md from the fixtures, docs/startup.svg and the example in
docs/startup.md from the runner in benchmarks/ and what was measured there. Parts of the README are what its example
prints, its table of settings and its table of what happens. What happens is what the fixtures claim, and
tests/test_proofs.py runs them to see that it is so.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import claims
from dlsafe_lint import config, explaining, import_times, rules
from dlsafe_lint.apis.handles import HANDLES
from dlsafe_lint.measuring import Measured
from dlsafe_lint.output import render_startup

if TYPE_CHECKING:
    from dlsafe_lint.comparison import Comparison
    from dlsafe_lint.rule import Rule

ROOT = Path(__file__).parent.parent
SETTINGS = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- end of settings -->\n)", re.DOTALL)
MOST_NAMES = 6
"""So many programs are named in a row of the short table; docs/proofs.md has all."""

HAPPENS = re.compile(r"(?<=<!-- what happens -->\n).*?(?=<!-- end of what happens -->\n)", re.DOTALL)
EXAMPLE = re.compile(r"```python\n(?P<source>.*?)```.*?\$ dlsafe-lint\n(?P<printed>.*?)```", re.DOTALL)
STARTUP = re.compile(r"(?<=\$ dlsafe-lint startup train.py\n).*?(?=```\n)", re.DOTALL)

HEAD = """\
# Rules

Generated from the rules' docstrings by `python docs/generate.py`. `dlsafe-lint rule CODE` prints the same.

Every rule stays silent where it can't resolve a name. What it says about start methods was seen with torch 2.13 on
Linux; [start-methods.md](start-methods.md) has the background.

| Code | Name | What | Fix |
| --- | --- | --- | --- |
"""


PROOFS_HEAD = """\
# What really happens

Generated from the programs in fixtures/ by `python docs/generate.py`. Each program is run with a real torch under each
start method by tests/test_proofs.py: it must fail as the table says, and work under all three once it is repaired, by
the linter's own fix (`.fixed`) or by hand (`_repaired`). An empty field: nothing is claimed.
"""


class Row(NamedTuple):
    """What a program, or one Dataset class of it, does.

    Attributes:
        code: the rule that reports it.
        what: what it is called in the short table: the opener for a kind of handle, else the case.
        shown: the program or the expression, as a link.
        about: what it shows, in words.
        outcomes: what happens under fork, spawn and forkserver.
        twin: the working program, as a link.
        is_kind: whether it is a kind of handle, one Dataset class of a program that shows many.
    """

    code: str
    what: str
    shown: str
    about: str
    outcomes: tuple[str, str, str]
    twin: str
    is_kind: bool = False


def generate() -> dict[Path, str]:
    """Return what the files must hold that are generated, in whole or in part."""
    readme = ROOT / "README.md"
    text = SETTINGS.sub(lambda _: settings_table(), readme.read_text(encoding="utf-8"))
    proofs = proven()
    text = HAPPENS.sub(lambda _: happens_table(proofs), text)
    example = EXAMPLE.search(text)
    assert example, "the README has an example and what the linter prints about it"
    text = text[: example.start("printed")] + printed_about(example["source"]) + text[example.end("printed") :]
    docs = ROOT / "docs"
    compared = runner()
    return {
        docs / "rules.md": rules_page(),
        docs / "proofs.md": proofs_page(proofs),
        docs / "startup.svg": startup_picture(compared),
        docs / "startup.md": startup_page(compared),
        readme: text,
    }


def runner() -> Comparison:
    """Return what the benchmark's training runner loads, estimated."""
    root = ROOT / "benchmarks" / "startup" / "before"
    explained = explaining.explain(config.load(None, tuple(rules.CODES), folder=root), root=root, wanted="train.py")
    (comparison,) = explained.comparisons
    return comparison


def startup_picture(comparison: Comparison) -> str:
    """Return the picture of the benchmark's runner, drawn from what was measured there."""
    before, after = (
        measured(ROOT / "benchmarks" / "startup" / f"train.{name}.importtime") for name in ("before", "after")
    )
    return render_startup("svg", [comparison._replace(measured=(before, after))], cwd=ROOT)


def startup_page(comparison: Comparison) -> str:
    """Return the page about the command `startup`, with what it prints about the benchmark's runner."""
    text = (ROOT / "docs" / "startup.md").read_text(encoding="utf-8")
    printed = render_startup("text", [comparison], cwd=ROOT / "benchmarks" / "startup" / "before")
    return STARTUP.sub(lambda _: printed, text, count=1)


def measured(path: Path) -> Measured:
    """Read what the benchmark has measured: how many runs, and the import times of the median one."""
    text = path.read_text(encoding="utf-8")
    runs = re.match(r"median of (\d+) runs", text)
    assert runs, path
    (tree,) = import_times.parse(text)
    seconds = tree.total / 1e6
    return Measured(tree, seconds, 0, (seconds,) * int(runs[1]), ())


def printed_about(source: str) -> str:
    """Return what the linter prints about a file `train.py`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "train.py").write_text(source, encoding="utf-8")
        command = [sys.executable, "-m", "dlsafe_lint", "--no-cache"]
        return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False).stdout


def settings_table() -> str:
    """Return the table of all settings."""
    rows = ["| key | default | takes | |\n", "| --- | --- | --- | --- |\n"]
    for key in config.describe():
        default = f"`{key.default}`" if 0 < len(key.default) <= 40 else ""
        rows.append(f"| `{key.name}` | {default} | {key.allowed} | {key.description} |\n")
    return "".join(rows)


def rules_page() -> str:
    """Return the page about all rules."""
    found = rules.load()
    rows = "".join(
        f"| [{rule.code}](#{anchor(rule)}) | {rule.name} | {summary(rule)} | {'yes' if has_fix(rule) else ''} |\n"
        for rule in found
    )
    return HEAD + rows + "".join(f"\n## {rule.code}: {rule.name}\n\n{body(rule)}\n" for rule in found)


def documentation(rule: type[Rule]) -> str:
    """Return a rule's docstring, not indented."""
    return inspect.cleandoc(rule.__doc__ or "")


def summary(rule: type[Rule]) -> str:
    """Return the first line of a rule's documentation, without its full stop."""
    return documentation(rule).partition("\n")[0].rstrip(".").replace("|", "\\|")


def has_fix(rule: type[Rule]) -> bool:
    """Tell whether the documentation speaks about a fix."""
    return re.search(r"(?m)^## Fix safety$", documentation(rule)) is not None


def anchor(rule: type[Rule]) -> str:
    """Return what GitHub makes of the rule's heading."""
    return f"{rule.code.lower()}-{rule.name}"


def body(rule: type[Rule]) -> str:
    """Return the documentation with its headings one level deeper, code left alone."""
    parts = re.split(r"(?ms)(^```.*?^```$)", documentation(rule))
    return "".join(p if p.startswith("```") else re.sub(r"(?m)^## ", "### ", p) for p in parts)


def proven() -> list[Row]:
    """Return what every program claims and the proofs find, in the order of the rules."""
    rows = []
    for case in claims.cases():
        code, name = case.parent.name, case.stem
        found = claims.read(case)
        if found and found.outcomes:
            about = first_line(found.program)
            rows.append(Row(code, f"`{name}`", link(case), about, each_method(found.outcomes), link(found.twin)))
        for kinds in claims.kinds(case):
            rows += [
                Row(
                    code,
                    f"`{next(name for name in kind.calls if name in HANDLES)}`",
                    f"[`{kind.keeps}`](../{kinds.program.relative_to(ROOT).as_posix()})",
                    "",
                    each_method(kind.outcomes),
                    link(kinds.twin),
                    is_kind=True,
                )
                for kind in kinds.kinds
            ]
    return rows


def each_method(outcomes: dict[str, str]) -> tuple[str, str, str]:
    """Return what happens under fork, spawn and forkserver; "" where nothing is claimed."""
    fork, spawn, forkserver = (outcomes.get(method, outcomes.get("always", "")) for method in claims.START_METHODS)
    return fork, spawn, forkserver


def link(path: Path) -> str:
    """Return a link from docs/ to a case."""
    return f"[{path.name}](../{path.relative_to(ROOT).as_posix()})"


def first_line(program: Path) -> str:
    """Return what a program says that it shows."""
    return claims.docstring(program).partition("\n")[0].replace("|", "\\|")


def happens_table(rows: list[Row]) -> str:
    """Return a row for each rule and each way to fail, with the kinds of handle and the programs that fail so.

    Without what only concerns a program's start (DLS5): it is the same under every start method.
    """
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if not row.code.startswith("DLS5"):
            groups.setdefault((row.code, *map(in_short, row.outcomes)), []).append(row)
    lines = ["| | fork | spawn | forkserver | repaired | seen with |\n", "| --- | --- | --- | --- | --- | --- |\n"]
    for (code, *outcomes), group in sorted(groups.items(), key=lambda each: (each[0][0], -len(each[1]))):
        lines.append(f"| {code} | {' | '.join(outcomes)} | {repaired_by(group)} | {seen_with(group)} |\n")
    return "".join(lines)


def repaired_by(group: list[Row]) -> str:
    """Return what the working twins do, which the proofs run under every start method, and who wrote them."""
    # a case may be repaired by the twin of another case, which tells nothing about its own fix
    own = (row.is_kind or row.twin.startswith(f"[{row.what.strip('`')}.fixed") for row in group)
    fixed = sum(mine and ".fixed" in row.twin for mine, row in zip(own, group, strict=True))
    return "works " + ("(by the fix)" if fixed == len(group) else "(by the fix, by hand)" if fixed else "(by hand)")


def seen_with(group: list[Row]) -> str:
    """Return some names, kinds of handle first, and how many more there are."""
    kinds = sorted({row.what for row in group if row.is_kind}, key=lambda name: (name.casefold(), name))
    names = [*kinds, *(row.what for row in group if not row.is_kind)]
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else shown


def in_short(outcome: str) -> str:
    """Return the way in which a program ends."""
    kind = outcome.partition(": ")[0]
    short = {
        "": "",
        "works": "works",
        "wrong data": "**wrong result**, no error",
        "wrong data or fails": "**wrong result** or an error",
        "hangs": "hangs",
        "child dies": "the child dies, exit 0",
        "warns": "warns",
    }
    return short.get(kind, "an error")


def proofs_page(rows: list[Row]) -> str:
    """Return the page with a row for every program and every kind of handle."""
    text = PROOFS_HEAD
    for code, name in rules.CODES.items():
        mine = [row for row in rows if row.code == code]
        if mine:
            text += f"\n## {code}: {name}\n\n| program | | fork | spawn | forkserver | repaired |\n"
            text += "| --- | --- | --- | --- | --- | --- |\n"
            for row in mine:
                outcomes = " | ".join(in_full(outcome) for outcome in row.outcomes)
                text += f"| {row.shown} | {row.about} | {outcomes} | {row.twin} |\n"
    return text


def in_full(outcome: str) -> str:
    """Return an outcome with its error message as code."""
    kind, separator, text = outcome.partition(": ")
    short = in_short(outcome)
    if kind in ("hangs", "child dies", "warns") and text:
        return f"{short}: `{text}`"
    return short if short != "an error" or outcome == "fails" else f"`{kind}{separator}{text}`"


if __name__ == "__main__":
    for path, text in generate().items():
        path.write_text(text, encoding="utf-8", newline="\n")
