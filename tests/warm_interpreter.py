"""An interpreter that has loaded torch already; a fork of it becomes `python PROGRAM` for every line that it reads.

Loading torch takes two seconds and the proofs run hundreds of programs. Spawned workers are ordinary fresh
interpreters; a program's fork server is a fork of this interpreter, too, made before the program runs.
"""

from __future__ import annotations

import builtins
import json
import multiprocessing.process
import os
import socket
import sys
from multiprocessing import forkserver
from pathlib import Path
from types import ModuleType
from typing import Any

import sitecustomize  # the one in start_method/
import torch.utils.data  # noqa: F401  what this process is for


def serve() -> str:
    """Answer each request with the process id, then the exit status; in the forked child return the program to run."""
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            for descriptor, path in enumerate((os.devnull, request["stdout"], request["stderr"])):
                opened = os.open(path, os.O_RDWR)
                os.dup2(opened, descriptor)
                os.close(opened)
            os.chdir(request["folder"])
            multiprocessing.process.ORIGINAL_DIR = request["folder"]  # type: ignore[attr-defined]
            os.environ.update(request["environment"])
            sitecustomize.use_start_method(request["start_method"])
            if request["start_method"] == "forkserver":
                start_fork_server()
            program: str = request["program"]
            sys.argv[:] = [program]
            sys.path[0] = str(Path(program).parent)
            return program
        _answer(pid)
        _answer(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    sys.exit(0)


def start_fork_server() -> None:
    """Start this process's fork server from what is loaded already, as `ForkServer.ensure_running` does from nothing.

    Written for the standard library's multiprocessing.forkserver as it is in Python 3.11.
    """
    server: Any = forkserver._forkserver
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("")  # Linux finds an address
    listener.listen()
    alive_r, alive_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(alive_w)
        forkserver.main(listener.detach(), alive_r, [])
        os._exit(0)
    os.close(alive_r)
    server._forkserver_address = listener.getsockname()
    server._forkserver_alive_fd = alive_w
    server._forkserver_pid = pid
    listener.close()


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


program = serve()
main = sys.modules["__main__"] = ModuleType("__main__")
main.__dict__.update(__file__=program, __builtins__=builtins, __spec__=None)
exec(compile(Path(program).read_bytes(), program, "exec"), main.__dict__)
