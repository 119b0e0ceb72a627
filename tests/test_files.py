from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dlsafe_lint import files
from dlsafe_lint.files import Source, Unreadable, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCLUDE = (".git", ".venv", "build", "node_modules", "*.egg-info")


def tree(root: Path, *names: str) -> None:
    """Make files (and, for names that end with a slash, folders)."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def source(path: Path) -> Source:
    result = files.read(str(path))
    assert isinstance(result, Source), result
    return result


def unreadable(path: Path) -> Unreadable:
    result = files.read(str(path))
    assert isinstance(result, Unreadable), result
    return result


def find(root: Path, *names: str, **options: object) -> tuple[list[str], list[str], list[str]]:
    """Find below a root; paths relative to it."""
    paths = [root / name for name in names] or [root]
    found = files.find(root, paths, exclude=EXCLUDE, **options)  # type: ignore[arg-type]
    return (
        [os.path.relpath(path, root) for path in found.indexed],
        [os.path.relpath(path, root) for path in found.reported],
        [warning.replace(str(root) + os.sep, "") for warning in found.warnings],
    )


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Root may read everything; tests of permissions run as somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that other users may enter; pytest's own is private."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o777)
        yield folder
        for path in folder.rglob("*"):
            path.chmod(0o777)


class TestRead:
    def test_plain_file(self, tmp_path: Path) -> None:
        path = tmp_path / "train.py"
        path.write_bytes("x = 'é'\n".encode())
        read = source(path)
        assert (read.path, read.module, read.is_package) == (str(path), "train", False)
        assert (read.text, read.encoding, read.bom) == ("x = 'é'\n", "utf-8", False)

    def test_empty_file(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.py"
        path.touch()
        assert source(path).text == ""
        assert files.encode(source(path), "") == b""

    @pytest.mark.parametrize(
        "content",
        [
            b"a\r\nb\rc\nd\x0ce\r\r\n",
            b"\xef\xbb\xbfx = 1\r\n",
            b"# -*- coding: latin-1 -*-\nx = '\xe9'\r\n",
            b"#!/usr/bin/python\r# vim: set fileencoding=cp1252 :\rx = '\x80'\r",
            b"\xef\xbb\xbf# coding: utf-8\nx = '\xc3\xa9'",
            b"# coding: shift_jis\nx = '\x83\x5c'\n",
        ],
    )
    def test_gives_back_the_very_bytes(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "x.py"
        path.write_bytes(content)
        read = source(path)
        assert not read.text.startswith("\ufeff")
        assert files.encode(read, read.text) == content
        changed = files.encode(read, read.text + "y")
        assert changed == content + b"y"

    def test_a_coding_line_counts_on_the_first_two_lines_only(self, tmp_path: Path) -> None:
        path = tmp_path / "x.py"
        path.write_bytes(b"import os\n\n# coding: latin-1\nx = '\xe9'\n")
        assert unreadable(path).line == 4

    def test_latin_1_without_coding_line(self, tmp_path: Path) -> None:
        path = tmp_path / "x.py"
        path.write_bytes(b"import os\r\nname = 'caf\xe9'\r\n")
        result = unreadable(path)
        assert result.line == 2
        assert "0xe9 (byte 12 of line 2) is not UTF-8" in result.message
        assert "# coding: latin-1" in result.message

    @pytest.mark.parametrize(
        ("content", "line", "said"),
        [
            (b"x = 1\ny = '\0'\n", 2, "NUL"),
            (b"\xff\xfex\0 \0", 1, "UTF-16"),
            (b"# coding: klingon\n", 1, "klingon"),
            (b"# coding: rot13\n", 1, "rot13"),
            (b"\xef\xbb\xbf# coding: latin-1\n", 1, "byte order mark"),
            (b"# coding: ascii\nx = '\xe9'\n", 2, "ASCII"),
            (b"# coding: utf-16\nx = 1\n", 2, "utf-16"),
        ],
    )
    def test_undecodable(self, tmp_path: Path, content: bytes, line: int, said: str) -> None:
        path = tmp_path / "x.py"
        path.write_bytes(content)
        result = unreadable(path)
        assert (result.line, result.path) == (line, str(path))
        assert said.lower() in result.message.lower()
        assert "\n" not in result.message

    def test_five_megabytes_are_read_and_a_giant_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "generated.py"
        path.write_bytes(b"x = 1\n" * (5 * 2**20 // 6))
        assert len(source(path).text) > 5_000_000
        with path.open("wb") as stream:
            stream.truncate(files.MAX_BYTES + 1)
        assert "larger than 16 MB" in unreadable(path).message

    def test_what_is_no_file(self, tmp_path: Path) -> None:
        assert "gone" in unreadable(tmp_path / "x.py").message
        (tmp_path / "folder.py").mkdir()
        assert "folder" in unreadable(tmp_path / "folder.py").message
        (tmp_path / "loop.py").symlink_to("loop.py")
        assert "leads back to itself" in unreadable(tmp_path / "loop.py").message

    def test_pipes_sockets_and_devices_do_not_block(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        os.mkfifo(tmp_path / "pipe.py")
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket.py")
            started = time.monotonic()
            for path in (tmp_path / "pipe.py", tmp_path / "socket.py", Path("/dev/zero")):
                assert "a pipe, a socket or a device" in unreadable(path).message
            assert time.monotonic() - started < 5

    def test_permission_denied(self, public_folder: Path) -> None:
        path = public_folder / "secret.py"
        path.write_text("x = 1\n")
        path.chmod(0)
        with without_privileges():
            assert unreadable(path).message == "can't be read: permission denied"


class TestModuleName:
    def test_packages(self, tmp_path: Path) -> None:
        tree(tmp_path, "src/pkg/__init__.py", "src/pkg/sub/__init__.py", "src/pkg/sub/mod.py", "src/pkg/plain/mod.py")
        packages: dict[str, str] = {}
        names = {
            name: files.module_name(str(tmp_path / "src" / name), packages)
            for name in ("pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/mod.py", "pkg/plain/mod.py", "script.py")
        }
        assert names == {
            "pkg/__init__.py": ("pkg", True),
            "pkg/sub/__init__.py": ("pkg.sub", True),
            "pkg/sub/mod.py": ("pkg.sub.mod", False),
            "pkg/plain/mod.py": ("mod", False),
            "script.py": ("script", False),
        }
        assert packages[str(tmp_path / "src" / "pkg" / "sub")] == "pkg.sub"
        assert packages[str(tmp_path / "src")] == ""

    def test_a_script_without_suffix(self, tmp_path: Path) -> None:
        assert files.module_name(str(tmp_path / "run-me")) == ("run-me", False)


class TestWrite:
    def test_replaces_and_keeps_the_mode(self, tmp_path: Path) -> None:
        path = tmp_path / "x.py"
        path.write_bytes(b"\xef\xbb\xbfa\r\n")
        path.chmod(0o751)
        read = source(path)
        files.write(read, files.encode(read, "b\r\n"))
        assert path.read_bytes() == b"\xef\xbb\xbfb\r\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o751
        assert names_in(tmp_path) == ["x.py"]

    def test_keeps_the_owner(self, tmp_path: Path) -> None:
        path = tmp_path / "x.py"
        path.write_text("a")
        owner = (1234, 2345) if os.geteuid() == 0 else (os.geteuid(), os.getegid())  # only root can give files away
        os.chown(path, *owner)
        files.write(source(path), b"b")
        assert (path.stat().st_uid, path.stat().st_gid) == owner

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        tree(tmp_path, "real/")
        (tmp_path / "real" / "x.py").write_text("a")
        link = tmp_path / "x.py"
        link.symlink_to("real/x.py")
        files.write(source(link), b"b")
        assert link.is_symlink()
        assert (tmp_path / "real" / "x.py").read_text() == "b"
        assert names_in(tmp_path / "real") == ["x.py"]

    def test_someone_else_edits_or_deletes_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "x.py"
        path.write_text("a")
        read = source(path)
        path.write_text("precious")
        with pytest.raises(WriteError, match="changed by someone else"):
            files.write(read, b"b")
        assert path.read_text() == "precious"
        path.unlink()
        with pytest.raises(WriteError, match="gone"):
            files.write(read, b"b")
        assert names_in(tmp_path) == []

    def test_a_read_only_file_stays(self, public_folder: Path) -> None:
        path = public_folder / "x.py"
        path.write_text("a")
        path.chmod(0o444)
        read = source(path)
        with without_privileges(), pytest.raises(WriteError, match="read-only"):
            files.write(read, b"b")
        assert path.read_text() == "a"

    def test_a_read_only_folder(self, public_folder: Path) -> None:
        tree(public_folder, "folder/x.py")
        path = public_folder / "folder" / "x.py"
        path.chmod(0o666)
        path.parent.chmod(0o555)
        read = source(path)
        with without_privileges(), pytest.raises(WriteError, match="permission denied"):
            files.write(read, b"b")
        assert path.read_text() == ""

    def test_a_failure_leaves_nothing_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "x.py"
        path.write_text("a")
        read = source(path)

        def full(_handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(WriteError, match=r"x\.py: not written: no space left on device"):
            files.write(read, b"b")
        assert path.read_text() == "a"
        assert names_in(tmp_path) == ["x.py"]

    def test_an_interrupt_leaves_nothing_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "x.py"
        path.write_text("a")
        read = source(path)

        def interrupted(_handle: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            files.write(read, b"b")
        assert names_in(tmp_path) == ["x.py"]

    def test_a_character_the_encoding_does_not_have(self, tmp_path: Path) -> None:
        path = tmp_path / "x.py"
        path.write_bytes(b"# coding: latin-1\n")
        with pytest.raises(WriteError, match="can't be written in iso-8859-1"):
            files.encode(source(path), "π")

    def test_an_encoding_with_several_spellings(self, tmp_path: Path) -> None:
        path = tmp_path / "x.py"
        path.write_bytes(b"# coding: utf-7\nx = '+AGE-'\n")  # an "a", which UTF-7 would write as such
        read = source(path)
        with pytest.raises(WriteError, match="byte for byte"):
            files.encode(read, read.text + "y")


class TestFindRoot:
    def test_nearest_project_file_or_repository(self, tmp_path: Path) -> None:
        tree(tmp_path, ".git/", "pyproject.toml", "sub/pyproject.toml", "sub/src/a.py", "other/b.py", "ext/setup.py")
        assert files.find_root([tmp_path / "sub" / "src" / "a.py"]) == tmp_path / "sub"
        assert files.find_root([tmp_path / "other" / "b.py"]) == tmp_path
        assert files.find_root([tmp_path / "sub", tmp_path / "other"]) == tmp_path
        assert files.find_root([tmp_path / "ext"]) == tmp_path

    def test_our_section_wins_within_the_repository(self, tmp_path: Path) -> None:
        tree(tmp_path, "repo/.git/", "repo/sub/pyproject.toml", "repo/sub/a.py")
        (tmp_path / "pyproject.toml").write_text("[tool.dlsafe-lint]\n")
        assert files.find_root([tmp_path / "repo" / "sub"]) == tmp_path / "repo" / "sub"
        (tmp_path / "repo" / "pyproject.toml").write_text("[ tool . 'dlsafe-lint' . per-file-ignores ]\n")
        assert files.find_root([tmp_path / "repo" / "sub"]) == tmp_path / "repo"

    def test_setup_py_where_there_is_nothing_else(self, tmp_path: Path) -> None:
        tree(tmp_path, "setup.py", "pkg/a.py")
        assert files.find_root([tmp_path / "pkg" / "a.py"]) == tmp_path

    def test_a_relative_path_and_dots(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tree(tmp_path, "pyproject.toml", "pkg/a.py")
        monkeypatch.chdir(tmp_path / "pkg")
        assert files.find_root([Path()]) == tmp_path
        assert files.find_root([Path("../pkg/a.py")]) == tmp_path


class TestFind:
    def test_indexes_the_project_and_reports_what_was_asked(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "src/pkg/a.py", "src/pkg/b.py", "srcs/c.py", "d.py", "e.pyi", "f.txt")
        indexed, reported, warnings = find(tmp_path, "src", "d.py")
        assert indexed == ["d.py", "src/pkg/a.py", "src/pkg/b.py", "srcs/c.py"]
        assert reported == ["d.py", "src/pkg/a.py", "src/pkg/b.py"]
        assert warnings == []

    def test_a_folder_named_like_a_file(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "x.py/inner.py")
        assert find(tmp_path)[0] == ["x.py/inner.py"]
        assert find(tmp_path, "x.py")[1] == ["x.py/inner.py"]

    def test_exclusions(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "a.py", "build/b.py", "pkg/build/c.py", "x.egg-info/d.py", "gen/e.py", "f.py")
        assert find(tmp_path)[0] == ["a.py", "f.py", "gen/e.py"]
        assert find(tmp_path, extend_exclude=["/gen", "f.*"])[0] == ["a.py"]

    def test_excluded_paths_given_by_name(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "a.py", "build/b.py", "build/lib/c.py", "build/node_modules/d.py")
        assert find(tmp_path, "build/b.py")[:2] == (["a.py", "build/b.py"], ["build/b.py"])
        assert find(tmp_path, "build")[1] == ["build/b.py", "build/lib/c.py"]
        assert find(tmp_path, "build/b.py", "build", force_exclude=True)[:2] == (["a.py"], [])
        assert find(tmp_path, "a.py", force_exclude=True)[1] == ["a.py"]

    def test_virtual_environments(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "a.py", "env/pyvenv.cfg", "env/lib/b.py", "conda/conda-meta/", "conda/c.py")
        assert find(tmp_path)[0] == ["a.py"]
        assert find(tmp_path, "env")[1] == ["env/lib/b.py"]
        assert find(tmp_path, "env", force_exclude=True)[1] == []

    def test_gitignore_as_git_reads_it(self, tmp_path: Path) -> None:
        lines = {
            ".gitignore": ["*.log", "/top.py", "out/", "a/**/deep.py", "gen_*", "!gen_keep.py", "# no", "white/*", ""],
            "sub/.gitignore": ["!out/", "/top.py", "x?.py\r", "[ab].py", "data/**", "!data/**/", "!data/**/*.keep.py"],
            "white/.gitignore": ["!*.py", "bad.py"],
            "lib/.gitignore": ["*", "!*/", "!/keep.py", "[", "!", "\\"],
            ".git/info/exclude": ["local.py"],
        }
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        tree(
            tmp_path,
            *("top.py", "sub/top.py", "sub/sub/top.py", "out/a.py", "sub/out/q.py", "a/deep.py", "a/b/c/deep.py"),
            *("gen_x.py", "gen_keep.py", "x/gen_y.py", "white/a.py", "white/bad.py", "white/in/a.py", "sub/x1.py"),
            *("sub/a.py", "sub/c.py", "sub/data/d.py", "sub/data/in/d.keep.py", "lib/keep.py", "lib/in/keep.py"),
            *("local.py", "sub/local.py", "out.py", "gen_dir/x.py", "a/b/deep.py/y.py/z.py"),
        )
        for name, patterns in lines.items():
            (tmp_path / name).write_bytes("\n".join(patterns).encode())
        command = ["git", "ls-files", "--others", "--exclude-standard", "-z", "*.py"]
        output = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        expected = sorted(filter(None, output.split("\0")))
        assert {"gen_keep.py", "lib/keep.py", "sub/out/q.py", "sub/data/in/d.keep.py"} < set(expected)
        assert find(tmp_path)[0] == expected
        assert "top.py" in find(tmp_path, respect_gitignore=False)[0]

    def test_gitignore_above_the_root(self, tmp_path: Path) -> None:
        tree(
            tmp_path, ".git/", "proj/pyproject.toml", "proj/a.py", "proj/gen.py", "vendor/pyproject.toml", "vendor/a.py"
        )
        (tmp_path / ".gitignore").write_text("gen.py\nvendor/\n")
        assert find(tmp_path / "proj")[0] == ["a.py"]
        assert find(tmp_path / "vendor")[0] == ["a.py"]

    def test_work_trees_share_the_exclusions(self, tmp_path: Path) -> None:
        tree(tmp_path, "repo/.git/info/exclude", "repo/.git/worktrees/w/commondir", "w/a.py", "w/local.py")
        (tmp_path / "repo/.git/info/exclude").write_text("local.py\n")
        (tmp_path / "repo/.git/worktrees/w/commondir").write_text("../..\n")
        (tmp_path / "w" / ".git").write_text(f"gitdir: {tmp_path}/repo/.git/worktrees/w\n")
        assert find(tmp_path / "w")[0] == ["a.py"]

    def test_links_inside_the_project(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "pkg/__init__.py", "pkg/a.py", "b.py", "template.py.in")
        (tmp_path / "link").symlink_to("pkg")
        (tmp_path / "c.py").symlink_to("b.py")
        (tmp_path / "d.py").symlink_to("template.py.in")
        files_found = ["b.py", "d.py", "pkg/__init__.py", "pkg/a.py"]
        assert find(tmp_path) == (files_found, files_found, [])
        assert find(tmp_path, "c.py")[1] == ["b.py"]
        assert find(tmp_path, "link")[1] == ["pkg/__init__.py", "pkg/a.py"]
        assert find(tmp_path, "link/a.py")[1] == ["pkg/a.py"]

    def test_links_out_of_the_project(self, tmp_path: Path) -> None:
        tree(tmp_path, "proj/pyproject.toml", "lib/__init__.py", "lib/sub/a.py", "lib/f.py", "data/x.py", "other/b.py")
        root = tmp_path / "proj"
        (root / "lib").symlink_to("../lib")
        (root / "lib2").symlink_to("../lib")
        (root / "sub").symlink_to("../lib/sub")
        (root / "data").symlink_to("../data")
        (root / "b.py").symlink_to("../other/b.py")
        (root / "b2.py").symlink_to("../other/b.py")
        (root / "f.py").symlink_to("../lib/f.py")
        assert find(root)[0] == ["b.py", "lib/__init__.py", "lib/f.py", "lib/sub/a.py"]
        assert find(root, "data")[1] == ["data/x.py"]

    def test_loops(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "pkg/__init__.py", "pkg/a.py")
        (tmp_path / "pkg" / "again").symlink_to("..")
        (tmp_path / "self.py").symlink_to("self.py")
        (tmp_path / "self").symlink_to("self")
        indexed, _, warnings = find(tmp_path)
        assert indexed == ["pkg/__init__.py", "pkg/a.py"]
        assert sorted(warnings) == [
            "pkg/again: not followed: a symbolic link to a folder around it",
            "self.py: passed over: a symbolic link that leads back to itself",
            "self: passed over: a symbolic link that leads back to itself",
        ]

    def test_links_that_lead_nowhere(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "a.py")
        (tmp_path / "gone.py").symlink_to("nothing")
        (tmp_path / "gone").symlink_to("nothing")
        (tmp_path / ".#a.py").symlink_to("me@host.123")
        assert find(tmp_path)[2] == ["gone.py: passed over: a symbolic link that leads nowhere"]

    def test_pipes_are_passed_over(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "a.py")
        os.mkfifo(tmp_path / "pipe.py")
        assert find(tmp_path) == (["a.py"], ["a.py"], ["pipe.py: passed over: a pipe, a socket or a device"])

    def test_a_folder_that_cannot_be_listed(self, public_folder: Path) -> None:
        tree(public_folder, "pyproject.toml", "a.py", "secret/b.py")
        (public_folder / "secret").chmod(0)
        with without_privileges():
            indexed, _, warnings = find(public_folder)
            assert indexed == ["a.py"]
            assert warnings == ["secret: the folder can't be listed: permission denied"]
            assert find(public_folder, "secret")[2] == warnings

    def test_files_without_suffix(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "a.py", "README.md", "w.pyw")
        (tmp_path / "tool").write_text("#!/usr/bin/env python3\nprint()\n")
        (tmp_path / "shell").write_text("#!/bin/sh\n# python\n")
        indexed, reported, warnings = find(tmp_path, "tool", "README.md", "shell", "w.pyw")
        assert indexed == ["a.py", "tool", "w.pyw"]
        assert reported == ["tool", "w.pyw"]
        assert warnings == [f"{name}: passed over: not a Python file" for name in ("README.md", "shell")]

    def test_without_a_project_only_what_is_near(self, tmp_path: Path) -> None:
        tree(tmp_path, "scripts/a.py", "scripts/lib/b.py", "scripts/data/deep/c.py", "elsewhere/d.py", "other/e.py")
        assert find(tmp_path, "scripts/a.py", "other")[:2] == (
            ["other/e.py", "scripts/a.py", "scripts/lib/b.py"],
            ["other/e.py", "scripts/a.py"],
        )

    def test_a_path_given_twice_and_within_another(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml", "src/a.py")
        assert find(tmp_path, "src", "src/a.py", "src/../src", ".")[1] == ["src/a.py"]

    def test_a_root_behind_a_link(self, tmp_path: Path) -> None:
        tree(tmp_path, "real/pyproject.toml", "real/pkg/a.py")
        (tmp_path / "link").symlink_to("real")
        assert find(tmp_path / "link", "pkg/a.py")[:2] == (["pkg/a.py"], ["pkg/a.py"])
        found = files.find(tmp_path / "link", [tmp_path / "link"])
        assert found.indexed == (str(tmp_path / "link" / "pkg" / "a.py"),)

    def test_a_name_that_is_not_unicode(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml")
        name = os.fsdecode(b"caf\xe9.py")
        (tmp_path / name).touch()
        assert find(tmp_path)[0] == [name]
        assert source(tmp_path / name).text == ""

    def test_six_thousand_files_are_found_quickly(self, tmp_path: Path) -> None:
        tree(tmp_path, "pyproject.toml")
        (tmp_path / ".gitignore").write_text("".join(f"/dir{n}/*\nname{n}/\n*.ext{n}\n" for n in range(20)))
        for folder in range(300):
            (tmp_path / f"p{folder}").mkdir()
            for number in range(20):
                (tmp_path / f"p{folder}" / f"module_{number}.py").touch()
        started = time.process_time()
        found = files.find(tmp_path, [tmp_path], exclude=EXCLUDE)
        assert len(found.indexed) == 6000
        assert time.process_time() - started < 0.6  # about 0.1 s; room for a busy machine
