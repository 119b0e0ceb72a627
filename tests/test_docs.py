"""The papers say what the program does."""

from __future__ import annotations

import inspect
import json
import re
import runpy
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import dlsafe_lint
from dlsafe_lint import rules
from dlsafe_lint.config import Config, load
from dlsafe_lint.finding import Breakage, Edit, Finding, Fix, Place, Range
from dlsafe_lint.output import Totals, render

ROOT = Path(__file__).parent.parent
HEADINGS = ["Why is this bad?", "Example", "Use instead", "Fix safety", "References"]
PAPERS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("fixtures/*.md")]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(rf"(?ms)^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text)
    assert found, heading
    return found[1]


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)


def without_code(text: str) -> str:
    return re.sub(r"(?ms)^(`{3,}).*?^\1$", "", text)


# --- rules -----------------------------------------------------------------------------------------------------------


def test_what_is_generated_is_up_to_date() -> None:
    generated = runpy.run_path(str(ROOT / "docs" / "generate.py"))["generate"]()
    assert {path.name for path in generated} == {"README.md", "rules.md", "proofs.md", "startup.svg", "startup.md"}
    for path, text in generated.items():
        assert path.read_text(encoding="utf-8") == text, "run `python docs/generate.py`"


@pytest.mark.parametrize("code", rules.CODES)
def test_a_rules_documentation_has_the_fixed_headings(code: str) -> None:
    (rule,) = rules.load([code])
    text = inspect.cleandoc(rule.__doc__ or "")
    first, blank, *_ = text.split("\n")
    assert first.endswith(".")
    assert blank == ""
    found = re.findall(r"(?m)^#+ (.*)$", without_code(text))
    assert found == [heading for heading in HEADINGS if heading in found]
    assert {"Why is this bad?", "Example", "Use instead"} <= set(found)
    assert code_blocks(section(text, "Example"), "python")


@pytest.mark.parametrize("paper", ["README.md", "CHANGELOG.md"])
@pytest.mark.parametrize("code", rules.CODES)
def test_every_rule_is_mentioned_with_its_name(paper: str, code: str) -> None:
    assert re.search(rf"{code}\W+{rules.CODES[code]}\b", read(paper))


def test_no_paper_speaks_of_a_rule_that_does_not_exist() -> None:
    for paper in ("README.md", "CHANGELOG.md", "docs/rules.md", "docs/start-methods.md", "docs/json.md"):
        assert set(re.findall(r"\bDLS\d{3}\b", read(paper))) <= rules.CODES.keys()


def test_the_readme_says_which_rules_can_be_fixed() -> None:
    for rule in rules.load():
        row = next(line for line in read("README.md").splitlines() if line.startswith(f"| {rule.code} |"))
        assert ("**fix**" in row) == ("## Fix safety" in (rule.__doc__ or ""))


# --- the command and its settings ------------------------------------------------------------------------------------


def test_every_setting_is_documented() -> None:
    documented = re.findall(r"(?m)^\| `([a-z-]+)` \|", section(read("README.md"), "Configuration"))
    assert documented == [field.name.replace("_", "-") for field in fields(Config) if field.name != "folder"]


def test_the_settings_that_the_papers_show_are_valid(tmp_path: Path) -> None:
    shown = [
        block
        for paper in PAPERS
        for block in code_blocks(paper.read_text(encoding="utf-8"), "toml")
        if "[tool.dlsafe-lint]" in block
    ]
    assert len(shown) >= 2
    for block in shown:
        path = tmp_path / "pyproject.toml"
        path.write_text(block, encoding="utf-8")
        assert load(path, tuple(rules.CODES)) != Config(folder=tmp_path)


def test_the_first_example_of_the_readme_shows_three_findings() -> None:
    """What it shows is what is printed: see `test_what_is_generated_is_up_to_date`."""
    introduction = read("README.md").partition("\n## ")[0]
    (session,) = code_blocks(introduction, "console")
    assert re.findall(r"(?m)^DLS\d{3}", session) == ["DLS101", "DLS201", "DLS301"]
    assert "Found 3 errors in 1 file." in session


def test_the_options_that_the_readme_names_exist() -> None:
    command = [sys.executable, "-m", "dlsafe_lint", "check", "--help"]
    help_text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"--[a-z][a-z-]+", help_text))
    named = set(re.findall(r"--[a-z][a-z-]+", section(read("README.md"), "Using it")))
    assert named <= options
    hooks = set(re.findall(r"--[a-z][a-z-]+", " ".join(re.findall(r"entry: (.*)", read(".pre-commit-hooks.yaml")))))
    assert hooks <= options


