"""The pipeline of `dlsafe-lint startup`: what programs load when they start, before and after fixing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint import linter, metadata
from dlsafe_lint.analysis import starting, startup
from dlsafe_lint.analysis.programs import entries
from dlsafe_lint.comparison import Comparison

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dlsafe_lint.analysis.programs import Entry
    from dlsafe_lint.config import Config
    from dlsafe_lint.linter import Look
    from dlsafe_lint.measuring import Measured
    from dlsafe_lint.project import Project


class Explained(NamedTuple):
    """What is known about the programs, by name, and what did not go as it should, one line each."""

    comparisons: tuple[Comparison, ...]
    warnings: tuple[str, ...]


class Measuring(NamedTuple):
    """How to measure: with which interpreter, how often, and how many seconds each run may take."""

    python: str
    runs: int
    limit: float


class UnknownProgramError(Exception):
    """No program has the name.

    Attributes:
        known: those that there are.
    """

    def __init__(self, known: tuple[str, ...]) -> None:
        super().__init__("there is no such program")
        self.known = known


class CannotMeasureError(Exception):
    """The imports of a program can't be measured; says which and why."""


def explain(
    config: Config,
    *,
    root: Path,
    wanted: str | None = None,
    unsafe: bool = False,
    measuring: Measuring | None = None,
    progress: Callable[[str], None] | None = None,
) -> Explained:
    """Say what programs load when they start, what ``--fix`` would change about it, and what it takes.

    Nothing is written. Nothing of the project runs, unless it is to be measured.

    Args:
        config: the settings.
        root: the project's folder.
        wanted: one program: a path, a module, "pkg.module:function" or the name of a console script; None for all.
        unsafe: what ``--unsafe-fixes`` would change.
        measuring: run the imports and measure them.
        progress: called with what is being measured.

    Raises:
        UnknownProgramError: no program is called so.
        CannotMeasureError: the imports can't be measured.
    """
    before = linter.look(config, root=root)
    chosen = _chosen(before.project, root, wanted)
    report = linter.run((root,), config, root=root, fix=True, unsafe=unsafe, write=False, cache=False)
    after = linter.look(config, root=root, changes=report.changes, before=before) if report.changes else before
    left = _left(after.project)
    fixable = {(found.path, found.first_line) for found in report.findings if found.fix is not None}
    unfixed = frozenset(identity for identity, line in left.items() if (identity[0], line) not in fixable)
    comparisons = []
    warnings = dict.fromkeys((*before.warnings, *report.warnings))
    for entry in chosen:
        changed = _same(after.project, before.project, entry)
        compared = Comparison(
            starting.start(before.project, entry),
            starting.start(after.project, changed),
            by_hand=unfixed,
            unsafe=frozenset(left) - unfixed,
        )
        if measuring is not None:
            texts = {path: text for path, text in after.texts.items() if text != before.texts.get(path)}
            first = _measured(before, entry, measuring, {}, progress)
            compared = compared._replace(
                measured=(first, _measured(after, changed, measuring, texts, progress) if texts else first)
            )
            warnings.update(dict.fromkeys((*first.failures, *(compared.measured or (first,))[-1].failures)))
        comparisons.append(compared)
    return Explained(tuple(comparisons), tuple(warnings))


def _chosen(project: Project, root: Path, wanted: str | None) -> list[Entry]:
    named = {starting.name_of(project, entry): entry for entry in entries(project)}
    if wanted is None:
        return [named[name] for name in sorted(named)]
    commands = metadata.commands(root)
    if wanted in commands:
        found = starting.named(project, commands[wanted])
    elif wanted in named:
        return [named[wanted]]
    else:
        here = Path.cwd() / wanted
        found = starting.named(project, here.as_posix() if here.exists() else wanted)
    if not found:
        raise UnknownProgramError(tuple(sorted({*commands, *named})))
    return found


def _same(project: Project, before: Project, entry: Entry) -> Entry:
    """Return the program in the project as it is after fixing."""
    found = starting.named(project, _reference(before, entry))
    return next((each for each in found if (each.function < 0) == (entry.function < 0)), entry)


def _reference(project: Project, entry: Entry) -> str:
    if entry.function < 0:
        return entry.path
    return f"{entry.path}:{project.modules[entry.path].scopes[entry.function].qualname}"


def _left(project: Project) -> dict[tuple[str, str], int]:
    """Return the imports that could move in a project that is fixed: path and words, with their lines."""
    return {
        (path, startup.import_in_words(project.modules[path], cut.number, cut.names)): (
            project.modules[path].imports[cut.number].line
        )
        for path, cuts in startup.cuts(project).items()
        for cut in cuts
    }


def _measured(
    look: Look,
    entry: Entry,
    measuring: Measuring,
    texts: Mapping[str, str],
    progress: Callable[[str], None] | None,
) -> Measured:
    from dlsafe_lint.measuring import MeasuringError, Plan, measure

    name = starting.name_of(look.project, entry)
    if progress:
        progress(f"{name}{' as it would be fixed' if texts else ''}")
    plan = Plan(
        name=name,
        file=entry.path,
        package=starting.package_of(look.project, entry),
        search=tuple(starting.search_path(look.project, entry)),
        steps=tuple(starting.steps(look.project, entry)),
        texts=texts,
    )
    try:
        return measure(plan, python=measuring.python, runs=measuring.runs, limit=measuring.limit)
    except MeasuringError as error:
        raise CannotMeasureError(f"{name}: {error}") from None
