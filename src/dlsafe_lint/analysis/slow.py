"""Which slow library an import loads, by the table and the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint.apis import heavy

if TYPE_CHECKING:
    from dlsafe_lint.project import Project, Target


def own_and_brought(project: Project, name: str) -> tuple[str, frozenset[str]]:
    """Return which slow library importing a library's module loads itself ("" for none), and which it brings along."""
    key = ("slow", name)
    known = project.answers.get(key)
    if not isinstance(known, tuple):
        known = project.answers[key] = _look_up(project, name)
    return known


def _look_up(project: Project, name: str) -> tuple[str, frozenset[str]]:
    for extra in project.extra_heavy | (project.heavy_modules or frozenset()):
        if name == extra or name.startswith(f"{extra}."):
            return extra, heavy.brings(name)
    if project.heavy_modules is not None:
        return "", frozenset(each for each in heavy.brings(name) if each in project.heavy_modules)
    return heavy.root(name), heavy.brings(name)


def leads_to(project: Project, target: Target, root: str) -> bool:
    """Whether a library's module may load the slow library: what brings scipy along may well bring scipy.stats."""
    own, along = own_and_brought(project, target.name)
    return own == root or root.partition(".")[0] in along


def certainly_leads_to(project: Project, name: str, root: str) -> bool:
    """Whether importing a library's module loads the slow library for sure."""
    own, along = own_and_brought(project, name)
    return own == root or root in along
