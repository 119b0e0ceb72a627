from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from dlsafe_lint import config
from dlsafe_lint.config import Config, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

CODES = ("DLS000", "DLS001", "DLS101", "DLS201", "DLS202", "DLS501")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "pyproject.toml"


def load(path: Path, text: str) -> Config:
    path.write_text(text, encoding="utf-8")
    return config.load(path, CODES)


def section(path: Path, text: str) -> Config:
    return load(path, f"[tool.dlsafe-lint]\n{text}\n")


def error(path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        section(path, text)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


class TestLoad:
    def test_without_a_file_or_a_section(self, project: Path) -> None:
        assert config.load(None, CODES) == Config()
        assert load(project, "[project]\nname = 'x'\n") == Config(folder=project.parent)
        assert load(project, "") == Config(folder=project.parent)

    def test_every_key(self, project: Path) -> None:
        loaded = section(
            project,
            """
            select = ["DLS1", "DLS501"]
            extend-select = ["DLS202"]
            ignore = ["ALL"]
            exclude = ["/old"]
            extend-exclude = ["gen_*.py"]
            force-exclude = true
            source-roots = ["lib"]
            target-version = "3.12"
            start-methods = ["spawn", "fork"]
            min-confidence = "possible"
            entry-points = ["pkg.train", "pkg.cli:main"]
            heavy-modules = ["torch"]
            extend-heavy-modules = ["our.slow.module"]
            heavy-imports = "everywhere"
            extend-handles = ["our.open_slide"]
            dataset-classes = ["our.Bags"]
            data-loaders = ["our.make_loader"]
            [tool.dlsafe-lint.per-file-ignores]
            "tests/*" = ["DLS2"]
            """,
        )
        assert loaded == Config(
            select=("DLS1", "DLS501"),
            extend_select=("DLS202",),
            ignore=("ALL",),
            per_file_ignores=(("tests/*", ("DLS2",)),),
            exclude=("/old",),
            extend_exclude=("gen_*.py",),
            force_exclude=True,
            source_roots=("lib",),
            target_version=(3, 12),
            start_methods=("fork", "spawn"),
            min_confidence="possible",
            entry_points=("pkg.train", "pkg.cli:main"),
            heavy_modules=("torch",),
            extend_heavy_modules=("our.slow.module",),
            heavy_imports="everywhere",
            extend_handles=("our.open_slide",),
            dataset_classes=("our.Bags",),
            data_loaders=("our.make_loader",),
            folder=project.parent,
        )

    def test_settings_travel_to_worker_processes(self, project: Path) -> None:
        loaded = section(project, 'select = ["DLS1"]\n[tool.dlsafe-lint.per-file-ignores]\n"a" = ["DLS1"]')
        assert pickle.loads(pickle.dumps(loaded)) == loaded
        assert hash(loaded) == hash(pickle.loads(pickle.dumps(loaded)))

    def test_patterns_may_start_elsewhere(self, project: Path, tmp_path: Path) -> None:
        project.write_text("")
        assert config.load(project, CODES, folder=tmp_path / "x").folder == tmp_path / "x"

    @pytest.mark.parametrize(
        ("requirement", "expected"),
        [
            (">=3.10", (3, 10)),
            (">=3.11,<4", (3, 11)),
            ("<4,>=3.12", (3, 12)),
            ("~=3.11", (3, 11)),
            ("~= 3.13.2", (3, 13)),
            ("==3.12.*", (3, 12)),
            (">=3.9, !=3.9.1, >3.11", (3, 11)),
            (">=3.8", (3, 8)),
            (">=3", (3, 0)),
            ("<3.13", (3, 10)),
            ("!=3.11.*", (3, 10)),
            ("nonsense", (3, 10)),
        ],
    )
    def test_the_oldest_python(self, project: Path, requirement: str, expected: tuple[int, int]) -> None:
        text = f'[project]\nrequires-python = "{requirement}"\n'
        assert load(project, text).target_version == expected
        assert load(project, text + '[tool.dlsafe-lint]\ntarget-version = "3.14"\n').target_version == (3, 14)

    def test_a_byte_order_mark(self, project: Path) -> None:
        assert load(project, "\ufeff[tool.dlsafe-lint]\nselect = ['DLS1']\n").select == ("DLS1",)


class TestErrors:
    def test_unknown_key(self, project: Path) -> None:
        message = error(project, 'selct = ["DLS1"]')
        assert message.startswith("tool.dlsafe-lint: unknown key `selct` (did you mean `select`?). Known keys: ")
        assert "per-file-ignores" in message
        assert "did you mean `extend-select`" in error(project, "extend_select = []")
        assert "did you mean" not in error(project, "zzz = 1")

    def test_unknown_code(self, project: Path) -> None:
        assert error(project, 'select = ["DLS1", "DLS109"]').startswith(
            'tool.dlsafe-lint.select: there is no rule "DLS109" (did you mean `DLS101`?); allowed is a list of '
        )
        assert "(did you mean `DLS201`?)" in error(project, 'ignore = ["dls201"]')
        assert 'there is no rule "D"' in error(project, 'extend-select = ["D"]')
        assert 'there is no rule "DLS9"' in error(project, '[tool.dlsafe-lint.per-file-ignores]\n"a" = ["DLS9"]')

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('select = "DLS1"', 'select: it can\'t be a string ("DLS1"); allowed is a list'),
            ("select = [1]", "select: it can't be such a list; allowed is a list of rule codes"),
            ("ignore = true", "ignore: it can't be true"),
            ("force-exclude = 'yes'", "allowed is true or false"),
            ("force-exclude = 1", "it can't be a number (1)"),
            ("exclude = {a = 1}", "it can't be such a table"),
            ("exclude = ['!']", 'exclude: "!" is not a pattern'),
            ("extend-exclude = ['[z-a]']", '"[z-a]" is not a pattern'),
            ("per-file-ignores = ['a']", "allowed is a table of patterns"),
            ("per-file-ignores = {a = 'DLS1'}", "allowed is a table of patterns"),
            ("per-file-ignores = {'!a' = ['DLS1']}", "exclamation mark"),
            ("target-version = 3.10", "put the version in quotes"),
            ("target-version = '4'", "allowed is a Python version"),
            ("target-version = 2024-01-01", "it can't be a date or a time"),
            ("start-methods = ['forksever']", "did you mean `forkserver`?"),
            ("start-methods = []", "it can't be empty"),
            ("min-confidence = 'likly'", 'it can\'t be "likly" (did you mean `likely`?)'),
            ("heavy-imports = 'never'", '"startup" or "everywhere" or "off"'),
            ("heavy-modules = ['torch.*']", '"torch.*" is not a dotted name'),
            ("data-loaders = ['']", '"" is not a dotted name'),
            ("entry-points = ['scripts/train.py']", "package.module:function"),
            ("entry-points = ['pkg:']", "package.module:function"),
        ],
    )
    def test_wrong_values(self, project: Path, text: str, said: str) -> None:
        message = error(project, text)
        assert said in message
        assert message.startswith(f"tool.dlsafe-lint.{text.partition(' ')[0]}: ")

    def test_broken_toml(self, project: Path) -> None:
        message = error(project, "select = DLS1")
        assert message.startswith("not valid TOML: ")
        assert "line 2" in message

    def test_not_a_table(self, project: Path) -> None:
        with pytest.raises(ConfigError, match="dlsafe-lint must be a table"):
            load(project, "[tool]\ndlsafe-lint = 1\n")
        with pytest.raises(ConfigError, match="tool must be a table"):
            load(project, "tool = 1\n")

    def test_unreadable_file(self, project: Path) -> None:
        with pytest.raises(ConfigError, match="can't be read: No such file"):
            config.load(project, CODES)
        project.write_bytes(b"# caf\xe9\n")
        with pytest.raises(ConfigError, match="not valid TOML"):
            config.load(project, CODES)


