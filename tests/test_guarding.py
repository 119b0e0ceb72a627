"""What runs a program goes under its guard: what that looks like, when it is safe, and where there is only advice."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from dlsafe_lint import fixes, linter
from dlsafe_lint.config import Config

if TYPE_CHECKING:
    from pathlib import Path

    from dlsafe_lint.config import GuardStyle
    from dlsafe_lint.finding import Applicability

HEAD = """\
import sys
from multiprocessing import Pool


def square(x):
    return x * x


"""


def settings(style: GuardStyle = "block", *select: str) -> Config:
    return Config(select=select or ("DLS3",), guard_style=style)


def fix(text: str, folder: Path, config: Config | None = None) -> str:
    """Return a file's text after `--fix`, which must work in one go, change nothing more and be no bug of ours."""
    path = folder / "train.py"
    path.write_bytes(text.encode())
    config = config or settings()
    report = linter.run([folder], config, root=folder, fix=True, unsafe=True, cache=False)
    assert not report.warnings
    after = path.read_bytes().decode()
    again = linter.run([folder], config, root=folder, fix=True, unsafe=True, cache=False)
    assert not again.changes
    assert not [each for each in again.findings if each.fix]
    return after


def offers(folder: Path, **files: str) -> list[tuple[str, Applicability | None]]:
    """Return the help of every finding in train.py, and how safe its fix is: None without one."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    report = linter.run([folder], settings(), root=folder, cache=False)
    found = [each for each in report.findings if each.path.endswith("/train.py")]
    return [(each.help, each.fix.applicability if each.fix else None) for each in found]


def body(text: str) -> str:
    return dedent(text).lstrip("\n")


CASES: dict[str, tuple[str, str]] = {
    "the tail from the first statement that is no constant": (
        """
        BATCH = 4
        size = BATCH * 2
        seen = []
        with Pool(2) as pool:
            seen += pool.map(square, range(size))
        """,
        """
        BATCH = 4
        size = BATCH * 2


        if __name__ == "__main__":
            seen = []
            with Pool(2) as pool:
                seen += pool.map(square, range(size))
        """,
    ),
    "settings of libraries stay above": (
        """
        sys.setrecursionlimit(5000)
        pool = Pool(2)
        """,
        """
        sys.setrecursionlimit(5000)


        if __name__ == "__main__":
            pool = Pool(2)
        """,
    ),
    "settings of what a star import brings": (
        """
        from tkinter import *

        argument = sys.argv[1]
        print(argument)
        torch.set_default_dtype(torch.float64)
        sys.argv.append("x")
        pool = Pool(2)
        """,
        """
        from tkinter import *

        argument = sys.argv[1]
        torch.set_default_dtype(torch.float64)


        if __name__ == "__main__":
            print(argument)
            sys.argv.append("x")
            pool = Pool(2)
        """,
    ),
    "a string says what comes next": (
        """
        'how many'
        COUNT = 3

        'who works'
        pool = Pool(2)

        'what is shown'


        def show(value):
            print(value)


        'show it'
        show(pool.map(square, range(COUNT)))
        """,
        """
        'how many'
        COUNT = 3

        'what is shown'


        def show(value):
            print(value)


        if __name__ == "__main__":
            'who works'
            pool = Pool(2)

            'show it'
            show(pool.map(square, range(COUNT)))
        """,
    ),
    "imports in the tail go along, unless a function needs them": (
        """
        pool = Pool(2)

        import json
        import math


        def area(radius):
            return math.pi * radius**2


        print(json.dumps(pool.map(area, [1, 2])))
        """,
        """
        import math


        def area(radius):
            return math.pi * radius**2


        if __name__ == "__main__":
            pool = Pool(2)

            import json

            print(json.dumps(pool.map(area, [1, 2])))
        """,
    ),
    "a constant that a function reads stays with it": (
        """
        pool = Pool(2)
        WIDTH = 3
        DEPTH = 4


        def show(value):
            print(f"{value:{WIDTH}}")


        show(pool.map(square, [DEPTH]))
        """,
        """
        WIDTH = 3


        def show(value):
            print(f"{value:{WIDTH}}")


        if __name__ == "__main__":
            pool = Pool(2)
            DEPTH = 4

            show(pool.map(square, [DEPTH]))
        """,
    ),
    "what a worker reads stays, and whatever fills it": (
        """
        OPTIONS = {}


        def power(x):
            return x ** OPTIONS["power"]


        for argument in sys.argv[1:]:
            OPTIONS.update(power=int(argument))
        print(OPTIONS)
        Pool(2).map(power, [1])
        """,
        """
        OPTIONS = {}


        def power(x):
            return x ** OPTIONS["power"]


        for argument in sys.argv[1:]:
            OPTIONS.update(power=int(argument))


        if __name__ == "__main__":
            print(OPTIONS)
            Pool(2).map(power, [1])
        """,
    ),
    "what a worker reads stays, and what puts an end to that": (
        """
        lines = open(sys.argv[1])
        words = next(lines).split()
        lines.close()
        print(words)


        def count(x):
            return words.count(x)


        Pool(2).map(count, words)
        """,
        """
        lines = open(sys.argv[1])
        words = next(lines).split()
        lines.close()


        def count(x):
            return words.count(x)


        if __name__ == "__main__":
            print(words)

            Pool(2).map(count, words)
        """,
    ),
    "what a decorator or default needs stays": (
        """
        names = sys.argv[1:]
        print(names)


        def cube(x, first=names[0]):
            return x**3


        Pool(2).map(cube, [1])
        """,
        """
        names = sys.argv[1:]


        def cube(x, first=names[0]):
            return x**3


        if __name__ == "__main__":
            print(names)

            Pool(2).map(cube, [1])
        """,
    ),
    "statements on one line are taken apart where they must be": (
        """
        print("go"); width = 3; pool = Pool(2)  # go
        def show(): print(width)
        pool.map(square, [1]); show()
        """,
        """
        width = 3


        def show(): print(width)


        if __name__ == "__main__":
            print("go")
            pool = Pool(2)  # go
            pool.map(square, [1]); show()
        """,
    ),
    "a guard in the middle takes up what stands around it": (
        """
        pool = Pool(2)
        if "__main__" == __name__:  # run
            # first
            print("first")

        # second
        print(pool.map(square, [1]))


        def later():
            pass
        """,
        """
        def later():
            pass


        if "__main__" == __name__:  # run
            pool = Pool(2)
            # first
            print("first")

            # second
            print(pool.map(square, [1]))
        """,
    ),
    "a guard of one line": (
        """
        pool = Pool(2)
        if __name__ == "__main__": print(pool); pool.close()  # all
        """,
        """
        if __name__ == "__main__":
            pool = Pool(2)
            print(pool); pool.close()  # all
        """,
    ),
    "a guard that nothing can be added to": (
        """
        pool = Pool(2)

        if __name__ == "__main__" and sys.argv:
            print(pool)
        """,
        """
        if __name__ == "__main__":
            pool = Pool(2)

        if __name__ == "__main__" and sys.argv:
            print(pool)
        """,
    ),
    "two guards become one": (
        """
        if __name__ == "__main__":
            first = 1

        with Pool(first) as pool:
            pass

        if __name__ == "__main__":
          text = '''
          the end'''
        """,
        """
        if __name__ == "__main__":
          first = 1

          with Pool(first) as pool:
              pass

          text = '''
          the end'''
        """,
    ),
    "a cell of a notebook keeps its comment": (
        """
        # In[2]:


        print(sys.argv)
        import json
        pool = Pool(2)


        # In[3]:


        def cube(x):
            return x**3


        # In[ ]:


        print(json.dumps(pool.map(cube, [1])))
        """,
        """
        # In[3]:


        def cube(x):
            return x**3


        if __name__ == "__main__":
            # In[2]:


            print(sys.argv)
            import json
            pool = Pool(2)

            # In[ ]:


            print(json.dumps(pool.map(cube, [1])))
        """,
    ),
    "the start method is set before what it is for": (
        """
        import multiprocessing

        multiprocessing.set_start_method(sys.argv[1])
        multiprocessing.freeze_support()


        def cube(x):
            return x**3


        pool = multiprocessing.Pool(2)
        pool.map(cube, [1])
        """,
        """
        import multiprocessing


        def cube(x):
            return x**3


        if __name__ == "__main__":
            multiprocessing.freeze_support()
            multiprocessing.set_start_method(sys.argv[1])

            pool = multiprocessing.Pool(2)
            pool.map(cube, [1])
        """,
    ),
    "a blank line stays where a block between has gone": (
        """
        import json

        print("start")
        log = open("log.txt", "w")
        WIDTH = 3


        def show():
            print(WIDTH)


        Pool(2).map(square, [1])
        json.dump(1, log)
        """,
        """
        import json

        WIDTH = 3


        def show():
            print(WIDTH)


        if __name__ == "__main__":
            print("start")
            log = open("log.txt", "w")

            Pool(2).map(square, [1])
            json.dump(1, log)
        """,
    ),
    "what moves stands apart from what the guard holds": (
        """
        print("start")
        pool = Pool(2)


        def cube(x):
            return x**3


        if __name__ == "__main__":
            pool.map(cube, [1])
        """,
        """
        def cube(x):
            return x**3


        if __name__ == "__main__":
            print("start")
            pool = Pool(2)

            pool.map(cube, [1])
        """,
    ),
    "an import depends on the search path, not on a folder": (
        """
        print("start")
        sys.path.insert(0, "lib")
        open("out.txt", "w").close()

        import extra


        def cube(x):
            return extra.power(x, 3)


        Pool(2).map(cube, [1])
        """,
        """
        sys.path.insert(0, "lib")

        import extra


        def cube(x):
            return extra.power(x, 3)


        if __name__ == "__main__":
            print("start")
            open("out.txt", "w").close()

            Pool(2).map(cube, [1])
        """,
    ),
    "a setting stays where nothing that it matters to moves": (
        """
        import torch

        print("start")
        torch.set_default_dtype(torch.float64)
        zeros = torch.zeros(1)
        torch.set_default_dtype(torch.float32)
        model = torch.nn.Linear(1, 1)
        torch.set_num_threads(1)


        def cube(x):
            return torch.tensor(x) ** 3


        Pool(2).map(cube, [1])
        """,
        """
        import torch

        torch.set_default_dtype(torch.float64)


        def cube(x):
            return torch.tensor(x) ** 3


        if __name__ == "__main__":
            print("start")
            zeros = torch.zeros(1)
            torch.set_default_dtype(torch.float32)
            model = torch.nn.Linear(1, 1)
            torch.set_num_threads(1)

            Pool(2).map(cube, [1])
        """,
    ),
    "a check stays above what it is about": (
        """
        if len(sys.argv) < 2:
            sys.exit("which word?")
        word = sys.argv[1]
        if word in ("a", "the"):
            sys.exit("another word")


        def count(x):
            return x.count(word)


        Pool(2).map(count, ["the"])
        """,
        """
        if len(sys.argv) < 2:
            sys.exit("which word?")
        word = sys.argv[1]


        def count(x):
            return x.count(word)


        if __name__ == "__main__":
            if word in ("a", "the"):
                sys.exit("another word")

            Pool(2).map(count, ["the"])
        """,
    ),
    "a check of what moves moves along": (
        """
        options = read(sys.argv)
        print(options)
        if "size" not in options:
            sys.exit("which size?")
        size = options["size"]
        Pool(2).map(square, [size])
        """,
        """
        if __name__ == "__main__":
            options = read(sys.argv)
            print(options)
            if "size" not in options:
                sys.exit("which size?")
            size = options["size"]
            Pool(2).map(square, [size])
        """,
    ),
    "a log that starts anew is the program's own": (
        """
        import logging

        logging.captureWarnings(True)
        logging.basicConfig(filename="log.txt", filemode="w")
        Pool(2).map(square, [1])
        """,
        """
        import logging

        logging.captureWarnings(True)


        if __name__ == "__main__":
            logging.basicConfig(filename="log.txt", filemode="w")
            Pool(2).map(square, [1])
        """,
    ),
    "a function fills what workers read": (
        """
        table = []


        def fill():
            table.append(5)


        def times(x):
            return x * table[0]


        fill()
        print(table)
        Pool(2).map(times, [1])
        """,
        """
        table = []


        def fill():
            table.append(5)


        def times(x):
            return x * table[0]


        fill()


        if __name__ == "__main__":
            print(table)
            Pool(2).map(times, [1])
        """,
    ),
    "a start method that is set where a platform asks for it": (
        """
        import multiprocessing

        if sys.platform == "darwin":
            multiprocessing.set_start_method("spawn")


        def run():
            Pool(2).map(square, [1])


        if __name__ == "__main__":
            run()
        """,
        """
        import multiprocessing


        def run():
            Pool(2).map(square, [1])


        if __name__ == "__main__":
            if sys.platform == "darwin":
                multiprocessing.set_start_method("spawn")

            run()
        """,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_moves_and_what_stays(name: str, tmp_path: Path) -> None:
    before, after = (HEAD + body(text) for text in CASES[name])
    assert fix(before, tmp_path) == after


def test_comments_and_form_feeds_travel(tmp_path: Path) -> None:
    run = ["# ---- run ----", "", "# fmt: off", "pool = Pool(2)  # noqa: X001", "# fmt: on", "\f"]
    show = ["\f# ---- show ----", "print(pool)  # type: ignore", "# the end", ""]
    inside = [f"    {line}" if line.strip() else line for line in run]
    inside += ["\f    # ---- show ----", "    print(pool)  # type: ignore"]
    after = ['if __name__ == "__main__":', *inside, "    # the end", ""]
    assert fix(HEAD + "\n".join([*run, *show]), tmp_path) == HEAD + "\n".join(after)


def test_a_form_feed_stands_above_the_guard(tmp_path: Path) -> None:
    after = fix(HEAD + "SIZE = 3\n\f\n# run\nPool(2).map(square, range(SIZE))\n", tmp_path)
    assert after == HEAD + (
        'SIZE = 3\n\n\n\f\nif __name__ == "__main__":\n    # run\n    Pool(2).map(square, range(SIZE))\n'
    )


def test_line_ends_tabs_and_a_missing_end_of_line_stay(tmp_path: Path) -> None:
    text = "from multiprocessing import Pool\n\nif True:\n\tpass\nwith Pool(2):\n\tprint('''\n\t''')\n\nprint(2)"
    after = (
        'from multiprocessing import Pool\n\n\nif __name__ == "__main__":\n\tif True:\n\t\tpass\n\twith Pool(2):\n'
        "\t\tprint('''\n\t''')\n\n\tprint(2)"
    )
    before, expected = (each.replace("if True:\n", "if Pool(1):\n").replace("\n", "\r\n") for each in (text, after))
    assert fix(before, tmp_path) == expected


def test_two_blanks_indent_what_the_file_indents_with_two(tmp_path: Path) -> None:
    text = "from multiprocessing import Pool\n\n\ndef square(x):\n  return x * x\n\n\nPool(2).map(square, [1])\n"
    assert fix(text, tmp_path).endswith('\n\n\nif __name__ == "__main__":\n  Pool(2).map(square, [1])\n')


def test_what_stands_first_stays_first(tmp_path: Path) -> None:
    text = (
        '#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\n"""Squares."""\n'
        "from __future__ import annotations\nfrom multiprocessing import Pool\n\nPool(2)\n"
    )
    assert fix(text, tmp_path) == text.replace("\nPool(2)\n", '\n\nif __name__ == "__main__":\n    Pool(2)\n')


def test_other_fixes_of_the_same_statements_follow(tmp_path: Path) -> None:
    text = HEAD + "pool = Pool(2)\npool.map(lambda x: x + 1, [1])\npool.map(square, [2])\n"
    after = fix(text, tmp_path, settings("block", "DLS2", "DLS3"))
    assert after == HEAD + body(
        """
        def func(x):
            return x + 1


        if __name__ == "__main__":
            pool = Pool(2)
            pool.map(func, [1])
            pool.map(square, [2])
        """
    )


# --- in a function ---


MAIN = {
    "a function with what runs": (
        """
        # go
        pool = Pool(2)
        print(pool.map(square, [1]))
        """,
        """
        def main():
            # go
            pool = Pool(2)
            print(pool.map(square, [1]))


        if __name__ == "__main__":
            main()
        """,
    ),
    "hints where the file has some": (
        """
        def cube(x: int) -> int:
            return x**3


        pool = Pool(2)
        pool.map(cube, [1])

        if __name__ == "__main__":
            print("done")
        """,
        """
        def cube(x: int) -> int:
            return x**3


        def main() -> None:
            pool = Pool(2)
            pool.map(cube, [1])


        if __name__ == "__main__":
            main()
            print("done")
        """,
    ),
    "a function reads a name": (
        """
        def show():
            print(squares)


        squares = Pool(2).map(square, [1])
        show()
        """,
        """
        def show():
            print(squares)


        if __name__ == "__main__":
            squares = Pool(2).map(square, [1])
            show()
        """,
    ),
    "a name is bound above as well": (
        """
        count = 1
        squares = Pool(2).map(square, [count])
        count += 1
        """,
        """
        count = 1


        if __name__ == "__main__":
            squares = Pool(2).map(square, [count])
            count += 1
        """,
    ),
    "the guard reads a name": (
        """
        squares = Pool(2).map(square, [1])

        if __name__ == "__main__":
            print(squares)
        """,
        """
        if __name__ == "__main__":
            squares = Pool(2).map(square, [1])
            print(squares)
        """,
    ),
    "the module is looked into": (
        """
        squares = Pool(2).map(square, [1])
        print(globals()["squares"])
        """,
        """
        if __name__ == "__main__":
            squares = Pool(2).map(square, [1])
            print(globals()["squares"])
        """,
    ),
    "there is a function that runs it": (
        """
        def train():
            Pool(2).map(square, [1])


        train()
        """,
        """
        def train():
            Pool(2).map(square, [1])


        if __name__ == "__main__":
            train()
        """,
    ),
}


@pytest.mark.parametrize("name", MAIN)
def test_guard_style_main(name: str, tmp_path: Path) -> None:
    before, after = (HEAD + body(text) for text in MAIN[name])
    assert fix(before, tmp_path, settings("main")) == after


# --- whether it is safe ---

SAFE = {
    "an initializer gives workers what they read": "import multiprocessing\n\n\ndef init(value):\n    global counter\n"
    "    counter = value\n\n\ndef count(x):\n    counter.value += x\n\n\n"
    "counter = multiprocessing.Value('i', 0)\n"
    "with multiprocessing.Pool(2, init, (counter,)) as pool:\n    pool.map(count, [1])\n",
    "a function that the program calls with some arguments": "from functools import partial\n\n\ndef show(x, y):\n"
    "    print(pool, x, y)\n\n\npool = Pool(2)\ntell = partial(show, 1)\ntell(2)\n",
    "a list that nobody changes": "sizes = [1, 2]\n\n\ndef times(x):\n    return x * sizes[0]\n\n\n"
    "Pool(2).map(times, [1])\n",
    "a function that only workers call sets what they read": "def set_to(value):\n    global scale\n"
    "    scale = value\n\n\ndef times(x):\n    return x * scale\n\n\nscale = 0\n"
    "with Pool(2, set_to, (5,)) as pool:\n    pool.map(times, [1])\n",
    "a seed for a loader, whose workers torch seeds": "import torch\nfrom torch.utils.data import DataLoader\n"
    "torch.manual_seed(len(sys.argv))\nfor x in DataLoader([1], num_workers=2):\n    print(x)\n",
    "what is evaluated is written down": "pool = Pool(2)\nprint(eval('pool'))\n",
    "a constant and a setting stand between": "import torch\nprint(sys.argv)\ntorch.set_num_threads(1)\n"
    "Pool(2).map(square, [1])\n",
    "the tail": "pool = Pool(2)\nprint(pool)\n",
    "functions that only the program calls": "def show():\n    print(pool)\n\n\npool = Pool(2)\nshow()\n",
    "the attributes of an object are looked up": "def show(x):\n    print(vars(x))\n\n\npool = Pool(2)\nshow(pool)\n",
    "workers read a number": "scale = 2\n\n\ndef times(x):\n    return x * scale\n\n\nPool(2).map(times, [1])\n",
    "a guard behind it": 'pool = Pool(2)\nif __name__ == "__main__":\n    print(pool)\n',
}
UNSAFE = {
    "a function behind it": "pool = Pool(2)\n\n\ndef show():\n    print(pool)\n\n\nshow()\n",
    "a class that reads a name": "class Model:\n    def show(self):\n        print(pool)\n\n\npool = Pool(2)\n",
    "a lambda that stays reads a name": "get = lambda: pool\npool = Pool(2)\n",
    "names are looked up": "pool = Pool(2)\nprint(eval(sys.argv[1]))\n",
    "a function sets what workers read": "scale = 1\n\n\ndef set_to(value):\n    global scale\n    scale = value\n\n\n"
    "def times(x):\n    return x * scale\n\n\nset_to(5)\nPool(2).map(times, [1])\n",
    "workers read a list": "table = []\n\n\ndef fill():\n    table.append(5)\n\n\n"
    "def times(x):\n    return x * table[0]\n\n\nfill()\nPool(2).map(times, [1])\n",
    "something else runs again in every worker": "import socket\nserver = socket.create_server(('', 0))\n\n\n"
    "def times(x):\n    return x\n\n\nPool(2).map(times, [1])\nprint(server)\n",
}
DOUBTED = {
    "workers call it with some arguments": (
        (
            "from functools import partial\nscale = [1]\n\n\ndef times(x, y):\n    return x * scale[0]\n\n\n"
            "part = partial(times, y=1)\nscale.append(2)\nPool(2).map(part, [1])\n"
        ),
        "workers don't see what the program makes of `scale`",
    ),
    "what must stay runs again": (
        (
            "words = sys.stdin.read().split()\nprint(words)\n\n\ndef count(x):\n    return words.count(x)\n\n\n"
            "Pool(2).map(count, ['a'])\n"
        ),
        "every worker runs `words = sys.stdin.read().split()` again",
    ),
    "a setting that workers need moves": (
        (
            "import torch\nargs = sys.argv[1:]\nprint(args)\nmodel = torch.nn.Linear(1, 1)\n"
            "torch.set_default_dtype(torch.float64)\nPool(2).map(square, [1])\n"
        ),
        "workers no longer have what `torch.set_default_dtype()` sets",
    ),
    "a seed of workers that nobody else seeds": (
        "import random\nseed = int(input())\nrandom.seed(seed)\nPool(2).map(square, [1])\n",
        "workers no longer have what `random.seed()` sets",
    ),
    "a library sets what we don't know": (
        "import gym\nprint(1)\ngym.register('a')\nPool(2).map(square, [1])\n",
        "workers no longer have what `gym.register()` sets",
    ),
    "another module is configured": (
        (
            "import settings\n\n\ndef times(x):\n    return x * settings.scale\n\n\nprint(1)\nsettings.configure(5)\n"
            "Pool(2).map(times, [1])\n"
        ),
        "workers no longer have what `settings.configure()` sets",
    ),
    "the program changes what workers read": (
        (
            "scales = [1]\n\n\ndef times(x):\n    return x * scales[0]\n\n\nwith Pool(2) as pool:\n"
            "    scales.append(2)\n    pool.map(times, [1])\n"
        ),
        "workers don't see what the program makes of `scales`",
    ),
    "a program that overrides its constants": (
        "scale = 1\nexec(open('settings.py').read())\nPool(2).map(square, [scale])\n",
        "the program looks names of this file up by strings",
    ),
    "functions stood between": (
        "pool = Pool(2)\n\n\ndef show():\n    print(pool)\n\n\nshow()\n",
        "`show` now comes before what stood above it",
    ),
}
"""Fixes that are unsafe, and why."""

REFUSED = {
    "a log that each worker would empty": (
        "log = open('log.txt', 'w')\n\n\ndef note(x):\n    log.write(x)\n\n\nPool(2).map(note, ['a'])\n",
        "`log = open('log.txt', 'w')` can't run again in every worker",
    ),
    "a folder that is there the second time": (
        (
            "import os\nos.mkdir('run')\nwords = open('words.txt').read()\n\n\ndef find(x):\n    return x in words\n\n"
            "\nPool(2).map(find, ['a'])\n"
        ),
        "`os.mkdir('run')` can't run again in every worker",
    ),
    "a worker reads it": (
        "scale = Pool(2).map(abs, [1])\n\n\ndef times(x):\n    return x * scale[0]\n\n\nPool(2).map(times, [1])\n",
        "`scale` is needed by a function or class that workers run",
    ),
    "a default reads it": (
        "scale = Pool(2).map(abs, [1])\n\n\ndef times(x, y=scale):\n    return x\n\n\nprint(times(1))\n",
        "`scale` is needed when `times` is defined",
    ),
    "a decorator that it calls reads it": (
        "seen = Pool(2).map(abs, [1])\n\n\ndef note(f):\n    return f, seen\n\n\n@note\ndef g():\n    pass\n",
        "`seen` is needed",
    ),
    "a function is defined in it": (
        "if sys.argv:\n    def cube(x):\n        return x**3\n    Pool(2).map(cube, [1])\n",
        "`cube` is defined inside of it",
    ),
    "a function is defined twice": (
        "Pool(2).map(square, [1])\n\n\ndef square(x):\n    return x\n\n\nprint(square(2))\n",
        "`square` is bound more than once",
    ),
    "it is in __all__": ('__all__ = ["pool"]\npool = Pool(2)\n', "`pool` is in `__all__`"),
    "an import depends on it": (
        "Pool(2)\nsys.path.append('lib')\nimport extra\n\n\ndef f():\n    return extra.x\n\n\nf()\n",
        "an import depends on a setting",
    ),
    "it runs while a class is defined": ("class Config:\n    pool = Pool(2)\n", "while a class or function is being"),
    "an early exit": (
        'Pool(2)\nif __name__ != "__main__":\n    sys.exit()\nprint(1)\n',
        "there is a guard already, in a form that nothing can be added to",
    ),
}


@pytest.mark.parametrize("name", SAFE)
def test_safe(name: str, tmp_path: Path) -> None:
    assert [safety for _, safety in offers(tmp_path, train=HEAD + SAFE[name])] == ["safe"]


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe(name: str, tmp_path: Path) -> None:
    assert [safety for _, safety in offers(tmp_path, train=HEAD + UNSAFE[name])] == ["unsafe"]


@pytest.mark.parametrize("name", DOUBTED)
def test_unsafe_with_a_reason(name: str, tmp_path: Path) -> None:
    text, reason = DOUBTED[name]
    ((advice, safety),) = offers(tmp_path, train=HEAD + text)
    assert safety == "unsafe"
    assert reason in advice


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    text, reason = REFUSED[name]
    ((advice, safety),) = offers(tmp_path, train=HEAD + text)
    assert safety is None
    assert reason in advice


@pytest.mark.parametrize(
    ("other", "safety", "reason"),
    [
        ("from train import square\nprint(square(2))\n", "unsafe", ""),
        ("import train\nprint(train.square(2))\n", "unsafe", ""),
        ("from train import pool\n", None, "other files import `pool`"),
        ("import train as t\n\n\ndef f():\n    return t.pool\n", None, "other files import `pool`"),
        ("from train import *\n", None, "other files import `pool`"),
        ("import train\n", None, "`other.py` imports this file for what it does"),
    ],
)
def test_files_that_import_the_program(other: str, safety: str | None, reason: str, tmp_path: Path) -> None:
    ((advice, found),) = offers(tmp_path, train=HEAD + "pool = Pool(2)\n", other=other)
    assert found == safety
    assert reason in advice


def test_what_a_comment_suppresses_does_not_move(tmp_path: Path) -> None:
    text = HEAD + body(
        """
        import multiprocessing

        multiprocessing.set_start_method("spawn")  # dlsafe: ignore[DLS302]


        def cube(x):
            return x**3


        Pool(2).map(cube, [1])
        """
    )
    assert fix(text, tmp_path) == text.replace("Pool(2).map", 'if __name__ == "__main__":\n    Pool(2).map')
    text = HEAD + "Pool(2).map(square, [1])  # dlsafe: ignore[DLS301]\n"
    assert fix(text, tmp_path) == text


def test_a_start_method_stays_where_its_workers_are_kept_by_a_comment(tmp_path: Path) -> None:
    text = 'import multiprocessing\n\nmultiprocessing.set_start_method("spawn")\n'
    text += "multiprocessing.Pool(2)  # dlsafe: ignore[DLS301]\n"
    ((advice, safety),) = offers(tmp_path, train=text)
    assert safety is None
    assert "a comment keeps it where it is" in advice


@pytest.mark.parametrize(
    ("between", "safety"),
    [("LIMIT = 3\n\n\ndef f():\n    pass\n", "safe"), ("import torch\n", "unsafe"), ("print(1)\n", "unsafe")],
)
def test_a_start_method_passes_what_does_not_care(between: str, safety: str, tmp_path: Path) -> None:
    text = f'import multiprocessing\n\nmultiprocessing.set_start_method("spawn")\n{between}\n'
    text += 'if __name__ == "__main__":\n    multiprocessing.Pool(2)\n'
    assert [found for _, found in offers(tmp_path, train=text)] == [safety]


def test_code_that_only_a_notebook_can_run_has_no_fix(tmp_path: Path) -> None:
    ((advice, safety),) = offers(tmp_path, train=HEAD + "import asyncio\nPool(2)\nawait asyncio.sleep(1)\n")
    assert safety is None
    assert "outside of a function" in advice


def test_a_package_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("from multiprocessing import Pool\n\nPool(2)\n")
    report = linter.run([tmp_path], settings(), root=tmp_path, cache=False)
    assert [(each.fix, "a package is not run" in each.help) for each in report.findings] == [(None, True)]


def test_a_fixed_text_passes_the_checks(tmp_path: Path) -> None:
    before = HEAD + "# a\npool = Pool(2)  # b\n# c\n"
    assert fixes.check(before, fix(before, tmp_path)) is None
