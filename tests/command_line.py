"""The command line for system tests: each command is a process of its own, forked from one that loaded the program.

Loading takes longer than most commands do. The process to fork from has one thread and has done nothing but import.
What a command is given (arguments, environment, directory, streams) and its exit code are as with
``python -m connector``, which the tests of the worker start as it is.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class CommandLine:
    """A process that has loaded the program and forks one process per command."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf8",
        )  # fmt: skip

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], directory: Path, seconds: float
    ) -> tuple[int, str, str]:
        """Run one command; return its exit code and what it wrote to both streams. Raises TimeoutError."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            order = {"argv": list(arguments), "env": dict(environment), "cwd": str(directory)}
            self._tell({**order, "out": str(out), "err": str(err)})
            code = self._answer(seconds, arguments)
            return code, out.read_text(encoding="utf8"), err.read_text(encoding="utf8")

    def _tell(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _answer(self, seconds: float, arguments: Sequence[str]) -> int:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        if not ready:
            self._process.kill()
            command_line.cache_clear()
            raise TimeoutError(f"{list(arguments)} did not end within {seconds:.0f} seconds")
        return int(self._process.stdout.readline())


@cache
def command_line() -> CommandLine:
    """Return this test process's command line; it ends with the process, whose end closes its input."""
    return CommandLine()


def serve() -> None:
    """Fork a process for each order on standard input, and write its exit code to standard output."""
    from connector.admin.cli import main

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
            os._exit(_code(main))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(order: Mapping[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    for descriptor, path, flags in ((0, os.devnull, os.O_RDONLY), (1, order["out"], _NEW), (2, order["err"], _NEW)):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    # What was read ahead of the next order belongs to the parent.
    sys.stdin = open(0, encoding="utf8")  # noqa: SIM115 - lives as long as the process
    sys.argv = ["connector", *order["argv"]]


def _code(main: Any) -> int:
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does at a process's end
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

if __name__ == "__main__":
    serve()
