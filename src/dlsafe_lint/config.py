"""The settings of a project, read from `[tool.dlsafe-lint]` in its pyproject.toml."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dlsafe_lint.finding import CONFIDENCES, START_METHODS, Confidence, StartMethod

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pathspec import GitIgnoreSpec

SECTION = "tool.dlsafe-lint"

HeavyImports = Literal["startup", "everywhere", "off"]
GuardStyle = Literal["block", "main"]
LazyStyle = Literal["function", "lazy-modules", "keyword"]
AnnotationStyle = Literal["future", "quotes"]

DEFAULT_EXCLUDE = (
    "*.egg-info",
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    "__pycache__",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)
"""Where code lies that is nobody's project: as ruff has it."""


class ConfigError(Exception):
    """A setting that can't be followed; the message names the place, what is wrong and what is allowed."""


class _WrongError(Exception):
    """What is wrong with a value; the place is added by who knows it."""


class _Kind(NamedTuple):
    """What a key takes: in words, and as a function from what TOML holds (and the known codes) to what Config holds."""

    allowed: str
    read: Callable[[Any, Sequence[str]], Any]


def _strings(value: Any, _codes: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _WrongError
    return tuple(value)


def _selectors(value: Any, codes: Sequence[str]) -> tuple[str, ...]:
    selectors = _strings(value, codes)
    for selector in selectors:
        known = selector == "ALL" or (len(selector) >= 3 and any(code.startswith(selector) for code in codes))
        if not known:
            raise _WrongError(f"there is no rule {json.dumps(selector)}{nearest(selector, codes)}")
    return selectors


def _selectors_by_pattern(value: Any, codes: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict) or not all(isinstance(item, list) for item in value.values()):
        raise _WrongError
    patterns = _patterns(list(value), codes)
    if (bad := next((pattern for pattern in patterns if pattern.startswith("!")), None)) is not None:
        raise _WrongError(f"{json.dumps(bad)} excludes nothing: a pattern can't start with an exclamation mark here")
    return tuple((pattern, _selectors(value[pattern], codes)) for pattern in patterns)


def _patterns(value: Any, codes: Sequence[str]) -> tuple[str, ...]:
    patterns = _strings(value, codes)
    if (bad := next((pattern for pattern in patterns if not _is_pattern(pattern)), None)) is not None:
        raise _WrongError(f"{json.dumps(bad)} is not a pattern as in a .gitignore")
    return patterns


def _is_pattern(text: str) -> bool:
    try:
        return bool(_compiled(text))
    except (ValueError, re.error):
        return False


def _dotted_names(value: Any, codes: Sequence[str]) -> tuple[str, ...]:
    names = _strings(value, codes)
    if (bad := next((name for name in names if not _is_dotted_name(name)), None)) is not None:
        raise _WrongError(f"{json.dumps(bad)} is not a dotted name")
    return names


def _entry_points(value: Any, codes: Sequence[str]) -> tuple[str, ...]:
    names = _strings(value, codes)
    for name in names:
        module, colon, function = name.partition(":")
        if not _is_dotted_name(module) or (colon and not _is_dotted_name(function)):
            raise _WrongError(f'{json.dumps(name)} is neither "package.module" nor "package.module:function"')
    return names


def _is_dotted_name(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _boolean(value: Any, _codes: Sequence[str]) -> bool:
    if not isinstance(value, bool):
        raise _WrongError
    return value


def _number(value: Any, _codes: Sequence[str]) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _WrongError
    return value


def _version(value: Any, _codes: Sequence[str]) -> tuple[int, int]:
    if isinstance(value, float):
        raise _WrongError(f"{value} is a number, and 3.10 would be 3.1: put the version in quotes")
    if not isinstance(value, str) or not (match := re.fullmatch(r"(?:py)?(3)\.?(\d+)", value)):
        raise _WrongError
    return int(match[1]), int(match[2])


def _one_of(*options: str) -> _Kind:
    def read(value: Any, _codes: Sequence[str]) -> str:
        if not isinstance(value, str):
            raise _WrongError
        if value not in options:
            raise _WrongError(f"it can't be {json.dumps(value)}{nearest(value, options)}")
        return value

    return _Kind(" or ".join(f'"{option}"' for option in options), read)


def _some_of(*options: str) -> _Kind:
    def read(value: Any, codes: Sequence[str]) -> tuple[str, ...]:
        chosen = _strings(value, codes)
        if not chosen:
            raise _WrongError("it can't be empty")
        if (bad := next((item for item in chosen if item not in options), None)) is not None:
            raise _WrongError(f"there is no {json.dumps(bad)}{nearest(bad, options)}")
        return tuple(option for option in options if option in chosen)

    return _Kind("a list of " + ", ".join(f'"{option}"' for option in options), read)


_SELECTORS = _Kind('a list of rule codes ("DLS101"), prefixes of codes ("DLS1") or "ALL"', _selectors)
_SELECTORS_BY_PATTERN = _Kind(
    "a table of patterns as in a .gitignore, each with a list of codes", _selectors_by_pattern
)
_PATTERNS = _Kind("a list of patterns as in a .gitignore", _patterns)
_FOLDERS = _Kind("a list of folders", _strings)
_NAMES = _Kind('a list of dotted names ("package.module.name")', _dotted_names)
_ENTRY_POINTS = _Kind('a list of "package.module" or "package.module:function"', _entry_points)
_BOOLEAN = _Kind("true or false", _boolean)
_NUMBER = _Kind("a number from 0 on", _number)
_VERSION = _Kind('a Python version ("3.11")', _version)
_START_METHODS = _some_of(*START_METHODS)
_CONFIDENCE = _one_of(*CONFIDENCES)
_HEAVY_IMPORTS = _one_of("startup", "everywhere", "off")
_GUARD_STYLE = _one_of("block", "main")
_ANNOTATION_STYLE = _one_of("future", "quotes")
_LAZY_STYLE = _one_of("function", "lazy-modules", "keyword")


def _key(default: Any, kind: _Kind, description: str) -> Any:
    return dataclasses.field(default=default, metadata={"kind": kind, "description": description})


@dataclass(frozen=True, slots=True)
class Config:
    """The settings. Each field is the key of the same name, with hyphens; `describe` says what each means.

    Attributes:
        folder: where patterns and relative paths start: the folder of the file that was read; None without a file.
    """

    select: tuple[str, ...] = _key(
        ("ALL",),
        _SELECTORS,
        "Rules to run. The more specific of `select` and `ignore` wins; DLS000 runs unless it is ignored.",
    )
    extend_select: tuple[str, ...] = _key((), _SELECTORS, "Rules to run besides those of `select`.")
    ignore: tuple[str, ...] = _key((), _SELECTORS, "Rules not to run.")
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = _key(
        (), _SELECTORS_BY_PATTERN, "Rules not to run in the files that a pattern matches."
    )
    exclude: tuple[str, ...] = _key(
        DEFAULT_EXCLUDE,
        _PATTERNS,
        "What is no part of the project: neither checked nor read. Replaces the default; what a .gitignore excludes "
        "and virtual environments are left out in any case.",
    )
    extend_exclude: tuple[str, ...] = _key((), _PATTERNS, "What is no part of the project besides `exclude`.")
    force_exclude: bool = _key(
        False, _BOOLEAN, "Exclude a path even if it is given on the command line, as pre-commit does."
    )
    include_notebooks: bool = _key(
        True, _BOOLEAN, "Look for notebooks (`.ipynb`) too; one that is given on the command line is read in any case."
    )
    source_roots: tuple[str, ...] = _key(
        (), _FOLDERS, "Folders from which modules are imported, besides those that are found by looking."
    )
    target_version: tuple[int, int] = _key(
        (3, 10), _VERSION, "The oldest Python that the project runs on. The default comes from `requires-python`."
    )
    start_methods: tuple[StartMethod, ...] = _key(
        START_METHODS,
        _START_METHODS,
        "Start methods that can occur: what only breaks under others is not reported.",
    )
    min_confidence: Confidence = _key(  # noqa: RUF009  # it makes a field
        "likely", _CONFIDENCE, "How sure a rule must be of a finding for it to be reported."
    )
    entry_points: tuple[str, ...] = _key(
        (), _ENTRY_POINTS, "Programs besides those that are found: scripts and what the packaging metadata declares."
    )
    heavy_modules: tuple[str, ...] | None = _key(
        None, _NAMES, "Modules that are slow to import. Replaces the built-in table."
    )
    extend_heavy_modules: tuple[str, ...] = _key(
        (), _NAMES, "Modules that are slow to import besides those of the built-in table."
    )
    heavy_imports: HeavyImports = _key(  # noqa: RUF009
        "startup",
        _HEAVY_IMPORTS,
        "Where slow imports are reported: where a program loads them before it can start, in any module, or nowhere.",
    )
    guard_style: GuardStyle = _key(  # noqa: RUF009
        "block",
        _GUARD_STYLE,
        "How a fix puts what runs a program under its guard: as it is, or in a function `main` where no name in it "
        "needs to be global.",
    )
    lazy_style: LazyStyle = _key(  # noqa: RUF009
        "function",
        _LAZY_STYLE,
        "How a fix makes an import wait: inside the functions that use it, in `__lazy_modules__` (which Python ignores "
        "before 3.15), or by the keyword `lazy` (only with a `target-version` from 3.15 on).",
    )
    annotation_style: AnnotationStyle = _key(  # noqa: RUF009
        "future",
        _ANNOTATION_STYLE,
        "How a fix keeps annotations from being evaluated: by `from __future__ import annotations` where nobody reads "
        "the module's annotations, or by quotes around those that need it.",
    )
    max_moves: int = _key(
        6,
        _NUMBER,
        "Into how many functions a fix moves an import before it is unsafe.",
    )
    extend_handles: tuple[str, ...] = _key(
        (), _NAMES, "Functions and classes that open something a worker can't share, besides those we know."
    )
    dataset_classes: tuple[str, ...] = _key((), _NAMES, "Classes that are Datasets, besides those that are found.")
    data_loaders: tuple[str, ...] = _key((), _NAMES, "Classes and functions that start workers as DataLoader does.")
    folder: Path | None = None


class Key(NamedTuple):
    """One key of the section, for the documentation.

    Attributes:
        name: as it is written in pyproject.toml.
        allowed: what it takes, in words.
        default: as TOML; "" where the default depends on something.
        description: one or two sentences in Markdown.
    """

    name: str
    allowed: str
    default: str
    description: str


def describe() -> tuple[Key, ...]:
    """List every key of the section, in the order in which they are documented."""
    return tuple(
        Key(
            field.name.replace("_", "-"),
            field.metadata["kind"].allowed,
            "{}" if field.metadata["kind"] is _SELECTORS_BY_PATTERN else _as_toml(field.default),
            field.metadata["description"],
        )
        for field in dataclasses.fields(Config)
        if field.metadata
    )


def _as_toml(value: object) -> str:
    match value:
        case None:
            return ""
        case (int(major), int(minor)):
            return f'"{major}.{minor}"'
        case tuple():
            return json.dumps(list(value))
    return json.dumps(value)


def find(root: Path) -> Path | None:
    """Return the pyproject.toml of a project, or None if it has none.

    Args:
        root: the project's folder.
    """
    path = root / "pyproject.toml"
    return path if path.is_file() else None


def load(path: Path | None, codes: Sequence[str], *, folder: Path | None = None) -> Config:
    """Read the settings.

    Args:
        path: a TOML file, with our section or without; None gives the defaults.
        codes: the codes of all rules.
        folder: where patterns start, if not in the file's folder.

    Returns:
        The settings, defaults filled in.

    Raises:
        ConfigError: the file can't be read, is no TOML, or has a key or a value that we don't know.
    """
    if path is None:
        return Config(folder=folder)
    try:
        document = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    section = _section(path, document)
    kinds: dict[str, _Kind] = {
        field.name.replace("_", "-"): field.metadata["kind"] for field in dataclasses.fields(Config) if field.metadata
    }
    values: dict[str, Any] = {}
    for key, value in section.items():
        if key not in kinds:
            known = ", ".join(sorted(kinds))
            raise ConfigError(f"{path}: {SECTION}: unknown key `{key}`{nearest(key, kinds)}. Known keys: {known}")
        try:
            values[key.replace("-", "_")] = kinds[key].read(value, codes)
        except _WrongError as error:
            reason = f"{error}; " if str(error) else f"it can't be {_kind_of(value)}; "
            raise ConfigError(f"{path}: {SECTION}.{key}: {reason}allowed is {kinds[key].allowed}") from None
    if "target_version" not in values and (version := _oldest_version(document)):
        values["target_version"] = version
    return Config(**values, folder=folder or path.resolve().parent)


def _section(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    section = document
    for part in SECTION.split("."):
        inner = section.get(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{path}: {part} must be a table, it can't be {_kind_of(inner)}")
        section = inner
    return section


def _kind_of(value: Any) -> str:
    match value:
        case bool():
            return json.dumps(value)
        case str():
            return f"a string ({json.dumps(value)})"
        case int() | float():
            return f"a number ({value})"
        case list():
            return "such a list"
        case dict():
            return "such a table"
    return "a date or a time"


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name that is most like one that is not known.

    Args:
        name: what was written.
        known: what could have been meant.

    Returns:
        " (did you mean `...`?)", or nothing if no name is like it.
    """
    import difflib

    by_capitals = {each.upper(): each for each in known}
    wanted = name.upper().replace("_", "-")
    close = difflib.get_close_matches(wanted, by_capitals, n=len(by_capitals))
    if not close:
        return ""
    # Codes are all alike, but those of one family are nearer: DLS2.
    best = max(close, key=lambda each: each[:4] == wanted[:4])
    return f" (did you mean `{by_capitals[best]}`?)"


def _oldest_version(document: dict[str, Any]) -> tuple[int, int] | None:
    """Read the oldest Python from `requires-python`, a version specifier (PEP 440) such as ">=3.10,<4" or "~=3.11"."""
    project = document.get("project")
    requirement = project.get("requires-python") if isinstance(project, dict) else None
    if not isinstance(requirement, str):
        return None
    bounds = re.finditer(r"(?:^|,)\s*(?:>=|~=|===?|>)\s*(\d+)(?:\.(\d+))?", requirement)
    return max(((int(bound[1]), int(bound[2] or 0)) for bound in bounds), default=None)


def allowed_lazy_style(config: Config) -> LazyStyle:
    """Return how fixes make imports wait: the keyword ``lazy`` only where each Python of the project knows it.

    Args:
        config: the settings.
    """
    keyword = config.lazy_style == "keyword" and config.target_version < (3, 15)
    return "function" if keyword else config.lazy_style


def choose(config: Config, codes: Sequence[str], *, select: Sequence[str], ignore: Sequence[str]) -> Config:
    """Let the command line's choice of rules take precedence over the file's.

    Args:
        config: the settings of the project.
        codes: the codes of all rules.
        select: replaces `select`, `extend-select` and `ignore`; empty leaves them.
        ignore: is added to `ignore`.

    Raises:
        ConfigError: one of them is no code and no prefix of one.
    """
    option = "--select"
    try:
        _selectors(list(select), codes)
        option = "--ignore"
        _selectors(list(ignore), codes)
    except _WrongError as error:
        raise ConfigError(f"{option}: {error}; allowed is {_SELECTORS.allowed}") from None
    if select:
        config = dataclasses.replace(config, select=tuple(select), extend_select=(), ignore=())
    return dataclasses.replace(config, ignore=(*config.ignore, *ignore))


def selected(config: Config, codes: Sequence[str], path: str) -> frozenset[str]:
    """Return the codes of the rules that run on a file.

    Args:
        config: the settings.
        codes: the codes of all rules.
        path: absolute path of the file.
    """
    chosen = _chosen((*config.select, *config.extend_select), config.ignore, tuple(codes))
    if not config.per_file_ignores or config.folder is None or not PurePath(path).is_relative_to(config.folder):
        return chosen
    relative = PurePath(path).relative_to(config.folder).as_posix()
    ignored = [
        selector
        for pattern, selectors in config.per_file_ignores
        if _compiled(pattern).match_file(relative)
        for selector in selectors
    ]
    return frozenset(code for code in chosen if _strength(ignored, code) < 0)


@functools.lru_cache
def _chosen(select: tuple[str, ...], ignore: tuple[str, ...], codes: tuple[str, ...]) -> frozenset[str]:
    # A file that can't be parsed must not be passed over in silence just because few rules were asked for.
    always = {"DLS000": 0}
    return frozenset(
        code for code in codes if max(_strength(select, code), always.get(code, -1)) > _strength(ignore, code)
    )


def _strength(selectors: Iterable[str], code: str) -> int:
    """How specifically a code is named: the length of the longest prefix; 0 for "ALL", -1 for not at all."""
    matching = (0 if selector == "ALL" else len(selector) for selector in selectors if _names(selector, code))
    return max(matching, default=-1)


def _names(selector: str, code: str) -> bool:
    return selector == "ALL" or code.startswith(selector)


@functools.lru_cache
def _compiled(pattern: str) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines([pattern])
