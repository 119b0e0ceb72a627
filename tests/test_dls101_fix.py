"""The fix of DLS101 beyond its fixtures: what it leaves alone, how it writes, where it puts its import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claims import FIXTURES
from dlsafe_lint import linter
from dlsafe_lint.config import Config
from test_fixtures import lay_out, lint

if TYPE_CHECKING:
    from pathlib import Path

DOC = '"""Images."""\n'
FUTURE = "from __future__ import annotations\n"
LIBRARIES = "import h5py\nfrom torch.utils.data import Dataset\n"
OPENING = """\
class Images(Dataset):
    def __init__(self, path):
        self.file = h5py.File(path)

    def __getitem__(self, index):
        return self.file["images"][index]
"""
OPENED = """\
class Images(Dataset):
    def __init__(self, path):
        self.path = path
        self._file = None

    @property
    def file(self):
        if self._file is None or self._file[0] != os.getpid():
            self._file = None
            self._file = os.getpid(), h5py.File(self.path)
        return self._file[1]

    def __getstate__(self):
        return {**self.__dict__, "_file": None}

    def __getitem__(self, index):
        return self.file["images"][index]
"""


def fixed(text: str, folder: Path) -> str:
    """Return the text as the fix leaves it; a second run must leave it so."""
    path = folder / "images.py"
    path.write_bytes(text.encode())
    report = linter.run([path], Config(), root=folder, fix=True, unsafe=True, cache=False)
    assert not report.warnings
    after = path.read_bytes().decode()
    assert not linter.run([path], Config(), root=folder, fix=True, unsafe=True, cache=False).changes
    return after


def test_what_may_go_wrong_is_left_alone(tmp_path: Path) -> None:
    target, expected = lay_out(FIXTURES / "DLS101" / "not_fixed.py", tmp_path)
    report = lint(target)
    assert len(report.findings) == len(expected)
    assert [each.range.start_line for each in report.findings if each.fix] == []


def test_who_hands_a_handle_over_is_told_to_hand_over_the_path(tmp_path: Path) -> None:
    target, _ = lay_out(FIXTURES / "DLS101" / "passed_to_constructor.py", tmp_path)
    assert [each.help[:40] for each in lint(target).findings] == ["hand over the path instead and let the D"]


def test_the_fix_is_unsafe(tmp_path: Path) -> None:
    path = tmp_path / "images.py"
    path.write_text(f"import h5py\nfrom torch.utils.data import Dataset\n\n\n{OPENING}")
    report = linter.run([path], Config(), root=tmp_path, fix=True, cache=False)
    assert not report.changes
    assert [each.fix.applicability for each in report.findings if each.fix] == ["unsafe"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LIBRARIES, f"import os\n\n{LIBRARIES}"),
        (f"{DOC}\n{LIBRARIES}", f"{DOC}\nimport os\n\n{LIBRARIES}"),
        (
            f"# none\n\nimport json\nimport sys\n{LIBRARIES}",
            f"# none\n\nimport json\nimport os\nimport sys\n{LIBRARIES}",
        ),
        (f"{FUTURE}\nfrom abc import ABC\n\n{LIBRARIES}", f"{FUTURE}\nimport os\nfrom abc import ABC\n\n{LIBRARIES}"),
        (f"{FUTURE}{LIBRARIES}", f"{FUTURE}import os\n{LIBRARIES}"),
        (f"import json\nimport glob\n{LIBRARIES}", f"import json\nimport glob\nimport os\n{LIBRARIES}"),
        (f"{DOC}\n# others\n{LIBRARIES}", f"{DOC}\nimport os\n\n# others\n{LIBRARIES}"),
        (f"import os.path\n\n{LIBRARIES}", f"import os.path\n\n{LIBRARIES}"),
    ],
)
def test_the_import_stands_where_a_person_would_put_it(before: str, after: str, tmp_path: Path) -> None:
    assert fixed(f"{before}\n\n{OPENING}", tmp_path) == f"{after}\n\n{OPENED}"


@pytest.mark.parametrize(
    ("line", "getpid"),
    [
        ("import os", "os.getpid"),
        ("import os as system", "system.getpid"),
        ("from os import getpid", "getpid"),
        ("from os import path, getpid as process", "process"),
    ],
)
def test_an_import_of_os_is_used(line: str, getpid: str, tmp_path: Path) -> None:
    imports = f"{line}\n\nimport h5py\nfrom torch.utils.data import Dataset\n\n\n"
    assert fixed(imports + OPENING, tmp_path) == imports + OPENED.replace("os.getpid", getpid)


@pytest.mark.parametrize(
    "lines",
    [
        "try:\n    import os\nexcept ImportError:\n    os = None\n",
        "os = None\n",
    ],
)
def test_there_is_no_fix_where_os_is_something_else(lines: str, tmp_path: Path) -> None:
    text = f"import h5py\nfrom torch.utils.data import Dataset\n\n{lines}\n\n{OPENING}"
    assert fixed(text, tmp_path) == text


@pytest.mark.parametrize("indent", ["  ", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_indentation_and_line_ends_are_those_of_the_file(indent: str, newline: str, tmp_path: Path) -> None:
    def spelled(text: str) -> str:
        return text.replace("    ", indent).replace("\n", newline)

    imports = "import os\n\nimport h5py\nfrom torch.utils.data import Dataset\n\n\n"
    assert fixed(spelled(imports + OPENING), tmp_path) == spelled(imports + OPENED)


def test_in_a_family_one_class_gets_the_state(tmp_path: Path) -> None:
    text = (
        "import os\n\nimport h5py\nfrom torch.utils.data import Dataset\n\n\n"
        + OPENING
        + "\n\nclass Masked(Images):\n    def __init__(self, path, masks):\n        super().__init__(path)\n"
        "        self.masks = h5py.File(masks)\n"
    )
    after = fixed(text, tmp_path)
    assert after.startswith(text.partition("class Images")[0] + OPENED)
    assert after.endswith("        self.masks = h5py.File(masks)\n")


def test_code_that_is_suppressed_is_not_changed(tmp_path: Path) -> None:
    text = "import os\n\nimport h5py\nfrom torch.utils.data import Dataset\n\n\n" + OPENING.replace(
        "h5py.File(path)\n", "h5py.File(path)  # dlsafe: ignore[DLS101]\n        self.masks = h5py.File(path)\n"
    )
    after = fixed(text, tmp_path)
    assert "self.file = h5py.File(path)  # dlsafe: ignore[DLS101]" in after
    assert "def masks(self):" in after


@pytest.mark.parametrize(
    "line",
    [
        "get_worker_info().dataset.file = h5py.File(loader)",
        "info = get_worker_info()\n    info.dataset.file = None",
        "torch.utils.data.get_worker_info().dataset.dataset.file = None",
        "DataLoader(Images('a'), num_workers=2).dataset.file = None",
        "loader = DataLoader(Images('a'), num_workers=2)\n    del loader.dataset.file",
        "Subset(Images('a'), [0]).dataset.file = None",
        "random_split(Images('a'), [1])[0].dataset.file = None",
        "train, _ = random_split(Images('a'), [1, 1])\n    train.dataset.file = None",
        "for part in random_split(Images('a'), [1, 1]):\n        part.dataset.file = None",
        "ConcatDataset([Images('a')]).datasets[0].file = None",
        "copy.copy(Images('a')).file = None",
        "setattr(get_worker_info().dataset, 'file', None)",
    ],
)
def test_there_is_no_fix_where_it_is_set_through_what_a_library_returns(line: str, tmp_path: Path) -> None:
    imports = "from torch.utils.data import ConcatDataset, DataLoader, Subset, get_worker_info, random_split\n"
    text = f"import copy\n\nimport torch\n{imports}{LIBRARIES}\n\n{OPENING}\n\ndef reopen(loader):\n    {line}\n"
    assert fixed(text, tmp_path) == text
    found = linter.run([tmp_path], Config(), root=tmp_path, cache=False).findings
    assert "; there is no fix because `self.file` is " in found[0].help


@pytest.mark.parametrize(
    "lines",
    [
        "args = argparse.ArgumentParser().parse_args()\n    args.file = args.file or 'a.h5'",
        "h5py.File('a.h5').file = None",
        "torch.backends.file = None",
        "loader = torch.utils.data.DataLoader(Images('a'), num_workers=2)\n    loader.file = None",
    ],
)
def test_what_a_library_has_of_its_own_is_no_reason_against_a_fix(lines: str, tmp_path: Path) -> None:
    text = f"import argparse\nimport os\n\nimport torch\n{LIBRARIES}\n\n{OPENING}\n\ndef main():\n    {lines}\n"
    assert fixed(text, tmp_path) == text.replace(OPENING, OPENED)


@pytest.mark.parametrize("any_", ["", "from typing import Any\n"])
@pytest.mark.parametrize(
    ("opener", "kind"),
    [("h5py.File(path)", "h5py.File"), ("lmdb.open(path)", "lmdb.Environment"), ("open(path)", "")],
)
def test_where_there_are_types_what_is_written_has_types(opener: str, kind: str, any_: str, tmp_path: Path) -> None:
    opening = OPENING.replace("path):", "path: str) -> None:").replace("h5py.File(path)", opener)
    after = fixed(f"import os\n{any_}\nimport lmdb\n{LIBRARIES}\n\n{opening}", tmp_path)
    assert f"def file(self){f' -> {kind}' if kind else ''}:\n" in after
    assert f"self._file{f': tuple[int, {kind}] | None' if kind else ''} = None\n\n" in after
    assert f"def __getstate__(self) -> dict[str, {'Any' if any_ else 'object'}]:\n" in after


@pytest.mark.parametrize("others", ["", "\n        self.version = h5py.__version__"])
def test_what_checkers_are_told_of_an_import_goes_with_it(others: str, tmp_path: Path) -> None:
    line = "import h5py  # type: ignore[import-untyped]"
    opening = OPENING.replace("        self.file", f"        {line}\n        self.file").replace(
        "(path)\n", f"(path){others}\n"
    )
    text = f"import os\n\nfrom torch.utils.data import Dataset\n\n\n{opening}"
    after = fixed(text, tmp_path)
    assert f"!= os.getpid():\n            {line}\n\n            self._file = None\n" in after
    assert after.count(line) == (2 if others else 1)


HINDRANCES = {
    "`Images` has a `__getstate__` of its own": (
        "self.file = h5py.File(path)",
        "def __getstate__(self):\n        return dict(self.__dict__)",
    ),
    "`self.file` is stored in line 10 too": (
        "if quick:\n            self.file = zipfile.ZipFile(path)\n        self.file = h5py.File(path)",
        "def name(self):\n        self.file = None",
    ),
    "`self.file` is set or deleted elsewhere too": (
        "self.file = h5py.File(path)",
        "def drop(self):\n        del self.file",
    ),
    "it is opened in a loop": ("for each in path:\n            self.file = h5py.File(each)", ""),
    "it is opened under `try`": (
        "try:\n            self.file = h5py.File(path)\n        except OSError:\n            raise",
        "",
    ),
    "what it opens can't be opened again": ("self.file = h5py.File(path, 'a')", ""),
    "the constructor goes on to use it": ("self.file = open(path)\n        self.head = self.file.readline()", ""),
    "it can't be seen that what opens it would do the same later": (
        "self.file = self.make(path)",
        "def make(self, path):\n        self.opened = True\n        return h5py.File(path)",
    ),
    "`load` may run again": (
        "self.load()\n        self.load()",
        "def load(self):\n        self.file = h5py.File('a')",
    ),
    "a property could not fill `self.files` in the same way": (
        "self.files = []\n        self.files.append(open(path))",
        "",
    ),
    "the call does more than open it": (
        "self.load()",
        "def load(self):\n        self.file = h5py.File('a')\n\n    def __getitem__(self, i):\n        self.load()",
    ),
}
"""Why there is no fix: what the constructor does, and another method."""


@pytest.mark.parametrize("why", HINDRANCES)
def test_the_help_says_why_there_is_no_fix(why: str, tmp_path: Path) -> None:
    body, method = HINDRANCES[why]
    text = f"""\
