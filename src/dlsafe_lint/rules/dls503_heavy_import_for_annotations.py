"""DLS503: a slow library is imported before the program has read its arguments, for annotations alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsafe_lint.analysis import startup
from dlsafe_lint.rewriting import moving
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    import libcst as cst

    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project


class HeavyImportForAnnotations(Rule):
    """Finds imports of slow libraries that only annotations use.

    ## Why is this bad?
    Type checkers read annotations without running the program; the program waits for the library (about 2 seconds for
    `torch`, 9 for `lightning`) and then needs it for nothing else. Under `TYPE_CHECKING` the import costs nothing.

    Reported is only what really makes the start of a program faster, as for DLS501, and only where nobody evaluates the
    annotations: not those of dataclass fields, pydantic models, named tuples, typed dictionaries or Hydra's structured
    configs, of functions with a decorator that may read them (typer, fastapi, beartype, jaxtyping, `singledispatch`),
    and nothing at all in a project that calls `typing.get_type_hints` itself.

    ## Example
    ```python
    import argparse

    import torch


    def mean(values: torch.Tensor) -> float:
        return float(values.mean())


    if __name__ == "__main__":
        parser = argparse.ArgumentParser()
        parser.add_argument("--steps", type=int, default=2)
        print(parser.parse_args().steps)
    ```

    ## Use instead
    ```python
    from __future__ import annotations

    import argparse
    from typing import TYPE_CHECKING

    if TYPE_CHECKING:
        import torch


    def mean(values: torch.Tensor) -> float:
        return float(values.mean())


    if __name__ == "__main__":
        parser = argparse.ArgumentParser()
        parser.add_argument("--steps", type=int, default=2)
        print(parser.parse_args().steps)
    ```

    ## Fix safety
    Safe under the conditions of DLS501. Annotations become strings by `from __future__ import annotations`; by quotes
    around those that use the name where the setting `annotation-style` asks for it, or where something in the module
    may evaluate other annotations. An `if TYPE_CHECKING:` block that is there is used.

    ## References
    - [PEP 563: postponed evaluation of annotations](https://peps.python.org/pep-0563/)
    - [`typing.TYPE_CHECKING`](https://docs.python.org/3/library/typing.html#typing.TYPE_CHECKING)
    """

    code = "DLS503"
    name = "heavy-import-for-annotations"
    in_notebooks = False

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Tell whether a slow import in this module is there for annotations alone."""
        return any(startup.only_for_annotations(facts, cut) for cut in startup.cuts(project).get(facts.path, ()))

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002, D102
        cuts = startup.cuts(self.project).get(self.facts.path, ())
        found = [cut for cut in cuts if startup.only_for_annotations(self.facts, cut)]
        drafts = moving.drafts(self, found)
        for cut in found:
            words = startup.import_in_words(self.facts, cut.number, cut.names)
            self.report(
                self.tree.statements[self.facts.imports[cut.number].statement],
                f"`{words}` loads {startup.slow_libraries(cut)} {startup.before_what(cut)}, for annotations alone",
                help="Import it under `if TYPE_CHECKING:`",
                related=(*cut.via, *(entry.place for entry in cut.entries[:3])),
                fix=drafts.get(cut.number),
            )
