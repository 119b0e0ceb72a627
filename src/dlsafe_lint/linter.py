"""The pipeline: files to facts to project to findings to suppressions, and the rounds of ``--fix``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint import cache as results
from dlsafe_lint import config as settings
from dlsafe_lint import facts as reading
from dlsafe_lint import files, fixes, metadata, project, suppressions
from dlsafe_lint.finding import CONFIDENCES, Finding, Place, Range, named
from dlsafe_lint.rules import CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dlsafe_lint.config import Config
    from dlsafe_lint.facts import ModuleFacts, SyntaxProblem
    from dlsafe_lint.files import Source, Unreadable
    from dlsafe_lint.notebooks import Notebook
    from dlsafe_lint.rule import Rule

MAX_ROUNDS = 20
"""Rounds of fixing; each round's fixes re-enter as text, so a fix that waits for another gets its turn."""

_BUG = "this is a bug of dlsafe-lint, please report it"


@dataclass(frozen=True, slots=True)
class Change:
    """A file that was fixed, or would be; of a notebook, one of its cells."""

    path: str
    before: str
    after: str
    cell: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found and did.

    Attributes:
        findings: what is left to report, sorted.
        suppressed: findings that a comment or ``per-file-ignores`` silences.
        warnings: one line each.
        files: how many files were reported on.
        texts: the text of the files that findings and their evidence are in, by path; of notebooks, that of the cells,
            by `dlsafe_lint.finding.named`.
        fixed: how many findings were removed by fixes.
        changes: the files that were fixed, or would be if nothing is written.
        failed: whether something could not be done that was asked for.
    """

    findings: tuple[Finding, ...]
    suppressed: int
    warnings: tuple[str, ...]
    files: int
    texts: Mapping[str, str]
    fixed: int = 0
    changes: tuple[Change, ...] = ()
    failed: bool = False


@dataclass(slots=True)
class _State:
    """What a run knows: what was read of the files follows the fixes, round by round.

    `programs` are declared ones, `typed` the folders of packages with a ``py.typed``.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    facts: dict[str, ModuleFacts] = field(default_factory=dict)
    problems: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    programs: tuple[str, ...] = ()
    typed: tuple[str, ...] = ()