import zipfile

import h5py
from torch.utils.data import Dataset


class Images(Dataset):
    def __init__(self, path, quick=False):
        {body}

    {method}
"""
    path = tmp_path / "images.py"
    path.write_text(text)
    found = linter.run([path], Config(), root=tmp_path, cache=False).findings
    helps = [each.help for each in found if each.code == "DLS101"]
    assert helps
    assert all(each.endswith(f"; there is no fix because {why}") for each in helps), helps
    assert all(each.fix is None for each in found)


@pytest.mark.parametrize(
    "branches",
    [
        ("print(path)\n            self.file = h5py.File(path)", "self.file = zipfile.ZipFile(path)"),
        ("self.file = h5py.File(path)  # one", "self.file = zipfile.ZipFile(path)  # the other"),
        ("self.file = h5py.File(path)", "self.file = self.masks = zipfile.ZipFile(path)"),
        ("self.file = h5py.File(path)", "self.file = zipfile.ZipFile(path, 'a')"),
    ],
)
def test_an_if_that_does_more_than_to_open_is_left_alone(branches: tuple[str, str], tmp_path: Path) -> None:
    text = f"""\
import os
import zipfile

import h5py
from torch.utils.data import Dataset


class Images(Dataset):
    def __init__(self, path):
        self.path = path
        if path.suffix == ".h5":
            {branches[0]}
        else:
            {branches[1]}
"""
    assert fixed(text, tmp_path) == text


def test_the_help_says_no_more_where_there_is_a_fix(tmp_path: Path) -> None:
    path = tmp_path / "images.py"
    path.write_text(LIBRARIES + OPENING)
    (found,) = linter.run([path], Config(), root=tmp_path, cache=False).findings
    assert found.fix is not None
    assert "no fix" not in found.help
