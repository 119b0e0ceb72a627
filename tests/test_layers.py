"""The architecture, exhaustively: every file has its layer, and imports only what it may."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "dlsafe_lint"

LAYERS = (
    {"finding", "facts", "newer_grammar", "import_times", ""},
    {"apis", "apis.*"},
    {"flow", "versions"},
    {"project", "branches"},
    {"analysis", "analysis.*"},
    {"files", "notebooks", "cache", "config", "metadata", "fixes", "suppressions", "measuring"},
    {"rule", "rules"},
    {"rewriting", "rewriting.*"},
    {"rules.*"},
    {"comparison"},
    {"output", "output.*"},
    {"linter", "explaining"},
    {"cli"},
    {"__main__"},
)
"""Low to high, as CONTRIBUTING.md describes them; "" is the package's `__init__`, "x.*" all modules in x."""

FORBIDDEN_NAMES = {"common", "helper", "helpers", "util", "utils", "base", "data", "type", "types", "misc", "core"}


class Import(NamedTuple):
    """A module that is imported, and whether that happens when the importing module is imported."""

    module: str
    at_import_time: bool


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def layer_names(name: str) -> set[str]:
    parent = name.rpartition(".")[0]
    return {name, f"{parent}.*"} if parent else {name}


def layer(name: str) -> int:
    return next(index for index, names in enumerate(LAYERS) if names & layer_names(name))


def imports_of(tree: ast.AST, at_import_time: bool = True) -> list[Import]:
    found = []
    for node in ast.iter_child_nodes(tree):
        inside = at_import_time and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        match node:
            case ast.Import(names=names):
                found += [Import(alias.name, at_import_time) for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                assert level == 0, "imports are absolute"
                for alias in names:
                    full = f"{module}.{alias.name}"
                    own = full.removeprefix("dlsafe_lint.") in FILES
                    found.append(Import(full if own else module or "", at_import_time))
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=body, orelse=orelse):
                for statement in body:
                    found += imports_of(ast.Module([statement], []), at_import_time=False)
                for statement in orelse:
                    found += imports_of(ast.Module([statement], []), inside)
            case _:
                found += imports_of(node, inside)
    return found


IMPORTS = {name: imports_of(tree) for name, tree in TREES.items()}


def own_imports(name: str) -> set[str]:
    modules = {i.module for i in IMPORTS[name] if i.module.split(".")[0] == "dlsafe_lint"}
    return {module.removeprefix("dlsafe_lint").removeprefix(".") for module in modules} - {name}


def foreign_imports(name: str) -> set[str]:
    return {i.module.split(".")[0] for i in IMPORTS[name]} - {"dlsafe_lint"}


def test_every_file_has_one_layer() -> None:
    for name in FILES:
        assert sum(bool(names & layer_names(name)) for names in LAYERS) == 1, f"{name} belongs to no layer"


def test_every_layer_has_its_files() -> None:
    for names in LAYERS:
        for name in names:
            if name.endswith(".*"):
                assert any(name in layer_names(file) for file in FILES), f"nothing is in {name}"
            else:
                assert name in FILES, f"{name} does not exist"


def test_contributing_lists_what_is_in_the_larger_packages() -> None:
    text = (PACKAGE.parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for package in ("analysis", "rewriting"):
        table = text[text.rindex(f"\n| `{package}/` | ") :].strip().partition("\n\n")[0]
        listed = re.findall(r"(?m)^\| `(\w+)` \|", table)
        assert sorted(listed) == sorted(name.rpartition(".")[2] for name in FILES if name.startswith(f"{package}.")), (
            package
        )


@pytest.mark.parametrize("name", FILES)
def test_a_module_imports_nothing_from_above(name: str) -> None:
    too_high = {other for other in own_imports(name) if layer(other) > layer(name)}
    assert not too_high


def test_formats_and_rules_are_independent() -> None:
    for name in FILES:
        for package in ("rules", "output"):
            if name.startswith(f"{package}."):
                assert not {other for other in own_imports(name) if other.startswith(f"{package}.")}, name


def test_no_two_modules_need_each_other_at_import_time() -> None:
    graph = {
        name: {i.module.removeprefix("dlsafe_lint").removeprefix(".") for i in found if i.at_import_time}
        for name, found in IMPORTS.items()
    }
    graphlib.TopologicalSorter({name: others & FILES.keys() - {name} for name, others in graph.items()}).prepare()


@pytest.mark.parametrize("name", FILES)
def test_who_may_know_which_library(name: str) -> None:
    used = foreign_imports(name)
    if name != "facts":
        assert "ast" not in used
    if name != "fixes":
        assert "symtable" not in used
    if name not in {"cli", "__main__"} and not name.startswith("output"):
        assert "click" not in used
    if layer(name) < layer("rule"):
        assert "libcst" not in used or name == "newer_grammar"
    # It is needed for a grammar newer than the running Python's, and must not be loaded for any other.
    assert Import("dlsafe_lint.newer_grammar", at_import_time=True) not in IMPORTS[name]
    if layer(name) >= layer("output"):
        assert "libcst" not in used
    if name.startswith("rules."):
        assert not used & {"os", "io", "pathlib", "shutil", "tempfile", "subprocess", "glob", "click"}
        assert not own_imports(name) & {"files", "cache", "config", "linter"}


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"cli", "__main__"}))
def test_only_the_command_prints_or_exits(name: str) -> None:
    for node in ast.walk(TREES[name]):
        match node:
            case ast.Name(id="print" | "input" | "exit" | "quit" | "SystemExit"):
                pytest.fail(f"line {node.lineno}: {node.id}")
            case ast.Attribute(value=ast.Name(id="sys"), attr="exit" | "stdout" | "stderr"):
                pytest.fail(f"line {node.lineno}: sys.{node.attr}")
            case ast.Attribute(value=ast.Name(id="click"), attr="echo" | "secho"):
                pytest.fail(f"line {node.lineno}: click.{node.attr}")
            case ast.Attribute(value=ast.Name(id="os"), attr="_exit" | "abort"):
                pytest.fail(f"line {node.lineno}: os.{node.attr}")


@pytest.mark.parametrize("name", FILES)
def test_no_global_state_and_no_vague_names(name: str) -> None:
    assert not [node.lineno for node in ast.walk(TREES[name]) if isinstance(node, ast.Global)]
    assert name.rpartition(".")[2] not in FORBIDDEN_NAMES


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("rules.")])
def test_a_rule_has_the_file_that_its_code_and_name_say(name: str) -> None:
    classes = [node for node in TREES[name].body if isinstance(node, ast.ClassDef)]
    rules = [node for node in classes if any(isinstance(b, ast.Name) and b.id == "Rule" for b in node.bases)]
    assert len(rules) == 1
    constants = {}
    for node in rules[0].body:
        match node:
            case ast.Assign(targets=[ast.Name(id=attribute)], value=ast.Constant(value=value)):
                constants[attribute] = str(value)
            case ast.AnnAssign(target=ast.Name(id=attribute), value=ast.Constant(value=value)):
                constants[attribute] = str(value)
    expected = f"{constants['code']}_{constants['name']}".lower().replace("-", "_")
    assert name == f"rules.{expected}"


@pytest.mark.parametrize("name", ["cli", "linter", "output", "output.full", "config", "files", "cache", "project"])
def test_starting_up_loads_no_libcst(name: str) -> None:
    code = f"import sys, dlsafe_lint.{name}; sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
