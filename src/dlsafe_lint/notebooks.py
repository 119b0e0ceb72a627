"""Jupyter notebooks: their Python cells read as one module, its lines told by cell, and changed cells written back.

A notebook is JSON (nbformat 4, or 3 with worksheets). It is read with the standard library and written by exchanging
the changed lines of the changed cells in the file's own text: nbformat, which would write all of it anew, changes
indentation, key order and escapes of what nobody touched.

What IPython makes of a line that is no Python was read from IPython 9's `core.inputtransformer2`: lines that start with
``%``, ``!``, ``?``, ``,``, ``;`` or ``/`` where a statement starts, lines that end with ``?``, ``x = !command`` and
``x = %magic``, and cells that start with ``%%``.
"""

from __future__ import annotations

import itertools
import json
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from dlsafe_lint.finding import Edit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dlsafe_lint.facts import SyntaxProblem

_RUN_AS_PYTHON = frozenset(
    {
        *("capture", "debug", "prun", "time", "timeit"),
        *("heat", "ipytest", "lprun", "memit", "mprun", "notify", "pyinstrument", "scalene", "snakeviz", "wandb"),
    }
)
"""Cell magics below which there is Python that runs in the notebook; below the others there is something else."""

_SHELL_WORDS = frozenset(
    {
        *("bash", "cat", "cd", "cp", "git", "less", "ll", "ls", "man", "mkdir", "more", "mv", "pwd", "rm", "rmdir"),
        *("apt", "apt-get", "conda", "mamba", "pip", "python", "uv", "wget"),
        *("autoreload", "config", "debug", "env", "history", "load", "load_ext", "matplotlib", "pylab", "reload_ext"),
        *("run", "time", "timeit", "who", "whos"),
    }
)
"""What may start a cell of one line without a ``%`` (IPython's automagic), as far as it is seen in notebooks."""

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character, which JSON can express but no file can hold."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_CELL_MAGIC = re.compile(r"%%(?P<name>[\w!.]+)")
_OTHER_LANGUAGE = re.compile(r"%(?:fs|html|md|md-sandbox|r|scala|sh|sql)\b")
"""How Databricks starts a cell in another language."""
_PROMPT = re.compile(r"(?:>>>|In \[\d+\]:)(?:\s|$)")
_ESCAPE = re.compile(r"[%!?,;/]")
_ASSIGNED = re.compile(r"(?P<target>[^\W\d][\w.\[\], *'\"]*?)\s*=\s*(?:!|%(?!=))")
_HELP = re.compile(r"[^'\"#]*[\w*\])]\s*\?{1,2}")
# What decides where a statement ends: comments and strings hide brackets and line ends.
_TOKEN = re.compile(
    r"""
    (?P<skip> \# [^\r\n]*
      | "{3} (?: [^"\\]+ | \\. | "(?!"") )* (?: "{3} | \\? \Z )
      | '{3} (?: [^'\\]+ | \\. | '(?!'') )* (?: '{3} | \\? \Z )
      | " (?: [^"\\\r\n]+ | \\\r\n | \\. )* "?
      | ' (?: [^'\\\r\n]+ | \\\r\n | \\. )* '?
      | \\ (?: \r\n | . ) )
    | (?P<open> [(\[{] )
    | (?P<close> [)\]}] )
    | (?P<end> \r\n | \r | \n )
    """,
    re.VERBOSE | re.DOTALL,
)


