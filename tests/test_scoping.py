"""Which reads of a name mean what the module imported: the facts against the compiler's own symbol tables."""

from __future__ import annotations

import ast
import symtable
import warnings
from pathlib import Path

import pytest

from dlsafe_lint import facts

HERE = Path(__file__).parent
PACKAGES = ("asyncio", "concurrent", "email", "json", "logging", "unittest", "importlib", "multiprocessing")
MODULES = (
    *("argparse", "ast", "collections/__init__", "copy", "dataclasses", "enum", "functools", "inspect", "pickle"),
    *("pydoc", "shutil", "subprocess", "tarfile", "threading", "typing", "zipfile"),
)
LIBRARY = Path(ast.__file__).parent
CORPUS = [
    *sorted((HERE.parent / "src").rglob("*.py")),
    *sorted(HERE.glob("*.py")),
    *(path for name in PACKAGES for path in sorted((LIBRARY / name).rglob("*.py"))),
    *(LIBRARY / f"{name}.py" for name in MODULES),
]

SHAPES = [
    "def f():\n    return torch",
    "def f(torch):\n    return torch",
    "def f():\n    torch = 1\n    return torch",
    "def f():\n    for torch in (): ...\n    return torch",
    "def f():\n    del torch",
    "def f():\n    import torch\n    return torch",
    "def f():\n    global torch\n    return torch",
    "def f():\n    torch = 1\n    def g():\n        nonlocal torch\n        return torch",
    "def f():\n    def g():\n        global torch\n        return torch\n    torch = 1\n    return g",
    "def f():\n    global torch\n    def g():\n        return torch\n    return g",
    "def f():\n    class torch: ...\n    return torch",
    "def f():\n    def g():\n        return torch\n    torch = 1\n    return g",
    "def f():\n    return [torch for torch in ()]",
    "def f():\n    return [x for x in torch]",
    "def f():\n    return [x for x in () for y in torch]",
    "def f():\n    return [torch for x in () if torch]",
    "def f():\n    return {torch: x for x in torch}",
    "def f():\n    return any(torch := x for x in ())\n",
    "def f():\n    if (torch := 1):\n        return torch",
    "def f():\n    print(torch)\n    [torch := 1 for _ in ()]",
    "def f(x=torch, *, y=torch): ...",
    "f = lambda x=torch: x",
    "f = lambda torch: torch",
    "f = lambda: [torch for _ in ()]",
    "@torch\ndef f(): ...",
    "@torch\nclass A(torch, metaclass=torch): ...",
    "class A:\n    x = torch",
    "class A:\n    torch = torch",
    "class A:\n    torch = 1\n    class B:\n        torch = torch",
    "class A:\n    torch = 1\n    def f(self):\n        return torch",
    "class A:\n    torch = 1\n    x = [torch for _ in torch]",
    "class A:\n    torch = 1\n    f = lambda: torch",
    "class A:\n    class B:\n        x = torch",
    "class A:\n    def torch(self):\n        return torch",
    "class A:\n    global torch\n    torch = 1",
    "def f():\n    torch = 1\n    class A:\n        x = torch\n        def g(self):\n            return torch",
    "def f():\n    class A:\n        torch = torch\n    return A",
    "def f(x):\n    match x:\n        case torch:\n            return torch",
    "def f(x):\n    match x:\n        case torch.Size():\n            return 1",
    "def f(x):\n    match x:\n        case {'a': torch.int8, **torch2}:\n            return torch2",
    "def f(x):\n    match x:\n        case [1, *torch]:\n            return torch",
    "def f():\n    try: ...\n    except torch.Error as e: ...\n    return e",
    "def f():\n    try: ...\n    except Exception as torch: ...\n    return torch",
    "def f():\n    with open('x') as torch:\n        return torch",
    "async def f():\n    async for x in torch:\n        yield torch",
    "async def f():\n    async with torch as y:\n        await torch",
    "def f():\n    torch += 1",
    "def f():\n    torch.x = 1\n    torch[0] = 1\n    del torch.x",
    "def f():\n    return f'{torch!r:>{torch}}'",
    "def f():\n    x: torch = 1",
    "def f(x: torch) -> torch: ...",
    "x: torch = 1",
    "class A:\n    x: torch",
    "def f():\n    def g(x: torch): ...",
    "from __future__ import annotations\ndef f(x: torch) -> torch: ...",
    "def f(a, /, b, *torch, **c):\n    return torch, a, b, c",
    "def f(**torch):\n    return torch",
    "if torch: ...\nwhile torch: ...\nassert torch\nfor x in torch: ...\nwith torch: ...",
    "def f():\n    raise torch from torch",
    "def f():\n    yield torch\n    yield from torch",
    "def f():\n    return torch if torch else (torch and not torch)",
    "def f():\n    return torch[torch:torch]",
    "def f():\n    return lambda: lambda: torch",
    "def f():\n    return (torch for torch in torch)",
]


