"""Edits between texts, applying fixes that get along, and the checks a fixed text must pass."""

from __future__ import annotations

import itertools
import random
import time

import pytest

from dlsafe_lint.finding import Edit, Fix
from dlsafe_lint.fixes import apply, check, edits_between

PIECES = [
    "import torch", "import torch.nn", "x = 1", "    x = 1", "", "", "\f", "def f(a, b):", "    return a", "é = 'ü𝄞'",
    "# note", "\u2028", "\x1c", "\t", "x", "loader = DataLoader(ds, collate_fn=lambda b: b)", "loader = DataLoader(ds)",
]  # fmt: skip
ENDS = ["\n", "\n", "\n", "\r\n", "\r", "\n\n"]


def random_text(rng: random.Random) -> str:
    lines = [rng.choice(PIECES) + rng.choice(ENDS) for _ in range(rng.randrange(12))]
    return "".join(lines) + rng.choice(["", rng.choice(PIECES)])


def mutated(text: str, rng: random.Random) -> str:
    for _ in range(rng.randrange(4)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice([0, 0, 1, 2, 7, 40]))
        text = text[:start] + rng.choice(["", random_text(rng), rng.choice(PIECES), "\n", "\r"]) + text[end:]
    return text


def fix(*edits: Edit, defines: tuple[str, ...] = ()) -> Fix:
    return Fix(title="Change it", edits=edits, applicability="safe", defines=defines)


def applied(text: str, *edits: Edit) -> str:
    """What the edits say, in the plainest way: from the last to the first."""
    for edit in reversed(edits):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def is_word(text: str) -> bool:
    return all(c == "_" or c.isalnum() for c in text)


@pytest.mark.parametrize("batch", range(20))
def test_edits_turn_one_text_into_the_other(batch: int) -> None:
    for seed in range(100 * batch, 100 * batch + 100):
        rng = random.Random(seed)
        before = random_text(rng)
        after = mutated(before, rng) if seed % 4 else random_text(rng)
        edits = edits_between(before, after)
        assert applied(before, *edits) == after
        assert edits == edits_between(before, after)
        assert all(before[e.start : e.end] != e.text for e in edits)
        assert all(a.end < b.start for a, b in itertools.pairwise(edits))
        if edits:
            assert apply(before, [fix(*edits)]) == (after, [0])
        else:
            assert before == after


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\nb\nc\n", "a\nb\nc\n", []),
        ("", "x", [Edit(0, 0, "x")]),
        ("a\n", "a", [Edit(1, 2, "")]),
        ("a\nb\nc\n", "a\nc\n", [Edit(2, 4, "")]),
        ("a\nc\n", "a\nb\nc\n", [Edit(2, 2, "b\n")]),
        ("f(x, y)\n", "f(x, y, z)\n", [Edit(6, 6, ", z")]),
        ("a\r\nb\r\n", "a\r\nc\r\n", [Edit(3, 4, "c")]),
        ("a\nb\n", "a\r\nb\n", [Edit(1, 2, "\r\n")]),
        ("from x import a, b, c\n", "from x import a, c\n", [Edit(17, 20, "")]),
        # the end of one import and the beginning of another: two edits, nothing in between
        ("import a\nx\nimport b\n", "x\nimport b, c\n", [Edit(0, 9, ""), Edit(19, 19, ", c")]),
    ],
)
def test_edits_are_as_small_as_they_can_be(before: str, after: str, expected: list[Edit]) -> None:
    assert list(edits_between(before, after)) == expected


@pytest.mark.parametrize("batch", range(3))
def test_edits_never_cut_a_word(batch: int) -> None:
    for seed in range(100 * batch, 100 * batch + 100):
        rng = random.Random(seed)
        before, after = ("".join(rng.choice("ab_é1 (,") for _ in range(rng.randrange(12))) for _ in range(2))
        for edit in edits_between(before, after):
            if before and after:
                for offset in (edit.start, edit.end):
                    around = before[max(offset - 1, 0) : offset + 1]
                    assert len(around) < 2 or not is_word(around)


@pytest.mark.parametrize("kinds", [1, 50, 500, 10**9])
def test_edits_of_a_large_file_are_found_fast(kinds: int) -> None:
    rng = random.Random(kinds)
    lines = [
        f'    "key_{rng.randrange(kinds)}": [1.0, 2.0, 3.0, "some text of some length"],\n' for _ in range(100_000)
    ]
    changed = ["import torch\n", *lines[:50_000], "here\n", *lines[50_003:-2], "x\n", *lines[-1:]]
    before, after = "".join(lines), "".join(changed)
    assert len(before) > 4_500_000
    start = time.process_time()
    edits = edits_between(before, after)
    assert time.process_time() - start < 3
    assert applied(before, *edits) == after
    assert sum(len(e.text) + e.end - e.start for e in edits) < 500


def test_texts_with_little_in_common_get_a_coarse_edit_quickly() -> None:
    before = "".join(f"a{i}\n" for i in range(20_000))
    after = "".join(f"b{i}\n" if i % 2 else f"a{i}\n" for i in range(20_000))
    start = time.process_time()
    edits = edits_between(before, after)
    assert time.process_time() - start < 3
    assert applied(before, *edits) == after