class NotANotebookError(Exception):
    """The text is no notebook: at ``line`` and ``column`` of the file, from 1; the message says why."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class OtherLanguageError(Exception):
    """The notebook holds no Python, or a Python that nobody reads any more; the message says what."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell that holds Python.

    Attributes:
        number: its place among all cells of the notebook, from 1: text cells count, as for Jupyter and ruff.
        source: its text as it is in the notebook.
        code: the same lines as Python sees them, the last one ended: what is only for IPython is blank, or ``pass``.
        hidden: the lines, from 0, that are not the same in both.
        first: the first line, from 0, before which something may be put: the one below a cell magic.
        shift: blanks taken off the start of the lines, where the whole cell is indented.
        start: where the code starts in the notebook's text.
        line: its first line there, from 1.
        problem: why it can't be parsed, with places in the cell. Its code is blank then.
    """

    number: int
    source: str
    code: str
    hidden: frozenset[int] = frozenset()
    first: int = 0
    shift: int = 0
    start: int = 0
    line: int = 1
    problem: SyntaxProblem | None = None


class Position(NamedTuple):
    """A place in a cell: its number, and line and column from 1."""

    cell: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Notebook:
    """The Python cells of a notebook. In its text, as one module, there is a blank line between two of them."""

    cells: tuple[Cell, ...] = ()

    @property
    def text(self) -> str:
        """The code of all cells as one module."""
        return "\n".join(cell.code for cell in self.cells)

    def position(self, line: int, column: int = 1) -> Position:
        """Tell which cell a place of the text belongs to; a blank line between two cells belongs to the first.

        Args:
            line: from 1.
            column: from 1.

        Returns:
            The place in the cell; the first line of a notebook without Python is in cell 1.
        """
        index = bisect_right(self.cells, line, key=lambda each: each.line) - 1
        if index < 0:
            return Position(1, line, column)
        cell = self.cells[index]
        return Position(cell.number, line - cell.line + 1, column + cell.shift)

    def in_cell(self, edit: Edit) -> Edit | None:
        """Return an edit of the text as one of a cell's source, whose last line counts as ended.

        None if it reaches across cells, changes a line that is only for IPython, or stands above a cell magic.
        """
        index = bisect_right(self.cells, edit.start, key=lambda each: each.start) - 1
        if index < 0:
            return None
        cell = self.cells[index]
        return _in_source(cell, edit) if edit.end <= cell.start + len(cell.code) else None

    def edited(self, edits: Iterable[Edit]) -> Notebook | None:
        """Make the edits of the text in the cells.

        Args:
            edits: in order, not overlapping.

        Returns:
            The notebook with them, apart from blank lines that they would put at the start or the end of a cell; None
            if one of them can't be made, see `in_cell`.
        """
        by_cell: dict[int, list[Edit]] = {}
        for edit in edits:
            local = self.in_cell(edit)
            if local is None:
                return None
            by_cell.setdefault(local.cell, []).append(local)
        cells = []
        for cell in self.cells:
            if cell.number not in by_cell:
                cells.append(cell)
                continue
            source = _with_edits(cell.source, by_cell[cell.number])
            made = _read_cell(cell.number, source) if source.strip() else Cell(cell.number, source, _ended(source))
            if made is None:
                return None
            cells.append(made)
        return compose(cells)


def parse(content: str) -> Notebook:
    """Read the cells of a notebook.

    Args:
        content: the text of the file.

    Returns:
        Its Python cells; those with a cell magic for another language are left out. An empty file has none.

    Raises:
        NotANotebookError: it is not JSON, or JSON of something else.
        OtherLanguageError: its kernel runs another language, or Python 2.
    """
    if not content.strip():
        return Notebook()
    try:
        document = json.loads(content)
    except json.JSONDecodeError as error:
        message = f"not a notebook: it is not valid JSON ({error.msg[:1].lower()}{error.msg[1:]})"
        raise NotANotebookError(error.lineno, error.colno, message) from None
    except RecursionError:
        raise NotANotebookError(1, 1, "not a notebook: its JSON is nested too deeply") from None
    raw_cells = _raw_cells(document)
    if (other := _other_language(document.get("metadata"))) is not None:
        raise OtherLanguageError(other)
    cells = []
    for number, raw in enumerate(raw_cells, 1):
        source = _source(number, raw)
        if source and (cell := _read_cell(number, source)) is not None:
            cells.append(cell)
    return compose(cells)


def compose(cells: Iterable[Cell]) -> Notebook:
    """Put cells together, in order."""
    placed = []
    start, line = 0, 1
    for cell in cells:
        placed.append(replace(cell, start=start, line=line))
        start += len(cell.code) + 1
        line += len(_lines(cell.code)) + 1
    return Notebook(tuple(placed))


def sound(notebook: Notebook, problem_of: Callable[[str], SyntaxProblem | None]) -> Notebook:
    """Take the cells that can't be parsed out of a notebook's text, so that the others can be read.

    Args:
        notebook: one whose text can't be parsed.
        problem_of: tells why a text can't be parsed, None if it can.

    Returns:
        The notebook with the same cells; those that can't be parsed have no code, but all of their lines. A problem is
        noted for each that IPython can't run either.
    """
    cells = []
    for cell in notebook.cells:
        problem = problem_of(cell.code)
        if problem is None:
            cells.append(cell)
            continue
        lines = _lines(cell.code)
        blank = "".join(map(_end_of, lines))
        line = min(problem.line, max(len(_lines(cell.source)), 1))
        cells.append(
            replace(
                cell,
                code=blank,
                hidden=frozenset(range(len(lines))),
                first=len(lines),
                problem=None if _is_for_ipython(cell.source) else replace(problem, line=line),
            )
        )
    return compose(cells)


def rewrite(content: str, notebook: Notebook) -> str:
    """Write the cells back into the text of the file.

    Args:
        content: the text of the file that the notebook was read from.
        notebook: the notebook as it shall be.

    Returns:
        The text with the sources that are not the same exchanged. Everything else is as it was, and so are the lines of
        these sources that stay.
    """
    wanted = {cell.number: cell.source for cell in notebook.cells}
    pieces: list[str] = []
    position = 0
    for number, (start, end) in enumerate(_spans(content), 1):
        raw = content[start:end]
        if number not in wanted or _joined(json.loads(raw or '""')) == wanted[number]:
            continue
        pieces += content[position:start], _source_like(raw, wanted[number], ascii_only=_is_escaped(content))
        position = end
    return "".join((*pieces, content[position:]))


# --- what is in the file ---


def _raw_cells(document: Any) -> list[Any]:
    """Return the cells of nbformat 4, or those of the worksheets of nbformat 3."""
    if isinstance(document, dict):
        if isinstance(cells := document.get("cells"), list):
            return cells
        if isinstance(sheets := document.get("worksheets"), list):
            found: list[Any] = []
            for sheet in sheets:
                cells = sheet.get("cells", []) if isinstance(sheet, dict) else None
                if not isinstance(cells, list):
                    break
                found += cells
            else:
                return found
    raise NotANotebookError(1, 1, "not a notebook: its JSON has no list of cells")


def _other_language(metadata: Any) -> str | None:
    """Say what a notebook's kernel runs if that is not Python 3; without a word about it, it is."""
    metadata = metadata if isinstance(metadata, dict) else {}
    info, kernel = (found if isinstance(found := metadata.get(key), dict) else {} for key in _KERNEL_KEYS)
    name = info.get("name") or kernel.get("language") or "python"
    if not isinstance(name, str) or not name.lower().startswith(("python", "ipython")):
        return f"a notebook in {name}, not in Python"
    # PyCharm writes `"version": "2.7.6"` into every notebook that it makes: only a kernel is a proof
    said, old = (kernel.get("display_name"), "Python 2") if kernel else (info.get("version"), "2.")
    is_old = str(said).startswith(old) or kernel.get("name") == "python2"
    return "a notebook in Python 2" if is_old else None


