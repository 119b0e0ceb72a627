"""The project on the disk: its root and its Python files; reading them, and writing them without losing anything."""

from __future__ import annotations

import codecs
import contextlib
import errno
import hashlib
import io
import itertools
import os
import re
import stat
import tempfile
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pathspec import GitIgnoreSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping, Sequence

    from dlsafe_lint.notebooks import Notebook

MAX_BYTES = 16 * 1024 * 1024
"""Files larger than this are not read: nobody wrote them, and their trees would need gigabytes."""

MAX_NOTEBOOK_BYTES = 64 * 1024 * 1024
"""The same for notebooks, nearly all of whose bytes may be pictures."""

NOTEBOOK = ".ipynb"

_LINE_END = re.compile(rb"\r\n|\r|\n")
_PYTHON_SHEBANG = re.compile(rb"#!.*\bpython[\d.]*\b")
_OWN_SECTION = re.compile(rb"""(?m)^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*["']?dlsafe-lint["']?[ \t]*[\].]""")
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


# Reading


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file or notebook as it was read.

    Attributes:
        path: absolute path, symbolic links not resolved.
        module: dotted name as the folders with an `__init__.py` give it, for display; see `module_name`.
        is_package: whether it is an `__init__.py`.
        text: the decoded text without a byte order mark, line ends exactly as in the file; of a notebook, that of its
            cells as one module.
        encoding: name of the encoding, "utf-8" unless the file says otherwise.
        bom: whether the file starts with a UTF-8 byte order mark.
        digest: SHA-256 of the file's bytes, in hexadecimal.
        notebook: the cells, None for a Python file.
    """

    path: str
    module: str
    is_package: bool
    text: str
    encoding: str
    bom: bool
    digest: str
    notebook: Notebook | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be read, and why.

    Attributes:
        path: absolute path.
        line: the line at fault, from 1; 1 where the whole file is.
        message: one line: what is wrong and, where there is one, the remedy.
        column: the column at fault, from 1.
        foreign: it is a notebook in another language, which is nobody's mistake.
    """

    path: str
    line: int
    message: str
    column: int = 1
    foreign: bool = False


def read(path: str, packages: MutableMapping[str, str] | None = None) -> Source | Unreadable:
    """Read one file. Never raises and never blocks, whatever the path is.

    Args:
        path: absolute path.
        packages: what `module_name` remembers between calls.

    Returns:
        The file's content, or what keeps it from being read: it is gone, may not be read, is a folder, a pipe, a
        socket or a device, is larger than `MAX_BYTES`, holds NUL bytes, or can't be decoded; a notebook is not one, or
        holds another language than Python.
    """
    if path.endswith(NOTEBOOK):
        return _read_notebook(path, packages)
    try:
        content = _bytes(path)
        text, encoding, bom = _decode(content)
    except OSError as error:
        return Unreadable(path, 1, f"can't be read: {_reason(error)}")
    except _DecodingError as error:
        return Unreadable(path, error.line, str(error))
    module, is_package = module_name(path, packages)
    return Source(path, module, is_package, text, encoding, bom, hashlib.sha256(content).hexdigest())


def _read_notebook(path: str, packages: MutableMapping[str, str] | None) -> Source | Unreadable:
    from dlsafe_lint import notebooks

    try:
        content = _bytes(path, MAX_NOTEBOOK_BYTES)
        text, bom = _decode_notebook(content)
        notebook = notebooks.parse(text)
    except OSError as error:
        return Unreadable(path, 1, f"can't be read: {_reason(error)}")
    except _DecodingError as error:
        return Unreadable(path, error.line, str(error))
    except notebooks.NotANotebookError as error:
        return Unreadable(path, error.line, str(error), error.column)
    except notebooks.OtherLanguageError as error:
        return Unreadable(path, 1, str(error), foreign=True)
    module, _ = module_name(path, packages)
    return Source(path, module, False, notebook.text, "utf-8", bom, hashlib.sha256(content).hexdigest(), notebook)


