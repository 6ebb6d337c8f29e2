"""The command line for system tests: each command is a process of its own, forked from one that loaded the program.

Loading takes longer than most commands do. The process to fork from has one thread and has done nothing but import.
What a command is given (arguments, environment, directory, streams) and its exit code are as with
``python -m connector``, which the contract tests of the worker and the kill test start as it is.
"""

from __future__ import annotations

import atexit
import gc
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
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

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], directory: Path, log: Path) -> Running:
        """Start a command that goes on by itself; both of its streams go to the end of ``log``."""
        code = log.with_name(f"{log.name}.{next(_numbers)}.code")
        order = {"argv": list(arguments), "env": dict(environment), "cwd": str(directory)}
        self._tell({**order, "out": str(log), "err": str(log), "code": str(code)})
        return Running(self._answer(20, arguments), code)

    def close(self) -> None:
        """End the process; what it started goes on."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

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


class Running:
    """A command that goes on by itself: the part of ``Popen`` that the tests use."""

    def __init__(self, pid: int, code: Path) -> None:
        self.pid, self._code = pid, code

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        text = self._code.read_text(encoding="utf8") if self._code.exists() else ""
        return int(text) if text.endswith("\n") else None

    def wait(self, timeout: float) -> int:
        """Wait for its end; return the exit code. Raises TimeoutError."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise TimeoutError(f"process {self.pid} did not end within {timeout:.0f} seconds")
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended, and its code is about to be written
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def command_line() -> CommandLine:
    """Return this test process's command line; it ends with the process."""
    opened = CommandLine()
    atexit.register(opened.close)
    return opened


def serve() -> None:
    """Fork a process for each order on standard input, and write to standard output its exit code or, where the order
    names a file for the code, its id.
    """
    from connector.admin.cli import main

    _make_ready()
    watching: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "code" in order:
            answer, watcher = _watched(order, main)
            watching.add(watcher)
        else:
            answer = _wait(_fork(order, main))
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
        watching = {one for one in watching if os.waitpid(one, os.WNOHANG) == (0, 0)}
    for one in watching:
        os.waitpid(one, 0)


def _make_ready() -> None:
    """Do here, once for all processes, what takes each of them longer than the rest of most commands."""
    import pwd
    import tomllib

    import rich._emoji_codes
    import typer._adapters

    from connector.admin.cli import program_command
    from connector.aws import exchange, session
    from connector.salesforce import tokens

    assert all((pwd, tomllib, rich._emoji_codes, typer._adapters)), "else each command would load them when it runs"
    program_command()
    keys = {"access_key_id": "none", "secret_access_key": "none"}
    session.open_clients(session.PartnerCentralSettings(**keys))
    exchange.open_clients(exchange.ExchangeSettings(bucket="none", **keys))
    # The key is the sandbox's own; whether its factors are prime is checked where the program is started as it is.
    load = partial(tokens.load_pem_private_key, unsafe_skip_rsa_key_validation=True)
    tokens.load_pem_private_key = load
    gc.collect()
    gc.freeze()  # what is loaded is shared by all processes as long as none of them touches it


def _fork(order: Mapping[str, Any], main: Any) -> int:
    child = os.fork()
    if child == 0:
        _become(order)
        os._exit(_code(main))
    return child


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _watched(order: Mapping[str, Any], main: Any) -> tuple[int, int]:
    """Start a command and a process that waits for its end and writes its exit code; return the ids of both."""
    told, tell = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        child = _fork(order, main)
        os.write(tell, f"{child}\n".encode())
        for descriptor in (0, 1, tell):  # the server's own; it must not seem alive through a process that it started
            os.close(descriptor)
        Path(order["code"]).write_text(f"{_wait(child)}\n", encoding="utf8")
        os._exit(0)
    os.close(tell)
    with os.fdopen(told) as answer:
        return int(answer.readline()), watcher


def _become(order: Mapping[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    new = _MORE if order["out"] == order["err"] else _NEW
    for descriptor, path, flags in ((0, os.devnull, os.O_RDONLY), (1, order["out"], new), (2, order["err"], new)):
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
_MORE = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_numbers = itertools.count()

if __name__ == "__main__":
    serve()
