"""An interpreter that has loaded torch already; a fork of it becomes `python PROGRAM` for every line that it reads.

Loading torch takes two seconds and the proofs run hundreds of programs. Spawned workers are ordinary fresh
interpreters; a program's fork server is a fork of this interpreter, too, made before the program runs.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import json
import multiprocessing.process
import os
import socket
import sys
import threading
from multiprocessing import forkserver
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

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


def run(program: str) -> int:
    """Run `python PROGRAM` in this process; returns its exit status."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__dict__.update(__file__=program, __builtins__=builtins, __spec__=None)
    try:
        exec(compile(Path(program).read_bytes(), program, "exec"), main.__dict__)
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        sys.stderr.write(f"{stop.code}\n")
    except BaseException:
        sys.excepthook(*sys.exc_info())
    else:
        return 0
    return 1


def end(status: int, loaded: frozenset[str]) -> NoReturn:
    """End this process as an interpreter ends, except that the modules in `loaded` stay as they are.

    To take torch apart, object by object, takes longer than most of the programs run.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for name in [name for name in sys.modules if name not in loaded]:
        del sys.modules[name]
    vars(sys.modules.pop("__main__")).clear()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


gc.freeze()  # a collection in a fork would copy all of torch
loaded = frozenset(sys.modules)
end(run(serve()), loaded)