def module_name(path: str, packages: MutableMapping[str, str] | None = None) -> tuple[str, bool]:
    """Name the module of a file, as far as the `__init__.py` files around it tell.

    Args:
        path: absolute path of the file.
        packages: folder → dotted package name ("" for a folder that is no package); filled and used, so that many
            files of one folder cost one look at the disk.

    Returns:
        The dotted name ("pkg" for `pkg/__init__.py`, the stem for a file in a folder that is no package), and
        whether the file is an `__init__.py`.
    """
    folder, name = os.path.split(path)
    package = _package_name(folder, {} if packages is None else packages)
    stem = name.removesuffix(".py")
    if stem == "__init__" and package:
        return package, True
    return (f"{package}.{stem}" if package else stem), stem == "__init__"


def _package_name(folder: str, packages: MutableMapping[str, str]) -> str:
    if (known := packages.get(folder)) is not None:
        return known
    parent, name = os.path.split(folder)
    package = ""
    if name and Path(folder, "__init__.py").is_file():
        outer = _package_name(parent, packages)
        package = f"{outer}.{name}" if outer else name
    packages[folder] = package
    return package


def _bytes(path: str, most: int = MAX_BYTES) -> bytes:
    """Read a regular file of no more than so many bytes whole; raises OSError for everything else."""
    # O_NONBLOCK: opening a pipe without a writer would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is a pipe, a socket or a device, not a file")
        content = b""
        if status.st_size <= most:
            # One byte more than its size: it may grow, and files of /proc say 0.
            while len(content) <= most and (chunk := os.read(handle, max(status.st_size, 4095) + 1)):
                content = content + chunk if content else chunk
        if max(status.st_size, len(content)) > most:
            raise OSError(f"it is larger than {most // 2**20} MB; exclude it in [tool.dlsafe-lint]")
        return content
    finally:
        os.close(handle)


def _reason(error: OSError) -> str:
    """Say why in plain words; the path is printed elsewhere."""
    match error:
        case FileNotFoundError():
            return "the file is gone"
        case PermissionError():
            return "permission denied"
        case IsADirectoryError():
            return "it is a folder"
        case OSError(errno=errno.ELOOP):
            return "it is a symbolic link that leads back to itself"
        case OSError(errno=errno.ENXIO):
            return "it is a pipe, a socket or a device, not a file"
    return (error.strerror or str(error)).lower() if error.errno else str(error)


class _DecodingError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _decode(content: bytes) -> tuple[str, str, bool]:
    """Decode as Python does (PEP 263); returns the text, the encoding's name and whether there was a mark."""
    if content.startswith(_UTF16_MARKS):
        raise _DecodingError(1, "the file is UTF-16, which Python can't read: save it as UTF-8")
    if (offset := content.find(b"\0")) >= 0:
        raise _DecodingError(_line(content, offset), "the file holds a NUL byte, which Python can't read")
    bom = content.startswith(codecs.BOM_UTF8)
    if bom:
        content = content[len(codecs.BOM_UTF8) :]
    encoding = _declared_encoding(content)
    if bom and encoding != "utf-8":
        raise _DecodingError(1, f"the file declares the encoding {encoding} but starts with a UTF-8 byte order mark")
    try:
        return content.decode(encoding), encoding, bom
    except UnicodeDecodeError as error:
        line = _line(content, error.start)
        column = error.start - max(content.rfind(b"\n", 0, error.start), content.rfind(b"\r", 0, error.start))
        message = f"byte 0x{content[error.start]:02x} (byte {column} of line {line}) is not {encoding.upper()}"
        raise _DecodingError(
            line,
            f"{message}: save the file as UTF-8, or name its encoding on its first line (`# coding: latin-1`)",
        ) from None
    except (LookupError, ValueError) as error:  # "rot13" is a codec, but none for text
        raise _DecodingError(1, f"the file can't be decoded as {encoding}: {error}") from None


def _decode_notebook(content: bytes) -> tuple[str, bool]:
    """Decode a notebook, which is always UTF-8; returns the text and whether there was a mark."""
    bom = content.startswith(codecs.BOM_UTF8)
    try:
        return content.decode("utf-8-sig" if bom else "utf-8"), bom
    except UnicodeDecodeError as error:
        raise _DecodingError(_line(content, error.start), "not a notebook: it is not UTF-8") from None


