"""Which way a function runs on: whether something that holds after a statement still holds at the function's end."""

from __future__ import annotations

from textwrap import dedent

import pytest

from dlsafe_lint import facts, flow
from dlsafe_lint.facts import Expr, Name


def lasts(body: str) -> bool:
    """Whether the thing that ``start()`` begins can last to the end of the function, past every ``end()``.

    ``thing`` is true while it lasts.
    """
    text = "def f():\n" + "".join(f"    {line}\n" for line in dedent(body).strip("\n").split("\n"))
    module = facts.read(text, path="/p/m.py", name="m", is_package=False)
    assert isinstance(module, facts.ModuleFacts)
    starts = [call.statement for call in module.calls if call.func == Name("start")]
    ends = {call.statement for call in module.calls if call.func == Name("end")}

    def holds(test: Expr) -> bool | None:
        return flow.truth(test, lambda expr: True if expr == Name("thing") else None)

    start = starts[0] if starts else -1
    return flow.survives(module, flow.outline(module), start, ends.__contains__, holds, function=1)


LASTS = {
    "nothing ends it": "start()",
    "on one of two paths": "start()\nif a:\n    end()",
    "an early return": "start()\nif a:\n    return\nend()",
    "a return in a branch of its own": "if a:\n    start()\n    return\nend()",
    "a loop may not run": "start()\nfor a in b:\n    end()",
    "a break comes first": "start()\nwhile True:\n    break\n    end()",
    "only where an exception is caught": "try:\n    start()\nexcept E:\n    end()",
    "where it does not hold": "start()\nif not thing:\n    end()",
    "where it is None": "start()\nif thing is None:\n    end()",
    "one case of several": "start()\nmatch a:\n    case 1:\n        end()",
    "a function that is only defined": "start()\ndef g():\n    end()",
    "entered without an end": "pass",
}
ENDS = {
    "the next statement": "start()\nend()",
    "both paths": "start()\nif a:\n    end()\nelse:\n    end()",
    "a path that raises": "start()\nif a:\n    raise E\nend()",
    "an early return that ends it": "start()\nif a:\n    end()\n    return\nend()",
    "finally": "try:\n    start()\n    return 1\nfinally:\n    end()",
    "the else of try": "try:\n    start()\nexcept E:\n    raise\nelse:\n    end()",
    "try": "start()\ntry:\n    end()\nexcept E:\n    pass",
    "with": "start()\nwith a:\n    end()",
    "out of a loop": "for a in b:\n    start()\n    end()",
    "behind a loop": "for a in b:\n    start()\n    if c:\n        break\nend()",
    "a loop that runs for ever": "start()\nwhile True:\n    end()\n    break",
    "where it holds": "start()\nif thing:\n    end()",
    "where it is not None": "start()\nif thing is not None and (thing or a):\n    end()",
    "early, where it does not hold": "start()\nif not thing:\n    return\nend()",
    "every case": "start()\nmatch a:\n    case 1:\n        end()\n    case _:\n        end()",
    "switched off": "start()\nif False:\n    return\nend()",
    "from the beginning": "if a:\n    end()\nelse:\n    raise E",
}


@pytest.mark.parametrize("name", [*LASTS, *ENDS])
def test_what_lasts(name: str) -> None:
    assert lasts(LASTS.get(name) or ENDS[name]) == (name in LASTS)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("thing", True),
        ("not thing", False),
        ("thing or a", True),
        ("thing and a", None),
        ("not thing and a", False),
        ("a or b", None),
        ("thing is None", False),
        ("thing is not None", True),
        ("a is None", None),
        ("not a", None),
        ("0", False),
    ],
)
def test_what_a_test_says(text: str, verdict: bool | None) -> None:
    module = facts.read(f"if {text}:\n    pass\n", path="/p/m.py", name="m", is_package=False)
    assert isinstance(module, facts.ModuleFacts)
    test = next(block.test for block in module.blocks if block.test is not None)
    assert flow.truth(test, lambda expr: True if expr == Name("thing") else None) is verdict