def overlaps(a: Edit, b: Edit) -> bool:
    return a == b or (a.start < b.end and b.start < a.end)


@pytest.mark.parametrize("batch", range(10))
def test_what_is_applied_together_gets_along(batch: int) -> None:
    for seed in range(100 * batch, 100 * batch + 100):
        rng = random.Random(seed)
        text = "".join(chr(ord("a") + i) for i in range(20))
        fixes = []
        for number in range(6):
            bounds = sorted(rng.randrange(len(text) + 1) for _ in range(2 * rng.randrange(1, 3)))
            edits = [Edit(a, rng.choice([a, b]), str(number)) for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
            fixes.append(fix(*edits))
        after, indices = apply(text, fixes)

        expected: list[int] = []
        for number, one in enumerate(fixes):
            if not any(overlaps(e, other) for e in one.edits for i in expected for other in fixes[i].edits):
                expected.append(number)
        assert indices == expected

        # sorting is stable, so insertions at one place stay in the order of their fixes
        everything = sorted((e for i in expected for e in fixes[i].edits), key=lambda e: (e.start, e.end))
        assert after == applied(text, *everything)


def test_insertions_at_one_place_are_applied_in_order() -> None:
    fixes = [fix(Edit(1, 1, "1")), fix(Edit(1, 1, "2")), fix(Edit(1, 2, "B")), fix(Edit(2, 2, "3"))]
    assert apply("abc", fixes) == ("a12B3c", [0, 1, 2, 3])


def test_the_same_edit_twice_waits() -> None:
    future = Edit(0, 0, "from __future__ import annotations\n")
    first, second = fix(future, Edit(1, 2, "B")), fix(future, Edit(2, 3, "C"))
    assert apply("abc", [first, second]) == ("from __future__ import annotations\naBc", [0])


def test_the_same_new_name_twice_waits() -> None:
    fixes = [
        fix(Edit(0, 0, "1"), defines=("collate_fn",)),
        fix(Edit(1, 1, "2"), defines=("init", "collate_fn")),
        fix(Edit(2, 2, "3"), defines=("init",)),
    ]
    assert apply("abc", fixes) == ("1ab3c", [0, 2])


def test_a_fix_is_applied_whole_or_not_at_all() -> None:
    fixes = [fix(Edit(0, 2, "x")), fix(Edit(1, 3, "y"), Edit(4, 5, "z"), defines=("n",)), fix(Edit(4, 5, "!"))]
    assert apply("abcde", fixes) == ("xcd!", [0, 2])


def test_a_fix_without_edits_is_not_applied() -> None:
    assert apply("abc", [fix()]) == ("abc", [])


def test_names_are_not_mixed_by_fixes_side_by_side() -> None:
    before = "x = alpha\n"
    fixes = [fix(*edits_between(before, "x = alpine\n")), fix(*edits_between(before, "x = gammalpha\n"))]
    assert apply(before, fixes) == ("x = alpine\n", [0])


# --- check -----------------------------------------------------------------------------------------------------------

MODULE = '''\
"""Doc."""
import torch
from os import path  # where

def f(x):
    # note
    return torch.ones(x)

class A:
    def g(self):
        return f(self) + [path for _ in range(3)][0]
'''


def test_a_harmless_change_is_fine() -> None:
    assert check(MODULE, MODULE) is None
    assert check(MODULE, MODULE.replace("torch.ones(x)", "torch.zeros(x)  # more")) is None


def test_an_import_moved_into_its_functions_is_fine() -> None:
    after = MODULE.replace("import torch\n", "").replace("    # note\n", "    import torch\n\n    # note\n")
    assert check(MODULE, after, may_unbind=frozenset({"torch"})) is None
    assert check(MODULE, after) == "the module no longer binds `torch`"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("return torch", "return (torch", "it no longer parses: line 7: "),
        ("def f(x):", "return 1\ndef f(x):", "it no longer parses: line 5: 'return' outside function"),
        ('"""Doc."""\n', 'x = 1\nfrom __future__ import annotations\n', "it no longer parses: line 2: from __future__"),
        ("import torch\n", "", "it uses `torch`, which is bound nowhere"),
        ("torch.ones", "np.ones", "it uses `np`, which is bound nowhere"),
        ("class A:", "class A(Base):", "it uses `Base`, which is bound nowhere"),
        ("def f(x):", "def f(x=missing):", "it uses `missing`, which is bound nowhere"),
        ("def f(x):", "@missing\ndef f(x):", "it uses `missing`, which is bound nowhere"),
        ("self", "this", "it uses `self`, which is bound nowhere"),
        ("import torch", "import torch\ndef range(n): ...", "it binds `range`, which meant something else before"),
        ("  # where", "", "the comment `# where` is lost"),
        ("    # note\n", "", "the comment `# note` is lost"),
        ("    # note\n", '    "# note"\n', "the comment `# note` is lost"),
    ],
)  # fmt: skip
def test_a_harmful_change_is_named(old: str, new: str, reason: str) -> None:
    after = MODULE.replace(old, new, 1)
    assert after != MODULE
    message = check(MODULE, after, may_unbind=frozenset({"torch"}))
    assert message is not None
    assert message.startswith(reason)