def _declared_encoding(content: bytes) -> str:
    if b"coding" not in content[:4096]:
        return "utf-8"
    # detect_encoding knows only "\n"; a coding line counts after "\r" as well.
    head = _LINE_END.split(content[:4096], maxsplit=2)[:2]
    # Bytes that are not UTF-8 are no reason to refuse a coding line; the decoder reports them with their place.
    lines = b"\n".join(head).decode("ascii", "replace").replace("\ufffd", "?").encode("ascii")
    try:
        return tokenize.detect_encoding(io.BytesIO(lines).readline)[0]
    except SyntaxError as error:
        raise _DecodingError(1, f"the file's coding line can't be followed: {error.msg}") from None


def _line(content: bytes, offset: int) -> int:
    return 1 + sum(1 for _ in _LINE_END.finditer(content, 0, offset))


# Writing


class WriteError(Exception):
    """A file could not be written; what is on the disk is what was there before.

    Attributes:
        path: the file.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: not written: {reason}")
        self.path = path


def encode(source: Source, text: str) -> bytes:
    """Turn a text back into the bytes of its file: same encoding, same byte order mark.

    Args:
        source: the file as it was read.
        text: what shall stand in it now.

    Returns:
        The bytes to write. Text that did not change gives the very bytes that were read.

    Raises:
        WriteError: the encoding can't express the text, or does not give back the bytes that were read
            (UTF-7 and the like have several spellings of one text).
    """
    mark = codecs.BOM_UTF8 if source.bom else b""
    try:
        if source.encoding != "utf-8":
            before = mark + source.text.encode(source.encoding)
            if hashlib.sha256(before).hexdigest() != source.digest:
                raise WriteError(source.path, f"its encoding {source.encoding} can't be written back byte for byte")
        return mark + text.encode(source.encoding)
    except UnicodeEncodeError as error:
        character = text[error.start : error.start + 1]
        raise WriteError(source.path, f"{character!a} can't be written in {source.encoding}") from None


def encode_notebook(source: Source, notebook: Notebook) -> bytes:
    """Put changed cells into the bytes of their notebook; all other bytes stay.

    Args:
        source: the file as it was read.
        notebook: its cells as they shall be.

    Raises:
        WriteError: the file was changed since it was read, or can't be read any more.
    """
    from dlsafe_lint import notebooks

    try:
        content = _bytes(source.path, MAX_NOTEBOOK_BYTES)
    except OSError as error:
        raise WriteError(source.path, _reason(error)) from None
    if hashlib.sha256(content).hexdigest() != source.digest:
        raise WriteError(source.path, "the file was changed by someone else in the meantime")
    text, bom = _decode_notebook(content)
    return (codecs.BOM_UTF8 if bom else b"") + notebooks.rewrite(text, notebook).encode()


def write(source: Source, data: bytes) -> None:
    """Replace a file's content at once: at any moment the disk holds the old content or the new, never half of it.

    A symbolic link is followed, so the link stays a link. The file's mode stays, its owner where the system lets us.
    Where the file has a second hard link, that one keeps the old content.

    Args:
        source: the file as it was read.
        data: its new content.

    Raises:
        WriteError: the file was changed or deleted since it was read, is read-only, or the disk refused.
    """
    target = Path(source.path).resolve()
    temporary: Path | None = None
    try:
        if hashlib.sha256(_bytes(str(target), MAX_NOTEBOOK_BYTES)).hexdigest() != source.digest:
            raise WriteError(source.path, "the file was changed by someone else in the meantime")
        if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise WriteError(source.path, "the file is read-only")
        status = target.stat()
        # A short name of our own: the file's may already be as long as the file system allows.
        handle, name = tempfile.mkstemp(prefix=".dlsafe-", suffix=".tmp", dir=target.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if hasattr(os, "chown"):
            with contextlib.suppress(OSError):
                os.chown(temporary, status.st_uid, status.st_gid)
        temporary.chmod(stat.S_IMODE(status.st_mode))  # after chown, which clears the set-id bits
        temporary.replace(target)
        temporary = None
        _flush_folder(target.parent)
    except OSError as error:
        raise WriteError(source.path, _reason(error)) from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut; not every system can open a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# Finding


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a project.

    Attributes:
        indexed: absolute paths of the project's Python files and notebooks, sorted: what the linter knows about.
        reported: those of them that the command line asks about, sorted.
        warnings: one line for each thing that was passed over.
    """

    indexed: tuple[str, ...]
    reported: tuple[str, ...]
    warnings: tuple[str, ...]


