"""Notebooks: what Python sees of their cells, where findings are, and that only the lines of a fix are written."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

from dlsafe_lint import linter, notebooks
from dlsafe_lint.config import Config
from dlsafe_lint.finding import Edit, named

UNUSED = "x = 1  # dlsafe: ignore[DLS101]"

DATASET = """\
class Data(Dataset):
    def __init__(self, path):
        self.file = h5py.File(path)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.file["x"][index]"""

IMPORTS = "import h5py\nfrom torch.utils.data import DataLoader, Dataset"


def cell(source: str | list[str], kind: str = "code", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"cell_type": kind, "metadata": {}}
    if kind == "code":
        made |= {"execution_count": None, "outputs": []}
    lines = source.splitlines(keepends=True) if isinstance(source, str) else source
    return {**made, "source": lines, **more}


def document(*cells: str | dict[str, Any], **metadata: Any) -> dict[str, Any]:
    made = [cell(each) if isinstance(each, str) else each for each in cells]
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}


def write(path: Path, *cells: str | dict[str, Any], **metadata: Any) -> Path:
    path.write_text(json.dumps(document(*cells, **metadata), indent=1) + "\n", "utf-8")
    return path


def parse(*cells: str | dict[str, Any], **metadata: Any) -> notebooks.Notebook:
    return notebooks.parse(json.dumps(document(*cells, **metadata)))


def lint(folder: Path, *names: str, settings: Config | None = None, **options: Any) -> linter.Report:
    options = {"cache": False, **options}
    return linter.run([folder / name for name in names] or [folder], settings or Config(), root=folder, **options)


def said(report: linter.Report) -> list[tuple[str, int, str]]:
    return [(named(Path(f.path).name, f.cell), f.range.start_line, f.code) for f in report.findings]


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dlsafe_lint", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


# --- what Python sees ---


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("%matplotlib inline\nx = 1", "\nx = 1\n"),
        ("!pip install a \\\n  b\nx = 1\n", "\n\nx = 1\n"),
        ("?x", "\n"),
        ("x = 1\nx?\nx.y??\nx[0]?;\nx = 2", "x = 1\n\n\n\nx = 2\n"),
        (",f a b\n;f a b\n/f a", "\n\n\n"),
        ("files = !ls *.h5", "files = get_ipython()\n"),
        ("a, b = %magic x", "a, b = get_ipython()\n"),
        ("self.x['a'] = !ls", "self.x['a'] = get_ipython()\n"),
        ("if x:\n    !ls\n    %time f()\nelse:\n\t!ls\n", "if x:\n    pass\n    pass\nelse:\n\tpass\n"),
        ("  \n  %time\n  x = 1\n  if x:\n    y", "\n\nx = 1\nif x:\n  y\n"),
        ("%%time\nx = 1", "\nx = 1\n"),
        ("\n%%capture out\n%%time\nx = 1", "\n\n\nx = 1\n"),
        # none of these is a magic
        ("x = (a\n% b)", "x = (a\n% b)\n"),
        ("x = a \\\n  % b\ny %= 2\nz = x %3", "x = a \\\n  % b\ny %= 2\nz = x %3\n"),
        ('x = """\n%time\n!ls\nx?\n"""\n', 'x = """\n%time\n!ls\nx?\n"""\n'),
        ("x = '('  # (\n%time\n", "x = '('  # (\n\n"),
        ("f(  # why?\n    1,\n)\n# what?\n", "f(  # why?\n    1,\n)\n# what?\n"),
        ("print('what?')\nx = '''a'''  # !\n!ls", "print('what?')\nx = '''a'''  # !\n\n"),
        ("x = 1\r\n!ls\r\ny = 2", "x = 1\r\n\r\ny = 2\n"),
    ],
)
def test_what_is_only_for_ipython_is_blank_and_no_line_moves(source: str, code: str) -> None:
    (found,) = parse(source).cells
    assert found.code == code
    assert len(found.code.splitlines()) == len(source.splitlines())


@pytest.mark.parametrize(
    "source",
    [
        "",
        "  \n",
        "%%bash\nls",
        "%%writefile data.py\nx = 1",
        "\n%%html\n<p>",
        "%%!\nls",
        "%%python\nx = 1",
        ">>> x = 1\n1",
        "In [1]: x",
    ],
)
def test_cells_without_python_are_left_out(source: str) -> None:
    assert [each.source for each in parse(source, "x = 1").cells] == ["x = 1"]


def test_only_code_cells_count_but_all_are_numbered() -> None:
    notebook = parse(
        cell("# Title", "markdown"),
        "x = 1",
        cell("x", "raw"),
        cell("SELECT", metadata={"vscode": {"languageId": "sql"}}),
        "y",
    )
    assert [(each.number, each.source, each.line) for each in notebook.cells] == [(2, "x = 1", 1), (5, "y", 3)]
    assert notebook.text == "x = 1\n\ny\n"
    assert notebook.position(1, 4) == (2, 1, 4)
    assert notebook.position(2) == (2, 2, 1)
    assert notebook.position(3, 1) == (5, 1, 1)


def test_nbformat_3_has_worksheets() -> None:
    sheets = [{"cells": [{"cell_type": "code", "language": "python", "input": ["x = 1"], "outputs": []}]}] * 2
    notebook = notebooks.parse(json.dumps({"metadata": {"name": ""}, "nbformat": 3, "worksheets": sheets}))
    assert [(each.number, each.source) for each in notebook.cells] == [(1, "x = 1"), (2, "x = 1")]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"language_info": {"name": "R"}}, "a notebook in R, not in Python"),
        ({"kernelspec": {"language": "julia", "name": "julia-1.9"}}, "a notebook in julia, not in Python"),
        ({"language_info": {"name": "python", "version": "2.7.12"}}, "a notebook in Python 2"),
        ({"kernelspec": {"name": "python2"}}, "a notebook in Python 2"),
        ({"kernelspec": {"name": "conda-old", "display_name": "Python 2.7 (old)"}}, "a notebook in Python 2"),
    ],
)
def test_other_languages_are_passed_over(metadata: dict[str, Any], message: str, tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", "x <- 1", **metadata)
    report = lint(tmp_path)
    assert (report.findings, report.files) == ((), 0)
    assert report.warnings == (f"{(tmp_path / 'a.ipynb').as_posix()}: passed over: {message}",)


@pytest.mark.parametrize(
    "metadata",
    [
        {"language_info": {"name": "ipython", "version": 3}},
        {"kernelspec": {"name": "x", "language": "python"}, "language_info": {"name": "python", "version": "2.7.6"}},
        {"kernelspec": None, "language_info": []},
    ],
)
def test_python_is_read_whatever_else_the_metadata_say(metadata: dict[str, Any]) -> None:
    assert parse("x = 1", **metadata).text == "x = 1\n"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b'{"cells":\n [,]}', 2, "not a notebook: it is not valid JSON (expecting value)"),
        (b"<<<<<<< HEAD\n", 1, "not a notebook: it is not valid JSON (expecting value)"),
        (b"[" * 100_000, 1, "not a notebook: its JSON is nested too deeply"),
        (b"[]", 1, "not a notebook: its JSON has no list of cells"),
        (b'{"cells": {}}', 1, "not a notebook: its JSON has no list of cells"),
        (b'{"worksheets": [[]]}', 1, "not a notebook: its JSON has no list of cells"),
        (b'{"cells": [1]}', 1, "not a notebook: its cell 1 is no object"),
        (b'{"cells": [{"cell_type": "code", "source": 1}]}', 1, "not a notebook: the source of its cell 1 is no text"),
        (b'{"cells":\n "\xff"}', 2, "not a notebook: it is not UTF-8"),
    ],
)
def test_what_is_no_notebook_is_one_finding(content: bytes, line: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(content)
    (tmp_path / "b.py").write_text(UNUSED)
    report = lint(tmp_path)
    assert said(report) == [("a.ipynb", line, "DLS000"), ("b.py", 1, "DLS001")]
    assert report.findings[0].message == message


def test_one_that_is_too_large_is_one_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlsafe_lint.files.MAX_NOTEBOOK_BYTES", 1024)
    write(tmp_path / "a.ipynb", "x = 1", cell("y" * 2000, "markdown"))
    assert said(lint(tmp_path)) == [("a.ipynb", 1, "DLS000")]


@pytest.mark.parametrize("content", ["", "\n", '{"cells": []}', '\ufeff{"cells": []}'])
def test_an_empty_notebook_is_fine(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(content, "utf-8")
    assert (said(lint(tmp_path)), lint(tmp_path).files) == ([], 1)


# --- cells that can't be parsed ---


def test_a_cell_that_cannot_be_parsed_is_one_finding_and_the_others_are_read(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", "x = (\n", UNUSED, "def f(:\n    '''", cell("t", "markdown"), UNUSED)
    for cache in (False, True, True):
        report = lint(tmp_path, cache=cache)
        assert said(report) == [
            ("a.ipynb:cell 1", 1, "DLS000"),
            ("a.ipynb:cell 2", 1, "DLS001"),
            ("a.ipynb:cell 3", 2, "DLS000"),
            ("a.ipynb:cell 5", 1, "DLS001"),
        ]
        assert "cell" in report.findings[0].help


def test_it_is_not_fixed_and_does_not_keep_others_from_being_fixed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "x = (\n", UNUSED)
    for cached in (False, True):
        lint(tmp_path, cache=cached)
    assert said(lint(tmp_path, fix=True, cache=True)) == [("a.ipynb:cell 1", 1, "DLS000")]
    assert ["".join(each["source"]) for each in json.loads(path.read_text())["cells"]] == ["x = (\n", "x = 1"]


@pytest.mark.parametrize(
    "source", ["pip install torch", "cd ..", "%sql\nSELECT 1 FROM x", "ls -l\n", "%md\n# Title here"]
)
def test_what_a_notebook_runs_all_the_same_is_no_finding(source: str, tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", source, UNUSED)
    assert said(lint(tmp_path)) == [("a.ipynb:cell 2", 1, "DLS001")]


def test_what_a_module_could_not_do(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", "await f()", "from __future__ import annotations", UNUSED)
    assert said(lint(tmp_path)) == [("a.ipynb:cell 3", 1, "DLS001")]
    fixed = lint(tmp_path, fix=True)
    assert (fixed.fixed, fixed.warnings) == (1, ())


# --- rules ---

LOADER = "loader = DataLoader(Data('x'), num_workers=2)"


def test_each_definition_is_one_finding(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", IMPORTS, DATASET.replace("h5py.File(path)", "path"), LOADER, f"{LOADER}\n{LOADER}")
    assert said(lint(tmp_path)) == [("a.ipynb:cell 2", 1, "DLS205")]


def test_what_a_class_of_the_notebook_makes_moves_along_but_not_what_it_is_given(tmp_path: Path) -> None:
    classes = "class {0}:\n    def __call__(self, x):\n        return x\n\n\n"
    data = """\