_KERNEL_KEYS = ("language_info", "kernelspec")


def _source(number: int, raw: Any) -> str:
    """Return the source of a cell if it may be Python, "" for any other cell."""
    if not isinstance(raw, dict):
        raise NotANotebookError(1, 1, f"not a notebook: its cell {number} is no object")
    if raw.get("cell_type") != "code" or raw.get("language", "python") != "python":
        return ""
    metadata = raw.get("metadata")
    editor = metadata.get("vscode") if isinstance(metadata, dict) else None
    if isinstance(editor, dict) and editor.get("languageId", "python") != "python":
        return ""
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return _joined(source)
    if not isinstance(source, str):
        raise NotANotebookError(1, 1, f"not a notebook: the source of its cell {number} is no text")
    return source


def _joined(source: list[str] | str) -> str:
    return source if isinstance(source, str) else "".join(source)


# --- what Python sees of a cell ---


def _read_cell(number: int, source: str) -> Cell | None:
    """Read a cell; None if it holds no Python."""
    if not source.strip():
        return None
    lines = _lines(_SURROGATE.sub("\ufffd", source))
    if not _end_of(lines[-1]):
        lines[-1] += "\n"
    index = next(index for index, line in enumerate(lines) if line.strip())
    indent = _indent_of(lines[index])
    if _PROMPT.match(lines[index], len(indent)):
        return None
    if indent:
        lines = [line.removeprefix(indent) for line in lines]
    first = index
    while first < len(lines) and (magic := _CELL_MAGIC.match(lines[first])):
        if magic["name"] not in _RUN_AS_PYTHON:
            return None
        first += 1
    hidden = {*range(index, first)}
    for each in hidden:
        lines[each] = _end_of(lines[each])
    for start, end, replacement in tuple(_only_for_ipython(lines, first)):
        hidden.update(range(start, end))
        lines[start:end] = [_end_of(line) for line in lines[start:end]]
        lines[start] = replacement + lines[start]
    return Cell(number, source, "".join(lines), frozenset(hidden), first if first > index else 0, len(indent))