def find_root(paths: Sequence[Path]) -> Path:
    """Find the project that the paths belong to.

    Going up from the folder that holds all of them: the nearest folder whose pyproject.toml has our section, not
    looking beyond a repository's top; else the nearest with a pyproject.toml or `.git`; else the nearest with a
    setup.py or setup.cfg (weaker, because extensions inside a project have one of their own); else that folder itself.

    Args:
        paths: existing files and folders, at least one.

    Returns:
        An absolute path, symbolic links not resolved.
    """
    common = Path(os.path.commonpath([_absolute(path) for path in paths]))
    if not common.is_dir():
        common = common.parent
    strong: Path | None = None
    weak: Path | None = None
    for folder in (common, *common.parents):
        is_top = (folder / ".git").exists()
        project_file = folder / "pyproject.toml"
        if _has_own_section(project_file):
            return folder
        if strong is None and (is_top or project_file.is_file()):
            strong = folder
        if weak is None and ((folder / "setup.py").is_file() or (folder / "setup.cfg").is_file()):
            weak = folder
        if is_top:
            break
    return strong or weak or common


def _absolute(path: Path) -> str:
    """Make a path absolute and drop its `..`, but keep its symbolic links."""
    return os.path.abspath(path)  # noqa: PTH100  # pathlib either resolves links or keeps `..`


def _has_own_section(project_file: Path) -> bool:
    try:
        return _OWN_SECTION.search(project_file.read_bytes()) is not None
    except OSError:
        return False


def find(
    root: Path,
    paths: Sequence[Path],
    *,
    exclude: Sequence[str] = (),
    extend_exclude: Sequence[str] = (),
    force_exclude: bool = False,
    respect_gitignore: bool = True,
    include_notebooks: bool = True,
) -> Found:
    """Find the project's Python files, in one pass over its folders.

    Indexed is every `.py` file and notebook below the root (where the root is no project, below the folders given and
    beside the files given) that neither the patterns nor a .gitignore exclude. Virtual environments (pyvenv.cfg,
    conda-meta) are passed over. A symbolic link is followed only to a file, or to a package outside the project: what
    it points to inside the project is found where it is, each real file once, and a link to a folder of data may hold
    millions of files.

    A path given by name counts even if it is excluded, unless `force_exclude`. A file given by name needs no `.py`
    if it starts with a Python shebang; other files are passed over with a warning.

    Args:
        root: the project, see `find_root`.
        paths: existing files and folders below the root: what to report on.
        exclude: patterns as in a .gitignore, relative to the root.
        extend_exclude: more of them.
        force_exclude: apply the exclusions to the paths given as well.
        respect_gitignore: read the .gitignore files of the project and, above it, of its repository, and the
            repository's info/exclude.
        include_notebooks: find `.ipynb` files as well; one that is given by name counts in any case.

    Returns:
        The files, and warnings about folders that can't be listed, links that lead nowhere, and the like.
    """
    base = _absolute(root)
    suffixes = (".py", NOTEBOOK) if include_notebooks else (".py",)
    walk = _Walk(base, (*exclude, *extend_exclude), suffixes, respect_gitignore=respect_gitignore)
    given = sorted({_absolute(path) for path in paths})
    folders = [path for path in given if Path(path).is_dir()]
    files = [path for path in given if not Path(path).is_dir()]
    if any((root / name).exists() for name in ("pyproject.toml", ".git", "setup.py", "setup.cfg")):
        walk.add(base)
    else:
        for folder in folders:
            walk.add(walk.place(folder))
        for folder in sorted({str(Path(path).parent) for path in files}):
            walk.add(folder, beside=True)
    if not force_exclude:
        for folder in folders:
            walk.add_excluded(walk.place(folder))
    walk.follow_links()

    reported: set[str] = set()
    for path in files:
        if not {path, walk.place(path)} & walk.files and not (force_exclude and walk.excludes(path)):
            walk.add_file(path)
        reported |= {path, walk.place(path)} & walk.files
    for folder in folders:
        start = _with_separator(walk.place(folder))
        reported.update(path for path in walk.files if path.startswith(start))
    return Found(tuple(sorted(walk.files)), tuple(sorted(reported)), tuple(walk.warnings))