def test_the_page_about_startup_names_every_option_and_every_key(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import torch\nif __name__ == '__main__':\n    main()\n", encoding="utf-8")
    command = [sys.executable, "-m", "dlsafe_lint", "startup"]
    help_text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    page = read("docs/startup.md")
    options = set(re.findall(r"--[a-z][a-z-]+", help_text))
    assert options - {"--help", "--fix"} == set(re.findall(r"(?m)^\| `(--[a-z-]+)", page))
    printed = json.loads(
        subprocess.run(
            [*command, str(tmp_path / "main.py"), "--output-format", "json"], capture_output=True, check=True
        ).stdout
    )
    assert keys(printed) | {"cpu_seconds", "failures", "runs", "seconds"} == set(
        re.findall(r"(?m)^\| `(\w+)` \|", section(page, "JSON"))
    )


def keys(value: object) -> set[str]:
    match value:
        case dict():
            return {*value, *(key for inner in value.values() for key in keys(inner))}
        case list():
            return {key for inner in value for key in keys(inner)}
    return set()


def test_ruff_lives_with_what_the_readme_tells_it(tmp_path: Path) -> None:
    (settings,) = code_blocks(section(read("README.md"), "Using it beside ruff"), "toml")
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    (tmp_path / "main.py").write_text(
        "def main():\n    import torch\n\n    return torch\n\n\nx = lambda: 0  # noqa: DLS201\n", encoding="utf-8"
    )

    def ruff(*arguments: str) -> str:
        command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--extend-select", "PLC0415,RUF100,RUF102"]
        return subprocess.run(
            [*command, "--ignore", "E731", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        ).stdout

    assert ruff() == "All checks passed!\n"
    without = ruff("--isolated")
    assert "PLC0415" in without
    assert "RUF10" in without


def test_the_json_page_names_every_key() -> None:
    finding = Finding(
        code="DLS101",
        message="m",
        path=str(ROOT / "a.py"),
        range=Range(1, 1, 1, 2),
        breaks=(Breakage("spawn", "no"),),
        help="h",
        fix=Fix("t", (Edit(0, 1, ""),), "safe"),
        related=(Place(str(ROOT / "a.py"), 1, "m"),),
    )
    printed = json.loads(render("json", [finding], texts={}, totals=Totals(1), cwd=ROOT))
    page = read("docs/json.md")
    (example,) = code_blocks(page, "json")
    documented = json.loads(example)
    assert shape(documented) == shape(printed)
    tables = set(re.findall(r"(?m)^\| `(\w+)` \|", page))
    assert tables == printed["findings"][0].keys() | printed["findings"][0]["fix"].keys() | printed["summary"].keys()


def shape(value: object) -> object:
    """The keys of nested objects, in order; the codes under `by_rule` are no keys."""
    match value:
        case dict():
            return {key: shape(inner) if key != "by_rule" else {} for key, inner in value.items()}
        case list():
            return [shape(inner) for inner in value]
    return None


# --- the repository --------------------------------------------------------------------------------------------------


def test_the_changelog_begins_with_the_current_version() -> None:
    versions = re.findall(r"(?m)^## (\S+)", read("CHANGELOG.md"))
    assert versions[0] == dlsafe_lint.__version__


def test_ci_runs_the_test_command_of_the_readme() -> None:
    (command,) = [c for c in code_blocks(read("README.md"), "console") if "pytest" in c]
    create, *steps = command.strip().split(" && ")
    assert create == "python3 -m venv .venv"
    script = re.findall(r"(?m)^step (.*)$", read(".ci/run"))
    assert [step for step in script if step.startswith(("pip", "pytest"))] == [
        step.removeprefix(".venv/bin/") for step in steps
    ]
    assert "|| true" not in read(".ci/run")


@pytest.mark.parametrize("paper", PAPERS, ids=lambda p: p.name)
def test_links_between_papers_lead_somewhere(paper: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(paper.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        other = paper.parent / file if file else paper
        assert other.exists(), target
        if anchor:
            headings = re.findall(r"(?m)^#+ (.*)$", without_code(other.read_text(encoding="utf-8")))
            assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}, target
