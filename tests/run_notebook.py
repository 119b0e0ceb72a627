"""Runs a notebook in a kernel of its own, as Jupyter does: `python run_notebook.py PATH`.

What its cells print goes to stdout and stderr at once, with what workers write there. An error in a cell ends it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


class Runner(NotebookClient):
    """Passes on what is printed while it is printed: a cell may never end."""

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take a message of the kernel."""
        if msg["msg_type"] == "stream":
            stream = sys.stderr if msg["content"]["name"] == "stderr" else sys.stdout
            stream.write(msg["content"]["text"])
            stream.flush()
        return super().process_message(msg, cell, cell_index)


def main(path: Path) -> int:
    """Run the notebook; return the exit code."""
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    runner = Runner(notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}})
    try:
        runner.execute()
    except CellExecutionError as error:
        sys.stderr.write(f"{error.ename}: {error.evalue}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
