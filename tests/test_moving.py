"""Programs whose imports move: each is run before and after the fix, and prints the same without the slow library."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from dlsafe_lint import linter
from dlsafe_lint.config import Config

if TYPE_CHECKING:
    from pathlib import Path

    from dlsafe_lint.config import LazyStyle

LIBRARY = {
    "__init__.py": '__version__ = "1"\nVALUE = 3\nclass Base:\n    size = 2\nclass Error(Exception): ...\n'
    "def double(x):\n    return 2 * x\ndef decorate(f):\n    return f\n",
    "sub.py": "HALF = 0.5\ndef halve(x):\n    return x * HALF\n",
    "other.py": "THIRD = 3\n",
}
"""The slow library; it stands outside of the project."""

MAIN = """

if __name__ == "__main__":
    import argparse

    argparse.ArgumentParser().parse_args()
    print(main())
"""

MOVES = {
    "function": "import slowlib\n\ndef main():\n    return slowlib.double(2)",
    "docstring": 'import slowlib\n\ndef main():\n    """Say."""\n    return slowlib.double(2), main.__doc__',
    "only a docstring and a use": 'import slowlib\n\ndef main():\n    """Say."""; return slowlib.VALUE',
    "one line": "import slowlib\n\ndef main(): return slowlib.double(2)",
    "method": """
        import slowlib

        class A:
            def f(self):
                return slowlib.VALUE

        def main():
            return A().f()
    """,
    "property and static method": """
        import slowlib

        class A:
            @property
            def f(self):
                return slowlib.VALUE

            @staticmethod
            def g():
                return slowlib.double(1)

        def main():
            return A().f, A.g()
    """,
    "outermost of nested functions": """
        import slowlib

        def main():
            def inner():
                return lambda: [slowlib.double(x) for x in range(2)]
            return inner()()
    """,
    "async": """
        import asyncio
        import slowlib

        async def work():
            await asyncio.sleep(0)
            return slowlib.VALUE

        def main():
            return asyncio.run(work())
    """,
    "generator": """
        import slowlib

        def numbers():
            yield slowlib.VALUE
            yield from range(slowlib.VALUE)

        def main():
            return list(numbers())
    """,
    "decorated": """
        import contextlib
        import slowlib

        @contextlib.contextmanager
        def opened():
            yield slowlib.VALUE

        def main():
            with opened() as value:
                return value
    """,
    "alias": "import slowlib.sub as s\n\ndef main():\n    return s.halve(4)",
    "submodule binds the package": """
        import slowlib.sub

        def main():
            return slowlib.sub.halve(4), slowlib.VALUE
    """,
    "two submodules": """
        import slowlib.sub
        import slowlib.other

        def main():
            return slowlib.sub.halve(4), slowlib.other.THIRD
    """,
    "same module twice": """
        import slowlib
        from slowlib import double
        from slowlib import VALUE as three

        def main():
            return slowlib.VALUE, double(three)
    """,
    "several names in one statement": "import json, slowlib\n\ndef main():\n    return json.dumps(slowlib.VALUE)",
    "names go where they are used": """
        from slowlib import VALUE, double

        def f():
            return double(1)

        def main():
            return f(), VALUE
    """,
    "names over lines": """
        from slowlib import (
            VALUE,  # three
            double,
        )

        def main():
            return double(VALUE)
    """,
    "comments": """
        import os

        # it is slow
        import slowlib  # noqa: E402

        # os is quick
        HERE = os.sep

        def f():
            return slowlib.VALUE

        def main():
            # first
            return f(), slowlib.double(1), HERE
    """,
    "type: ignore": "import slowlib  # type: ignore[import-untyped]\n\ndef main():\n    return slowlib.VALUE",
    "shadowed elsewhere": """
        import slowlib

        def f(slowlib):
            return slowlib

        def g():
            slowlib = 1
            return slowlib

        class A:
            slowlib = 5

        def main():
            return f(2), g(), A.slowlib, slowlib.VALUE, [slowlib for slowlib in "ab"]
    """,
    "walrus and match": """
        import slowlib

        def main():
            match slowlib.Base():
                case slowlib.Base(size=2) if (x := slowlib.VALUE) > 1:
                    return x
    """,
    "nonlocal": """
        import slowlib

        def main():
            count = 0
            def add():
                nonlocal count
                count += slowlib.VALUE
            add()
            return count
    """,
    "class in a function": """
        import slowlib

        def main():
            class A(slowlib.Base):
                x = slowlib.VALUE
                def f(self):
                    return slowlib.double(self.x)
            return A().f(), A.size
    """,
    "except": """
        import slowlib

        def main():
            try:
                raise slowlib.Error("no")
            except slowlib.Error as error:
                return str(error)
    """,
    "default value in a function": """
        import slowlib

        def main():
            def inner(x=slowlib.VALUE):
                return x
            return inner()
    """,
    "a thread": """
        import threading
        import slowlib

        def work(found):
            found.append(slowlib.VALUE)

        def main():
            found = []
            thread = threading.Thread(target=work, args=(found,))
            thread.start()
            thread.join()
            return found
    """,
    "annotations": """
        from typing import Optional

        import slowlib

        def f(x: Optional[slowlib.Base] = None) -> "slowlib.Base":
            y: slowlib.Base = slowlib.Base()
            return x or y

        def main():
            return f().size
    """,
    "annotations of attributes": """
        import slowlib

        class A:
            x: slowlib.Base
            def __init__(self) -> None:
                self.y: slowlib.Base | None = None

        HERE: list[slowlib.Base] = []

        def main() -> int:
            return A().y, HERE
    """,
    "quotes beside a dataclass": """
        from dataclasses import dataclass
        from typing import get_origin

        import slowlib

        @dataclass
        class A:
            x: list[int]

        def f(x: slowlib.Base, /, *args: slowlib.Base, y: "int" = 1, **more: dict[str, slowlib.Base]) -> None: ...

        def main():
            return A([1]), f(1)
    """,
    "a form feed and tabs": "import os\n\x0c\nimport slowlib\n\ndef main():\n\treturn slowlib.VALUE, os.sep",
    "a blank line after the docstring": 'import slowlib\n\ndef main():\n    """Say."""\n\n    return slowlib.VALUE',
    "a comment at the start of a body": "import slowlib\n\ndef main():\n    # three\n    return slowlib.VALUE",
    "imports in the body": "import slowlib\n\ndef main():\n    import os\n    return slowlib.VALUE, os.sep",
    "a docstring of the module": '"""Say."""\nimport slowlib\n\ndef f(x: slowlib.Base): ...\n\n'
    "def main():\n    return __doc__",
    "another future": "#!/usr/bin/env python\n# nobody's\nfrom __future__ import division\nimport slowlib\n\n"
    "def f(x: slowlib.Base): ...\n\ndef main():\n    return 1 / 2",
    "arguments by keyword only": "import slowlib\n\ndef main(*, x=None):\n    return x or slowlib.VALUE",
    "recursion": """
        import slowlib

        def f(n):
            return f(n - 1) + slowlib.VALUE if n else 0

        def main():
            return f(3)
    """,
}

STAYS = {
    "condition": """
        import sys
        if sys.platform:
            import slowlib
        else:
            slowlib = None

        def main():
            return slowlib.VALUE
    """,
    "try": """
        try:
            import slowlib
        except ImportError:
            slowlib = None

        def main():
            return slowlib.VALUE
    """,
    "globals": "import slowlib\n\ndef main():\n    return globals()['slowlib'].VALUE, slowlib.VALUE",
    "eval": "import slowlib\n\ndef main():\n    return eval('slowlib.VALUE'), slowlib.VALUE",
    "exec": "import slowlib\n\ndef main():\n    exec('print(slowlib.VALUE)')\n    return slowlib.VALUE",
    "sys.modules": """
        import sys
        import slowlib

        def main():
            return sys.modules[__name__].slowlib.VALUE, slowlib.VALUE
    """,
    "deleted": "import slowlib\nX = slowlib.VALUE\ndel slowlib\n\ndef main():\n    return X",
    "deleted by a function": """
        import slowlib

        def main():
            global slowlib
            x = slowlib.VALUE
            del slowlib
            return x
    """,
    "rebound": "import slowlib\nslowlib = slowlib.VALUE\n\ndef main():\n    return slowlib",
    "class attribute of the same name": """
        import slowlib
        class A:
            slowlib = slowlib.VALUE

        def main():
            return A.slowlib, slowlib.VALUE
    """,
    "base class": "from slowlib import Base, double\nclass A(Base): ...\n\ndef main():\n    return double(A.size)",
    "decorator": "import slowlib\n@slowlib.decorate\ndef main():\n    return slowlib.VALUE",
    "default value": "import slowlib\ndef main(x=slowlib.VALUE):\n    return x",
    "lambda": "import slowlib\nf = lambda: slowlib.VALUE\ndef main():\n    return f()",
    "comprehension": "import slowlib\nX = [slowlib.VALUE for _ in range(2)]\ndef main():\n    return X",
    "constant": "import slowlib\nX = slowlib.VALUE\ndef main():\n    return X",
    "star": "from slowlib import *\ndef main():\n    return VALUE",
    "called while it is loaded": """
        import slowlib
        def f():
            return slowlib.VALUE
        X = f()
        def main():
            return X
    """,
    "read by attribute": """
        import slowlib
        import sys
        def main():
            return getattr(sys.modules['__main__'], 'slowlib').VALUE, slowlib.VALUE
    """,
    "locals": "import slowlib\ndef main():\n    x = slowlib.VALUE\n    return sorted(locals())",
    "a named tuple": """
        from typing import NamedTuple
        import slowlib
        class A(NamedTuple):
            x: slowlib.Base
        def main():
            return A.__annotations__
    """,
    "type hints": """
        import typing
        import slowlib
        def f(x: slowlib.Base): ...
        def main():
            return typing.get_type_hints(f)
    """,
    "a signature": """
        import inspect
        import slowlib
        def f(x: slowlib.Base): ...
        def main():
            return inspect.signature(f).parameters['x'].annotation
    """,
    "dispatch": """
        import functools
        import slowlib
        @functools.singledispatch
        def f(x):
            return 0
        @f.register
        def _(x: slowlib.Base):
            return 1
        def main():
            return f(slowlib.Base())
    """,
}


def text_of(body: str) -> str:
    return textwrap.dedent(body).strip("\n") + "\n" + MAIN


def laid_out(folder: Path, text: str) -> Path:
    for name, content in LIBRARY.items():
        path = folder / "library" / "slowlib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    program = folder / "project" / "program.py"
    program.parent.mkdir()
    program.write_bytes(text.encode())
    return program


def run(program: Path, *more: str) -> tuple[int, str, str]:
    environment = {**os.environ, "PYTHONPATH": str(program.parent.parent / "library"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-X", "importtime", str(program), *more]
    done = subprocess.run(command, env=environment, cwd=program.parent, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def fixed(program: Path, config: Config | None = None) -> linter.Report:
    """Fix a program for good; return what is found afterwards."""
    config = config or Config(select=("DLS5",), extend_heavy_modules=("slowlib",))
    return linter.run([program], config, root=program.parent, fix=True, unsafe=True, cache=False)


def loads_library(stderr: str) -> bool:
    return any(line.rpartition("|")[2].strip() == "slowlib" for line in stderr.splitlines())


@pytest.mark.parametrize("body", MOVES.values(), ids=MOVES)
def test_what_moves(body: str, tmp_path: Path) -> None:
    program = laid_out(tmp_path, text_of(body))
    status, before, stderr = run(program)
    assert (status, loads_library(stderr)) == (0, True), stderr
    report = fixed(program)
    text = program.read_text("utf-8")
    assert not report.findings
    assert text != text_of(body)
    assert "\n\n\n\n" not in text
    status, after, stderr = run(program)
    assert (status, after) == (0, before), text + stderr
    _, _, stderr = run(program, "--help")
    assert not loads_library(stderr), text


@pytest.mark.parametrize("body", STAYS.values(), ids=STAYS)
def test_what_stays(body: str, tmp_path: Path) -> None:
    program = laid_out(tmp_path, text_of(body))
    status, _, stderr = run(program)
    assert (status, loads_library(stderr)) == (0, True), stderr
    report = fixed(program)
    assert program.read_text("utf-8") == text_of(body)
    assert not report.findings


def test_the_texts(tmp_path: Path) -> None:
    program = laid_out(tmp_path, text_of(MOVES["comments"]))
    fixed(program)
    assert program.read_text("utf-8").startswith(
        textwrap.dedent(
            """\
            import os

            # os is quick
            HERE = os.sep

            def f():
                # it is slow
                import slowlib  # noqa: E402

                return slowlib.VALUE

            def main():
                import slowlib  # noqa: E402

                # first
                return f(), slowlib.double(1), HERE
            """
        )
    )


@pytest.mark.parametrize(("most", "safe"), [(1, False), (2, True)])
def test_too_many_functions_make_it_unsafe(most: int, *, safe: bool, tmp_path: Path) -> None:
    text = text_of("import slowlib\n\ndef f():\n    return slowlib.VALUE\n\ndef main():\n    return f(), slowlib.VALUE")
    program = laid_out(tmp_path, text)
    config = Config(select=("DLS5",), extend_heavy_modules=("slowlib",), max_moves=most)
    (finding,) = linter.run([program], config, root=program.parent, cache=False).findings
    assert finding.fix is not None
    assert finding.fix.applicability == ("safe" if safe else "unsafe")


def test_quotes_where_the_setting_asks_for_them(tmp_path: Path) -> None:
    program = laid_out(tmp_path, text_of("import slowlib\n\ndef main(x: slowlib.Base | None = None):\n    return x"))
    fixed(program, Config(select=("DLS5",), extend_heavy_modules=("slowlib",), annotation_style="quotes"))
    text = program.read_text("utf-8")
    assert 'def main(x: "slowlib.Base | None" = None):' in text
    assert "__future__" not in text
    assert run(program)[1] == "None\n"


def test_imports_of_both_kinds(tmp_path: Path) -> None:
    body = "import helper\nimport slowlib\n\ndef main():\n    return helper.double(slowlib.VALUE)"
    program = laid_out(tmp_path, text_of(body))
    program.with_name("helper.py").write_text("from slowlib import Base, double\nclass A(Base): ...\n", "utf-8")
    config = Config(select=("DLS5",), extend_heavy_modules=("slowlib",))
    report = linter.run([program.parent], config, root=program.parent, fix=True, unsafe=True, cache=False)
    assert not report.findings
    text = program.read_text("utf-8")
    assert text.startswith("def main():\n    import slowlib\n\n    import helper\n\n    return"), text
    assert run(program)[1] == "6\n"


LAZY = {
    "lazy-modules": """
        __lazy_modules__ = ["slowlib", "slowlib.sub"]

        import os
        import slowlib
        from slowlib.sub import halve
    """,
    "keyword": """
        import os
        lazy import slowlib
        lazy from slowlib.sub import halve
    """,
}


@pytest.mark.parametrize("style", LAZY)
def test_lazy_imports_that_stay(style: LazyStyle, tmp_path: Path) -> None:
    text = text_of(
        "import os, slowlib\nfrom slowlib.sub import halve\n\ndef main():\n    return halve(slowlib.VALUE), os.sep"
    )
    program = laid_out(tmp_path, text.replace("import os, slowlib", "import os\nimport slowlib"))
    config = Config(select=("DLS5",), extend_heavy_modules=("slowlib",), lazy_style=style, target_version=(3, 15))
    assert not fixed(program, config).findings
    after = program.read_text("utf-8")
    assert after.startswith(textwrap.dedent(LAZY[style]).lstrip("\n"))
    assert after.endswith(text.partition("halve\n")[2])


def test_the_keyword_splits_a_statement(tmp_path: Path) -> None:
    program = laid_out(
        tmp_path, text_of("import os, slowlib  # both\nX = os.sep\n\ndef main():\n    return slowlib.VALUE")
    )
    config = Config(select=("DLS5",), extend_heavy_modules=("slowlib",), lazy_style="keyword", target_version=(3, 15))
    assert not fixed(program, config).findings
    assert program.read_text("utf-8").startswith("import os  # both\nlazy import slowlib\nX = os.sep\n")


def test_no_keyword_for_older_pythons(tmp_path: Path) -> None:
    program = laid_out(tmp_path, text_of(MOVES["function"]))
    fixed(program, Config(select=("DLS5",), extend_heavy_modules=("slowlib",), lazy_style="keyword"))
    assert "def main():\n    import slowlib\n\n    return" in program.read_text("utf-8")


def test_a_list_of_lazy_modules_grows(tmp_path: Path) -> None:
    text = text_of(
        '__lazy_modules__ = ["json"]\nimport json, slowlib.sub\n\ndef main():\n    return slowlib.sub.halve(2), json'
    )
    program = laid_out(tmp_path, text)
    config = Config(select=("DLS5",), extend_heavy_modules=("slowlib",), lazy_style="lazy-modules")
    assert not fixed(program, config).findings
    assert program.read_text("utf-8").startswith(
        '__lazy_modules__ = ["json", "slowlib.sub"]\nimport json, slowlib.sub\n'
    )