class _Walk:
    """One pass over a project: the files found so far, and what must be remembered to find each once."""

    def __init__(
        self, base: str, exclude: Sequence[str], suffixes: tuple[str, ...], *, respect_gitignore: bool
    ) -> None:
        self.files: set[str] = set()
        self.warnings: list[str] = []
        self._base = base
        self._real_base = os.path.realpath(base)
        self._exclude = exclude
        self._suffixes = suffixes
        self._respect_gitignore = respect_gitignore
        self._listed: dict[str, tuple[_Patterns, ...]] = {}  # folder → the patterns that hold in it
        self._links: list[str] = []

    def place(self, path: str) -> str:
        """Where a path that leads through symbolic links really is, if that is inside the project."""
        real = os.path.realpath(path)
        if not _is_within(real, self._real_base):
            return path
        return self._base if real == self._real_base else _with_separator(self._base) + real[self._real_start :]

    @property
    def _real_start(self) -> int:
        return len(_with_separator(self._real_base))

    def add(self, top: str, *, beside: bool = False) -> None:
        """Add what a folder holds; with `beside`, from the folders in it only those that hold Python files."""
        patterns = [_Patterns(self._base, self._exclude)]
        if self._respect_gitignore:
            patterns += _patterns_above(top)
        self._add(top, tuple(patterns), beside=beside)

    def add_excluded(self, top: str) -> None:
        """Add what a folder holds that was passed over but was asked for by name.

        The patterns start anew there: those around it exclude all of it.
        """
        if top not in self._listed:
            self._add(top, (_Patterns(top, self._exclude),))

    def add_file(self, path: str) -> None:
        """Add a file that was asked for by name."""
        if path.endswith((".py", ".pyw", NOTEBOOK)) or _has_python_shebang(path):
            self.files.add(path)
        else:
            self.warnings.append(f"{path}: passed over: not a Python file")

    def excludes(self, path: str) -> bool:
        """Whether a file is excluded, itself or through a folder around it."""
        place = self.place(path)
        folder, name = os.path.split(place)
        patterns = self._listed.get(folder)
        return patterns is None or _is_excluded(patterns, place, name)

    def _add(self, top: str, patterns: tuple[_Patterns, ...], *, beside: bool = False) -> None:
        stack = [(top, patterns)]
        while stack:
            folder, patterns = stack.pop()
            if folder in self._listed:
                continue
            try:
                listing = _list(folder, self._suffixes)
            except OSError as error:
                self.warnings.append(f"{folder}: the folder can't be listed: {_reason(error)}")
                self._listed[folder] = patterns
                continue
            if folder != top and (listing.is_environment or (beside and not listing.python)):
                continue
            start = _with_separator(folder)
            if listing.has_gitignore and self._respect_gitignore:
                patterns = (*patterns, _Patterns(folder, _pattern_lines(Path(folder, ".gitignore"))))
            self._listed[folder] = patterns
            for name in listing.python:
                if not _is_excluded(patterns, start + name, name):
                    self.files.add(start + name)
            for name in listing.folders:
                if not _is_excluded(patterns, start + name, name + "/"):
                    stack.append((start + name, patterns))  # noqa: PERF401
            for name in listing.links:
                if not _is_excluded(patterns, start + name, name + "/"):
                    self._links.append(start + name)
            for name in listing.special:
                if not _is_excluded(patterns, start + name, name):
                    self.warnings.append(f"{start}{name}: passed over: a pipe, a socket or a device")

    def follow_links(self) -> None:
        """Add what symbolic links point to and the walk has not found in its own place."""
        packages: list[str] = []
        to_files: list[tuple[str, str]] = []
        while self._links:
            self._links.sort(reverse=True)
            link = self._links.pop()
            try:
                target = Path(link).resolve(strict=True)
                around = Path(link).parent.resolve(strict=True)
            except (OSError, RuntimeError) as error:  # RuntimeError: a loop, before Python 3.13
                is_loop = isinstance(error, RuntimeError) or error.errno == errno.ELOOP
                if is_loop or link.endswith(self._suffixes):
                    where = "back to itself" if is_loop else "nowhere"
                    self.warnings.append(f"{link}: passed over: a symbolic link that leads {where}")
                continue
            real = str(target)
            if not target.is_dir():
                to_files.append((link, real))
            elif target == around or target in around.parents:
                self.warnings.append(f"{link}: not followed: a symbolic link to a folder around it")
            elif (target / "__init__.py").is_file() and not any(
                _is_within(real, done) for done in (self._real_base, *packages)
            ):
                packages.append(real)
                self._add(link, self._listed[str(Path(link).parent)])
        for link, real in to_files:
            is_known = self.place(link) in self.files or any(_is_within(real, done) for done in packages)
            if link.endswith(self._suffixes) and not is_known:
                packages.append(real)  # a second link to it is within
                self.files.add(link)