def run(
    paths: Sequence[Path],
    config: Config,
    *,
    root: Path,
    fix: bool = False,
    unsafe: bool = False,
    write: bool = True,
    affected: bool = False,
    cache: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Lint, and fix where asked.

    The whole project is read, whatever is reported on: which class is a Dataset and which module is a script are facts
    about the project.

    Args:
        paths: files and folders to report on.
        config: the settings.
        root: the project's folder.
        fix: apply safe fixes.
        unsafe: apply the other fixes as well (with ``fix``).
        write: write fixed files; False leaves the disk alone and only reports the changes.
        affected: report findings of other files too where the chain of evidence passes through one of ``paths``.
        cache: use and keep results of earlier runs.
        progress: called with (files done, files in all).

    Returns:
        What was found and done. Nothing of the project raises.
    """
    found = files.find(
        root,
        paths,
        exclude=config.exclude,
        extend_exclude=config.extend_exclude,
        force_exclude=config.force_exclude,
        include_notebooks=config.include_notebooks,
    )
    state = _State(warnings=dict.fromkeys(found.warnings), programs=metadata.entry_points(root))
    reported = [_posix(path) for path in found.reported]
    packages: dict[str, str] = {}
    for path in dict.fromkeys([*reported, *(_posix(path) for path in found.indexed)]):
        _take(state, path, files.read(path, packages))
    state.typed = metadata.typed_packages(state.sources)
    reported = [path for path in reported if path in state.sources or path in state.problems]
    known_before = len(state.warnings)
    judged = [*state.sources, *state.problems] if affected else reported

    entry = results.key(_identity(state, judged, config)) if cache else ""
    raw = results.load(root, entry) if cache else None
    if raw is None:
        raw = _judge(state, judged, config, root, progress)
        if cache and len(state.warnings) == known_before:  # what judging warns of is not kept
            results.store(root, entry, raw)
    else:
        _settle(state, {finding.path for finding in raw})
    visible, suppressed = _visible(state, raw, judged, config)
    changes: tuple[Change, ...] = ()
    fixed = 0
    failed = False
    if fix:
        before = dict(state.sources)
        visible, fixed = _fix(state, visible, reported, judged, config, root, unsafe=unsafe)
        changes = tuple(each for path, source in before.items() for each in _changes(source, state.sources[path]))
        if write:
            failed = _write(state, before, changes)
    if affected:
        visible = _affected(visible, set(reported))
    shown = [_in_cell(state, finding) for finding in visible]
    return Report(
        findings=tuple(shown),
        suppressed=suppressed,
        warnings=tuple(state.warnings),
        files=len(reported),
        texts=_texts(state, shown),
        fixed=fixed,
        changes=changes,
        failed=failed,
    )


class Look(NamedTuple):
    """The project as it is, or as it would be with some changes.

    Attributes:
        project: all modules.
        texts: what the files hold, by path.
        warnings: one line each.
    """

    project: project.Project
    texts: Mapping[str, str]
    warnings: tuple[str, ...]


def look(config: Config, *, root: Path, changes: Sequence[Change] = (), before: Look | None = None) -> Look:
    """Read the whole project and report nothing.

    Args:
        config: the settings.
        root: the project's folder.
        changes: what some files would hold; those of notebooks don't count, nothing imports them.
        before: an earlier look, of which the files that don't change need not be read again.
    """
    found = files.find(
        root, (root,), exclude=config.exclude, extend_exclude=config.extend_exclude, include_notebooks=False
    )
    state = _State(warnings=dict.fromkeys(found.warnings), programs=metadata.entry_points(root))
    packages: dict[str, str] = {}
    for path in dict.fromkeys(_posix(each) for each in (*found.reported, *found.indexed)):
        _take(state, path, files.read(path, packages))
    changed = {change.path: change.after for change in changes if not change.cell}
    for path, text in changed.items():
        state.sources[path] = replace(state.sources[path], text=text)
    if before is not None:
        known = before.project.modules
        state.facts.update({path: known[path] for path in state.sources if path in known and path not in changed})
    state.typed = metadata.typed_packages(state.sources)
    _read_all(state, lambda _: None)
    texts = {path: source.text for path, source in state.sources.items()}
    return Look(_whole(state, config, root), texts, tuple(state.warnings))


def _posix(path: str | Path) -> str:
    return PurePath(path).as_posix()


def _take(state: _State, path: str, source: Source | Unreadable) -> None:
    """Put a file that was read, or what kept it from being read, into the state."""
    if not isinstance(source, files.Unreadable):
        state.sources[path] = source
    elif source.foreign:
        state.warnings[f"{path}: passed over: {source.message}"] = None
    else:
        state.problems[path] = (source.line, source.column, source.message)


def _identity(state: _State, judged: Iterable[str], config: Config) -> list[str]:
    """Return everything that findings depend on."""
    parts = [repr(config), *state.programs, "typed", *state.typed, "judged", *judged, "sources"]
    for path in sorted({*state.sources, *state.problems}):
        source = state.sources.get(path)
        parts += [path, source.digest if source else repr(state.problems[path])]
    return parts


def _judge(
    state: _State,
    judged: Sequence[str],
    config: Config,
    root: Path,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Finding, ...]:
    """Return the findings of the files, before suppressions."""
    total = len(state.sources) + len(judged)
    _read_all(state, lambda done: progress(done, total) if progress else None)
    whole = _whole(state, config, root)
    found: list[Finding] = []
    for done, path in enumerate(judged):
        found += _judge_file(state, path, config, whole)
        if progress:
            progress(len(state.sources) + done + 1, total)
    return tuple(sorted(found, key=lambda each: each.sort_key))


def _read_all(state: _State, progress: Callable[[int], None]) -> None:
    """Read what the files do that have not been read yet."""
    for done, path in enumerate(state.sources):
        if path not in state.facts and path not in state.problems:
            read = _read_soundly(state, path)
            if isinstance(read, reading.SyntaxProblem):
                state.problems[path] = (read.line, read.column, read.message)
            else:
                state.facts[path] = read
        progress(done + 1)


def _whole(state: _State, config: Config, root: Path) -> project.Project:
    return project.build(
        root.as_posix(),
        state.facts.values(),
        source_roots=[(root / each).as_posix() for each in config.source_roots],
        entry_points=(*state.programs, *config.entry_points),
        dataset_classes=config.dataset_classes,
        data_loaders=config.data_loaders,
        handles=config.extend_handles,
        heavy_modules=config.heavy_modules,
        extend_heavy_modules=config.extend_heavy_modules,
        heavy_imports=config.heavy_imports,
        guard_style=config.guard_style,
        lazy_style=settings.allowed_lazy_style(config),
        annotation_style=config.annotation_style,
        max_moves=config.max_moves,
        typed=state.typed,
        oldest=config.target_version,
    )


def _read_soundly(state: _State, path: str) -> ModuleFacts | SyntaxProblem:
    """Read what a file does; cells of a notebook that can't be parsed leave its text, so that the others can."""
    source = state.sources[path]
    read = _read(source)
    if source.notebook is None or not isinstance(read, reading.SyntaxProblem):
        return read
    from dlsafe_lint import notebooks

    def problem_of(code: str) -> SyntaxProblem | None:
        alone = _read(replace(source, text=code))
        return alone if isinstance(alone, reading.SyntaxProblem) else None

    notebook = notebooks.sound(source.notebook, problem_of)
    state.sources[path] = replace(source, text=notebook.text, notebook=notebook)
    return _read(state.sources[path])


def _settle(state: _State, paths: Iterable[str]) -> None:
    """Give the notebooks among the files, and those with suppressions, the text that they were judged by."""
    for path, source in state.sources.items():
        if source.notebook is not None and (path in paths or "dlsafe:" in source.text):
            _read_soundly(state, path)


def _read(source: Source) -> ModuleFacts | SyntaxProblem:
    return reading.read(
        source.text,
        path=_posix(source.path),
        name=source.module,
        is_package=source.is_package,
        lower=_lower,
    )


def _lower(text: str) -> tuple[str, frozenset[int]] | None:
    from dlsafe_lint import newer_grammar

    return newer_grammar.lower(text)


def _judge_file(state: _State, path: str, config: Config, whole: project.Project) -> list[Finding]:
    selected = settings.selected(config, tuple(CODES), path)
    if path in state.problems:
        from dlsafe_lint.rules import dls000_syntax_error

        return [dls000_syntax_error.finding(path, *state.problems[path])] if "DLS000" in selected else []
    facts = state.facts[path]
    from dlsafe_lint import rules

    applying = [
        rule
        for rule in rules.load(selected)
        if (rule.in_notebooks or not facts.is_notebook) and rule.applies_to(facts, whole)
    ]
    found = _run_rules(state, applying, facts, whole, config) if applying else []
    notebook = state.sources[path].notebook
    return found + _broken_cells(path, notebook) if notebook and "DLS000" in selected else found


def _broken_cells(path: str, notebook: Notebook) -> list[Finding]:
    from dlsafe_lint.rules import dls000_syntax_error

    return [
        dls000_syntax_error.finding(
            path, cell.line + cell.problem.line - 1, cell.problem.column, cell.problem.message, part="cell"
        )
        for cell in notebook.cells
        if cell.problem
    ]


def _run_rules(
    state: _State, rules: Sequence[type[Rule]], facts: ModuleFacts, whole: project.Project, config: Config
) -> list[Finding]:
    from dlsafe_lint.newer_grammar import UNREADABLE
    from dlsafe_lint.rule import OutOfStepError, judge

    try:
        found = judge(rules, facts, whole, state.sources[facts.path].text)
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        state.warnings[f"{facts.path}: not checked, LibCST can't read it: {reason}"] = None
        return []
    except OutOfStepError:
        state.warnings[f"{facts.path}: not checked, its two trees differ; {_BUG}"] = None
        return []
    except RecursionError:
        state.warnings[f"{facts.path}: not checked, it is nested too deeply"] = None
        return []
    return [each for finding in found if (each := _in_scope(finding, config)) is not None]


def _in_scope(finding: Finding, config: Config) -> Finding | None:
    """Drop what can't happen under the project's start methods, and what is not sure enough."""
    if CONFIDENCES.index(finding.confidence) < CONFIDENCES.index(config.min_confidence):
        return None
    if not finding.breaks:
        return finding
    breaks = tuple(each for each in finding.breaks if each.start_method in config.start_methods)
    return replace(finding, breaks=breaks) if breaks else None


def _visible(
    state: _State, found: Iterable[Finding], judged: Iterable[str], config: Config
) -> tuple[list[Finding], int]:
    """Return the findings that no comment suppresses, with those about unused comments, and how many are suppressed."""
    by_path: dict[str, list[Finding]] = {}
    for finding in found:
        by_path.setdefault(finding.path, []).append(finding)
    visible: list[Finding] = []
    count = 0
    for path in judged:
        mine = by_path.get(path, [])
        source = state.sources.get(path)
        # without a finding only our own comments matter, and finding comments costs as much as parsing
        worth = source is not None and path not in state.problems and (mine or "dlsafe:" in source.text)
        marks = suppressions.parse(source.text) if source and worth else []
        if source is None or not marks:
            visible += mine
            continue
        kept, suppressed, unused = suppressions.apply(mine, marks)
        visible += kept
        count += suppressed
        chosen = settings.selected(config, tuple(CODES), path)
        if unused and "DLS001" in chosen:
            from dlsafe_lint.rules import dls001_unused_suppression

            visible += dls001_unused_suppression.findings(path, source.text, unused, chosen)
    return sorted((_within_cells(state, each) for each in visible), key=lambda each: each.sort_key), count


def _within_cells(state: _State, finding: Finding) -> Finding:
    """Take away a fix that the cells of a notebook have no room for."""
    source = state.sources.get(finding.path)
    if source is None or source.notebook is None or finding.fix is None:
        return finding
    return finding if source.notebook.edited(finding.fix.edits) else replace(finding, fix=None)


def _fix(
    state: _State,
    visible: list[Finding],
    reported: Sequence[str],
    judged: Sequence[str],
    config: Config,
    root: Path,
    *,
    unsafe: bool,
) -> tuple[list[Finding], int]:
    """Apply fixes, round by round, until nothing changes; the state's sources hold the fixed texts.

    Returns:
        What is left to report, and how many findings were removed.
    """
    refused: set[tuple[str, str, str]] = set()
    started = Counter(each.path for each in visible if each.path in set(reported))
    for _ in range(MAX_ROUNDS):
        before = dict(state.sources)
        fixed_here: dict[str, list[Finding]] = {}
        for path in reported:
            wanted = [
                each
                for each in visible
                if each.path == path
                and each.fix
                and (unsafe or each.fix.applicability == "safe")
                and (each.path, each.code, each.message) not in refused
            ]
            applied = _fix_file(state, path, wanted, refused)
            if applied:
                fixed_here[path] = applied
        if not fixed_here:
            break
        left = _again(state, fixed_here, judged, config, root)
        returned = [
            finding
            for path, applied in fixed_here.items()
            for finding in applied
            if _times(left, finding) >= _times(visible, finding)
        ]
        if returned:
            for finding in returned:
                refused.add((finding.path, finding.code, finding.message))
                state.warnings[
                    f"{finding.path}: the fix for {finding.code} does not remove it, not applied; {_BUG}"
                ] = None
            for path in {finding.path for finding in returned}:
                state.sources[path] = before[path]
            left = _again(state, fixed_here, judged, config, root)
        visible = left
    ended = Counter(each.path for each in visible if each.path in set(reported))
    return visible, sum((started - ended).values())


def _times(found: Iterable[Finding], like: Finding) -> int:
    return sum((each.path, each.code, each.message) == (like.path, like.code, like.message) for each in found)


def _again(state: _State, changed: Iterable[str], judged: Sequence[str], config: Config, root: Path) -> list[Finding]:
    for path in changed:
        state.facts.pop(path, None)
    return _visible(state, _judge(state, judged, config, root), judged, config)[0]


def _fix_file(state: _State, path: str, wanted: Sequence[Finding], refused: set[tuple[str, str, str]]) -> list[Finding]:
    """Apply the fixes that get along and whose result passes the checks; return the findings that they were for."""
    if not wanted:
        return []
    source = state.sources[path]
    of_notebook = source.notebook is not None
    text, done = _checked(source.text, wanted, of_notebook=of_notebook)
    if not done:
        for finding in wanted:
            text, done = _checked(source.text, [finding], of_notebook=of_notebook)
            if done:
                break
            refused.add((finding.path, finding.code, finding.message))
            state.warnings[f"{path}: the fix for {finding.code} would break the file, not applied; {_BUG}"] = None
    if done and source.notebook is not None:
        edits = sorted(
            (edit for each in done if each.fix for edit in each.fix.edits), key=lambda edit: (edit.start, edit.end)
        )
        notebook = source.notebook.edited(edits)
        if notebook is None:
            return []
        state.sources[path] = replace(source, text=notebook.text, notebook=notebook)
    elif done:
        state.sources[path] = replace(source, text=text)
    return done


def _checked(text: str, wanted: Sequence[Finding], *, of_notebook: bool) -> tuple[str, list[Finding]]:
    chosen = [finding.fix for finding in wanted if finding.fix]
    after, applied = fixes.apply(text, chosen)
    problem = fixes.check(
        text,
        after,
        may_unbind=frozenset().union(*(chosen[index].may_unbind for index in applied)),
        may_drop_comments=any(wanted[index].code == "DLS001" for index in applied),
        of_notebook=of_notebook,
    )
    return (text, []) if problem else (after, [wanted[index] for index in applied])


def _changes(before: Source, after: Source) -> list[Change]:
    """Return what fixes changed in a file."""
    path = _posix(before.path)
    if before.notebook is None or after.notebook is None:
        return [] if before.text == after.text else [Change(path, before.text, after.text)]
    return [
        Change(path, old.source, new.source, old.number)
        for old, new in zip(before.notebook.cells, after.notebook.cells, strict=True)
        if old.source != new.source
    ]


def _write(state: _State, before: Mapping[str, Source], changes: Sequence[Change]) -> bool:
    """Write the fixed files; return whether one could not be written."""
    failed = False
    for path in dict.fromkeys(change.path for change in changes):
        source, fixed = before[path], state.sources[path]
        try:
            if fixed.notebook is not None:
                data = files.encode_notebook(source, fixed.notebook)
            else:
                data = files.encode(source, fixed.text)
            files.write(source, data)
        except files.WriteError as error:
            state.warnings[str(error)] = None
            failed = True
    return failed


def _affected(visible: Iterable[Finding], given: set[str]) -> list[Finding]:
    """Return the findings in the given files, and those whose evidence passes through them, with a word on why."""
    kept = []
    for finding in visible:
        if finding.path in given:
            kept.append(finding)
            continue
        place = next((each for each in finding.related if each.path in given), None)
        if place is not None:
            why = Place(place.path, place.line, "reported because this file was given and is part of the evidence")
            kept.append(replace(finding, related=(*finding.related, why)))
    return kept


def _in_cell(state: _State, finding: Finding) -> Finding:
    """Say where a finding and its evidence are in the cells of notebooks."""
    related = tuple(_place_in_cell(state, place) for place in finding.related)
    source = state.sources.get(finding.path)
    if source is None or source.notebook is None:
        return replace(finding, related=related)
    notebook, at = source.notebook, finding.range
    start = notebook.position(at.start_line, at.start_column)
    end = notebook.position(at.end_line, at.end_column)
    fix = finding.fix
    if fix is not None:
        fix = replace(fix, edits=tuple(local for edit in fix.edits if (local := notebook.in_cell(edit))))
    return replace(
        finding,
        cell=start.cell,
        range=Range(start.line, start.column, end.line, end.column),
        first_line=finding.first_line and notebook.position(finding.first_line).line,
        last_line=finding.last_line and notebook.position(finding.last_line).line,
        related=related,
        fix=fix,
    )


def _place_in_cell(state: _State, place: Place) -> Place:
    source = state.sources.get(place.path)
    if source is None or source.notebook is None:
        return place
    position = source.notebook.position(place.line)
    return replace(place, line=position.line, cell=position.cell)


def _texts(state: _State, shown: Iterable[Finding]) -> dict[str, str]:
    places = {(each.path, each.cell) for each in shown}
    places |= {(place.path, place.cell) for each in shown for place in each.related}
    return {
        named(path, cell): _text(state.sources[path], cell) for path, cell in sorted(places) if path in state.sources
    }


def _text(source: Source, cell: int) -> str:
    if source.notebook is None:
        return source.text
    return next((each.source for each in source.notebook.cells if each.number == cell), "")