class TestSelected:
    @pytest.mark.parametrize(
        ("select", "ignore", "expected"),
        [
            (["ALL"], [], set(CODES)),
            (["DLS"], ["DLS0"], {"DLS101", "DLS201", "DLS202", "DLS501"}),
            (["DLS2"], [], {"DLS000", "DLS201", "DLS202"}),
            (["DLS2"], ["DLS201"], {"DLS000", "DLS202"}),
            (["DLS201"], ["DLS2"], {"DLS000", "DLS201"}),
            (["DLS201"], ["DLS201", "DLS000"], set()),
            (["DLS5"], ["ALL"], {"DLS501"}),
        ],
    )
    def test_the_more_specific_wins(self, select: list[str], ignore: list[str], expected: set[str]) -> None:
        settings = Config(select=tuple(select), ignore=tuple(ignore))
        assert config.selected(settings, CODES, "/x.py") == expected

    def test_extend_select(self) -> None:
        settings = Config(select=("DLS1",), extend_select=("DLS5",))
        assert config.selected(settings, CODES, "/x.py") == {"DLS000", "DLS101", "DLS501"}

    def test_per_file_ignores(self, tmp_path: Path) -> None:
        rules = (("tests/", ("DLS2", "DLS101")), ("__init__.py", ("DLS501",)), ("/scripts/*.py", ("ALL",)))
        settings = Config(per_file_ignores=rules, folder=tmp_path)

        def left(name: str) -> set[str]:
            return set(CODES) - config.selected(settings, CODES, str(tmp_path / name))

        assert left("src/a.py") == set()
        assert left("tests/deep/a.py") == {"DLS101", "DLS201", "DLS202"}
        assert left("tests/__init__.py") == {"DLS101", "DLS201", "DLS202", "DLS501"}
        assert left("scripts/a.py") == set(CODES)
        assert left("src/scripts/a.py") == set()
        assert config.selected(settings, CODES, str(tmp_path.parent / "tests" / "a.py")) == set(CODES)

    def test_the_command_line_takes_precedence(self) -> None:
        settings = Config(select=("DLS1",), extend_select=("DLS2",), ignore=("DLS202",))
        chosen = config.choose(settings, CODES, select=["DLS2"], ignore=[])
        assert config.selected(chosen, CODES, "/x.py") == {"DLS000", "DLS201", "DLS202"}
        chosen = config.choose(settings, CODES, select=[], ignore=["DLS101"])
        assert config.selected(chosen, CODES, "/x.py") == {"DLS000", "DLS201"}
        with pytest.raises(ConfigError, match=r'--select: there is no rule "DLS502" \(did you mean `DLS501`\?\)'):
            config.choose(settings, CODES, select=["DLS502"], ignore=[])
        with pytest.raises(ConfigError, match="--ignore: there is no rule"):
            config.choose(settings, CODES, select=[], ignore=["E501"])


def test_find(tmp_path: Path) -> None:
    assert config.find(tmp_path) is None
    (tmp_path / "pyproject.toml").touch()
    assert config.find(tmp_path) == tmp_path / "pyproject.toml"


def test_every_key_is_described() -> None:
    keys = {key.name: key for key in config.describe()}
    assert len(keys) == 23
    for key in keys.values():
        assert key.allowed
        assert key.description.endswith(".")
    assert keys["start-methods"].default == '["fork", "spawn", "forkserver"]'
    assert keys["target-version"].default == '"3.10"'
    assert keys["per-file-ignores"].default == "{}"
    assert keys["heavy-modules"].default == ""


def test_the_defaults_are_what_the_documentation_says(project: Path) -> None:
    text = "\n".join(f"{key.name} = {key.default}" for key in config.describe() if key.default)
    assert section(project, text) == Config(folder=project.parent)