def _only_for_ipython(lines: list[str], index: int) -> Iterator[tuple[int, int, str]]:
    """Yield the lines that are no Python, from where to where, with what stands for them."""
    text = "".join(lines)
    starts = list(itertools.accumulate(map(len, lines), initial=0))
    while index < len(lines):
        replacement = _replacement(lines[index])
        if replacement is None:
            index = bisect_left(starts, _end_of_statement(text, starts[index]))
            continue
        end = index + 1
        while end < len(lines) and lines[end - 1].rstrip("\r\n").endswith("\\"):
            end += 1
        yield index, end, replacement
        index = end


def _replacement(line: str) -> str | None:
    """Return what stands for a line that is only for IPython, None for any other.

    IPython calls ``get_ipython()`` for it; what ``files = !ls`` binds stays bound, to something unknown.
    """
    indent = _indent_of(line)
    code = line[len(indent) :].rstrip()
    if assigned := _ASSIGNED.match(code):
        return f"{indent}{assigned['target']} = get_ipython()"
    if _ESCAPE.match(code) or ("?" in code and _HELP.fullmatch(code.rstrip("; "))):
        return f"{indent}pass" if indent else ""
    return None


def _end_of_statement(text: str, start: int) -> int:
    """Return where the statement that starts there ends, its line end included."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        match token.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth = max(depth - 1, 0)
            case "end" if depth == 0:
                return token.end()
    return len(text)


def _is_for_ipython(source: str) -> bool:
    """Whether a cell that can't be parsed is one that a notebook runs all the same."""
    lines = source.strip().splitlines()
    return bool(_OTHER_LANGUAGE.match(lines[0])) or (len(lines) == 1 and lines[0].split()[0] in _SHELL_WORDS)


def _lines(text: str) -> list[str]:
    return _LINE.findall(text)