def test_a_removed_name_must_not_fall_back_to_a_builtin() -> None:
    before = "from gzip import open\ndef f(p):\n    return open(p)\n"
    after = "def f(p):\n    return open(p)\n"
    assert check(before, after, may_unbind=frozenset({"open"})) == "it uses `open`, which is bound nowhere"


def test_a_name_bound_by_a_global_statement_counts() -> None:
    before = "def f():\n    global x\n    x = 1\ndef g():\n    return x\n"
    assert check(before, before.replace("    global x\n", "")) == "the module no longer binds `x`"


def test_names_of_a_star_import_may_move_but_not_spread() -> None:
    before = "from z import *\ndef main(y):\n    return Loader(collate=lambda b: stack(b)), y\n"
    lifted = (
        "from z import *\ndef collate(b):\n    return stack(b)\ndef main(y):\n    return Loader(collate=collate), y\n"
    )
    assert check(before, lifted) is None
    assert check(before, lifted.replace("Loader(collate=collate)", "stack(Loader)")) == (
        "it uses `stack`, which is bound nowhere"
    )
    assert check(before, lifted.replace("stack(b)", "stack(y)")) == "it uses `y`, which is bound nowhere"


def test_what_was_undefined_before_is_not_the_fixs_fault() -> None:
    assert check("import torch\nprint(nothing)\n", "import torch\n\nprint(nothing)\n") is None


def test_names_of_the_module_itself_are_given() -> None:
    assert check("x = 1\n", "x = __file__, __name__, __doc__, __spec__, __path__\n") is None


def test_comments_may_be_dropped_on_purpose() -> None:
    assert check("x = 1  # dlsafe: ignore[DLS101]\n", "x = 1\n", may_drop_comments=True) is None
    assert check("x = 1  # y\n", "x = (\n", may_drop_comments=True) is not None


def test_a_comment_that_occurs_twice_must_stay_twice() -> None:
    assert check("x = 1  # no\ny = 2  # no\n", "x = 1  # no\ny = 2\n") == "the comment `# no` is lost"


def test_a_comment_may_move() -> None:
    assert check("x = 1  # why\n", "# why\nx = 1\n") is None


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_byte_order_mark_and_form_feed(ending: str) -> None:
    before = "\ufeff# one\nimport a\n\f\nx = '\\d'  # two\n".replace("\n", ending)
    assert check(before, before.replace("import a", "import a, b")) is None
    assert check(before, before.replace("import a", "import b")) == "the module no longer binds `a`"
    assert check(before, before.replace("  # two", "")) == "the comment `# two` is lost"


def test_no_warning_escapes(recwarn: pytest.WarningsRecorder) -> None:
    assert check("x = '\\d'\n", "x = '\\d'\ny = 1 is 1\n") is None
    assert not recwarn.list


# LibCST reads this on every Python before 3.15.
NEWER = """\
lazy import torch  # one
lazy from os import path
from z import *

def f[T](x: T) -> T:
    return torch.ones(f'{path["a"]}'), stack(x)  # two
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("path\n", "path, sep\n", None),
        ("lazy import torch", "import torch", None),
        ("lazy import torch  # one", "# one", "the module no longer binds `torch`"),
        ("torch.ones", "np.ones", "it uses `np`, which is bound nowhere"),
        ("stack(x)", "stack(x), (lambda y: stack(y))", "it uses `stack`, which is bound nowhere"),
        ("  # two", "", "the comment `# two` is lost"),
        ("(x: T)", "(x: T", "it no longer parses"),
    ],
)
def test_a_grammar_newer_than_this_python_is_checked_too(old: str, new: str, reason: str | None) -> None:
    after = NEWER.replace(old, new, 1)
    assert after != NEWER
    message = check(NEWER, after)
    assert (message or "").startswith(reason or "")
    assert (message is None) == (reason is None)


def test_an_import_moved_out_of_a_lazy_file() -> None:
    after = NEWER.replace("lazy import torch  # one\n", "# one\n").replace("    return", "    import torch\n    return")
    assert check(NEWER, after, may_unbind=frozenset({"torch"})) is None
    kept = NEWER.replace("lazy import torch  # one\n", "# one\n")
    assert check(NEWER, kept, may_unbind=frozenset({"torch"})) == "it uses `torch`, which is bound nowhere"


def test_a_text_that_was_broken_before() -> None:
    message = check("x = (\n", "x = (\n\n")
    assert message is not None
    assert message.startswith("it does not parse even without the fix: ")


def test_deep_nesting_is_no_crash() -> None:
    message = check("x = 1\n", "x = " + "(" * 2000 + ")" * 2000 + "\n")
    assert message is not None
    assert message.startswith("it no longer parses: ")
