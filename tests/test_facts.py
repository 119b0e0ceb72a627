"""What facts says of a module."""

from __future__ import annotations

import pytest

from dlsafe_lint import facts
from dlsafe_lint.facts import Attribute, Collection, Literal, ModuleFacts, Name, SyntaxProblem, dotted


def read(text: str) -> ModuleFacts:
    found = facts.read(text, path="/p/m.py", name="m", is_package=False)
    assert isinstance(found, ModuleFacts)
    return found


def statement_at(module: ModuleFacts, line: int) -> int:
    return next(index for index, each in enumerate(module.statements) if each.line == line)


GUARDS = [
    'if __name__ == "__main__":',
    "if __name__ == '__main__':",
    'if "__main__" == __name__:',
    'if __name__ in ("__main__", "builtins"):',
    'if __name__ == "__main__" and DEBUG:',
    'if not __name__ != "__main__":',
    'if multiprocessing.current_process().name == "MainProcess":',
    "if MAIN:",
    'if __name__ == "__main__" or NOTEBOOK:',
]


@pytest.mark.parametrize("test", GUARDS)
def test_main_guards(test: str) -> None:
    module = read(f'MAIN = __name__ == "__main__"\n{test}\n    run()\nelse:\n    other()\n')
    assert module.in_block(statement_at(module, 3), "guard")
    assert module.in_block(statement_at(module, 5), "unguarded")


@pytest.mark.parametrize(
    "test",
    [
        "if __name__:",
        "if parent_process() is None:",
        'if name == "__main__":',
        "if DEBUG:",
    ],
)
def test_what_is_no_main_guard(test: str) -> None:
    module = read(f"{test}\n    run()\n")
    assert not module.in_block(statement_at(module, 2), "guard")


def test_what_follows_an_early_exit_is_guarded() -> None:
    module = read('import sys\nif __name__ != "__main__":\n    sys.exit()\nrun()\ndef f():\n    g()\n')
    assert module.in_block(statement_at(module, 4), "guard")
    assert module.in_block(statement_at(module, 6), "guard")


def test_a_match_on_the_name_is_a_guard() -> None:
    module = read('match __name__:\n    case "__main__":\n        run()\n    case _:\n        other()\n')
    assert module.in_block(statement_at(module, 3), "guard")
    assert not module.in_block(statement_at(module, 5), "guard")


def test_functions_inside_a_guard_are_in_it() -> None:
    module = read('if __name__ == "__main__":\n    def f():\n        g()\n')
    assert module.in_block(statement_at(module, 3), "guard")


def test_type_checking_blocks() -> None:
    module = read("import typing\nif typing.TYPE_CHECKING:\n    import torch\nelse:\n    torch = None\n")
    assert module.in_block(statement_at(module, 3), "typing")
    assert not module.in_block(statement_at(module, 5), "typing")


def test_what_runs_at_import() -> None:
    module = read("a()\nclass C:\n    b()\n    def m(self):\n        c()\nx = [d() for _ in e()]\nf = lambda: g()\n")
    at_import = {dotted(call.func) for call in module.calls if module.runs_at_import(call.scope)}
    assert at_import == {"a", "b", "d", "e"}


def test_uses_of_imported_names_by_scope() -> None:
    module = read(
        "import torch\n"
        "import numpy as np\n"
        "def f(x: torch.Tensor) -> None:\n"
        "    torch.save(x)\n"
        "def g(torch):\n"
        "    return torch\n"
        "class C(torch.Module):\n"
        "    def m(self):\n"
        "        return np.zeros(1)\n"
    )
    how = [(use.how, module.scopes[use.scope].qualname) for use in module.uses["torch"]]
    assert how == [("annotation", ""), ("run", "f"), ("run", "")]
    assert [(use.how, module.scopes[use.scope].qualname) for use in module.uses["np"]] == [("run", "C.m")]


def test_a_class_scope_is_not_seen_from_its_methods() -> None:
    module = read("import a\nclass C:\n    a = 1\n    def m(self):\n        return a\n")
    assert [module.scopes[use.scope].name for use in module.uses["a"]] == ["m"]


