from __future__ import annotations

import bisect
import io
import re
import sys
import time
import tokenize
from pathlib import Path

import pytest

from dlsafe_lint import suppressions
from dlsafe_lint.finding import Finding, Range
from dlsafe_lint.suppressions import Suppression, apply, parse, removal


def only(text: str) -> Suppression:
    (found,) = parse(text)
    return found


def finding(code: str, first: int, last: int = 0, line: int = 0) -> Finding:
    last = last or first
    at = line or first
    return Finding(code, "message", "/x.py", Range(at, 1, at, 2), first_line=first, last_line=last)


def left(text: str, *findings: Finding) -> list[str]:
    return [f"{each.code}:{each.first_line}" for each in apply(findings, parse(text))[0]]


def unused(text: str, *findings: Finding) -> list[tuple[int, tuple[str, ...]]]:
    return [(each.line, codes) for each, codes in apply(findings, parse(text))[2]]


def without(text: str, *codes: str) -> str:
    each = only(text)
    edit = removal(text, each, codes or each.codes)
    return text[: edit.start] + edit.text + text[edit.end :]


class TestParse:
    def test_behind_code(self) -> None:
        assert only("f = open(p)  # dlsafe: ignore[DLS101] read once \n") == Suppression(
            line=1, start_column=14, end_column=48, codes=("DLS101",), kind="line", own_line=False
        )

    def test_several_codes(self) -> None:
        assert only("x  # dlsafe:ignore [DLS101,DLS201 , DLS101]\n").codes == ("DLS101", "DLS201")

    def test_alone(self) -> None:
        found = only("if x:\n    # dlsafe: ignore[DLS101]\n    # why\n    y\n")
        assert (found.line, found.own_line, found.statement_line) == (2, True, 4)

    def test_for_the_file(self) -> None:
        found = only("import os\n# dlsafe: ignore-file[DLS501] a tool\n")
        assert (found.kind, found.codes, found.problem) == ("file", ("DLS501",), "")

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_line_ends(self, end: str) -> None:
        text = end.join(["s = '''", "", "'''", "x\x0c = 1  # dlsafe: ignore[DLS101]", "y  # noqa", ""])
        assert [(each.line, each.kind) for each in parse(text)] == [(4, "line"), (5, "noqa")]

    def test_only_in_comments(self) -> None:
        assert parse('x = "# dlsafe: ignore[DLS101]"\ny = """\n# noqa\n"""\n') == []
        assert parse("# see dlsafe: it has # nothing\n") == []

    def test_noqa(self) -> None:
        codes = {
            "x  # noqa": (),
            "x  #NOQA": (),
            "x  # noqa: DLS101": ("DLS101",),
            "x  # noqa:E501,dls101 DLS201 reason": ("DLS101", "DLS201"),
            "x  # type: ignore # noqa: DLS101": ("DLS101",),
            "x  # noqa: because": (),
        }
        assert {text: only(text).codes for text in codes} == codes
        assert {only(text).kind for text in codes} == {"noqa"}
        assert parse("x  # noqa: E501\ny  # noqa: F401, PLC0415\nz # noqality\n") == []

    @pytest.mark.parametrize(
        ("comment", "said"),
        [
            ("# dlsafe: ignore", "names its rules"),
            ("# dlsafe: ignore[]", "names its rules"),
            ("# dlsafe: ignore[ , ]", "names its rules"),
            ("# dlsafe: ignore DLS101", "names its rules"),
            ("# dlsafe: ignore[DLS101", "names its rules"),
            ("# dlsafe: ignroe[DLS101]", "names its rules"),
            ("# dlsafe: ignore-file", "names its rules"),
            ("# dlsafe: ignore[DLS1]", "`DLS1` is not the code"),
            ("# dlsafe: ignore[DLS101, E501]", "`E501` is not the code"),
            ("# dlsafe: ignore[DLS101 DLS201]", "`DLS101 DLS201` is not the code"),
            ("x = 1  # dlsafe: ignore-file[DLS101]", "line of its own"),
            ("if x:\n    # dlsafe: ignore-file[DLS101]\n    y", "line of its own"),
        ],
    )
    def test_malformed(self, comment: str, said: str) -> None:
        found = only(comment + "\n")
        assert said in found.problem
        assert found.codes == ()
        assert left(comment + "\n", finding("DLS101", 1)) == ["DLS101:1"]
        assert unused(comment + "\n") == [(found.line, ())]

    def test_several_in_one_comment(self) -> None:
        text = "x  # mypy: y  # dlsafe: ignore[DLS101] see #12 and C# code  # noqa: DLS201 # dlsafe: ignore[DLS202]\n"
        found = parse(text)
        assert [text[each.start_column - 1 : each.end_column - 1] for each in found] == [
            "# dlsafe: ignore[DLS101] see #12 and C# code",
            "# noqa: DLS201",
            "# dlsafe: ignore[DLS202]",
        ]

    @pytest.mark.parametrize(
        "rest", ["x = '\n", "(", "x = 1 $ 2\n", "  x\n y\n", "lazy import x\n", 'f"{d["# noqa"]}"\n', "\0", "0777"]
    )
    def test_what_python_cannot_read(self, rest: str) -> None:
        found = parse(f"x  # dlsafe: ignore[DLS101]\n{rest}\ny  # dlsafe: ignore[DLS201]\n")
        assert [each.codes for each in found if each.kind == "line"] == [("DLS101",), ("DLS201",)]

    def test_a_string_without_an_end(self) -> None:
        for quotes in ("'''", '"""'):
            for end in ("\n", "\\", "''", '""'):
                text = f"x  # dlsafe: ignore[DLS101]\n{quotes}\n# noqa{end}"
                assert [each.line for each in parse(text)] == [1]

    def test_a_comment_after_an_f_string_of_newer_grammar(self) -> None:
        found = parse('x = f"{d["a # b"]}"  # dlsafe: ignore[DLS101]\n')
        assert [each.codes for each in found] == [("DLS101",)]

    def test_the_same_comments_as_the_tokenizer(self) -> None:
        """On the sources of whatever is installed here."""
        names = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        sources = sorted(Path(name) for name in names if name and name.endswith(".py"))[::4]
        assert len(sources) > 30
        for path in sources:
            with tokenize.open(path) as stream:
                text = stream.read()
            tokens = tokenize.generate_tokens(io.StringIO(text).readline)
            expected = [(token.start, token.string) for token in tokens if token.type == tokenize.COMMENT]
            starts = [0, *(match.end() for match in re.finditer("\n", text))]
            found = []
            for match in suppressions._COMMENT_OR_STRING.finditer(text):
                if match["comment"]:
                    line = bisect.bisect_right(starts, match.start())
                    found.append(((line, match.start() - starts[line - 1]), match["comment"]))
            assert found == expected, path

    def test_five_megabytes_take_no_time(self) -> None:
        text = "x = 'y'  # z\n" * (5 * 2**20 // 13) + "x  # dlsafe: ignore[DLS101]\n"
        started = time.process_time()
        assert only(text).line == text.count("\n")
        assert time.process_time() - started < 5  # about 0.5 s

    def test_nothing_is_searched_without_need(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(suppressions, "_COMMENT_OR_STRING", None)
        assert parse("import os  # noqa: E402\n# see DLS101\n") == []


class TestApply:
    def test_on_any_line_of_the_statement(self) -> None:
        text = "f(\n    x,  # dlsafe: ignore[DLS201]\n    # dlsafe: ignore[DLS202]\n    y,\n)\n"
        findings = [finding("DLS201", 1, 5), finding("DLS202", 1, 5, line=4), finding("DLS101", 1, 5)]
        assert left(text, *findings, finding("DLS201", 6)) == ["DLS101:1", "DLS201:6"]

    def test_alone_above(self) -> None:
        text = "# dlsafe: ignore[DLS101] why\n# more\nx = 1\ny = 2\n"
        assert left(text, finding("DLS101", 3)) == []
        assert left(text, finding("DLS101", 4)) == ["DLS101:4"]
        assert left(text, finding("DLS101", 2, 4)) == ["DLS101:2"]
        assert left("# dlsafe: ignore[DLS101]\n\nx = 1\n", finding("DLS101", 3)) == ["DLS101:3"]

    def test_behind_the_statement_above(self) -> None:
        assert left("x  # dlsafe: ignore[DLS101]\ny\n", finding("DLS101", 2)) == ["DLS101:2"]

    def test_two_above_one_statement(self) -> None:
        text = "# dlsafe: ignore[DLS101]\n# type: x  # dlsafe: ignore[DLS201]\nx\n"
        assert left(text, finding("DLS101", 3), finding("DLS201", 3)) == []
        assert unused(text, finding("DLS201", 3)) == [(1, ("DLS101",))]

    def test_for_the_file(self) -> None:
        text = "x\n# dlsafe: ignore-file[DLS101]\n"
        assert left(text, finding("DLS101", 1), finding("DLS201", 1)) == ["DLS201:1"]
        assert unused(text, finding("DLS201", 1)) == [(2, ("DLS101",))]

    def test_noqa_on_the_statement_only(self) -> None:
        assert left("x  # noqa\n", finding("DLS101", 1), finding("DLS201", 1)) == []
        assert left("x  # noqa: DLS101\n", finding("DLS101", 1), finding("DLS201", 1)) == ["DLS201:1"]
        assert left("# noqa\nx\n", finding("DLS101", 2)) == ["DLS101:2"]
        assert unused("x  # noqa: DLS101\ny  # noqa\n") == []

    def test_counts_and_leaves_order(self) -> None:
        text = "a  # dlsafe: ignore[DLS101]\nb\nc  # noqa\n"
        kept, silenced, idle = apply([finding("DLS101", 1), finding("DLS201", 2), finding("DLS301", 3)], parse(text))
        assert ([each.code for each in kept], silenced, idle) == (["DLS201"], 2, [])

    def test_unused_codes(self) -> None:
        text = "a  # dlsafe: ignore[DLS101, DLS201]\n"
        assert unused(text, finding("DLS101", 1)) == [(1, ("DLS201",))]
        assert unused(text) == [(1, ("DLS101", "DLS201"))]

    def test_one_that_is_to_stay(self) -> None:
        assert unused("a  # dlsafe: ignore[DLS101, DLS001] for old torch\n") == []
        assert unused("# dlsafe: ignore-file[DLS001]\n\na  # dlsafe: ignore[DLS101]\n") == []

    def test_lines_default_to_the_range(self) -> None:
        plain = Finding("DLS101", "message", "/x.py", Range(1, 1, 2, 5))
        assert apply([plain], parse("f(\n    x)  # dlsafe: ignore[DLS101]\n"))[:2] == ([], 1)


class TestRemoval:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("x = 1  # dlsafe: ignore[DLS101]\ny\n", "x = 1\ny\n"),
            ("x = 1\t # dlsafe: ignore[DLS101] why # 2 \r\ny\n", "x = 1\r\ny\n"),
            ("x = 1  # dlsafe: ignore[DLS101]", "x = 1"),
            ("x\n    # dlsafe: ignore[DLS101] why\r\n    y\n", "x\n    y\n"),
            ("x\r# dlsafe: ignore[DLS101]\ry\r", "x\ry\r"),
            ("x\n# dlsafe: ignore-file[DLS101]", "x\n"),
            ("x  # dlsafe: ignore[DLS101]  # type: ignore  \n", "x  # type: ignore  \n"),
            ("x  # type: ignore  # dlsafe: ignore[DLS101] why\n", "x  # type: ignore\n"),
            ("x  # a: 1 # dlsafe: ignore[DLS101]  # b\n", "x  # a: 1 # b\n"),
            ("# dlsafe: ignore[DLS101] # fmt: off\nx\n", "# fmt: off\nx\n"),
        ],
    )
    def test_all_of_it(self, text: str, expected: str) -> None:
        assert without(text) == expected

    @pytest.mark.parametrize(
        ("codes", "expected"),
        [
            (["DLS101"], "x  # dlsafe: ignore[DLS201, DLS202] why # noqa\n"),
            (["DLS201"], "x  # dlsafe: ignore[DLS101, DLS202] why # noqa\n"),
            (["DLS202", "DLS101"], "x  # dlsafe: ignore[DLS201] why # noqa\n"),
            (["DLS202", "DLS201", "DLS101"], "x  # noqa\n"),
        ],
    )
    def test_some_codes(self, codes: list[str], expected: str) -> None:
        text = "x  # dlsafe: ignore[DLS101, DLS201, DLS202] why # noqa\n"
        edit = removal(text, parse(text)[0], codes)
        assert text[: edit.start] + edit.text + text[edit.end :] == expected

    def test_what_is_not_ascii_counts_as_one_character(self) -> None:
        assert without("é = '😀'  # dlsafe: ignore[DLS101] ça\n") == "é = '😀'\n"

    def test_removing_until_nothing_is_left_to_remove(self) -> None:
        text = "a  # dlsafe: ignore[DLS101, DLS201]\n# dlsafe: ignore[DLS301]\nb  # noqa: DLS501\n"
        while idle := apply([], parse(text))[2]:
            edit = removal(text, *idle[-1])
            text = text[: edit.start] + edit.text + text[edit.end :]
        assert text == "a\nb  # noqa: DLS501\n"
