"""Compare what importing installed packages really loads with what the linter says, both ways.

    python benchmarks/closure.py                 # every installed package that has a script
    python benchmarks/closure.py torch pandas    # these

For each package an interpreter imports it and says which of its modules are there; the linter follows the imports of
the same files without running them. The same is done for the package around each script (a module with a main guard, a
`__main__.py`), as `python -m` imports it: a script that is there by then is what DLS401 reports.

A package that can't be imported here is left out, and so is one whose `__init__` loads compiled modules that have their
source beside them: what those load can't be seen there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dlsafe_lint import facts, files
from dlsafe_lint.analysis import importing, packages
from dlsafe_lint.project import Project, build

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE = Path(sysconfig.get_paths()["purelib"])
SECONDS = 900
ASK = """\
import json, os, sys
real = os.dup(1)
os.dup2(2, 1)
top, *inner = sys.argv[1:]

def there():
    specs = [object.__getattribute__(module, "__dict__").get("__spec__") for module in list(sys.modules.values())]
    return [spec.origin for spec in specs if isinstance(getattr(spec, "origin", None), str)]

def tell(name):
    os.write(real, json.dumps([name, there()]).encode() + b"\\n")

__import__(top)
tell(top)
for name in inner:
    child = os.fork()
    if not child:
        __import__(name)
        tell(name)
        os._exit(0)
    os.waitpid(child, 0)
os._exit(0)
"""


class Compared(NamedTuple):
    """What the two say about a package: modules by path, scripts by path."""

    name: str
    both: int
    only_real: list[str]
    only_said: list[str]
    scripts: int
    loaded: int
    missed: list[str]
    false: list[str]


def read(folder: Path) -> Project:
    """Read all modules of a package."""
    found = []
    names: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        source = files.read(path.as_posix(), names)
        if isinstance(source, files.Source):
            each = facts.read(
                source.text, path=path.as_posix(), name=source.module, is_package=path.name == "__init__.py"
            )
            if isinstance(each, facts.ModuleFacts):
                found.append(each)
    return build(SITE.as_posix(), found)


def really_loaded(top: str, inner: list[str]) -> dict[str, set[str]]:
    """Return the files that are there once a package is imported, and the same for packages inside it.

    Each of those is imported by a process of its own, in which the outer one is there already, as it always is.
    """
    with tempfile.TemporaryFile() as said:
        try:
            command = [sys.executable, "-W", "ignore", "-c", ASK, top, *inner]
            subprocess.run(command, stdout=said, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            print(f"{top}: not done after {SECONDS} s")
        said.seek(0)
        return {name: set(paths) for name, paths in map(json.loads, said)}


def parents(project: Project, path: str) -> list[str]:
    """Return the `__init__` files of the packages around a module, the outermost first."""
    around = [folder / "__init__.py" for folder in Path(path).parents if SITE in folder.parents]
    return [each.as_posix() for each in reversed(around) if each.as_posix() in project.modules]


def dotted(path: str) -> str:
    """Return the name of a package by its `__init__`."""
    return ".".join(Path(path).parent.relative_to(SITE).parts)


def compare(folder: Path) -> Compared | None:
    """Compare both for a package; None if it has no script or can't be imported."""
    project = read(folder)
    scripts = {
        path: around
        for path, each in project.modules.items()
        if not each.is_package and packages.is_script(each) and (around := parents(project, path))
    }
    top = f"{folder.as_posix()}/__init__.py"
    if not scripts or top not in project.modules:
        return None
    inner = sorted({around[-1] for around in scripts.values()} - {top})
    whole = really_loaded(folder.name, [dotted(each) for each in inner])
    if folder.name not in whole:
        return None
    real = {path for path in whole[folder.name] if path in project.modules}
    if any(path.endswith(".so") and f"{path.partition('.')[0]}.py" in project.modules for path in whole[folder.name]):
        return None
    said = importing.imported(project, (top,)).progress.keys()
    reported = {
        script for found in packages.loaded_scripts(project).values() for each in found for script in each.scripts
    }
    loaded: set[str] = set()
    compared = 0
    for package in (top, *inner):
        mine = [path for path, around in scripts.items() if around[-1] == package]
        there = whole.get(dotted(package))
        if there is None:
            reported -= set(mine)
            continue
        compared += len(mine)
        loaded.update(path for path in mine if path in there)
    return Compared(
        folder.name,
        len(real & said),
        sorted(real - said),
        sorted(said - real),
        compared,
        len(loaded & reported),
        sorted(loaded - reported),
        sorted(reported - loaded),
    )


def installed() -> Iterator[Path]:
    """Yield the folders of packages."""
    for path in sorted(SITE.iterdir()):
        if (path / "__init__.py").exists() and path.name.isidentifier():
            yield path


def main() -> None:
    """Print a table, and what differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("package", nargs="*")
    asked = parser.parse_args().package
    rows = []
    for folder in [SITE / name for name in asked] or installed():
        row = compare(folder)
        if row is None:
            continue
        rows.append(row)
        print(
            f"{row.name:24} modules: {row.both:5} both, {len(row.only_real):3} only really, "
            f"{len(row.only_said):3} only said; scripts: {row.scripts:4}, loaded {row.loaded:3}, "
            f"missed {len(row.missed)}, false {len(row.false)}",
            flush=True,
        )
        differing = {"really": row.only_real, "said": row.only_said, "MISSED": row.missed, "FALSE": row.false}
        for mark, paths in differing.items():
            for path in paths[:12]:
                print(f"    {mark}: {Path(path).relative_to(SITE)}", flush=True)
    print(
        f"{len(rows)} packages; modules: {sum(row.both for row in rows)} both, "
        f"{sum(len(row.only_real) for row in rows)} only really, {sum(len(row.only_said) for row in rows)} only said; "
        f"scripts: {sum(row.scripts for row in rows)}, loaded {sum(row.loaded for row in rows)}, "
        f"missed {sum(len(row.missed) for row in rows)}, false {sum(len(row.false) for row in rows)}"
    )


if __name__ == "__main__":
    main()
