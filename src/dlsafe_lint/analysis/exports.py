"""Which names a package's ``__init__`` only passes on, so that it can import them when somebody asks (PEP 562)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint.analysis.readers import hides_names, readers
from dlsafe_lint.analysis.running import ran
from dlsafe_lint.project import Site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dlsafe_lint.facts import Import, ModuleFacts
    from dlsafe_lint.project import Project


def offered(project: Project, facts: ModuleFacts) -> Mapping[str, int]:
    """Return the names that a package could import on demand, each with the number of its import.

    Nobody may notice: the package does not use the name itself, no module of the package has the same name (it would
    hide the other one as soon as it is loaded), nobody takes everything with ``import *``, and nobody reads the name as
    an attribute of the package while something is loaded. Modules that take the name by ``from`` are no hindrance, but
    load what it comes from.

    Args:
        project: the project.
        facts: the module; one that is no package offers nothing.
    """
    return project.answer(("offered", facts.path), lambda: _offered(project, facts))


def _offered(project: Project, facts: ModuleFacts) -> dict[str, int]:
    bindings = facts.scopes[0].bindings
    if not facts.is_package or "__getattr__" in bindings or "__dir__" in bindings or hides_names(facts):
        return {}
    if (facts.path, "*") in readers(project):
        return {}
    found = {}
    for name, bound in bindings.items():
        if len(bound) != 1 or bound[0].how != "import" or name in facts.uses:
            continue
        statement = facts.imports[bound[0].target]
        plain = statement.is_from and statement.scope == 0 and statement.block == 0 and not statement.lazy
        if plain and _comes_from_project(project, facts, statement, name) and not _is_read_early(project, facts, name):
            found[name] = bound[0].target
    return found


def _comes_from_project(project: Project, facts: ModuleFacts, statement: Import, name: str) -> bool:
    """Whether a name comes from a module of the project, and no other module of the package has the name."""
    written = next(each.name for each in statement.names if (each.asname or each.name) == name)
    module = project.find(facts, statement.module or "", statement.level)
    inner = project.find(facts, f"{statement.module}.{written}" if statement.module else written, statement.level)
    own = project.find(facts, name, 1)
    if own is not None and own != inner:
        return False
    return (module or inner) not in (None, facts.path) or inner is not None


def _is_read_early(project: Project, facts: ModuleFacts, name: str) -> bool:
    """Whether somebody reads a package's attribute while something is loaded, or in a way that can't be followed."""
    for path in readers(project).get((facts.path, name), ()):
        if not path:
            return True
        reader = project.modules[path]
        takes = any(
            statement.is_from
            and project.find(reader, statement.module or "", statement.level) == facts.path
            and any(each.name == name for each in statement.names)
            for statement in reader.imports
        )
        heads = {chain.partition(".")[0] for chain in reader.reads if name in chain.split(".")[1:]}
        if not takes and not heads:
            return True  # by a string, as `mock.patch` does
        early = ran(project, reader)
        for head in heads:
            for use in reader.uses.get(head, ()):
                function = reader.function_of(use.scope)
                if reader.runs_at_import(use.scope) or Site(path, function) in early:
                    return True
    return False