@dataclass(slots=True)
class _Listing:
    """What one folder holds, as far as it matters: the names by kind."""

    python: list[str]
    folders: list[str]
    links: list[str]
    special: list[str]
    has_gitignore: bool = False
    is_environment: bool = False


def _list(folder: str, suffixes: tuple[str, ...]) -> _Listing:
    listing = _Listing([], [], [], [])
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            is_python = name.endswith(suffixes) and not name.startswith(".#")  # `.#x.py` is a lock of Emacs
            if entry.is_dir(follow_symlinks=False):
                listing.folders.append(name)
                if name == "conda-meta":
                    listing.is_environment = True
            elif is_python and entry.is_file(follow_symlinks=False):
                listing.python.append(name)
            elif name == ".gitignore":
                listing.has_gitignore = True
            elif name == "pyvenv.cfg":
                listing.is_environment = True
            elif entry.is_symlink():
                # A package's name has no dot: spares a look at each of a million linked images.
                if is_python or "." not in name:
                    listing.links.append(name)
            elif is_python:
                listing.special.append(name)
    return listing


class _Patterns:
    """The gitignore patterns of one folder, each translated by pathspec.

    pathspec matches a path through the folders around it as well, and tries one pattern after the other. Here the
    folders around a path were asked before it, so a pattern counts only for the path itself, as in git. And it is
    fast for thousands of files: nearly all match nothing, which a set of plain names and two regular expressions,
    one for names and one for paths, tell at once.
    """

    __slots__ = ("_by_name", "_by_path", "_names", "_patterns", "_start")

    def __init__(self, base: str, lines: Iterable[str]) -> None:
        self._start = len(_with_separator(base))
        self._patterns = [pattern for line in lines for pattern in _translate(line)]
        self._names = {pattern.plain for pattern in self._patterns if pattern.plain}
        self._by_name = _any_of(pattern for pattern in self._patterns if pattern.about == "name" and not pattern.plain)
        self._by_path = _any_of(pattern for pattern in self._patterns if pattern.about != "name")

    def verdict(self, path: str, name: str) -> bool | None:
        """Whether a path is excluded (True), brought back (False) or not mentioned (None).

        Args:
            path: absolute path below the base; none of the folders around it is excluded.
            name: its last part, with a "/" after a folder's.
        """
        by_name = name.rstrip("/") in self._names or (self._by_name is not None and self._by_name.search(name))
        if not by_name and self._by_path is None:
            return None
        relative = path[self._start :].replace(os.sep, "/")
        if not by_name and self._by_path is not None and not self._by_path.search(relative + "/"):
            return None
        around = relative.rpartition("/")[0] + "/"
        full = relative + "/" if name.endswith("/") else relative
        subjects = {
            "name": name,
            "path": full,
            "content": relative,
            "folders": relative if name.endswith("/") else "",
        }
        for pattern in reversed(self._patterns):
            if pattern.regex.search(subjects[pattern.about]):
                if pattern.about == "path" and pattern.regex.search(around):
                    continue
                return pattern.excludes
        return None