def _end_of(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


# --- changes ---


def _in_source(cell: Cell, edit: Edit) -> Edit | None:
    if cell.shift:
        return None
    ends = list(itertools.accumulate(map(len, _lines(cell.code)), initial=cell.start))
    starts_in_source = list(itertools.accumulate(map(len, _lines(_ended(cell.source))), initial=0))
    first, last = bisect_right(ends, edit.start) - 1, bisect_left(ends, edit.end, lo=1) - 1
    touched = range(first, last + 1) if edit.end > edit.start or edit.start != ends[first] else range(0)
    if first < cell.first or not cell.hidden.isdisjoint(touched):
        return None
    start, end = (
        starts_in_source[line] + offset - ends[line]
        for line, offset in ((first, edit.start), (max(first, last), edit.end))
    )
    return Edit(start, end, edit.text, cell.number)


def _ended(source: str) -> str:
    return source if _end_of(source) else source + "\n"


def _with_edits(source: str, edits: Iterable[Edit]) -> str:
    """Make the edits in a source; it ends as it ended before, and has no more blank lines at its start and end."""
    before = _ended(source)
    pieces: list[str] = []
    position = 0
    for edit in edits:
        pieces += before[position : edit.start], edit.text
        position = edit.end
    after = "".join((*pieces, before[position:]))
    if source[:1] not in "\r\n":
        after = after.lstrip("\r\n")
    return after if source.endswith(("\n", "\r")) else after.rstrip("\r\n")


# --- the file's own text ---


def _spans(content: str) -> list[tuple[int, int]]:
    """Return where the source of each cell stands in a notebook's JSON, (0, 0) for one without."""
    found: list[tuple[int, int]] = []
    decode = json.JSONDecoder().raw_decode

    def skip(at: int) -> int:
        return decode(content, at)[1]

    def blank(at: int) -> int:
        while content[at] in " \t\r\n":
            at += 1
        return at

    def members(at: int, inner: Mapping[str, Callable[[int], int]]) -> int:
        at = blank(at + 1)
        while content[at] != "}":
            key, at = decode(content, at)
            at = inner.get(key, skip)(blank(blank(at) + 1))
            at = blank(at)
            at = blank(at + 1) if content[at] == "," else at
        return at + 1

    def items(at: int, item: Callable[[int], int]) -> int:
        at = blank(at + 1)
        while content[at] != "]":
            at = blank(item(at))
            at = blank(at + 1) if content[at] == "," else at
        return at + 1

    def source(at: int) -> int:
        end = skip(at)
        found[-1] = (at, end)
        return end

    def cell(at: int) -> int:
        found.append((0, 0))
        return members(at, {"source": source, "input": source})

    def cells(at: int) -> int:
        return items(at, cell)

    def sheets(at: int) -> int:
        return items(at, lambda sheet: members(sheet, {"cells": cells}))

    members(blank(0), {"cells": cells, "worksheets": sheets})
    return found


_RAW_LINE = re.compile(r"(?:[^\\]|\\(?!n).)*?\\n|(?:[^\\]|\\(?!n).)+", re.DOTALL)


def _source_like(raw: str, source: str, *, ascii_only: bool) -> str:
    """Write a source as JSON in the way the old one is written, with the lines that stay as they are there.

    Args:
        raw: the JSON of the old source: a list of lines, or one string.
        source: the new one.
        ascii_only: escape other characters in new lines.
    """
    listed = raw.startswith("[")
    written = _STRING.findall(raw) if listed else [f'"{line}"' for line in _RAW_LINE.findall(raw[1:-1])]
    known = {json.loads(line): line for line in written}
    lines = [known.get(line) or json.dumps(line, ensure_ascii=ascii_only) for line in source.splitlines(keepends=True)]
    if not listed:
        return '"' + "".join(line[1:-1] for line in lines) + '"'
    opening, closing = _AROUND.findall(raw)[0]
    between = _BETWEEN.search(raw)
    separator = between[1] if between else f",{opening[1:]}" if "\n" in opening else ", "
    return opening + separator.join(lines) + closing if lines else "[]"


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_AROUND = re.compile(r"\A(\[\s*)(?:.*\S)?(\s*\])\Z", re.DOTALL)
_BETWEEN = re.compile(r'\A\[\s*"(?:[^"\\]|\\.)*"(\s*,\s*)', re.DOTALL)


def _is_escaped(content: str) -> bool:
    """Whether a file has escapes in the place of characters that are not ASCII."""
    return content.isascii() and re.search(r"\\u(?:00[89a-fA-F]|0[1-9a-fA-F]|[1-9a-fA-F])", content) is not None
