"""`dlsafe-lint startup`: what it prints, draws, measures, and how it exits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from dlsafe_lint import cli
from dlsafe_lint.output import startup_svg

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"

TRAIN = """\
import argparse

import slowlib
from pkg.model import Net


def main():
    argparse.ArgumentParser().parse_args()
    print(slowlib.answer(), Net())


if __name__ == "__main__":
    main()
    raise SystemExit("the program ran")
"""
MODEL = "import slowlib\n\n\nclass Net(slowlib.Base): ...\n"
SETTINGS = """\
[project]
name = "runner"

[project.scripts]
tool = "pkg.tool:main"

[tool.dlsafe-lint]
extend-heavy-modules = ["slowlib"]
"""
TOOL = "import slowlib\n\n\nclass Tool(slowlib.Base): ...\n\n\ndef main():\n    Tool()\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site, root = tmp_path / "site", tmp_path / "project"
    (root / "pkg").mkdir(parents=True)
    site.mkdir()
    (site / "slowlib.py").write_text("import time\ntime.sleep(0.3)\nclass Base: ...\ndef answer(): return 42\n")
    (root / "pyproject.toml").write_text(SETTINGS)
    (root / "train.py").write_text(TRAIN)
    (root / "pkg" / "__init__.py").write_text("")
    (root / "pkg" / "model.py").write_text(MODEL)
    (root / "pkg" / "tool.py").write_text(TOOL)
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", str(site) + os.pathsep + os.environ.get("PYTHONPATH", ""))
    return root


def run(*arguments: str) -> int:
    return cli.main(["startup", *arguments])


# --- text ------------------------------------------------------------------------------------------------------------


def test_one_program(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train.py") == 0
    assert capsys.readouterr().out == (
        "train.py\n"
        "  train.py:8: the arguments are read here\n"
        "  loads 3 modules of the project, 1 other library: slowlib\n"
        "\n"
        "  estimated        before   after --fix\n"
        "  all imports        0 ms   0 ms\n"
        "    slowlib     not known   not loaded\n"
        "\n"
        "  The imports that lead there:\n"
        "  fix      train.py:3  import slowlib\n"
        "  fix      train.py:4  from pkg.model import Net\n"
        "             pkg/model.py:1  import slowlib\n"
    )
    assert (project / "train.py").read_text() == TRAIN


@pytest.mark.usefixtures("project")
def test_what_stays_is_said_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tool") == 0
    out = capsys.readouterr().out
    assert out.startswith("pkg.tool:main\n")
    assert "  stays    pkg/tool.py:1  import slowlib: base class `slowlib.Base` at line 4\n" in out


def test_what_is_left_after_fixing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "train.py").write_text(TRAIN.replace("import argparse\n", "import argparse\nimport pkg.tool\n"))
    (project / "pyproject.toml").write_text(SETTINGS.replace('"slowlib"]', '"slowlib", "wandb"]'))
    (project / "pkg" / "model.py").write_text("import wandb\nclass Net:\n    def f(self): wandb.log()\n")
    assert run("train.py") == 0
    before, _, after = capsys.readouterr().out.partition("  After --fix these would be left:\n")
    assert re.search(r"wandb +1.01 s +not loaded", before)
    assert "base class" not in before
    assert "stays      pkg/tool.py:1  import slowlib: base class `slowlib.Base` at line 4" in after


def test_what_only_an_unsafe_fix_moves(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text(f"{SETTINGS}max-moves = 1\n")
    (project / "train.py").write_text(TRAIN.replace("def main", "def more():\n    slowlib.answer()\n\n\ndef main"))
    assert run("train.py") == 0
    out = capsys.readouterr().out
    assert "  unsafe   train.py:3  import slowlib\n" in out
    assert "  fix      train.py:4  from pkg.model import Net\n" in out
    assert run("train.py", "--unsafe-fixes") == 0
    assert "  fix      train.py:3  import slowlib\n" in capsys.readouterr().out
    (project / "train.py").write_text(TRAIN.replace("import slowlib\n", "import slowlib  # DLS501 is meant\n"))
    assert run("train.py") == 0
    assert "  by hand  train.py:3  import slowlib\n" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_all_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert re.findall(r"(?m)^\S.*$", capsys.readouterr().out) == ["pkg.tool:main", "train.py"]


def test_no_programs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "train.py").unlink()
    (project / "pyproject.toml").write_text("[tool.dlsafe-lint]\n")
    assert run() == 0
    assert capsys.readouterr().out == "No programs found for which it would pay to start light.\n"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (
            "trian.py",
            "no program `trian.py` (did you mean `train.py`?). There are: pkg.tool:main, tool, train.py.",
        ),
        ("pkg", "`pkg` is a folder, not a program; its files are checked by `dlsafe-lint check pkg`"),
        ("pyproject.toml", "`pyproject.toml` is no Python file of the project"),
    ],
)
def test_what_is_no_program_is_told(capsys: pytest.CaptureFixture[str], entry: str, error: str) -> None:
    assert run(entry) == 2
    assert error in capsys.readouterr().err


def test_a_folder_named_startup_can_be_checked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "startup").mkdir()
    (project / "startup" / "odd.py").write_text("def f(:\n")
    for arguments in (["./startup"], ["check", "startup"]):
        assert cli.main([*arguments, "--no-cache", "--output-format", "concise"]) == 1
        assert "startup/odd.py:1:" in capsys.readouterr().out
    assert cli.main(["startup"]) == 0
    assert "note: to check the folder `startup`, write `./startup`" in capsys.readouterr().err


# --- measuring and limits --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train.py", "--measure", "--runs", "1", "--output-format", "json") == 0
    printed = capsys.readouterr()
    assert "runs code of the project" in printed.err
    (program,) = json.loads(printed.out)["programs"]
    before, after = program["before"], program["after"]
    assert before["measured"]["seconds"] > 0.3 > after["measured"]["seconds"] > 0
    assert before["measured"]["failures"] == after["measured"]["failures"] == []
    assert program["times_faster"] == before["measured"]["seconds"] / after["measured"]["seconds"]
    (loaded,) = (each for each in before["tree"]["loads"] if each["name"] == "slowlib")
    assert loaded["microseconds"] > 300_000
    assert [each["name"] for each in before["slow"]] == ["slowlib"]
    assert after["slow"] == []


def test_what_can_not_be_imported_is_a_warning(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "train.py").write_text(TRAIN.replace("import argparse\n", "import argparse\nimport no_such_library\n"))
    assert run("train.py", "--measure", "--runs", "1") == 0
    assert "warning: train.py:2: `import no_such_library` failed: ModuleNotFoundError" in capsys.readouterr().err


def test_measuring_that_takes_too_long_fails(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pkg" / "model.py").write_text("import time\ntime.sleep(600)\nclass Net: ...\n")
    assert run("train.py", "--measure", "--runs", "1", "--time-limit", "3") == 2
    assert "train.py: importing took more than 3 s and was stopped" in capsys.readouterr().err


@pytest.mark.parametrize(("limit", "status"), [("0.5", 1), ("1.01", 0), ("30", 0)])
def test_fail_over(project: Path, capsys: pytest.CaptureFixture[str], limit: str, status: int) -> None:
    (project / "train.py").write_text(TRAIN.replace("slowlib", "wandb"))
    assert run("train.py", "--fail-over", limit) == status
    said = "train.py imports for 1.01 s (estimated), more than the 0.5 s that --fail-over allows; after --fix 0 ms\n"
    assert capsys.readouterr().err == (said if status else "")


def test_nothing_runs_and_nothing_heavy_is_loaded_without_being_asked_for(project: Path) -> None:
    (project / "pkg" / "model.py").write_text("raise SystemExit('it ran')\n")
    command = (
        "import sys; from dlsafe_lint import cli; status = cli.main(['startup', '--output-format', 'svg'])\n"
        "assert not {'dlsafe_lint.measuring', 'torch', 'slowlib'} & set(sys.modules)\n"
        "raise SystemExit(status)"
    )
    subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, cwd=project)


def test_linting_loads_nothing_of_it(project: Path) -> None:
    command = (
        "import sys; from dlsafe_lint import cli; cli.main(['.'])\n"
        "new = {'measuring', 'explaining', 'comparison', 'analysis.starting', 'output.startup_svg'}\n"
        "assert not {f'dlsafe_lint.{name}' for name in new} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, cwd=project)


# --- pictures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn(project: Path, capsys: pytest.CaptureFixture[str]) -> ET.Element:
    (project / "train.py").write_text(TRAIN.replace("slowlib", "lightning"))
    (project / "pkg" / "model.py").write_text("import wandb\nclass Net: ...\n")
    assert run("train.py", "--output-format", "svg") == 0
    return ET.fromstring(capsys.readouterr().out)


def boxes(group: ET.Element) -> list[tuple[str, float, float, float]]:
    found = []
    for box in group.findall(f"{SVG}g"):
        title, rect = box.find(f"{SVG}title"), box.find(f"{SVG}rect")
        assert title is not None
        assert rect is not None
        x, y, width = (float(rect.attrib[key]) for key in ("x", "y", "width"))
        found.append(((title.text or "").partition(":")[0], x, y, width))
    return found


def test_boxes_are_as_wide_as_their_time(drawn: ET.Element) -> None:
    before, after = (group for group in drawn.findall(f"{SVG}g") if group.get("class") == "icicle")
    named = {name: (x, y, width) for name, x, y, width in boxes(before)}
    assert list(named) == ["train.py", "lightning", "pkg.model", "wandb"]
    whole = named["train.py"][2]
    assert named["lightning"][2] / whole == pytest.approx(8790 / 9800, abs=0.001)
    assert named["wandb"][2] / whole == pytest.approx(1010 / 9800, abs=0.001)
    assert named["lightning"][2] + named["pkg.model"][2] == pytest.approx(whole, abs=0.2)
    assert named["wandb"][0] == named["pkg.model"][0] == pytest.approx(sum(named["lightning"][::2]), abs=0.2)
    rows = {name: round((y - named["train.py"][1]) / startup_svg.ROW) for name, (_, y, _) in named.items()}
    assert rows == {"train.py": 0, "lightning": 1, "pkg.model": 1, "wandb": 2}
    assert boxes(after) == []  # nothing is left that takes time


def test_everything_lies_in_the_picture(drawn: ET.Element) -> None:
    _, _, width, height = (float(each) for each in drawn.attrib["viewBox"].split())
    for rect in drawn.iter(f"{SVG}rect"):
        assert 0 <= float(rect.get("x", 0)) <= float(rect.get("x", 0)) + float(rect.attrib["width"]) <= width
        assert 0 <= float(rect.get("y", 0)) <= float(rect.get("y", 0)) + float(rect.attrib["height"]) <= height
    for text in drawn.iter(f"{SVG}text"):
        assert 0 < float(text.attrib["x"]) < width
        assert 0 < float(text.attrib["y"]) < height


def test_labels_stay_within_their_boxes(drawn: ET.Element) -> None:
    labelled = 0
    for box in drawn.iter(f"{SVG}g"):
        rect, text = box.find(f"{SVG}rect"), box.find(f"{SVG}text")
        if box.get("class", "").startswith("box") and rect is not None and text is not None:
            labelled += 1
            assert len(text.text or "") * startup_svg.LETTER + 5 <= float(rect.attrib["width"])
    assert labelled >= 4


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colors", [startup_svg.LIGHT, startup_svg.DARK], ids=["light", "dark"])
def test_text_can_be_read_on_every_colour(colors: dict[str, str]) -> None:
    fills = [name for name in colors if name not in ("ink", "dim", "line", "good")]
    assert len(fills) == 12
    for name in fills:
        assert contrast(colors["ink"], colors[name]) >= 4.5, name
    for name in ("dim", "good"):
        assert contrast(colors[name], colors["paper"]) >= 4.5, name


class Page(HTMLParser):
    """What a page is made of: which elements are open, and every attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.void = {"meta", "br", "link", "img", "input", "hr"}
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("output_format", ["svg", "html"])
def test_pictures_need_nothing_from_outside_and_know_the_dark(
    capsys: pytest.CaptureFixture[str], output_format: str
) -> None:
    assert run("--output-format", output_format) == 0
    text = capsys.readouterr().out
    assert "@media (prefers-color-scheme: dark)" in text
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"@import|url\(|<link|<img|src=|href=", text)


def test_the_page_is_well_formed_and_has_the_text_too(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = project / "a<b&c.py"
    odd.write_text(TRAIN)
    assert run("--output-format", "html") == 0
    text = capsys.readouterr().out
    page = Page(text)
    assert page.open == []
    assert page.seen.count("section") == page.seen.count("svg") == 3
    assert "a<b" not in text
    assert "a&lt;b&amp;c.py" in text
    assert "<code>import slowlib</code>" in text
    assert "stays: base class `slowlib.Base` at line 4" in text
    assert not [name for name, _ in page.attributes if name.startswith("on")]