_About = Literal["name", "path", "content", "folders"]
"""What a pattern is held against; "logs/**" is about the content of a folder, "logs/**/" about the folders in it."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    regex: re.Pattern[str]
    excludes: bool  # False: brings back
    about: _About
    plain: str  # the name that it is, without wildcards; "" if it is none


def _translate(line: str) -> list[_Pattern]:
    """Translate a line of a .gitignore; what is no pattern gives none, as in git."""
    body = line.rstrip().removeprefix("!")
    if body.startswith("**/") and body.count("/") == 1 + body.endswith("/") and body != "**/":
        line = line.replace("**/", "", 1)
        body = body.removeprefix("**/")
    about: _About = "name"
    if body.endswith("/**/"):
        about = "folders"
        line = line.rstrip().removesuffix("/")
    elif body.endswith("/**"):
        about = "content"
    elif "/" in body.rstrip("/"):
        about = "path"
    plain = body.rstrip("/") if re.fullmatch(r"[\w.$~@+-]+/?", body) else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # re's, about patterns that look like sets in sets
            patterns = GitIgnoreSpec.from_lines([line]).patterns
    except (ValueError, re.error):
        return []
    return [
        _Pattern(pattern.regex, pattern.include, about, plain)
        for pattern in patterns
        if pattern.regex is not None and pattern.include is not None
    ]


def _any_of(patterns: Iterable[_Pattern]) -> re.Pattern[str] | None:
    # Group names would clash.
    parts = [re.sub(r"\(\?P<\w+>", "(?:", pattern.regex.pattern) for pattern in patterns]
    return re.compile("|".join(parts)) if parts else None


def _is_excluded(patterns: Sequence[_Patterns], path: str, name: str) -> bool:
    """Ask the configuration's patterns, which come first, then the .gitignore files."""
    return bool(patterns[0].verdict(path, name)) or _is_ignored(patterns[1:], path, name)


def _is_ignored(ignores: Sequence[_Patterns], path: str, name: str) -> bool:
    """Ask the .gitignore files, from the innermost outwards."""
    for ignore in reversed(ignores):
        if (verdict := ignore.verdict(path, name)) is not None:
            return verdict
    return False


def _patterns_above(folder: str) -> list[_Patterns]:
    """Read the .gitignore files of the repository around a folder; none if they exclude the folder itself."""
    path = Path(folder)
    top = next((above for above in (path, *path.parents) if (above / ".git").exists()), None)
    if top is None:
        return []
    patterns = [_Patterns(str(top), _pattern_lines(_info_exclude(top)))]
    way_down = [above for above in (path, *path.parents) if above == top or top in above.parents][::-1]
    for above, below in itertools.pairwise(way_down):
        patterns.append(_Patterns(str(above), _pattern_lines(above / ".gitignore")))
        if _is_ignored(patterns, str(below), below.name + "/"):
            return []
    return patterns


def _info_exclude(top: Path) -> Path:
    """Find a repository's own list of exclusions, which work trees share."""
    git = top / ".git"
    try:
        if git.is_file():
            git = top / git.read_text().removeprefix("gitdir:").strip()
            git = git / (git / "commondir").read_text().strip()
    except (OSError, ValueError):
        pass
    return git / "info" / "exclude"


def _pattern_lines(path: Path) -> list[str]:
    try:
        text = _bytes(str(path)).removeprefix(codecs.BOM_UTF8)
    except OSError:
        return []
    return [os.fsdecode(line.removesuffix(b"\r")) for line in text.split(b"\n")]


def _has_python_shebang(path: str) -> bool:
    try:
        return _PYTHON_SHEBANG.match(_bytes(path)) is not None
    except OSError:
        return False


def _with_separator(folder: str) -> str:
    return folder if folder.endswith(os.sep) else folder + os.sep


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(_with_separator(folder))
