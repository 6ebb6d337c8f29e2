"""Killed at any moment, the state is what the last commit made of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.store.state import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

PRELUDE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from connector.store.queue import Work
from connector.store.state import State
now = datetime(2026, 3, 1, 12, tzinfo=UTC)
path = Path(sys.argv[1])
"""

STOPS_INSIDE = """
state = State.open(path)
state.cursors.set("poll", "before")
with state.transaction():
    state.cursors.set("poll", "after")
    for number in range(5000):
        state.queue.enqueue(Work("send", str(number), payload={"text": "x" * 1000}), now)
    print("inside", flush=True)
    sys.stdin.read()
"""

WALKS = """
state = State.open(path)
while True:
    with state.transaction():
        number = int(state.cursors.get("poll") or 0) + 1
        state.queue.enqueue(Work("send", str(number)), now)
        state.cursors.set("poll", str(number))
    print(number, flush=True)
    if number % 3 == 0:
        item = state.queue.claim(now, "walker")
        if number % 2:
            state.queue.done(item)
"""

OPENS = """
print("ready", flush=True)
sys.stdin.readline()
state = State.open(path)
state.queue.enqueue(Work("send", sys.argv[2]), now)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> str:
    """Kill the process as a power cut would and return what it still had printed."""
    os.kill(process.pid, signal.SIGKILL)
    assert process.stdin is not None
    assert process.stdout is not None
    # What readline() has read ahead is in this reader only; communicate() would miss it.
    with process.stdin, process.stdout:
        rest = process.stdout.read()
    process.wait()
    return rest


def test_a_process_killed_inside_a_transaction_leaves_the_state_as_it_was_before(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    process = start(STOPS_INSIDE, str(path))
    assert read_line(process) == "inside"
    kill(process)
    with State.open(path) as state:
        assert state.check() == []
        assert state.cursors.get("poll") == "before"
        assert state.queue.counts()["waiting"] == 0


@pytest.mark.parametrize("steps", [1, 7, 40])
def test_a_cursor_never_moves_without_the_work_it_stands_for(tmp_path: Path, steps: int) -> None:
    """Wherever the kill hits, everything that was reported as committed is there, and cursor and queue agree."""
    path = tmp_path / "state.db"
    process = start(WALKS, str(path))
    for _ in range(steps):
        reported = int(read_line(process))
    reported = max([reported, *(int(line) for line in kill(process).split("\n")[:-1])])
    with State.open(path) as state:
        assert state.check() == []
        position = int(state.cursors.get("poll") or 0)
        assert position in (reported, reported + 1)
        state.queue.recover(NOW)
        counts = state.queue.counts()
        assert counts["waiting"] + counts["done"] == position
        assert counts["leased"] == 0
        state.lock().release()


def test_processes_that_create_the_state_at_the_same_moment_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    processes = [start(OPENS, str(path), str(number)) for number in range(3)]
    for process in processes:
        assert read_line(process) == "ready"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0, 0]
    with State.open(path) as state:
        assert state.queue.counts()["waiting"] == 3
        assert state.backups() == []
