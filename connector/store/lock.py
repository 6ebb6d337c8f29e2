"""Locks between processes: one that acts on the state file, and turns for those that open it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from connector.errors import Fatal


class StateLock:
    """An exclusive lock, held from construction to :meth:`release`, or until the process ends in whatever way.

    Raises Fatal (exit code 3), naming the holder's process id, when another holds it.
    The file stays when the lock is released: removing it would let two processes lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _read_holder(self._descriptor)
            self.release()
            raise Fatal(
                f"state file {path.with_suffix('')} is held by {holder}; stop that worker first, "
                "or enqueue the work and let it do it",
                exit_code=3,
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back; harmless when repeated."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> StateLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@contextmanager
def take_turns(directory: Path) -> Iterator[None]:
    """Let one process at a time through the block, the others waiting.

    SQLite's own lock does not cover the switch of a new file to write-ahead logging: of two processes that create the
    file together, one would be refused instead of waiting.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_holder(descriptor: int) -> str:
    pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return f"process {pid}" if pid else "another process"