class Data(Dataset):
    def __init__(self, transform):
        self.transform = transform
        self.own = Own()

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.transform(self.own(index))
"""
    write(
        tmp_path / "a.ipynb",
        IMPORTS,
        classes.format("Own") + classes.format("Given"),
        data,
        "DataLoader(Data(Given()), num_workers=2)",
    )
    assert said(lint(tmp_path)) == [("a.ipynb:cell 2", 6, "DLS205"), ("a.ipynb:cell 3", 1, "DLS205")]


HEAD = """\
import functools
import multiprocessing
import torch.multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose


def work(batch):
    return batch


class Maker:
    def __call__(self, batch):
        return batch

    def make(self, batch):
        return batch"""
WORK, MAKER = ("a.ipynb:cell 1", 11, "DLS205"), ("a.ipynb:cell 1", 15, "DLS205")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("DataLoader(range(8), num_workers=2, collate_fn=work)", [WORK]),
        ("DataLoader(range(8), num_workers=2, worker_init_fn=functools.partial(work, 1))", [WORK]),
        ("DataLoader(range(8), num_workers=2, collate_fn=Maker())", [MAKER]),
        ("DataLoader(range(8), num_workers=2, collate_fn=Maker().make)", [MAKER]),
        ("DataLoader(ImageFolder('x', transform=Compose([Maker()])), num_workers=2)", [MAKER]),
        ("def load():\n    return DataLoader(range(8), num_workers=2, collate_fn=work)\n", [WORK]),
        ("if __name__ == '__main__':\n    DataLoader(range(8), num_workers=2, collate_fn=work)\n", [WORK]),
        ("multiprocessing.Process(target=work).start()", [WORK]),
        ("with multiprocessing.Pool(2, initializer=work) as pool:\n    pool.map(work, [1])", [WORK]),
        ("with ProcessPoolExecutor() as pool:\n    pool.submit(work, 1).result()", [WORK]),
        ("torch.multiprocessing.spawn(work, nprocs=2)", [WORK]),
        ("work(1)\nDataLoader(range(8), collate_fn=work)", []),
        ("DataLoader(range(8), num_workers=0, collate_fn=work)", []),
        ("DataLoader(range(8), num_workers=2, collate_fn=work, multiprocessing_context='fork')", []),
        ("with multiprocessing.get_context('fork').Pool(2) as pool:\n    pool.map(work, [1])", []),
        ("with ThreadPool(2) as pool:\n    pool.map(work, [1])", []),
        ("with ThreadPoolExecutor() as pool:\n    pool.submit(work, 1)", []),
        ("DataLoader(range(8), num_workers=2, sampler=Maker())", []),
        ("%%writefile other.py\nDataLoader(range(8), num_workers=2, collate_fn=work)", []),
    ],
)
def test_what_a_notebook_hands_to_workers(source: str, expected: list[tuple[str, int, str]], tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", HEAD, source)
    report = lint(tmp_path)
    assert said(report) == expected
    for finding in report.findings:
        methods = [each.start_method for each in finding.breaks]
        assert methods == (["fork", "spawn", "forkserver"] if "spawn(" in source else ["spawn", "forkserver"])
        assert finding.fix is None


def test_one_that_is_defined_twice_is_still_one_of_the_notebook(tmp_path: Path) -> None:
    """Cells try one version after the other; in a module the first would no longer be what its name stands for."""
    define = "def collate(batch):\n    return batch"
    use = "DataLoader(range(8), num_workers=2, collate_fn=collate)"
    write(tmp_path / "a.ipynb", IMPORTS, define, use, define, use)
    assert {code for _, _, code in said(lint(tmp_path))} == {"DLS205"}


def test_a_function_handed_over_by_a_module_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "loading.py").write_text(
        "from torch.utils.data import DataLoader\n\n\n"
        "def make(dataset, collate):\n    return DataLoader(dataset, num_workers=2, collate_fn=collate)\n"
    )
    source = "from loading import make\n\ndef collate(batch):\n    return batch\n\n\nmake(range(8), collate)"
    write(tmp_path / "a.ipynb", source)
    write(tmp_path / "b.ipynb", "", source)
    assert said(lint(tmp_path)) == [("a.ipynb:cell 1", 3, "DLS205"), ("b.ipynb:cell 2", 3, "DLS205")]


def test_a_lambda_is_what_it_is_anywhere_and_has_no_fix(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", IMPORTS, "DataLoader(range(8), num_workers=2, collate_fn=lambda b: b)")
    report = lint(tmp_path)
    assert said(report) == [("a.ipynb:cell 2", 1, "DLS201")]
    assert report.findings[0].fix is None
    assert "%%writefile" in report.findings[0].help


def test_programs_and_packages_are_not_about_notebooks(tmp_path: Path) -> None:
    """No guard, no start-up time, no module that somebody could import."""
    (tmp_path / "engine.py").write_text(
        "import torch\n\n\ndef fit(loader):\n    for batch in loader:\n        print(batch)\n"
    )
    (tmp_path / "other.py").write_text("import data\n\ndata.Data\n")
    write(
        tmp_path / "data.ipynb",
        "import argparse\nimport torch\nfrom torch.utils.data import DataLoader\nfrom engine import fit",
        "import multiprocessing\nmultiprocessing.set_start_method('spawn')",
        "args = argparse.ArgumentParser().parse_args()",
        "def main():\n    fit(DataLoader(range(8), num_workers=2))\n",
        "main()\nif __name__ == '__main__':\n    main()",
    )
    assert said(lint(tmp_path, settings=Config(min_confidence="possible"))) == []


def test_a_dataset_of_a_module_is_judged_by_the_loaders_of_notebooks(tmp_path: Path) -> None:
    (tmp_path / "data.py").write_text(f"import h5py\n\n\n{DATASET.replace('(Dataset)', '')}\n")
    write(tmp_path / "a.ipynb", "from torch.utils.data import DataLoader\nfrom data import Data", LOADER)
    report = lint(tmp_path)
    assert said(report) == [("data.py", 6, "DLS101")]
    assert [(Path(each.path).name, each.cell, each.line) for each in report.findings[0].related] == [("a.ipynb", 2, 1)]


# --- places ---


def test_places_are_given_by_cell(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", cell("# Title", "markdown"), IMPORTS, f"%time\n{DATASET}", f"\n  {LOADER}")
    concise = command(tmp_path, "--no-cache", "--output-format", "concise").stdout
    assert [line.partition(": ")[0] for line in concise.splitlines()] == ["a.ipynb:cell 3:2:7", "a.ipynb:cell 3:4:9"]
    full = command(tmp_path, "--no-cache", "--select", "DLS205").stdout
    assert " --> a.ipynb:cell 3:2:7\n" in full
    assert "2 | class Data(Dataset):\n  |       ^^^^\n" in full
    assert f" ::: a.ipynb:cell 4:2: handed to a loader with workers (num_workers=2)\n2 |   {LOADER}\n" in full
    found = json.loads(command(tmp_path, "--no-cache", "--output-format", "json").stdout)["findings"]
    assert [(each["cell"], each["range"]["start"]) for each in found] == [
        (3, {"line": 2, "column": 7}),
        (3, {"line": 4, "column": 9}),
    ]
    assert found[0]["related"][0] | {"message": ""} == {"path": "a.ipynb", "cell": 4, "line": 2, "message": ""}
    sources = {2: IMPORTS, 3: f"%time\n{DATASET}"}
    edits = found[1]["fix"]["edits"]
    assert {each["cell"] for each in edits} == {2, 3}
    assert sources[3][edits[1]["start"] : edits[1]["end"]] in sources[3]


def test_columns_in_an_indented_cell_are_those_of_the_cell(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", IMPORTS, "\n  DataLoader(range(8), num_workers=2, collate_fn=lambda b: b)")
    assert said(lint(tmp_path)) == [("a.ipynb:cell 2", 2, "DLS201")]
    assert lint(tmp_path).findings[0].range.start_column == 50


# --- suppressions ---


def test_comments_in_cells_suppress(tmp_path: Path) -> None:
    write(
        tmp_path / "a.ipynb",
        IMPORTS,
        f"# dlsafe: ignore[DLS205] only on Linux\n{DATASET.replace('h5py.File(path)', 'path')}",
        LOADER,
    )
    report = lint(tmp_path)
    assert (said(report), report.suppressed) == ([], 1)


def test_a_comment_at_the_end_of_a_cell_is_not_about_the_next(tmp_path: Path) -> None:
    write(
        tmp_path / "a.ipynb", f"{IMPORTS}\n# dlsafe: ignore[DLS205]", DATASET.replace("h5py.File(path)", "path"), LOADER
    )
    assert [code for _, _, code in said(lint(tmp_path))] == ["DLS001", "DLS205"]


# --- writing ---

OUTPUT = {"data": {"image/png": "aGk=", "text/html": ["<b>é\n", "</b>"]}, "metadata": {}, "output_type": "display_data"}
STYLES: dict[str, dict[str, Any]] = {
    "as nbformat writes": {"indent": 1, "ensure_ascii": False},
    "indented by four": {"indent": 4, "ensure_ascii": False},
    "escaped": {"indent": 2, "ensure_ascii": True},
    "in one line": {"separators": (",", ":"), "ensure_ascii": False},
    "sorted": {"indent": 1, "sort_keys": True, "ensure_ascii": False},
    "with tabs": {"indent": "\t", "ensure_ascii": True},
}


@pytest.mark.parametrize("one_string", [False, True])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("style", STYLES)
def test_nothing_but_the_lines_of_the_fix_is_written(style: str, end: str, one_string: bool, tmp_path: Path) -> None:
    """Whatever the file's indentation, order of keys and escapes are."""
    before = f"name = 'é/ü'\n%time\n{UNUSED}\n\nother = '\U0001f600'"
    cells = [cell("# é", "markdown"), cell(before, outputs=[OUTPUT], metadata={"tags": ["é"]}), cell("y = 'é'")]
    notebook = document(*cells, kernelspec={"name": "python3", "display_name": "é"}, title="\x7f/")
    if one_string:
        for each in notebook["cells"]:
            each["source"] = "".join(each["source"])
    content = json.dumps(notebook, **STYLES[style]).replace("é/ü", "é\\/ü") + end
    path = tmp_path / "a.ipynb"
    path.write_bytes(content.encode())
    assert lint(tmp_path, fix=True).fixed == 1
    assert path.read_bytes() == content.replace("  # dlsafe: ignore[DLS101]", "").encode()


