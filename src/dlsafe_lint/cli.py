"""The command `dlsafe-lint`: the only module that prints, and that decides about exit codes.

What a run needs is imported by the function that needs it, so that `--version` and `--help` come at once.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import IO, TYPE_CHECKING, Any

import click

from dlsafe_lint import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from dlsafe_lint.comparison import Comparison
    from dlsafe_lint.config import Config
    from dlsafe_lint.linter import Report

CLEAN, FOUND, FAILED, INTERRUPTED = 0, 1, 2, 130
"""The exit codes; the last is what a shell reports for Ctrl-C."""

_PROGRESS_AFTER = 1.0
"""Seconds before a progress bar appears."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: what stands behind the command's name; by default those of the process.

    Returns:
        The exit code: 0 clean, 1 findings, 2 could not run, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Paths need not be Unicode, and a terminal need not be able to show all of it.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = commands.main(arguments, prog_name="dlsafe-lint", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return FAILED
    except Exception as error:  # whatever it is, it is our bug, and a traceback tells a user nothing
        _report_bug(error, verbose="--verbose" in (sys.argv if arguments is None else arguments))
        return FAILED
    return status if isinstance(status, int) else CLEAN


class _Commands(click.Group):
    """Takes everything that is not the name of a command for the arguments of `check`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "--help", "-h", "--version"):
            args = ["check", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`dlsafe-lint [PATHS]` is `dlsafe-lint check [PATHS]`; a folder named like a command is `./check`.",
)
@click.version_option(__version__, prog_name="dlsafe-lint", message="%(prog)s %(version)s")
def commands() -> None:
    """Finds the bugs that bite when PyTorch code starts worker processes, and slow start-up."""


def _codes(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code.strip() for value in values for code in value.split(",") if code.strip())


@commands.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True))
@click.option("--fix", is_flag=True, help="Apply the safe fixes.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply the other fixes as well: read them before you keep them.")
@click.option("--diff", is_flag=True, help="Show what would be fixed, and write nothing.")
@click.option("--select", multiple=True, metavar="CODES", callback=_codes, help="Run these rules only: DLS1,DLS201.")
@click.option("--ignore", multiple=True, metavar="CODES", callback=_codes, help="Don't run these rules.")
@click.option(
    "--output-format",
    type=click.Choice(["full", "concise", "json"]),
    default="full",
    show_default=True,
    help="How to print.",
)
@click.option("--affected", is_flag=True, help="Report also what the given files cause in others; for hooks.")
@click.option("--force-exclude", is_flag=True, help="Exclude files even if they are given by name; for hooks.")
@click.option(
    "--include-notebooks/--no-include-notebooks",
    default=None,
    help="Look for notebooks in folders, or don't; one that is given by name is read in any case.",
)
@click.option("--no-cache", is_flag=True, help="Neither use nor keep the results of other runs.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False),
    help="Read the settings from this TOML file instead of the project's pyproject.toml.",
)
@click.option("--verbose", is_flag=True, help="Say what is read, and print the traceback of a bug.")
def check(
    paths: tuple[str, ...],
    *,
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    output_format: Any,
    affected: bool,
    force_exclude: bool,
    include_notebooks: bool | None,
    no_cache: bool,
    exit_zero: bool,
    config_file: str | None,
    verbose: bool,
) -> int:
    """Check files and folders; without any, the current directory.

    The whole project around them is read, since whether something is a finding may depend on other files.
    Exits with 0 if nothing is found, with 1 if something is, with 2 if something could not be done.
    """
    import dataclasses
    from pathlib import Path

    from dlsafe_lint import files, linter

    places = tuple(Path(path) for path in paths or ("",))
    root = files.find_root(places)
    config = _settings(root, config_file, select=select, ignore=ignore, force_exclude=force_exclude)
    if include_notebooks is not None:
        config = dataclasses.replace(config, include_notebooks=include_notebooks)
    if verbose:
        _warn(f"project: {root}")
    with _progress() as progress:
        report = linter.run(
            places,
            config,
            root=root,
            fix=fix or unsafe_fixes or diff,
            unsafe=unsafe_fixes,
            write=not diff,
            affected=affected,
            cache=not no_cache,
            progress=progress,
        )
    for warning in report.warnings:
        _warn(f"warning: {_from_here(warning)}")
    if not report.files:
        _warn("warning: no Python files to check")
    if diff:
        _print_diff(report)
    else:
        _print_report(report, output_format)
    if report.failed:
        return FAILED
    return FOUND if (report.findings or (diff and report.changes)) and not exit_zero else CLEAN


@commands.command()
@click.argument("code", required=False)
def rule(code: str | None) -> int:
    """Print what a rule is about; without a code, list all rules."""
    import inspect

    from dlsafe_lint import rules

    if code is None:
        table = click.HelpFormatter()
        rows = [(f"{each.code} {each.name}", _summary(each.__doc__ or "")) for each in rules.load()]
        table.write_dl(rows, col_max=40)
        _print(table.getvalue())
        return CLEAN
    if code.upper() not in rules.CODES:
        from dlsafe_lint.config import nearest

        raise _Failure(f"there is no rule {code}{nearest(code, rules.CODES)}")
    (found,) = rules.load([code.upper()])
    _print(f"# {found.code}: {found.name}\n\n{inspect.cleandoc(found.__doc__ or '')}\n")
    return CLEAN


@commands.command()
@click.argument("entry", required=False)
@click.option(
    "--measure", is_flag=True, help="Run the imports in fresh interpreters and measure them: THIS RUNS YOUR CODE."
)
@click.option("--runs", type=click.IntRange(1, 100), default=3, show_default=True, help="How often; the median counts.")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each run may take.",
)
@click.option("--python", metavar="PATH", help="The interpreter that has the project's libraries; by default this one.")
@click.option(
    "--fail-over",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Exit with 1 if the imports of a program take longer, as it is.",
)
@click.option("--unsafe-fixes", is_flag=True, help="Say what --unsafe-fixes would change, too.")
@click.option(
    "--output-format",
    type=click.Choice(["text", "json", "svg", "html"]),
    default="text",
    show_default=True,
    help="How to print; svg and html are pictures.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False),
    help="Read the settings from this TOML file instead of the project's pyproject.toml.",
)
@click.option("--verbose", is_flag=True, help="Print the traceback of a bug.")
def startup(
    entry: str | None,
    *,
    measure: bool,
    runs: int,
    time_limit: float,
    python: str | None,
    fail_over: float | None,
    unsafe_fixes: bool,
    output_format: Any,
    config_file: str | None,
    verbose: bool,  # noqa: ARG001 - `main` looks for it
) -> int:
    """Say what a program loads before it has read its arguments, and what --fix would change about it.

    ENTRY is a file, a module, a function (`pkg.cli:main`) or the name of a console script; without it, all programs
    are shown for which it pays to start light. Nothing is written, and nothing runs unless --measure asks for it.

    Exits with 0, with 1 if --fail-over is exceeded, with 2 if something could not be done.
    """
    from pathlib import Path

    from dlsafe_lint import explaining, files, output

    if entry and Path(entry).is_dir():
        raise _Failure(f"`{entry}` is a folder, not a program; its files are checked by `dlsafe-lint check {entry}`")
    if Path("startup").exists():
        _warn(f"note: to check the {'folder' if Path('startup').is_dir() else 'file'} `startup`, write `./startup`")
    root = files.find_root((Path(entry if entry and Path(entry).exists() else ""),))
    config = _settings(root, config_file, select=(), ignore=(), force_exclude=False)
    measuring = explaining.Measuring(python or sys.executable, runs, time_limit) if measure else None
    if measuring:
        _warn(f"Importing what the program imports runs code of the project, {runs} times before and after.")
    try:
        explained = explaining.explain(
            config,
            root=root,
            wanted=entry,
            unsafe=unsafe_fixes,
            measuring=measuring,
            progress=lambda what: _warn(f"measuring {what} …"),
        )
    except explaining.UnknownProgramError as error:
        from dlsafe_lint.config import nearest

        if entry and Path(entry).exists():
            raise _Failure(f"`{entry}` is no Python file of the project {root}, or is excluded") from None
        there_are = f"There are: {', '.join(error.known)}." if error.known else "None was found."
        raise _Failure(f"there is no program `{entry}`{nearest(entry or '', error.known)}. {there_are}") from None
    except explaining.CannotMeasureError as error:
        raise _Failure(str(error)) from None
    for warning in explained.warnings:
        _warn(f"warning: {_from_here(warning)}")
    _print(output.render_startup(output_format, explained.comparisons, cwd=Path.cwd(), color=_has_color(sys.stdout)))
    return FOUND if fail_over is not None and _say_what_exceeds(explained.comparisons, fail_over) else CLEAN


def _say_what_exceeds(comparisons: Sequence[Comparison], limit: float) -> bool:
    """Say which programs take too long to start; whether there are any."""
    from dlsafe_lint.comparison import in_seconds

    slow = [each for each in comparisons if each.seconds[0] > limit]
    for each in slow:
        how = "measured" if each.measured else "estimated"
        now, later = map(in_seconds, each.seconds)
        better = f"; after --fix {later}" if later != now else ""
        _warn(f"{each.name} imports for {now} ({how}), more than the {limit:g} s that --fail-over allows{better}")
    return bool(slow)


class _Failure(click.ClickException):
    exit_code = FAILED


def _settings(
    root: Path, config_file: str | None, *, select: Sequence[str], ignore: Sequence[str], force_exclude: bool
) -> Config:
    import dataclasses
    from pathlib import Path

    from dlsafe_lint import config
    from dlsafe_lint.rules import CODES

    try:
        # Patterns start at the project, wherever a file that is given lies.
        source = Path(config_file) if config_file else config.find(root)
        settings = config.load(source, tuple(CODES), folder=root)
        settings = config.choose(settings, tuple(CODES), select=select, ignore=ignore)
    except config.ConfigError as error:
        raise _Failure(str(error)) from None
    return dataclasses.replace(settings, force_exclude=settings.force_exclude or force_exclude)


def _summary(documentation: str) -> str:
    first_line = documentation.strip().partition("\n")[0]
    return f"{first_line} Can be fixed." if "## Fix safety" in documentation else first_line


# Printing


def _print_report(report: Report, output_format: Any) -> None:
    from pathlib import Path

    from dlsafe_lint import output

    totals = output.Totals(report.files, report.suppressed, report.fixed, report.warnings)
    color = _has_color(sys.stdout)
    _print(
        output.render(output_format, report.findings, texts=report.texts, totals=totals, cwd=Path.cwd(), color=color)
    )


def _print_diff(report: Report) -> None:
    import difflib
    import io

    from dlsafe_lint import output
    from dlsafe_lint.finding import named

    styles = {"+": "green", "-": "red", "@": "cyan"} if _has_color(sys.stdout) else {}
    for change in report.changes:
        name = named(_from_here(change.path), change.cell)
        # StringIO ends lines at "\n" only, as patch does.
        before, after = list(io.StringIO(change.before)), list(io.StringIO(change.after))
        for line in difflib.unified_diff(before, after, name, name):
            text = line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            if sys.stdout.isatty():
                text = "".join(each if each in "\t\r\n" else output.printable(each) for each in text)
            _print(click.style(text, fg=styles[text[0]]) if text[0] in styles else text)
    changed = len({change.path for change in report.changes})
    files = f"{changed} file{'' if changed == 1 else 's'}"
    _warn(f"Would fix {report.fixed} in {files}; {len(report.findings)} would remain.")


def _from_here(text: str) -> str:
    """Shorten a path at the start of a text as a user writes it here."""
    from pathlib import Path

    return text.removeprefix(str(Path.cwd()) + os.sep)


def _warn(message: str) -> None:
    click.echo(message, err=True, color=False)


def _print(text: str) -> None:
    """Print to stdout at once. Who stops reading (`| head`) has enough: that is no error."""
    try:
        click.echo(text, nl=False, color=True)  # False would take escape sequences out of the user's text
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
    except OSError as error:
        _discard_stdout()
        raise _Failure(f"the report can't be written: {error.strerror}") from None


def _discard_stdout() -> None:
    # The interpreter flushes once more when it exits, and would complain.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _has_color(stream: IO[str]) -> bool:
    """Decide about colours: https://no-color.org, https://force-color.org, else on a terminal that knows them."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """Give a function that shows how far the work is: on a terminal, if it takes long."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    import time

    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        bars: list[Any] = []

        def show(done: int, total: int) -> None:
            if not bars and time.monotonic() - started > _PROGRESS_AFTER:
                bars.append(stack.enter_context(click.progressbar(length=total, label="Checking", file=sys.stderr)))
            for bar in bars:
                bar.update(done - bar.pos)

        yield show


def _report_bug(error: Exception, *, verbose: bool) -> None:
    import traceback
    from pathlib import Path

    if verbose or os.environ.get("DLSAFE_DEBUG"):
        _warn("".join(traceback.format_exception(error)))
    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {error}".partition("\n")[0]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    _warn(f"dlsafe-lint {__version__} failed: {what} ({where}). Please report this, with what --verbose prints.")
