"""DLS302: a start method that is set when a file is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dlsafe_lint.analysis import starts
from dlsafe_lint.finding import START_METHODS, Breakage
from dlsafe_lint.rewriting.captures import File
from dlsafe_lint.rewriting.guarding import guard_start_method
from dlsafe_lint.rule import Rule

if TYPE_CHECKING:
    import libcst as cst

    from dlsafe_lint.analysis.starts import Kind, MethodSet
    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.project import Project

_ERROR = "RuntimeError: context has already been set"
_WHAT: dict[Kind, str] = {
    "loader": f"{_ERROR} in each worker; the loop fails with RuntimeError: DataLoader worker exited unexpectedly",
    "pool": f"hangs for ever: every worker dies and is replaced ({_ERROR})",
    "process": f"the child dies, the parent goes on and exits 0 ({_ERROR})",
    "executor": f"{_ERROR} in each worker; the results raise BrokenProcessPool",
    "manager": f"{_ERROR}; the parent fails with EOFError",
    "spawn": f"{_ERROR} in each worker; the parent fails with ProcessExitedException",
}


class StartMethodSetAtImport(Rule):
    """A program sets the start method when it is imported, outside a main guard.

    ## Why is this bad?
    The start method can be set once. A spawned worker is told it, and then imports the program's file: the call runs
    again and raises "context has already been set". The worker dies before it has done anything; if it is a bare
    `Process`, the parent exits 0 all the same. A program that starts no workers is not reported, nor is a call with
    `force=True`, after a look at `get_start_method`, or in a `try` that catches the RuntimeError: workers can repeat
    these. `except ValueError` doesn't catch it.

    ## Example
    ```python
    import multiprocessing

    multiprocessing.set_start_method("spawn")


    def work():
        print("done")


    if __name__ == "__main__":
        multiprocessing.Process(target=work).start()
    ```

    ## Use instead
    ```python
    import multiprocessing


    def work():
        print("done")


    if __name__ == "__main__":
        multiprocessing.set_start_method("spawn")
        multiprocessing.Process(target=work).start()
    ```

    ## Fix safety
    The call goes to the front of the guard, with the `if` or `try` around it. What starts workers or makes a queue or
    lock below it, outside the guard, goes there too, with the rest of what runs the program, as DLS301 says.

    Safe where only functions, classes and constants stand between, nothing that workers may run reads a name that
    moves, and no other file imports this one. Unsafe otherwise, and the help says why: a library may use
    multiprocessing when it is imported, before the start method is set then. There is no fix for a file that only
    others run: the call belongs under their guard; nor where there is no guard, or the call stands below it.

    ## References
    - [Python: contexts and start methods](https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods)
    """

    code: ClassVar[str] = "DLS302"
    name: ClassVar[str] = "start-method-set-at-import"
    in_notebooks: ClassVar[bool] = False

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules that set the start method when they are imported, as part of a program with workers."""
        return bool(starts.methods_set_at_import(project, facts))

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every such call."""
        sets = starts.methods_set_at_import(self.project, self.facts)
        if not sets:
            return
        guarded = guard_start_method(File(self.tree, self.facts, self.project))
        for found in sets:
            self.report(
                self.tree.calls[found.call.number],
                f"`{found.words}` runs again in every worker that imports this file, and fails there",
                breaks=_breaks(found),
                help=f"{guarded.help}, or give the loader or pool a context of its own{guarded.doubts}",
                confidence="certain" if found.start.confidence == "certain" and len(found.methods) == 1 else "likely",
                related=found.via,
                fix=guarded.draft,
            )


def _breaks(found: MethodSet) -> list[Breakage]:
    """Return what breaks: workers are started as the call says, whatever the default start method is."""
    methods = START_METHODS if "fork" not in found.methods else ("spawn", "forkserver")
    return [Breakage(method, _WHAT[found.start.kind]) for method in methods]