def by_compiler(text: str, names: set[str]) -> set[tuple[str, str]]:
    """Return the reads of a global that some of the names are: (the function or class around it, the name)."""
    found: set[tuple[str, str]] = set()

    def visit(table: symtable.SymbolTable, around: str, outer: frozenset[str]) -> None:
        kind = str(getattr(table.get_type(), "value", table.get_type()))
        inner = kind in ("function", "class") and table.get_name() not in (
            *("lambda", "listcomp", "setcomp", "dictcomp", "genexpr", "<lambda>"),
        )
        here = f"{around}.{table.get_name()}" if inner else around
        for symbol in table.get_symbols():
            if symbol.get_name() not in names or not symbol.is_referenced():
                continue
            # in a class body it may be read before it is bound
            early = kind == "class" and symbol.is_local() and symbol.get_name() not in outer
            if kind == "module" or symbol.is_global() or early:
                found.add((here, symbol.get_name()))
        bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_local()}
        for child in table.get_children():
            visit(child, here, outer | bound if kind == "function" else outer)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        visit(symtable.symtable(text, "<test>", "exec"), "", frozenset())
    return found


def by_facts(text: str) -> tuple[set[str], set[tuple[str, str]], set[tuple[str, str]]]:
    """Return the names that imports bind, and the reads of them that run or stand in annotations."""
    read = facts.read(text, path="/a.py", name="a", is_package=False)
    assert isinstance(read, facts.ModuleFacts), read
    names = {
        name
        for name, bindings in read.scopes[0].bindings.items()
        if any(binding.how == "import" for binding in bindings)
    }

    def around(scope: int) -> str:
        found = ""
        while scope > 0:
            if read.scopes[scope].kind in ("function", "class"):
                found = f".{read.scopes[scope].name}{found}"
            scope = read.scopes[scope].parent
        return found

    uses = [(around(use.scope), name, use.how) for name, each in read.uses.items() for use in each]
    runs = {(scope, name) for scope, name, how in uses if how == "run"}
    return names, runs, {(scope, name) for scope, name, how in uses if how == "annotation"}


def compare(text: str, what: str = "") -> None:
    names, runs, annotated = by_facts(text)
    read = by_compiler(text, names)
    assert read - runs - annotated == set(), f"{what}: the compiler reads these from the module"
    assert runs - read == set(), f"{what}: the compiler does not"


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str) -> None:
    future = "from __future__ import annotations\n" if "__future__" in shape else ""
    compare(f"{future}import torch\nimport torch2\n{shape.removeprefix(future)}\n")


def test_real_code() -> None:
    for path in CORPUS:
        compare(path.read_text("utf-8"), path.as_posix())


def test_strings_inside_annotations() -> None:
    _, runs, annotated = by_facts("import torch\ndef f(x: list['torch.Tensor']) -> 'torch.Size | None': ...\n")
    assert (runs, annotated) == (set(), {("", "torch")})