def test_a_byte_order_mark_line_ends_and_the_mode_stay(tmp_path: Path) -> None:
    content = json.dumps(document(f"{UNUSED}\r\ny = 2\r\n"), indent=1).replace("\n", "\r\n").encode("utf-8-sig")
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    path.chmod(0o640)
    lint(tmp_path, fix=True)
    assert path.read_bytes() == content.replace(b"  # dlsafe: ignore[DLS101]", b"")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_nbformat_3_is_written_back(tmp_path: Path) -> None:
    sheet = {"cells": [{"cell_type": "code", "input": [f"{UNUSED}\n", "y"], "language": "python", "outputs": []}]}
    content = json.dumps({"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [sheet]}, indent=1)
    (tmp_path / "a.ipynb").write_text(content)
    lint(tmp_path, fix=True)
    assert (tmp_path / "a.ipynb").read_text() == content.replace("  # dlsafe: ignore[DLS101]", "")


def test_a_fix_of_two_cells(tmp_path: Path) -> None:
    """The lazily opened property: an import in one cell, a class in another, and a notebook that nbformat accepts."""
    cells = [cell(f"{IMPORTS}\n!pip list"), cell(DATASET, outputs=[OUTPUT]), cell(LOADER)]
    path = write(tmp_path / "a.ipynb", *cells)
    before = json.loads(path.read_text())
    lint(tmp_path, fix=True, unsafe=True)
    after = json.loads(path.read_text())
    nbformat.validate(nbformat.from_dict(after))  # type: ignore[no-untyped-call]
    sources = ["".join(each.pop("source")) for each in after["cells"]]
    for each in before["cells"]:
        del each["source"]
    assert after == before
    assert sources[0] == f"import os\n\n{IMPORTS}\n!pip list"
    assert sources[1].startswith("class Data(Dataset):\n    def __init__(self, path):\n        self.path = path\n")
    assert sources[1].endswith('\n        return self.file["x"][index]')
    assert sources[2] == LOADER
    assert said(lint(tmp_path)) == [("a.ipynb:cell 2", 1, "DLS205")]
    assert not lint(tmp_path, fix=True, unsafe=True).changes


def test_a_cell_of_which_only_the_comment_is_left(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "# dlsafe: ignore[DLS101]", "x = 1\n# dlsafe: ignore[DLS101]", "y = 1")
    lint(tmp_path, fix=True)
    assert [each["source"] for each in json.loads(path.read_text())["cells"]] == [[], ["x = 1"], ["y = 1"]]


@pytest.mark.parametrize(
    ("edit", "sources"),
    [
        (Edit(0, 0, "a\n"), None),  # above %%time
        (Edit(1, 1, "a\n"), ["%%time\na\nx = 1", "%ls\ny = 2", "z"]),
        (Edit(5, 6, "3"), ["%%time\nx = 3", "%ls\ny = 2", "z"]),
        (Edit(7, 7, "a\n"), ["%%time\nx = 1\na", "%ls\ny = 2", "z"]),
        (Edit(7, 8, ""), None),  # the blank line between two cells
        (Edit(5, 9, ""), None),
        (Edit(8, 8, "a\n"), ["%%time\nx = 1", "a\n%ls\ny = 2", "z"]),
        (Edit(8, 9, ""), None),  # %ls
        (Edit(9, 15, ""), ["%%time\nx = 1", "%ls", "z"]),
        (Edit(13, 14, "3"), ["%%time\nx = 1", "%ls\ny = 3", "z"]),
        (Edit(16, 16, "\n\na\n"), ["%%time\nx = 1", "%ls\ny = 2", "a\nz"]),
    ],
)
def test_an_edit_stays_in_its_cell(edit: Edit, sources: list[str] | None) -> None:
    notebook = parse("%%time\nx = 1", "%ls\ny = 2", "z")
    assert notebook.text == "\nx = 1\n\n\ny = 2\n\nz\n"
    edited = notebook.edited([edit])
    assert (edited and [each.source for each in edited.cells]) == sources


def test_an_indented_cell_is_left_as_it_is() -> None:
    assert parse("  x = 1").edited([Edit(0, 1, "y")]) is None


def test_a_fix_that_has_no_room_is_not_offered(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", f"  {UNUSED}")
    report = lint(tmp_path, fix=True)
    assert said(report) == [("a.ipynb:cell 1", 1, "DLS001")]
    assert (report.findings[0].fix, report.warnings, report.changes) == (None, (), ())


def test_the_diff_shows_cells(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", "y", UNUSED)
    result = command(tmp_path, "--no-cache", "--diff")
    assert result.stdout.startswith("--- a.ipynb:cell 2\n+++ a.ipynb:cell 2\n")
    assert result.stderr == "Would fix 1 in 1 file; 0 would remain.\n"


def test_it_is_not_written_if_somebody_else_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.ipynb", UNUSED)
    changes = linter._changes

    def meanwhile(*arguments: Any) -> list[linter.Change]:
        path.write_text("{}")
        return changes(*arguments)

    monkeypatch.setattr(linter, "_changes", meanwhile)
    report = lint(tmp_path, fix=True)
    assert report.failed
    assert path.read_text() == "{}"


# --- which notebooks ---


def test_whether_folders_are_searched_for_notebooks(tmp_path: Path) -> None:
    write(tmp_path / "a.ipynb", UNUSED)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    write(tmp_path / ".ipynb_checkpoints" / "a-checkpoint.ipynb", UNUSED)
    found = [("a.ipynb:cell 1", 1, "DLS001")]
    assert said(lint(tmp_path)) == found
    without = replace(Config(), include_notebooks=False)
    assert said(lint(tmp_path, settings=without)) == []
    assert said(lint(tmp_path, "a.ipynb", settings=without)) == found
    assert command(tmp_path).returncode == 1
    assert command(tmp_path, "--no-include-notebooks").returncode == 0
    assert command(tmp_path, "--no-include-notebooks", "a.ipynb").returncode == 1
    (tmp_path / "pyproject.toml").write_text("[tool.dlsafe-lint]\ninclude-notebooks = false\n")
    assert command(tmp_path).returncode == 0
    assert command(tmp_path, "--include-notebooks").returncode == 1


def test_results_are_kept_until_the_notebook_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.ipynb", UNUSED, "x = 1")
    write(tmp_path / "r.ipynb", "x <- 1", language_info={"name": "R"})
    first = lint(tmp_path, cache=True)
    judged = []
    judge = linter._judge

    def counted(*arguments: Any) -> Any:
        judged.append(arguments)
        return judge(*arguments)

    monkeypatch.setattr(linter, "_judge", counted)
    assert lint(tmp_path, cache=True) == first
    assert not judged
    write(path, "x = 1", UNUSED)
    assert said(lint(tmp_path, cache=True)) == [("a.ipynb:cell 2", 1, "DLS001")]
    assert judged


def test_nothing_is_loaded_for_notebooks_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    code = (
        "import sys, dlsafe_lint.cli as c; c.main(['--no-cache', '.']); "
        "sys.exit('dlsafe_lint.notebooks' in sys.modules or 'nbformat' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False, stdout=subprocess.DEVNULL).returncode
        == 0
    )
