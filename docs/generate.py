"""Writes docs/rules.md, and what the README's example prints and its table of settings: `python docs/generate.py`."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dlsafe_lint import config, rules

if TYPE_CHECKING:
    from dlsafe_lint.rule import Rule

ROOT = Path(__file__).parent.parent
SETTINGS = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- end of settings -->\n)", re.DOTALL)
EXAMPLE = re.compile(r"```python\n(?P<source>.*?)```.*?\$ dlsafe-lint\n(?P<printed>.*?)```", re.DOTALL)

HEAD = """\
# Rules

Generated from the rules' docstrings by `python docs/generate.py`. `dlsafe-lint rule CODE` prints the same.

Every rule stays silent where it can't resolve a name. What it says about start methods was seen with torch 2.13 on
Linux; [start-methods.md](start-methods.md) has the background.

| Code | Name | What | Fix |
| --- | --- | --- | --- |
"""


def generate() -> dict[Path, str]:
    """Return what the files must hold that are generated, in whole or in part."""
    readme = ROOT / "README.md"
    text = SETTINGS.sub(lambda _: settings_table(), readme.read_text(encoding="utf-8"))
    example = EXAMPLE.search(text)
    assert example, "the README has an example and what the linter prints about it"
    text = text[: example.start("printed")] + printed_about(example["source"]) + text[example.end("printed") :]
    return {ROOT / "docs" / "rules.md": rules_page(), readme: text}


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


if __name__ == "__main__":
    for path, text in generate().items():
        path.write_text(text, encoding="utf-8", newline="\n")
