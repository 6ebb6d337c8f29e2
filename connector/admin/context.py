"""What every command shares: the configuration, and ways to open what it needs of it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from connector.errors import Fatal
from connector.service.config import Config, load_config
from connector.service.runtime import Runtime
from connector.store.state import State

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; text goes to stderr.")]
HELD = 3


@dataclass(slots=True)
class Shared:
    """Filled by the program's own options before a command runs."""

    config_path: Path | None = None


SHARED = Shared()


def config() -> Config:
    """Return the configuration that ``--config`` names."""
    return load_config(SHARED.config_path)


@contextmanager
def open_state() -> Iterator[State]:
    """Open the state without a claim to be its worker: for reading, for enqueueing, and for the mapping."""
    with State.open(config().state.path) as state:
        yield state


@contextmanager
def open_runtime(*, exclusive: bool) -> Iterator[Runtime]:
    """Open state and Salesforce; ``exclusive`` as the one process that executes."""
    with Runtime.open(config(), exclusive=exclusive) as runtime:
        yield runtime


def worker_holds_state() -> bool:
    """Whether a worker has the state now, so that work is to be enqueued and not executed here."""
    with open_state() as state:
        try:
            state.lock().release()
        except Fatal as error:
            if error.exit_code == HELD:
                return True
            raise
        return False


def who() -> str:
    """Return who gives the command, for the history."""
    return getpass.getuser()
