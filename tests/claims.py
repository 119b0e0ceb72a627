"""What a fixture says about itself: the machine-readable lines in its docstring (fixtures/README.md explains them).

The docstring of a notebook is its first cell.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent.parent / "fixtures"
START_METHODS = ("fork", "spawn", "forkserver")

_CLAIM = re.compile(r"^(fork|spawn|forkserver|always|run|then|prints|loads|repaired): *(.*)$")
_EXPECT = re.compile(r"  # expect: ([A-Z0-9, ]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Claims:
    """What a program does when it runs.

    Attributes:
        program: the module whose docstring says so.
        outcomes: start method, or "always" where it does not matter, to what happens: "works", "wrong data",
            "hangs: TEXT", "child dies: TEXT", "warns: TEXT", or a text that stands on stderr of a run that fails.
            "..." in a text stands for anything within a line.
        prints: the lines that it prints when nothing goes wrong.
        run: the arguments for the interpreter; empty: the program by its path.
        then: the arguments of a second run, which does the program's work.
        loads: the modules that `run` loads and its fixed twin does not.
        twin: the working program: what `--fix` writes, or else the one repaired by hand, which several cases may share.
    """

    program: Path
    outcomes: dict[str, str]
    prints: tuple[str, ...]
    run: tuple[str, ...]
    then: tuple[str, ...]
    loads: tuple[str, ...]
    twin: Path


@dataclass(frozen=True)
class Kind:
    """What becomes of one Dataset class of a program that shows many.

    Attributes:
        name: the class.
        keeps: the expression that is marked as a finding.
        calls: the qualified names of what its marked expression calls; "f().m()" is the method of what `f` returns.
        lines: its first and last line.
        outcomes: start method to what the program prints about it: "works" (every record is right), "wrong data" (some
            are not), "fails" (whatever error), "wrong data or fails", or a text of the error.
    """

    name: str
    keeps: str
    calls: tuple[str, ...]
    lines: tuple[int, int]
    outcomes: dict[str, str]


@dataclass(frozen=True)
class Kinds:
    """A program that says of each of its Dataset classes what becomes of it; in the twin all of them work."""

    case: Path
    program: Path
    kinds: tuple[Kind, ...]
    twin: Path


def cases() -> list[Path]:
    """Every case that must be reported: a file, or the folder of a case of several modules."""
    found = set()
    for path in sorted([*FIXTURES.rglob("*.py"), *FIXTURES.rglob("*.ipynb")]):
        case = case_of(path)
        if not _is_fixed(case) and expected_codes(code_of(path)):
            found.add(case)
    return sorted(found)


def case_of(path: Path) -> Path:
    """The case that a file under fixtures/ belongs to: fixtures/CODE/CASE, whatever lies below it."""
    return FIXTURES.joinpath(*path.relative_to(FIXTURES).parts[:2])


def _is_fixed(case: Path) -> bool:
    return case.name.endswith((".fixed", ".fixed.py"))


def modules(case: Path) -> list[Path]:
    """The Python files and notebooks of a case."""
    return [case] if case.is_file() else sorted([*case.rglob("*.py"), *case.rglob("*.ipynb")])


def code_of(path: Path) -> str:
    """The text of a Python file, or of all code cells of a notebook."""
    if path.suffix != ".ipynb":
        return path.read_bytes().decode("utf-8", "replace")
    return "\n".join("".join(cell["source"]) for cell in _cells(path) if cell["cell_type"] == "code")


def docstring(path: Path) -> str:
    """The docstring of a Python file, or the first cell of a notebook; "" where there is none."""
    if path.suffix == ".ipynb":
        return "".join(_cells(path)[0]["source"])
    try:
        return ast.get_docstring(ast.parse(path.read_bytes())) or ""
    except (SyntaxError, ValueError):
        return ""


def _cells(notebook: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(notebook.read_bytes())["cells"]
    return cells


def expected_codes(text: str) -> list[str]:
    """The codes of all `# expect:` markers in a text."""
    return [code.strip() for match in _EXPECT.finditer(text) for code in match[1].split(",")]


def read(case: Path) -> Claims | None:
    """What a case says about itself, None where no module of it says anything."""
    claims = [found for path in modules(case) if (found := _read_module(case, path))]
    if len(claims) > 1:
        raise ValueError(f"{case}: more than one module claims something")
    return claims[0] if claims else None


def _read_module(case: Path, path: Path) -> Claims | None:
    lines = _lines(docstring(path))
    if not lines:
        return None
    outcomes = _outcomes(lines)

    def the(key: str) -> str:
        return next((value for k, value in lines if k == key), "")

    return Claims(
        program=path,
        outcomes=outcomes,
        prints=tuple(value for key, value in lines if key == "prints"),
        run=tuple(shlex.split(the("run"))[1:]),
        then=tuple(shlex.split(the("then"))[1:]),
        loads=tuple(the("loads").split(", ")) if the("loads") else (),
        twin=FIXTURES / the("repaired") if the("repaired") else _twin(case),
    )


def _lines(text: str) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for line in text.splitlines() if (match := _CLAIM.match(line))]


def _outcomes(lines: list[tuple[str, str]]) -> dict[str, str]:
    outcomes: dict[str, str] = {}
    previous = ""
    for key, value in lines:
        if key in (*START_METHODS, "always"):
            previous = outcomes[key] = previous if value == "same" else value
    return outcomes


def _twin(case: Path) -> Path:
    fixed = case.with_name(f"{case.stem}.fixed{case.suffix}")
    return fixed if fixed.exists() else case.with_name(f"{case.stem}_repaired{case.suffix}")


def kinds(case: Path) -> list[Kinds]:
    """The programs of a case whose classes say each for itself what becomes of them."""
    found = []
    for path in modules(case):
        if path.suffix == ".ipynb":
            continue
        text = path.read_bytes()
        classes = tuple(
            Kind(
                name=node.name,
                keeps=ast.unparse(kept := _marked_expression(node, text.decode().splitlines())),
                calls=_calls(kept, _imports(ast.parse(text))),
                lines=(node.lineno, node.end_lineno or node.lineno),
                outcomes=outcomes,
            )
            for node in _classes(text)
            if (outcomes := _outcomes(_lines(ast.get_docstring(node) or "")))
        )
        if classes:
            twin = _twin(case)
            found.append(Kinds(case, path, classes, twin / path.relative_to(case) if case.is_dir() else twin))
    return found


def _classes(text: bytes) -> list[ast.ClassDef]:
    try:
        return [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    except (SyntaxError, ValueError):
        return []


def _marked_expression(node: ast.ClassDef, lines: list[str]) -> ast.expr:
    for statement in ast.walk(node):
        if isinstance(statement, ast.Assign) and "# expect:" in lines[statement.lineno - 1]:
            return statement.value
    raise ValueError(f"{node.name}: no marked assignment")


def opened(program: Path) -> set[str]:
    """The qualified names of everything that a program calls."""
    tree = ast.parse(program.read_bytes())
    return set(_calls(tree, _imports(tree)))


def _imports(tree: ast.Module) -> dict[str, str]:
    names = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            names.update({alias.asname: alias.name for alias in node.names if alias.asname})
        elif isinstance(node, ast.ImportFrom):
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def _calls(tree: ast.AST, imports: dict[str, str]) -> tuple[str, ...]:
    return tuple(_qualified(node.func, imports) for node in ast.walk(tree) if isinstance(node, ast.Call))


def _qualified(node: ast.expr, imports: dict[str, str]) -> str:
    match node:
        case ast.Name(id=name):
            return imports.get(name, name)
        case ast.Attribute(value=value, attr=attribute):
            method = "()" if isinstance(value, ast.Call) else ""
            return f"{_qualified(value, imports)}.{attribute}{method}"
        case ast.Call(func=function):
            return f"{_qualified(function, imports)}()"
    return ""
