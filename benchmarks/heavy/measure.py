"""Measure what it costs to import libraries, and compare with the table in apis/heavy.py.

    python benchmarks/heavy/measure.py                  # every library of the table that is installed here
    python benchmarks/heavy/measure.py torch wandb      # these
    python benchmarks/heavy/measure.py --write FILE     # and keep the figures, with date and versions

Each library is imported by three fresh interpreters under `-X importtime`; the least CPU time counts, and which other
slow libraries were loaded. A library whose figure is more than twice or less than half of the table's, or that brings
along other libraries than the table says, is marked, and the exit code is 1: the table needs a look.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from dlsafe_lint.apis import heavy

RUNS = 3
SECONDS = 300
FACTOR = 2
ASK = (
    "import resource, sys; u = resource.getrusage(resource.RUSAGE_SELF); import {name}; "
    "v = resource.getrusage(resource.RUSAGE_SELF); "
    "print('took', (v.ru_utime + v.ru_stime - u.ru_utime - u.ru_stime) * 1000)"
)


class Measured(NamedTuple):
    """What importing a library cost: CPU milliseconds, its modules, the slow libraries among them."""

    name: str
    version: str
    milliseconds: int
    modules: int
    brings: list[str]


def measure(name: str) -> Measured | None:
    """Import a library in fresh interpreters; None if that fails."""
    best: tuple[float, set[str]] | None = None
    for _ in range(RUNS):
        command = [sys.executable, "-X", "importtime", "-c", ASK.format(name=name)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
        except (subprocess.SubprocessError, OSError):
            return None
        took = float(done.stdout.rpartition("took")[2])
        lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
        loaded = {line.rpartition("|")[2].strip() for line in lines}
        if best is None or took < best[0]:
            best = took, loaded
    if best is None:
        return None
    own = name.partition(".")[0]
    slow = {each for each in heavy.COSTS if heavy.COSTS[each].milliseconds >= heavy.SLOW and "." not in each}
    brings = {each.partition(".")[0] for each in best[1]} & (slow | KNOWN) - {own}
    return Measured(name, version(own), round(best[0]), len(best[1]), sorted(brings))


KNOWN = frozenset(name for cost in heavy.COSTS.values() for name in cost.brings.split())
"""What the table says that libraries bring along: some of it is not slow by itself (scipy)."""


def version(top: str) -> str:
    """Return the version of the distribution that a module belongs to, "" if none says so."""
    names = importlib.metadata.packages_distributions().get(top, ())
    return importlib.metadata.version(names[0]) if names else ""


def is_installed(name: str) -> bool:
    """Tell whether a module can be found without importing more than its parents."""
    return importlib.util.find_spec(name.partition(".")[0]) is not None


def verdict(found: Measured) -> str:
    """Say how a library differs from the table, "" if it doesn't."""
    cost = heavy.COSTS.get(found.name)
    if cost is None:
        return "not in the table"
    said = []
    slow = max(found.milliseconds, cost.milliseconds) >= heavy.SLOW
    if slow and not cost.milliseconds / FACTOR <= found.milliseconds <= cost.milliseconds * FACTOR:
        said.append(f"the table says {cost.milliseconds} ms")
    table = {name for name in cost.brings.split() if is_installed(name)}
    if missing := set(found.brings) - table:
        said.append(f"brings {', '.join(sorted(missing))} as well")
    if wrong := table - set(found.brings):
        said.append(f"does not bring {', '.join(sorted(wrong))}")
    return "; ".join(said)


def main() -> int:
    """Print a table and what differs; return 1 if anything does."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("library", nargs="*")
    parser.add_argument("--write", type=Path, metavar="FILE", help="a JSON file to keep the figures in")
    arguments = parser.parse_args()
    names = arguments.library or [name for name in heavy.COSTS if is_installed(name)]
    rows = []
    differs = False
    print(f"{platform.platform()}, {os.cpu_count()} cores, CPython {platform.python_version()}", flush=True)
    for name in names:
        found = measure(name)
        if found is None:
            print(f"{name:28} can't be imported", flush=True)
            continue
        rows.append(found)
        said = verdict(found)
        differs |= bool(said)
        brings = ", ".join(found.brings)
        mark = f"  <- {said}" if said else ""
        print(f"{name:28} {found.version:14} {found.milliseconds:6} ms {found.modules:5}  {brings}{mark}", flush=True)
    if arguments.write:
        kept = {
            "date": time.strftime("%Y-%m-%d"),
            "platform": platform.platform(),
            "python": platform.python_version(),
            "libraries": [row._asdict() for row in rows],
        }
        arguments.write.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