def test_a_global_declaration_binds_in_the_module() -> None:
    module = read("def f():\n    global x\n    x = 1\n")
    assert "x" in module.scopes[0].bindings
    assert "x" not in module.scopes[1].bindings


def test_the_first_iterable_of_a_comprehension_belongs_outside() -> None:
    module = read("class C:\n    xs = [1]\n    ys = [x for x in xs]\n")
    iteration = module.iterations[0]
    assert module.scopes[iteration.scope].kind == "class"


def test_quoted_annotations_count_as_annotations() -> None:
    module = read("import torch\ndef f(x: 'torch.Tensor'): pass\n")
    assert [use.how for use in module.uses["torch"]] == ["annotation"]


def test_unpacking() -> None:
    module = read("a, b = f(), g()\nc, d = h()\n")
    assert module.scopes[0].bindings["b"][0].value == module.calls[1]
    value = module.scopes[0].bindings["d"][0].value
    assert isinstance(value, facts.Subscript)
    assert value == (module.calls[2], Literal(1))


def test_stores_and_deletions_of_attributes() -> None:
    module = read("self.a = 1\ndel self.a\nself.b[k] = [2]\n")
    assert [(store.attr, store.value) for store in module.stores] == [
        ("a", Literal(1)),
        ("a", None),
        (None, Collection("list", (Literal(2),))),
    ]
    assert module.stores[2].base == Attribute(Name("self"), "b")


def test_calls_are_numbered_in_source_order() -> None:
    module = read("@d()\ndef f(a=x(), *, b=y()) -> z():\n    g(h(1), *i(), k=j())[l()](m())\nq() if r() else s()\n")
    assert [getattr(call.func, "id", "?") for call in module.calls] == list("dxyz?ghijlmqrs")


def test_calls_behind_a_keyword_keep_the_source_order() -> None:
    module = read("f(a=g(), *h())\n")
    assert [dotted(call.func) for call in module.calls] == ["f", "g", "h"]


def test_positions_of_text_that_cannot_be_parsed() -> None:
    problem = facts.read("a = 1\nb = (\n", path="/p/m.py", name="m", is_package=False)
    assert isinstance(problem, SyntaxProblem)
    assert problem.line in (2, 3)


@pytest.mark.parametrize(
    "text", ["x = " + "(" * 2000 + ")" * 2000 + "\n", "x = " + "-" * 5000 + "1\n", "x = a" + ".b" * 5000 + "\n"]
)
def test_deep_nesting_is_a_problem_not_a_crash(text: str) -> None:
    found = facts.read(text, path="/p/m.py", name="m", is_package=False)
    assert isinstance(found, (SyntaxProblem, ModuleFacts))


def test_literal_lazy_modules() -> None:
    module = read("__lazy_modules__ = ['torch', 'torch.nn']\nimport torch\n")
    assert module.lazy_modules == {"torch", "torch.nn"}


def test_blocks_carry_what_their_statement_asks() -> None:
    text = "if a:\n    b()\nelse:\n    c()\nwhile d:\n    e()\n"
    module = read(text + "match f:\n    case 1:\n        g()\n    case _:\n        h()\n")
    tests = [(block.kind, block.test) for block in module.blocks if block.kind != "body"]
    assert tests == [
        ("if", Name("a")),
        ("else", Name("a")),
        ("loop", Name("d")),
        ("case", None),
        ("case", Literal(value=True)),
    ]


def test_unpacking_around_a_star() -> None:
    module = read("a, *b, c = f()\n")
    names = module.scopes[0].bindings
    assert names["a"][0].value == (module.calls[0], Literal(0))
    assert names["c"][0].value == (module.calls[0], Literal(-1))
    assert isinstance(names["b"][0].value, Collection)


def test_annotations_without_a_value_are_kept() -> None:
    module = read("class C:\n    root: Path\n")
    assert [(each.how, each.value) for each in module.scopes[1].bindings["root"]] == [("annotation", Name("Path"))]
